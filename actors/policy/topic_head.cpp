#include "actors/policy/topic_head.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hocket::policy {
namespace {

using nlohmann::json;

/// Weights as characters from `#` to `[`: neither quote nor backslash is among them.
constexpr char zero_level = '?';
constexpr int levels = 28;
constexpr std::size_t pair_reach = 4, class_reach = 3;
constexpr std::size_t most_phrases = 16384, most_classes = 4;  // of a head, of a phrase
/// What each kind of feature weighs. Chosen on wordings that were kept apart then, and are in
/// configs/policies/judge/wordings.cases since.
constexpr float words_length = 1, letters_length = 0.5f, classes_length = 2;

class hashed {
 public:
  hashed& add(std::string_view bytes) {
    for (const char c : bytes) value_ = (value_ ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    return *this;
  }
  std::uint32_t bucket() const {
    return static_cast<std::uint32_t>((value_ ^ (value_ >> 32)) % head_buckets);
  }

 private:
  std::uint64_t value_ = 14695981039346656037ull;
};

/// Where the characters of a word begin, and its end.
std::vector<std::size_t> borders_of(std::string_view word) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < word.size(); ++i)
    if ((static_cast<unsigned char>(word[i]) & 0xC0) != 0x80) out.push_back(i);
  out.push_back(word.size());
  return out;
}

void add_letters(const std::string& word, std::vector<std::uint32_t>& out) {
  const auto whole = "^" + word + "$";
  const auto at = borders_of(whole);
  for (const std::size_t n : {3, 4, 5})
    for (std::size_t i = 0; i + n < at.size(); ++i)
      out.push_back(hashed()
                        .add("l ")
                        .add(std::string_view(whole).substr(at[i], at[i + n] - at[i]))
                        .bucket());
}

/// Classes alone, two and three in their order, and one beside a word that says something.
void add_classes(std::span<const std::string> words, const std::vector<word_classes::place>& all,
                 std::vector<std::uint32_t>& out) {
  const auto end_of = [](const word_classes::place& p) { return p.from + p.count; };
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& a = all[i];
    out.push_back(hashed().add("c ").add(a.name).bucket());
    for (auto k = end_of(a); k < std::min(words.size(), end_of(a) + class_reach); ++k)
      if (!is_filler(words[k]))
        out.push_back(hashed().add("e ").add(a.name).add(" ").add(words[k]).bucket());
    for (std::size_t k = a.from - std::min(a.from, class_reach); k < a.from; ++k)
      if (!is_filler(words[k]))
        out.push_back(hashed().add("f ").add(words[k]).add(" ").add(a.name).bucket());
    for (std::size_t j = i + 1; j < all.size(); ++j) {
      const auto& b = all[j];
      if (b.from < end_of(a)) continue;
      const auto two = hashed().add(a.name).add(" ").add(b.name);
      out.push_back(hashed(two).add(" d").bucket());
      if (b.from == end_of(a)) out.push_back(hashed(two).add(" n").bucket());
      for (std::size_t k = j + 1; k < all.size(); ++k)
        if (all[k].from >= end_of(b))
          out.push_back(hashed(two).add(" ").add(all[k].name).add(" t").bucket());
    }
  }
}

/// Each once, together of this length.
void add_kind(std::vector<std::uint32_t>& buckets, float length, std::vector<head_feature>& out) {
  std::ranges::sort(buckets);
  buckets.erase(std::unique(buckets.begin(), buckets.end()), buckets.end());
  const float value =
      length / std::sqrt(static_cast<float>(std::max<std::size_t>(1, buckets.size())));
  for (const auto b : buckets) out.push_back({b, value});
}

result<std::vector<float>> weights_of(const std::string& text, double scale) {
  const bool is_scale = std::fabs(scale) <= double(std::numeric_limits<float>::max()) / levels;
  if (text.size() != head_buckets || !is_scale)
    return fail("policy.bad_head", fmt::format("{} weights with a finite scale are wanted, not {}",
                                               head_buckets, text.size()));
  std::vector<float> out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c < zero_level - levels || c > zero_level + levels)
      return fail("policy.bad_head", "a weight is none of the characters from # to [");
    out.push_back(static_cast<float>((c - zero_level) * scale));
  }
  return out;
}

/// What is wrong; empty: nothing. Triples of classes are counted in each run of words, so a word is of few.
std::string read_classes(const json& all, word_classes& out) {
  std::size_t phrases = 0;
  for (const auto& [name, list] : all.items()) {
    if (name.size() > 64) return "the name of a class is longer than 64 bytes";
    if (!list.is_array()) return "the class " + name + " is no list";
    for (const auto& p : list) {
      if (!p.is_string()) return "the class " + name + " has what is no text";
      if (++phrases > most_phrases)
        return fmt::format("its classes have more than {} phrases", most_phrases);
      if (out.add(name, p.get<std::string>()) > most_classes)
        return fmt::format("`{}` is of more than {} classes", p.get<std::string>(), most_classes);
    }
  }
  return "";
}

}  // namespace

/// Letters that are no words, parted from one: "h urt", "mak e". Which side they belong to nobody says: the next
/// word where it is one of several letters, else the one before.
static std::vector<std::string> without_stray_letters(const std::vector<std::string>& words) {
  const auto is_stray = [](const std::string& w) {
    return w.size() == 1 && w[0] >= 'b' && w[0] <= 'z' && w != "i";
  };
  std::vector<std::string> out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!is_stray(words[i])) {
      out.push_back(words[i]);
    } else if (i + 1 < words.size() && words[i + 1].size() > 1) {
      out.push_back(words[i] + words[i + 1]);
      ++i;
    } else if (!out.empty() && out.back().size() > 1 && !is_filler(out.back())) {
      out.back() += words[i];
    } else {
      out.push_back(words[i]);
    }
  }
  return out;
}

std::vector<std::string> head_words_of(std::string_view text) {
  std::vector<std::string> out;
  std::string run;
  std::size_t letters = 0;
  const auto end_run = [&] {
    if (letters >= 3) {  // a word that is spelled; fewer are words like "a" and "i"
      out.resize(out.size() - letters);
      const bool has_word = letters >= 4 && (run[0] == 'a' || run[0] == 'i');
      if (has_word) out.push_back(run.substr(0, 1)), run.erase(0, 1);
      out.push_back(run);
    }
    run.clear(), letters = 0;
  };
  for (const auto& w : folded_words(text)) {
    if (!w.is_letter) end_run();
    out.push_back(w.loose.empty() ? w.text : w.loose);
    if (w.is_letter) run += w.text, ++letters;
  }
  end_run();
  return without_stray_letters(out);
}

std::vector<std::span<const std::string>> head_windows(std::span<const std::string> words) {
  std::vector<std::span<const std::string>> out;
  for (const auto size : head_window_sizes) {
    for (std::size_t from = 0; from == 0 || from + size <= words.size(); ++from)
      out.push_back(words.subspan(from, std::min(size, words.size() - from)));
    if (words.size() <= size) break;
  }
  return out;
}

std::vector<head_feature> head_features(std::span<const std::string> words,
                                        const word_classes& classes) {
  std::vector<std::uint32_t> of_words, letters, of_classes;
  for (std::size_t i = 0; i < words.size(); ++i) {
    of_words.push_back(hashed().add("w ").add(words[i]).bucket());
    add_letters(words[i], letters);
    if (i + 1 < words.size())
      of_words.push_back(hashed().add("b ").add(words[i]).add(" ").add(words[i + 1]).bucket());
    // A verb and what it is done to, whatever stands between them.
    for (std::size_t k = i + 1; k < std::min(words.size(), i + 1 + pair_reach); ++k)
      if (!is_filler(words[i]) && !is_filler(words[k]))
        of_words.push_back(hashed().add("p ").add(words[i]).add(" ").add(words[k]).bucket());
  }
  add_classes(words, classes.in(words), of_classes);
  std::vector<head_feature> out;
  add_kind(of_words, words_length, out);
  add_kind(letters, letters_length, out);
  add_kind(of_classes, classes_length, out);
  return out;
}

namespace {

double log_odds(const head_weights& of, std::span<const head_feature> features) {
  double z = of.bias;
  for (const auto& f : features)
    z += static_cast<double>(of.weights[f.bucket]) * static_cast<double>(f.value);
  return z;
}

}  // namespace

double head_score(const head_weights& of, std::span<const head_feature> features) {
  return 1 / (1 + std::exp(-log_odds(of, features)));
}

result<topic_head> topic_head::read(const std::string& file, const std::string& text) {
  const auto bad = [&](const std::string& why) {
    return fail("policy.bad_head", file + ": " + why + "; `hocket train judge` makes such files");
  };
  const auto all = json::parse(text, nullptr, false);
  if (!all.is_object() || !all.contains("head") || !all["head"].is_string() ||
      !all.contains("topics") || !all["topics"].is_array() || all["topics"].empty())
    return bad("no JSON with `head` and `topics`");
  // Heads that were learnt without classes count other features.
  if (!all.contains("classes")) return bad("it is of an older program, since it has no `classes`");
  topic_head out;
  out.name_ = all["head"].get<std::string>();
  for (const auto& t : all["topics"]) {
    const auto number = [&](const char* key) {
      return t.contains(key) && t[key].is_number() ? t[key].get<double>() : std::nan("");
    };
    if (!t.is_object() || !t.contains("topic") || !t["topic"].is_string() ||
        !t.contains("weights") || !t["weights"].is_string())
      return bad("a topic without name or weights");
    head_weights h;
    h.topic = t["topic"].get<std::string>();
    h.bias = number("bias"), h.at_least = number("at_least");
    if (!std::isfinite(h.bias) || !(h.at_least > 0 && h.at_least <= 1))
      return bad(h.topic + ": `bias`, or `at_least` in (0, 1], is missing");
    auto weights = weights_of(t["weights"].get<std::string>(), number("scale"));
    if (!weights) return bad(h.topic + ": " + weights.error().message);
    h.weights = std::move(*weights);
    out.topics_.push_back(std::move(h));
  }
  if (!all["classes"].is_object()) return bad("`classes` is no object");
  if (const auto why = read_classes(all["classes"], out.classes_); !why.empty()) return bad(why);
  return out;
}

std::string topic_head::to_json() const {
  nlohmann::ordered_json out{
      {"head", name_}, {"classes", json::object()}, {"topics", json::array()}};
  for (const auto& [name, phrase] : classes_.all()) out["classes"][name].push_back(phrase);
  for (const auto& t : topics_) {
    float most = 0;
    for (const float w : t.weights) most = std::max(most, std::fabs(w));
    const double scale = most > 0 ? static_cast<double>(most) / levels : 1;
    std::string text;
    for (const float w : t.weights)
      text += static_cast<char>(zero_level + std::lround(static_cast<double>(w) / scale));
    out["topics"].push_back({{"topic", t.topic},
                             {"bias", t.bias},
                             {"at_least", t.at_least},
                             {"scale", scale},
                             {"weights", text}});
  }
  return out.dump(1) + "\n";
}

bool topic_head::is_too_long(std::string_view text) {
  return folded_words(text).size() > head_words;
}

std::optional<topic_head::finding> topic_head::of(std::string_view text) const {
  const auto words = head_words_of(text);
  std::optional<finding> out;
  double surest = 1;  // of a score to its threshold
  for (const auto& window : head_windows(words)) {
    const auto features = head_features(window, classes_);
    for (const auto& t : topics_) {
      const double score = head_score(t, features);
      if (score < t.at_least || score / t.at_least < surest) continue;
      surest = score / t.at_least;
      out = finding{t.topic, score};
    }
  }
  return out;
}

double topic_head::margin(std::string_view text) const {
  constexpr double most = 6;
  if (topics_.empty()) return 0;
  const auto words = head_words_of(text);
  double out = -most;
  for (const auto& window : head_windows(words)) {
    const auto features = head_features(window, classes_);
    for (const auto& t : topics_)
      out = std::max(out, log_odds(t, features) - std::log(t.at_least / (1 - t.at_least)));
  }
  return std::min(out, most);
}

}  // namespace hocket::policy
