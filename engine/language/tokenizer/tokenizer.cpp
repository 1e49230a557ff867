#include "engine/language/tokenizer/tokenizer.hpp"

#include <algorithm>

#include "engine/language/files/text_checks.hpp"

namespace hocket::language {
namespace {

constexpr std::string_view space_mark = "\xe2\x96\x81";  // U+2581
constexpr std::string_view guard_mark = "\xef\xb7\x90";  // U+FDD0: never a character of a text

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto found = std::min(text.find(what, i), text.size());
    out += text.substr(i, found - i);
    if (found < text.size()) out += by;
    i = found + (found < text.size() ? what.size() : 0);
  }
  return out;
}

}  // namespace

tokenizer::tokenizer(tokenizer_rules rules) : rules_(std::move(rules)) { index(); }

void tokenizer::index() {
  byte_tokens_.assign(256, no_token);
  guarded_.assign(rules_.tokens.size(), false);
  for (std::size_t i = 0; i < rules_.tokens.size(); ++i) {
    const auto& t = rules_.tokens[i];
    const auto id = static_cast<token_id>(i);
    if (t.kind == token_kind::byte && t.bytes.size() == 1)
      byte_tokens_[static_cast<unsigned char>(t.bytes[0])] = id;
    if (t.kind == token_kind::control) guarded_[i] = true;
    if ((t.kind == token_kind::control || t.kind == token_kind::added) && !t.bytes.empty()) {
      added_[t.bytes] = id;
      auto& lengths = added_lengths_[static_cast<unsigned char>(t.bytes[0])];
      if (std::find(lengths.begin(), lengths.end(), t.bytes.size()) == lengths.end())
        lengths.push_back(t.bytes.size());
    }
  }
  for (auto& lengths : added_lengths_) std::sort(lengths.rbegin(), lengths.rend());
}

void tokenizer::guard_markup_of(std::string_view template_text) {
  for (const auto& [text, id] : added_) {
    const bool markup = text.size() > 2 && std::none_of(text.begin(), text.end(), is_space);
    if (markup && template_text.find(text) != std::string_view::npos)
      guarded_[static_cast<std::size_t>(id)] = true;
  }
}

std::vector<tokenizer::fragment> tokenizer::fragments_of(std::string_view text,
                                                         bool with_control) const {
  std::vector<fragment> out;
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size();) {
    token_id id = no_token;
    std::size_t length = 0;
    for (const auto n : added_lengths_[static_cast<unsigned char>(text[i])]) {
      if (n > text.size() - i) continue;
      const auto found = added_.find(text.substr(i, n));
      if (found == added_.end()) continue;
      if (!with_control && guarded_[static_cast<std::size_t>(found->second)]) continue;
      id = found->second;
      length = n;
      break;
    }
    if (id == no_token) {
      ++i;
      continue;
    }
    auto end = i;
    const auto& token = rules_.tokens[static_cast<std::size_t>(id)];
    while (token.strips_left && end > done && is_space(text[end - 1])) --end;
    if (end > done) out.push_back({text.substr(done, end - done), no_token});
    out.push_back({text.substr(i, length), id});
    i += length;
    while (token.strips_right && i < text.size() && is_space(text[i])) ++i;
    done = i;
  }
  if (done < text.size()) out.push_back({text.substr(done), no_token});
  return out;
}

void tokenizer::encode_piece(std::string_view piece, std::vector<token_id>& out) const {
  if (rules_.whole_words) {
    const auto whole = rules_.merges.tokens.find(piece);
    if (whole != rules_.merges.tokens.end()) {
      out.push_back(whole->second);
      return;
    }
  }
  bool after_unknown = false;
  for (const auto& symbol : rules_.merges.merge(piece, rules_.byte_level)) {
    if (symbol.id != no_token) {
      out.push_back(symbol.id);
      after_unknown = false;
      continue;
    }
    const auto bytes = [&](char c) { return byte_tokens_[static_cast<unsigned char>(c)]; };
    const bool all = std::all_of(symbol.text.begin(), symbol.text.end(),
                                 [&](char c) { return bytes(c) != no_token; });
    if (all) {
      for (const char c : symbol.text) out.push_back(bytes(c));
      after_unknown = false;
    } else if (rules_.unknown != no_token) {
      if (!after_unknown || !rules_.joins_unknown) out.push_back(rules_.unknown);
      after_unknown = true;
    }
  }
}

result<void> tokenizer::encode_text(std::string_view text, bool first,
                                    std::vector<token_id>& out) const {
  std::string changed(text);
  if (rules_.composes) {
    auto composed = nfc(text);
    if (!composed) return fail(composed);
    changed = std::move(*composed);
  }
  using prefix = tokenizer_rules::prefix;
  const bool wanted = !rules_.prefix_unless_blank || !changed.starts_with(' ');
  if (wanted &&
      (rules_.space_prefix == prefix::each || (rules_.space_prefix == prefix::first && first)))
    changed.insert(changed.begin(), ' ');
  if (rules_.marks_spaces) changed = replaced(changed, " ", space_mark);
  const auto pieces = rules_.splitter.split(changed);
  if (!pieces) return fail(pieces);
  for (const auto piece : *pieces) encode_piece(piece, out);
  return {};
}

result<std::vector<token_id>> tokenizer::encode_all(std::string_view text,
                                                    bool with_control) const {
  std::vector<token_id> out;
  bool first = true;
  for (const auto& f : fragments_of(text, with_control)) {
    if (f.id != no_token) {
      out.push_back(f.id);
    } else {
      const auto plain = with_control ? without_guards(f.text) : std::string(f.text);
      HOCKET_TRY(encode_text(plain, first, out));
    }
    first = false;
  }
  return out;
}

result<std::vector<token_id>> tokenizer::encode(std::string_view text) const {
  return is_utf8(text) ? encode_all(text, false) : encode_all(well_formed(text), false);
}

result<std::vector<token_id>> tokenizer::encode_prompt(std::string_view text) const {
  return is_utf8(text) ? encode_all(text, true) : encode_all(well_formed(text), true);
}

std::string tokenizer::without_guards(std::string_view text) {
  return replaced(text, guard_mark, "");
}

std::string tokenizer::guard(std::string_view text) const {
  const auto clean = without_guards(text);  // a stranger's marks mean nothing
  std::string out;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    out += clean[i];
    for (const auto n : added_lengths_[static_cast<unsigned char>(clean[i])]) {
      if (n > clean.size() - i || n < 2) continue;
      const auto found = added_.find(std::string_view(clean).substr(i, n));
      if (found == added_.end() || !guarded_[static_cast<std::size_t>(found->second)]) continue;
      // After the whole first character, so that the text stays well-formed.
      const auto lead = std::min(character_length(clean[i]), clean.size() - i);
      for (std::size_t k = 1; k < lead; ++k) out += clean[++i];
      out += guard_mark;
      break;
    }
  }
  return out;
}

std::string_view tokenizer::bytes_of(token_id id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= rules_.tokens.size()) return {};
  const auto& t = rules_.tokens[static_cast<std::size_t>(id)];
  return t.kind == token_kind::control || t.kind == token_kind::unused ? std::string_view()
                                                                       : std::string_view(t.bytes);
}

token_kind tokenizer::kind_of(token_id id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= rules_.tokens.size()) return token_kind::unused;
  return rules_.tokens[static_cast<std::size_t>(id)].kind;
}

bool tokenizer::ends_turn(token_id id) const {
  return std::find(rules_.ends.begin(), rules_.ends.end(), id) != rules_.ends.end();
}

std::optional<token_id> tokenizer::find(std::string_view text) const {
  if (const auto a = added_.find(text); a != added_.end()) return a->second;
  const auto t = rules_.merges.tokens.find(text);
  return t == rules_.merges.tokens.end() ? std::nullopt : std::optional(t->second);
}

std::string tokenizer::decode(std::span<const token_id> ids) const {
  std::string bytes;
  for (const auto id : ids) bytes += bytes_of(id);
  if (rules_.drops_prefix && bytes.starts_with(' ')) bytes.erase(0, 1);
  return well_formed(bytes);
}

}  // namespace hocket::language
