#include "actors/gateway/door/key_ring.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

#include <fmt/format.h>

#include "actors/http/digest.hpp"

namespace hocket::gateway {
namespace {

constexpr std::ptrdiff_t most_tokens = 250;  ///< of one key

bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

std::optional<std::int64_t> number_behind(std::string_view word, std::string_view name) {
  if (!word.starts_with(name)) return std::nullopt;
  word.remove_prefix(name.size());
  std::int64_t value = 0;
  const auto [end, bad] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (bad != std::errc() || end != word.data() + word.size() || value < 1) return std::nullopt;
  return value;
}

}  // namespace

key_ring::key_ring(limits l)
    : limits_(l),
      budget_({{trust::spends::sessions, {.of_all = static_cast<std::uint64_t>(l.sessions)}}}) {}

result<void> key_ring::read_lines(const std::string& text) {
  std::lock_guard lock(mutex_);
  std::istringstream lines(text);
  int n = 0;
  for (std::string line; std::getline(lines, line);) {
    ++n;
    line.resize(std::min(line.size(), line.find('#')));
    std::istringstream words(line);
    known_key k;
    std::string digest;
    if (!(words >> k.name)) continue;
    words >> digest;
    bool is_grown_up = false;
    bool good = digest.starts_with("sha256:") && is_digest(digest.substr(7));
    for (std::string word; good && words >> word;) {
      if (const auto s = number_behind(word, "sessions="))
        k.sessions = s;
      else if (const auto m = number_behind(word, "per_minute="))
        k.per_minute = m;
      else if (word == "edit")
        k.edits = true;
      else if (word == "grown_up")
        is_grown_up = true;
      else
        good = false;
    }
    // A key does one thing: whoever has a child's device has not its grown-up's key.
    good = good && !(is_grown_up && (k.edits || k.sessions || k.per_minute));
    if (!good)
      return fail("gateway.bad_keys",
                  fmt::format("line {}: a key is `NAME sha256:HEX [sessions=N] [per_minute=N] "
                              "[edit]`, or `NAME sha256:HEX grown_up`",
                              n));
    k.digest = digest.substr(7);
    (is_grown_up ? grown_ups_ : keys_).push_back(std::move(k));
  }
  return {};
}

void key_ring::add(const std::string& name, const std::string& key) {
  std::lock_guard lock(mutex_);
  keys_.push_back({name, http::sha256_hex(key), {}, {}, false});
}

bool key_ring::is_empty() const {
  std::lock_guard lock(mutex_);
  return keys_.empty();
}

bool key_ring::has_grown_up() const {
  std::lock_guard lock(mutex_);
  return !grown_ups_.empty();
}

key_ring::opens key_ring::open_settings(const std::string& key, const std::string& who,
                                        clock::time_point now) {
  constexpr std::size_t most_wrong = 5, most_who = 1024;
  constexpr auto waits = std::chrono::minutes(1);
  std::lock_guard lock(mutex_);
  for (auto at = wrong_.begin(); at != wrong_.end();) {
    std::erase_if(at->second, [&](clock::time_point t) { return now - t >= waits; });
    at = at->second.empty() ? wrong_.erase(at) : std::next(at);
  }
  const auto tried = wrong_.find(who);
  if (tried != wrong_.end() ? tried->second.size() >= most_wrong : wrong_.size() >= most_who)
    return opens::too_often;
  const auto digest = http::sha256_hex(key);
  bool is_right = false;
  for (const auto& k : grown_ups_) is_right = http::same_secret(digest, k.digest) || is_right;
  if (is_right && !key.empty()) return opens::yes;
  wrong_[who].push_back(now);
  return opens::no;
}

bool key_ring::has_editor() const {
  std::lock_guard lock(mutex_);
  return std::ranges::any_of(keys_, [](const known_key& k) { return k.edits; });
}

// All are compared: how long it takes says nothing of which one it was.
const key_ring::known_key* key_ring::find(const std::string& key) const {
  const auto digest = http::sha256_hex(key);
  const known_key* found = nullptr;
  for (const auto& k : keys_)
    if (http::same_secret(digest, k.digest)) found = &k;
  return key.empty() ? nullptr : found;
}

std::optional<std::string> key_ring::owner_of(const std::string& key) const {
  std::lock_guard lock(mutex_);
  const auto* k = find(key);
  return k != nullptr ? std::optional(k->name) : std::nullopt;
}

bool key_ring::may_edit(const std::string& key) const {
  std::lock_guard lock(mutex_);
  const auto* k = find(key);
  return k != nullptr && k->edits;
}

std::deque<key_ring::token>::iterator key_ring::token_of(std::deque<token>& of,
                                                         const std::string& key) {
  const auto digest = http::sha256_hex(key);
  return std::find_if(of.begin(), of.end(),
                      [&](const token& one) { return http::same_secret(digest, one.digest); });
}

std::optional<key_ring::visitor> key_ring::let_in(const std::string& key, clock::time_point now) {
  std::lock_guard lock(mutex_);
  if (const auto* k = find(key)) return visitor{k->name, "", false};
  std::erase_if(tokens_, [&](const token& t) { return t.until <= now; });
  const auto t = token_of(tokens_, key);
  if (t == tokens_.end()) return std::nullopt;
  auto out = t->whose;
  out.was_token = true;
  return out;
}

bool key_ring::spend(const std::string& key) {
  std::lock_guard lock(mutex_);
  const auto t = token_of(tokens_, key);
  if (t == tokens_.end()) return find(key) != nullptr;
  if (spent_.size() >= most_tokens) spent_.pop_front();
  spent_.push_back(std::move(*t));
  tokens_.erase(t);
  return true;
}

void key_ring::give_back(const std::string& key) {
  std::lock_guard lock(mutex_);
  const auto t = token_of(spent_, key);
  if (t == spent_.end()) return;
  tokens_.push_back(std::move(*t));
  spent_.erase(t);
}

std::string key_ring::issue(const std::string& prefix, const visitor& whose,
                            clock::time_point until) {
  auto text = prefix + http::random_token(24);
  std::lock_guard lock(mutex_);
  const auto is_of = [&](const token& t) { return t.whose.name == whose.name; };
  if (std::count_if(tokens_.begin(), tokens_.end(), is_of) >= most_tokens)
    tokens_.erase(std::find_if(tokens_.begin(), tokens_.end(), is_of));
  tokens_.push_back({http::sha256_hex(text), whose, until});
  return text;
}

// Whoever holds one of several keys cannot take the places of all the others.
std::int64_t key_ring::places_of_each() const {
  if (limits_.per_key > 0) return limits_.per_key;
  return keys_.size() < 2 ? limits_.sessions : (limits_.sessions + 1) / 2;
}

std::int64_t key_ring::most_of_one() const {
  std::lock_guard lock(mutex_);
  auto most = places_of_each();
  for (const auto& k : keys_) most = std::max(most, k.sessions.value_or(0));
  return std::min(most, limits_.sessions);
}

key_ring::refusal key_ring::enter(const std::string& name, clock::time_point now,
                                  trust::budget::share& place) {
  trust::spending_limit own;
  {
    std::lock_guard lock(mutex_);
    auto at_once = places_of_each(), often = limits_.per_minute;
    for (const auto& k : keys_)
      if (k.name == name) {
        at_once = k.sessions.value_or(at_once);
        often = k.per_minute.value_or(often);
      }
    own.of_each = static_cast<std::uint64_t>(at_once);
    own.per_minute = static_cast<std::uint64_t>(often);
  }
  auto why = trust::shortage::none;
  place = budget_.take(name, trust::spends::sessions, own, why, 1, now);
  switch (why) {
    // Whose own places are all that there are has found no place, and may try again.
    case trust::shortage::of_each:
      return own.of_each >= static_cast<std::uint64_t>(limits_.sessions) ? refusal::full
                                                                         : refusal::key_full;
    case trust::shortage::of_all: return refusal::full;
    case trust::shortage::per_minute: return refusal::too_often;
    case trust::shortage::none: break;
  }
  return refusal::none;
}

}  // namespace hocket::gateway
