#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::tinker {

/// What a key lets do; see README.md.
enum class scope : std::uint8_t { train = 1, sample = 2, exports = 4, admin = 8 };

/// Of one owner, whichever of its keys is shown.
struct quotas {
  std::int64_t models = 256;           ///< in memory at once
  std::int64_t stored_mib = 0;         ///< of checkpoints; 0: as the disk allows
  std::int64_t tokens_per_minute = 0;  ///< 0: as the machine allows
  std::int64_t futures = 8'192;        ///< that wait at once

  bool operator==(const quotas&) const = default;
};

struct tenant {
  std::string owner;
  std::uint8_t scopes = 7;  ///< all but admin
  quotas most = {};

  bool may(scope s) const { return (scopes & static_cast<std::uint8_t>(s)) != 0; }
};

/// "train,sample". *Errors*: tinker.bad_keys.
std::string names_of_scopes(std::uint8_t scopes);
result<std::uint8_t> scopes_of(std::string_view names);

/// The line of a key file for a key: its digest, never itself.
std::string key_line(const tenant& whose, std::string_view key);

/// Keys of a file, as SHA-256 only. A line is `NAME sha256:HEX` and, where wanted, `scopes=`, `models=`,
/// `stored_mib=`, `tokens_per_minute=`, `futures=`; `KEY NAME` with a bare key is taken, too. `#` begins
/// a comment.
/// *Threads*: any, once it is made.
class api_keys {
 public:
  /// *Errors*: tinker.bad_keys, with file and line, never a key; also where two lines of one owner differ in
  /// their quotas.
  static result<api_keys> parse(const std::string& text, const std::string& file);

  bool is_empty() const { return known_.empty(); }
  /// In a time that says nothing of which key it was nearly.
  std::optional<tenant> find(std::string_view key) const;
  std::vector<tenant> tenants() const;

 private:
  struct known {
    tenant whose;
    std::string digest;
    int line = 0;
  };
  std::vector<known> known_;
};

}  // namespace hocket::tinker
