#include "actors/gateway/tinker/keys/api_keys.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

#include <fmt/format.h>

#include "actors/http/digest.hpp"

namespace hocket::tinker {
namespace {

constexpr std::pair<const char*, scope> named_scopes[] = {{"train", scope::train},
                                                          {"sample", scope::sample},
                                                          {"export", scope::exports},
                                                          {"admin", scope::admin}};

constexpr std::pair<std::string_view, std::int64_t quotas::*> named_quotas[] = {
    {"models", &quotas::models},
    {"stored_mib", &quotas::stored_mib},
    {"tokens_per_minute", &quotas::tokens_per_minute},
    {"futures", &quotas::futures}};

bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

/// A setting of a line: `models=4`. *Errors*: what is wrong with it.
result<void> read_setting(const std::string& word, tenant& into) {
  const auto at = word.find('=');
  const auto name = word.substr(0, at), value = at == word.npos ? "" : word.substr(at + 1);
  if (name == "scopes" && at != word.npos) {
    const auto scopes = scopes_of(value);
    if (!scopes) return fail(scopes);
    into.scopes = *scopes;
    return {};
  }
  for (const auto& [known, member] : named_quotas) {
    if (name != known) continue;
    std::int64_t number = 0;
    const auto [end, bad] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (bad != std::errc() || end != value.data() + value.size() || number < 1 ||
        number > 1'000'000'000'000)
      return fail("tinker.bad_keys", fmt::format("{} is a whole number above 0", known));
    into.most.*member = number;
    return {};
  }
  // It may be a key at a wrong place: not shown.
  return fail("tinker.bad_keys",
              "a setting is scopes=, models=, stored_mib=, tokens_per_minute= or futures=");
}

}  // namespace

std::string names_of_scopes(std::uint8_t scopes) {
  std::string all;
  for (const auto& [name, s] : named_scopes)
    if ((scopes & static_cast<std::uint8_t>(s)) != 0)
      all += (all.empty() ? "" : ",") + std::string(name);
  return all;
}

result<std::uint8_t> scopes_of(std::string_view names) {
  std::uint8_t scopes = 0;
  for (std::size_t from = 0; from <= names.size();) {
    const auto to = std::min(names.find(',', from), names.size());
    const auto found =
        std::find_if(std::begin(named_scopes), std::end(named_scopes),
                     [&](const auto& s) { return s.first == names.substr(from, to - from); });
    if (found == std::end(named_scopes))
      return fail("tinker.bad_keys",
                  "scopes are train, sample, export and admin, with commas between");
    scopes = static_cast<std::uint8_t>(scopes | static_cast<std::uint8_t>(found->second));
    from = to + 1;
  }
  return scopes;
}

std::string key_line(const tenant& whose, std::string_view key) {
  auto line = fmt::format("{} sha256:{} scopes={}", whose.owner, http::sha256_hex(key),
                          names_of_scopes(whose.scopes));
  const quotas usual;
  for (const auto& [name, member] : named_quotas)
    if (whose.most.*member != usual.*member)
      line += fmt::format(" {}={}", name, whose.most.*member);
  return line + "\n";
}

result<api_keys> api_keys::parse(const std::string& text, const std::string& file) {
  api_keys all;
  std::istringstream lines(text);
  std::string line;
  for (int n = 1; std::getline(lines, line); ++n) {
    const auto bad = [&](const std::string& what) {
      return fail("tinker.bad_keys", fmt::format("{}:{}: {}", file, n, what));
    };
    // A bare key may hold a #: a comment has a line, or begins behind a blank.
    if (const auto at = line.find(" #"); at != line.npos) line.resize(at);
    std::istringstream words(line);
    std::string first, second;
    if (!(words >> first) || first.starts_with("#")) continue;
    if (!(words >> second)) return bad("a line is `NAME sha256:HEX` or `KEY NAME`");
    known k;
    if (second.starts_with("sha256:")) {
      k.whose.owner = first, k.digest = second.substr(7);
      if (!is_digest(k.digest))
        return bad("sha256: is followed by 64 digits, as `hocket keys api` writes");
    } else {
      if (first.size() < 12) return bad("a key has 12 characters or more");
      k.whose.owner = second, k.digest = http::sha256_hex(first);
    }
    for (std::string word; words >> word;)
      if (const auto read = read_setting(word, k.whose); !read) return bad(read.error().message);
    const auto same = [&](const known& other) { return other.digest == k.digest; };
    if (std::any_of(all.known_.begin(), all.known_.end(), same))
      return bad("this key is there twice");
    k.line = n;
    // Not named: where the words are swapped it is a key.
    for (const auto& other : all.known_)
      if (other.whose.owner == k.whose.owner && other.whose.most != k.whose.most)
        return bad(
            fmt::format("its quotas are others than those of line {}, which is of the same "
                        "owner: keys of one owner share them, so write the same in both",
                        other.line));
    all.known_.push_back(std::move(k));
  }
  return all;
}

// All are compared: how long it takes says nothing of which one it was.
std::optional<tenant> api_keys::find(std::string_view key) const {
  const auto digest = http::sha256_hex(key);
  const known* found = nullptr;
  for (const auto& k : known_)
    if (http::same_secret(digest, k.digest)) found = &k;
  return key.empty() || found == nullptr ? std::nullopt : std::optional(found->whose);
}

std::vector<tenant> api_keys::tenants() const {
  std::vector<tenant> all;
  for (const auto& k : known_) all.push_back(k.whose);
  return all;
}

}  // namespace hocket::tinker
