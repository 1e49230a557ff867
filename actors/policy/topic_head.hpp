// A small judge of words: which topic they come to, by one linear layer over hashed n-grams of words and classes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/policy/folded.hpp"
#include "actors/policy/word_classes.hpp"
#include "graph/core/result.hpp"

namespace hocket::policy {

/// Weights of one topic.
struct head_weights {
  std::string topic;
  double bias = 0;
  double at_least = 0.5;       ///< from this probability on the words are of the topic
  std::vector<float> weights;  ///< [head_buckets]
};
inline constexpr std::uint32_t head_buckets = 1u << 16;
/// A text counts by its surest run of so many words: what stands around a request takes nothing from it.
inline constexpr std::size_t head_window_sizes[] = {7, 14};
/// Of one text; longer ones are not judged.
inline constexpr std::size_t head_words = 2048;

/// Words as the head sees them: folded, letters of a spelled word joined.
std::vector<std::string> head_words_of(std::string_view text);
/// All runs of these sizes that the words have; the words themselves where they are fewer.
std::vector<std::span<const std::string>> head_windows(std::span<const std::string> words);
struct head_feature {
  std::uint32_t bucket = 0;
  float value = 0;
};
/// What a head counts of the words, each once, each kind scaled to a length: words, with pairs up to four apart;
/// 3 to 5 letters of a word; classes, with pairs and triples in order, and a class beside a word. Hashed by FNV-1a.
/// *Source*: class-based n-grams, Brown et al. 1992; hashing, Weinberger et al. 2009.
std::vector<head_feature> head_features(std::span<const std::string> words,
                                        const word_classes& classes);
/// Probability of the topic.
double head_score(const head_weights& of, std::span<const head_feature> features);

/// What `hocket train judge` makes and `policy.judge` asks. Nothing in the words steers it: they are counted, and
/// what comes out is the name of a topic, or none. *Threads*: immutable.
class topic_head {
 public:
  topic_head() = default;
  topic_head(std::string name, word_classes classes, std::vector<head_weights> topics)
      : name_(std::move(name)), classes_(std::move(classes)), topics_(std::move(topics)) {}
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
  /// Log odds of the surest topic above its threshold (below 0: none is reached), from -6 to 6; 0 without topics.
  double margin(std::string_view text) const;
  const std::vector<head_weights>& topics() const { return topics_; }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  word_classes classes_;
  std::vector<head_weights> topics_;
};

}  // namespace hocket::policy
