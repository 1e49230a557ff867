#include "actors/policy/word_classes.hpp"

#include <algorithm>

#include "actors/policy/topic_head.hpp"

namespace hocket::policy {
namespace {

constexpr std::string_view articles[] = {"a",   "an",  "the", "some", "my",  "ein", "eine", "einen",
                                         "das", "die", "der", "un",   "une", "des", "una",  "le"};

/// What a word may be an ending of, the likeliest first: "stealing": steal, "making": make, "robbing": rob.
std::vector<std::string> stems_of(const std::string& word, std::string_view ending) {
  if (word.size() < ending.size() + 3 || !word.ends_with(ending)) return {};
  auto stem = word.substr(0, word.size() - ending.size());
  std::vector<std::string> out{stem, stem + "e"};
  if (const auto n = stem.size(); n > 2 && stem[n - 1] == stem[n - 2]) {
    stem.pop_back();
    out.push_back(std::move(stem));
  }
  return out;
}

}  // namespace

std::size_t word_classes::add(const std::string& name, std::string_view text) {
  auto words = head_words_of(text);
  if (words.size() > 1 && std::ranges::find(articles, words.front()) != std::end(articles))
    words.erase(words.begin());
  if (words.empty()) return 0;
  auto& at = phrases_[words.front()];
  auto found = std::ranges::find(at, words, &phrase::words);
  if (found == at.end()) {
    // Longer ones first.
    found = at.insert(
        std::ranges::find_if(at, [&](const phrase& p) { return p.words.size() < words.size(); }),
        phrase{words, {}});
  }
  if (std::ranges::find(found->names, name) == found->names.end()) found->names.push_back(name);
  return found->names.size();
}

void word_classes::add_all(std::span<const std::string> words, std::size_t at,
                           std::vector<place>& out) const {
  const auto begin = phrases_.find(words[at]);
  if (begin != phrases_.end()) {
    for (const auto& p : begin->second) {
      if (p.words.size() > words.size() - at ||
          !std::ranges::equal(p.words, words.subspan(at, p.words.size())))
        continue;
      for (const auto& name : p.names) out.push_back({at, p.words.size(), name});
      return;
    }
  }
  for (const std::string_view ending : {"s", "es", "ing", "ed", "d"})
    for (const auto& stem : stems_of(words[at], ending)) {
      const auto found = phrases_.find(stem);
      if (found == phrases_.end()) continue;
      const auto one =
          std::ranges::find_if(found->second, [](const phrase& p) { return p.words.size() == 1; });
      if (one == found->second.end()) continue;
      for (const auto& name : one->names)
        out.push_back({at, 1, ending.ends_with('d') ? name + ".ed" : name});
      return;
    }
}

std::vector<word_classes::place> word_classes::in(std::span<const std::string> words) const {
  std::vector<place> out;
  for (std::size_t i = 0; i < words.size(); ++i) add_all(words, i, out);
  return out;
}

std::vector<std::pair<std::string, std::string>> word_classes::all() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [_, list] : phrases_)
    for (const auto& p : list) {
      std::string text;
      for (const auto& w : p.words) text += (text.empty() ? "" : " ") + w;
      for (const auto& name : p.names) out.emplace_back(name, text);
    }
  std::ranges::sort(out);
  return out;
}

}  // namespace hocket::policy
