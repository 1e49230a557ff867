#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "graph/core/result.hpp"
#include "graph/trust/budget.hpp"

namespace hocket::gateway {

/// Who may come in, how often and how many at once. Keys are kept as SHA-256 only: each is 256 random
/// bits, so that nothing slower is needed.
///
/// A key file has a line per key: `NAME sha256:HEX`, then, where wanted, `sessions=N` (at once),
/// `per_minute=N` (begun), `edit` (may change the graph) or `grown_up` (lets nobody in: it opens the settings of
/// conversations of minors); `#` begins a comment. `hocket keys --api NAME` writes them.
///
/// Threads: any.
class key_ring {
 public:
  struct limits {
    std::int64_t sessions = 16;    ///< of all, at once
    std::int64_t per_key = 0;      ///< of one key, at once; 0: all, of several keys half for each
    std::int64_t per_minute = 60;  ///< begun by one key
  };
  using clock = std::chrono::steady_clock;

  explicit key_ring(limits l);

  /// Errors: gateway.bad_keys, with the line.
  result<void> read_lines(const std::string& text);
  void add(const std::string& name, const std::string& key);
  bool is_empty() const;
  /// Whether a line of them says `edit`.
  bool has_editor() const;

  /// The name behind a key; empty where it is none.
  std::optional<std::string> owner_of(const std::string& key) const;
  struct visitor {
    std::string name;          ///< of the key; empty where none is asked for
    std::string session_json;  ///< what the token was issued with
    bool was_token = false;
  };
  bool has_grown_up() const;
  enum class opens : std::uint8_t { yes, no, too_often };
  /// Whether a line of this key says `grown_up`. `who` asks, and after five wrong ones waits a minute for the next
  /// try, with the right one, too.
  opens open_settings(const std::string& key, const std::string& who, clock::time_point now);
  /// Whether its line says `edit`. A token never may.
  bool may_edit(const std::string& key) const;
  /// Who shows this key, or a token that `issue` gave. A token is not spent by that: who is refused for
  /// another reason may come again.
  std::optional<visitor> let_in(const std::string& key, clock::time_point now);
  /// A token lets in once. False where somebody else came in by it meanwhile; other keys are never spent.
  bool spend(const std::string& key);
  /// Gives a spent token back to who was not let in after all: it lets in once again, until its time.
  /// At most 250 of all are remembered so.
  void give_back(const std::string& key);

  /// A token that lets in once, until then. At most 250 of one key wait for somebody: its oldest goes,
  /// never another key's.
  std::string issue(const std::string& prefix, const visitor& whose, clock::time_point until);

  /// How many conversations at once the key has that may have most; known when all keys are.
  std::int64_t most_of_one() const;

  enum class refusal : std::uint8_t { none, full, key_full, too_often };
  /// Takes a place for a conversation of that key, or of an address where none is asked for; it is
  /// given back with the object.
  refusal enter(const std::string& name, clock::time_point now, trust::budget::share& place);

 private:
  struct known_key {
    std::string name, digest;
    std::optional<std::int64_t> sessions, per_minute;
    bool edits = false;
  };
  struct token {
    std::string digest;
    visitor whose;
    clock::time_point until;
  };
  const known_key* find(const std::string& key) const;
  std::int64_t places_of_each() const;
  static std::deque<token>::iterator token_of(std::deque<token>& of, const std::string& key);

  const limits limits_;
  trust::budget budget_;
  mutable std::mutex mutex_;
  std::vector<known_key> keys_;
  std::vector<known_key> grown_ups_;                            ///< these let nobody in
  std::map<std::string, std::deque<clock::time_point>> wrong_;  ///< by who asked
  std::deque<token> tokens_, spent_;
};

}  // namespace hocket::gateway
