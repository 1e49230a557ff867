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
constexpr std::size_t pair_reach = 4;

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

}  // namespace

std::vector<std::string> head_words_of(std::string_view text) {
  std::vector<std::string> out;
  std::string run;
  std::size_t letters = 0;
  const auto end_run = [&] {
    if (letters >= 3)  // a word that is spelled; fewer are words like "a" and "i"
      out.resize(out.size() - letters), out.push_back(run);
    run.clear(), letters = 0;
  };
  for (const auto& w : folded_words(text)) {
    if (!w.is_letter) end_run();
    out.push_back(w.loose.empty() ? w.text : w.loose);
    if (w.is_letter) run += w.text, ++letters;
  }
  end_run();
  return out;
}

std::vector<std::uint32_t> head_features(std::span<const std::string> words) {
  std::vector<std::uint32_t> out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    out.push_back(hashed().add("w ").add(words[i]).bucket());
    add_letters(words[i], out);
    if (i + 1 < words.size())
      out.push_back(hashed().add("b ").add(words[i]).add(" ").add(words[i + 1]).bucket());
    // A verb and what it is done to, whatever stands between them.
    for (std::size_t k = i + 1; k < std::min(words.size(), i + 1 + pair_reach); ++k)
      if (!is_filler(words[i]) && !is_filler(words[k]))
        out.push_back(hashed().add("p ").add(words[i]).add(" ").add(words[k]).bucket());
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

double head_score(const head_weights& of, std::span<const std::uint32_t> features) {
  double sum = 0;
  for (const auto f : features) sum += static_cast<double>(of.weights[f]);
  const double z =
      of.bias + (features.empty() ? 0 : sum / std::sqrt(static_cast<double>(features.size())));
  return 1 / (1 + std::exp(-z));
}

result<topic_head> topic_head::read(const std::string& file, const std::string& text) {
  const auto bad = [&](const std::string& why) {
    return fail("policy.bad_head", file + ": " + why + "; `hocket train judge` makes such files");
  };
  const auto all = json::parse(text, nullptr, false);
  if (!all.is_object() || !all.contains("head") || !all["head"].is_string() ||
      !all.contains("topics") || !all["topics"].is_array() || all["topics"].empty())
    return bad("no JSON with `head` and `topics`");
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
  return out;
}

std::string topic_head::to_json() const {
  nlohmann::ordered_json out{{"head", name_}, {"topics", json::array()}};
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
  for (std::size_t from = 0; from < words.size(); ++from) {
    const auto count = std::min(head_window, words.size() - from);
    const auto features = head_features(std::span(words).subspan(from, count));
    for (const auto& t : topics_) {
      const double score = head_score(t, features);
      if (score < t.at_least || score / t.at_least < surest) continue;
      surest = score / t.at_least;
      out = finding{t.topic, score};
    }
    if (from + head_window >= words.size()) break;
  }
  return out;
}

}  // namespace hocket::policy
