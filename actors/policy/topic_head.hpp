// A small judge of words: which topic they come to, by one linear layer over hashed n-grams.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/policy/folded.hpp"
#include "graph/core/result.hpp"

namespace hocket::policy {

/// Weights of one topic.
struct head_weights {
  std::string topic;
  double bias = 0;
  double at_least = 0.5;       ///< from this probability on the words are of the topic
  std::vector<float> weights;  ///< [head_buckets]
};
inline constexpr std::uint32_t head_buckets = 1u << 15;
/// A text counts by its surest run of so many words: what stands around a request takes nothing from it.
inline constexpr std::size_t head_window = 12;
/// Of one text; longer ones are not judged.
inline constexpr std::size_t head_words = 2048;

/// Words as the head sees them: folded, letters of a spelled word joined.
std::vector<std::string> head_words_of(std::string_view text);
/// Buckets of the words, each once, ascending: words, pairs up to four apart in order, and 3 to 5 letters of a
/// word. Hashed by FNV-1a.
std::vector<std::uint32_t> head_features(std::span<const std::string> words);
/// Probability of the topic; features weigh 1 / sqrt(their number).
double head_score(const head_weights& of, std::span<const std::uint32_t> features);

/// What `hocket train judge` makes and `policy.judge` asks. Nothing in the words steers it: they are counted, and
/// what comes out is the name of a topic, or none. *Threads*: immutable.
class topic_head {
 public:
  topic_head() = default;
  topic_head(std::string name, std::vector<head_weights> topics)
      : name_(std::move(name)), topics_(std::move(topics)) {}
  /// From its file (JSON). *Errors*: policy.bad_head, with file and what is wrong.
  static result<topic_head> read(const std::string& file, const std::string& json);
  /// Weights are rounded to 57 levels, a character each.
  std::string to_json() const;

  struct finding {
    std::string topic;
    double score = 0;
  };
  static bool is_too_long(std::string_view text);
  /// The topic that the words come to most surely; none where no topic's threshold is reached.
  std::optional<finding> of(std::string_view text) const;
  const std::vector<head_weights>& topics() const { return topics_; }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  std::vector<head_weights> topics_;
};

}  // namespace hocket::policy
