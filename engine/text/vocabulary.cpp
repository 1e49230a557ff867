#include "engine/text/vocabulary.hpp"
#include "graph/trust/files.hpp"

#include <array>
#include <cctype>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace hocket::engine {
namespace {

constexpr std::array<const char*, 4> fixed_tokens{"<pad>", "<unk>", "<delegate>", "<end>"};

constexpr std::array<const char*, 21> small_numbers{
    "zero",     "one",     "two",     "three",     "four",     "five",     "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};
constexpr std::array<const char*, 10> tens{"",      "ten",   "twenty",  "thirty", "forty",
                                           "fifty", "sixty", "seventy", "eighty", "ninety"};

constexpr const char* piece_mark = "##";

}  // namespace

const std::vector<std::string>& letter_pieces() {
  static const std::vector<std::string> pieces = [] {
    std::vector<std::string> all{piece_mark};
    for (char c = 'a'; c <= 'z'; ++c) all.push_back(std::string(piece_mark) + c);
    return all;
  }();
  return pieces;
}

std::string_view letter_of(std::string_view token) {
  const bool piece = token.size() == 3 && token.substr(0, 2) == piece_mark;
  return piece ? token.substr(2) : std::string_view();
}

vocabulary::vocabulary() : vocabulary(std::span<const std::string>{}) {}

vocabulary::vocabulary(std::span<const std::string> words) {
  for (const char* token : fixed_tokens) add(token);
  for (const std::string& word : words) add(word);
  spells_ = true;
  for (const std::string& piece : letter_pieces()) spells_ = spells_ && contains(piece);
}

void vocabulary::add(std::string token) {
  if (ids_.try_emplace(token, static_cast<std::int32_t>(tokens_.size())).second)
    tokens_.push_back(std::move(token));
}

result<vocabulary> vocabulary::from_json(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array())
    return fail("text.vocabulary", "the vocabulary is not a JSON list of tokens");
  std::vector<std::string> words;
  for (const auto& item : json) {
    if (!item.is_string())
      return fail("text.vocabulary", "token " + std::to_string(words.size()) + " is not a string");
    words.push_back(item.get<std::string>());
  }
  for (std::size_t i = 0; i < fixed_tokens.size(); ++i)
    if (i >= words.size() || words[i] != fixed_tokens[i])
      return fail("text.vocabulary",
                  "token " + std::to_string(i) + " must be `" + std::string(fixed_tokens[i]) + "`");
  vocabulary out(words);
  if (out.size() != words.size()) return fail("text.vocabulary", "a token is listed twice");
  return out;
}

result<vocabulary> vocabulary::load(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail("text.vocabulary", "cannot read " + path);
  std::stringstream text;
  text << file.rdbuf();
  return from_json(text.str());
}

std::string vocabulary::to_json() const { return nlohmann::json(tokens_).dump(1) + "\n"; }

result<void> vocabulary::save(const std::string& path) const {
  const auto done = trust::write_file(path, to_json());
  return done ? done : fail("text.vocabulary", "cannot write " + done.error().message);
}

bool vocabulary::contains(std::string_view word) const { return ids_.contains(std::string(word)); }

std::int32_t vocabulary::id_of(std::string_view word) const {
  const auto found = ids_.find(std::string(word));
  return found == ids_.end() ? unknown : found->second;
}

const std::string& vocabulary::token_of(std::int32_t id) const {
  const bool known = id >= 0 && static_cast<std::size_t>(id) < tokens_.size();
  return tokens_[known ? static_cast<std::size_t>(id) : static_cast<std::size_t>(unknown)];
}

std::vector<std::int32_t> vocabulary::pieces_of(std::string_view word) const {
  if (contains(word) || !spells_) return {id_of(word)};
  auto pieces = spelling_of(word);
  if (pieces.empty()) pieces.push_back(unknown);
  return pieces;
}

std::vector<std::int32_t> vocabulary::spelling_of(std::string_view word) const {
  std::vector<std::int32_t> pieces;
  if (!spells_) return pieces;
  for (const char c : word) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isdigit(letter))
      pieces.push_back(id_of(words_of_number(c - '0')));
    else if (std::isalpha(letter) && letter < 0x80)
      pieces.push_back(id_of(std::string(piece_mark) + static_cast<char>(std::tolower(letter))));
  }
  return pieces;
}

std::vector<std::int32_t> vocabulary::encode(std::string_view text) const {
  std::vector<std::int32_t> ids;
  bool spelt = false;
  for (const std::string& word : words_of(text)) {
    const auto pieces = pieces_of(word);
    const bool spelling = spells_ && !contains(word);
    if (spelt && spelling) ids.push_back(id_of(piece_mark));
    ids.insert(ids.end(), pieces.begin(), pieces.end());
    spelt = spelling;
  }
  return ids;
}

std::string vocabulary::decode(std::span<const std::int32_t> ids) const {
  std::string text;
  bool spelling = false;
  for (std::int32_t id : ids) {
    if (id == pad) continue;
    const std::string& token = token_of(id);
    const auto letter = letter_of(token);
    if (token == piece_mark) {
      spelling = false;
      continue;
    }
    if (!text.empty() && !(spelling && !letter.empty())) text += ' ';
    text += letter.empty() ? std::string_view(token) : letter;
    spelling = !letter.empty();
  }
  return text;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::istringstream stream{std::string(text)};
  for (std::string word; stream >> word;) {
    auto keep = [](unsigned char c) {
      return std::isalnum(c) || c >= 0x80 || c == '<' || c == '>';
    };
    while (!word.empty() && !keep(static_cast<unsigned char>(word.back()))) word.pop_back();
    std::size_t from = 0;
    while (from < word.size() && !keep(static_cast<unsigned char>(word[from]))) ++from;
    word.erase(0, from);
    for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

std::string words_of_number(int value) {
  if (value < 0) return "minus " + words_of_number(-value);
  if (value <= 20) return small_numbers[static_cast<std::size_t>(value)];
  if (value < 100) {
    const std::string ten = tens[static_cast<std::size_t>(value / 10)];
    return value % 10 == 0 ? ten : ten + " " + words_of_number(value % 10);
  }
  if (value < 1000) {
    const std::string hundreds = words_of_number(value / 100) + " hundred";
    return value % 100 == 0 ? hundreds : hundreds + " " + words_of_number(value % 100);
  }
  std::string digits;
  for (char c : std::to_string(value))
    digits += (digits.empty() ? "" : " ") + words_of_number(c - '0');
  return digits;
}

int number_of_words(std::string_view words) {
  static const auto table = [] {
    std::unordered_map<std::string, int> t;
    for (int value = 0; value < 1000; ++value) t.emplace(words_of_number(value), value);
    return t;
  }();
  std::string key;
  for (const std::string& word : words_of(words)) key += (key.empty() ? "" : " ") + word;
  const auto found = table.find(key);
  return found == table.end() ? -1 : found->second;
}

}  // namespace hocket::engine
