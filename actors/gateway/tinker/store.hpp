#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "graph/core/result.hpp"
#include "graph/trust/files.hpp"

namespace hocket::tinker {

/// `tinker://RUN/KIND/NAME`
struct checkpoint_path {
  std::string run, kind, name;
  std::string text() const;
};
/// *Errors* (`tinker.bad_path`): another form, another kind, or characters that no name has.
result<checkpoint_path> parse_path(const std::string& text);
bool is_name(const std::string& text);  ///< [A-Za-z0-9._-], 1 to 128, not only dots

struct checkpoint {
  checkpoint_path path;
  std::string owner;
  std::string base_model;
  std::int64_t time_s = 0;     ///< since 1970
  std::int64_t expires_s = 0;  ///< 0: never
  std::int64_t size_bytes = 0;
  bool is_public = false;
  nlohmann::json user_metadata;  ///< null where there is none
  std::int64_t rank = 0;
  nlohmann::json card;  ///< as the ledger has it, or gets it; null: encrypted for its recipients
};

/// What a checkpoint is made of, by file name.
using checkpoint_files = std::map<std::string, std::string>;

/// Of its weights, as a card has it; where there are none by that name, of all of it.
std::string weights_sha256(const checkpoint_files& files);

/// A training run as it is listed, also after the server has ended.
struct run_record {
  std::string id, owner, base_model;
  std::int64_t rank = 0;
  bool attention = true, feed_forward = true, unembed = true;
  std::int64_t time_s = 0;
  nlohmann::json user_metadata;
};

/// Checkpoints and runs in a folder. A checkpoint is one file, written whole and synced before `put`
/// returns: after a crash or a power cut it is there as it was acknowledged, or not at all.
/// *Threads*: any. *Memory*: the list; files are read when they are asked for.
class checkpoint_store {
 public:
  /// Reads the list; damaged files are left out and named in `complaints`. *Errors*: files.*
  static result<std::unique_ptr<checkpoint_store>> open(const std::string& folder);

  /// *Errors*: tinker.exists (without `overwrite`), tinker.quota (its owner would have more than
  /// `most_bytes`), files.cannot_write (also a full disk).
  result<void> put(const checkpoint& about, const checkpoint_files& files, bool overwrite,
                   std::int64_t most_bytes = INT64_MAX);
  /// Of an owner, with what is being written.
  std::int64_t stored_bytes(const std::string& owner) const;
  /// *Errors*: tinker.not_found (also what has expired), files.*, tinker.damaged.
  result<checkpoint_files> read(const checkpoint_path& path) const;
  std::optional<checkpoint> find(const checkpoint_path& path) const;
  std::vector<checkpoint> list(const std::string& owner) const;  ///< the newest first
  std::vector<checkpoint> all() const;
  result<void> remove(const checkpoint_path& path);
  result<void> set_expiry(const checkpoint_path& path, std::int64_t expires_s);
  result<void> set_public(const checkpoint_path& path, bool is_public);
  /// Removes what has expired.
  void sweep();

  result<void> put(const run_record& run);
  /// Where no checkpoint is of it and none is being written.
  void remove_empty_run(const std::string& id);
  std::optional<run_record> find_run(const std::string& id) const;
  std::vector<run_record> runs(const std::string& owner) const;  ///< the newest first
  std::vector<run_record> all_runs() const;
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  explicit checkpoint_store(trust::folder folder) : folder_(std::move(folder)) {}
  /// While it lives, nobody else writes or removes the checkpoint.
  class turn;
  result<void> write_about(const checkpoint& about) const;
  result<void> remove_in_turn(const checkpoint_path& path);
  std::int64_t bytes_of(const std::string& owner, const std::string& but) const;
  result<void> change(const checkpoint_path& path, const std::function<void(checkpoint&)>& how);
  void read_list();

  trust::folder folder_;
  mutable std::mutex mutex_;
  std::condition_variable turn_over_;
  std::set<std::string> in_work_;  ///< paths
  std::map<std::string, std::pair<std::string, std::int64_t>>
      reserved_;                                   ///< owner and bytes, by path
  std::map<std::string, checkpoint> checkpoints_;  ///< by path
  std::map<std::string, run_record> runs_;
  std::vector<std::string> complaints_;
};

}  // namespace hocket::tinker
