#include "tools/safety/head_training.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include <fmt/format.h>

namespace hocket::safety {
namespace {

constexpr double step = 0.5, decay = 1e-5;
/// One pattern in so many is kept apart while thresholds are chosen.
constexpr std::size_t folds = 5;
constexpr double thresholds[] = {0.6, 0.7, 0.8, 0.9, 0.95};

struct sample {
  std::vector<std::vector<policy::head_feature>> windows;
  std::string topic, words;
  bool is_apart = false;
};

// Harmless texts count by each of their windows, as they will be read; others by the one that is surest.
void add_samples(const line& l, bool is_apart, const policy::word_classes& classes,
                 std::vector<sample>& out) {
  const auto words = policy::head_words_of(l.words);
  sample s{{}, l.topic, l.words, is_apart};
  for (const auto& window : policy::head_windows(words))
    s.windows.push_back(policy::head_features(window, classes));
  // What is heard so far is judged, too, and begins no request.
  if (l.topic.empty())
    for (const std::size_t begun : {1, 2, 3, 4, 6})
      if (begun < words.size())
        s.windows.push_back(policy::head_features(std::span(words).first(begun), classes));
  out.push_back(std::move(s));
}

/// Logistic regression by AdaGrad.
class learner {
 public:
  explicit learner(const std::string& topic) : seen_(policy::head_buckets, 1e-6) {
    w_.topic = topic;
    w_.weights.assign(policy::head_buckets, 0);
  }
  void see(const std::vector<policy::head_feature>& features, bool is, double weight) {
    const double error = (policy::head_score(w_, features) - (is ? 1 : 0)) * weight;
    for (const auto& f : features) {
      const double gradient =
          error * static_cast<double>(f.value) + decay * static_cast<double>(w_.weights[f.bucket]);
      seen_[f.bucket] += gradient * gradient;
      w_.weights[f.bucket] -= static_cast<float>(step * gradient / std::sqrt(seen_[f.bucket]));
    }
    seen_bias_ += error * error;
    w_.bias -= step * error / std::sqrt(seen_bias_);
  }
  /// The window of a text that is most surely of the topic.
  const std::vector<policy::head_feature>& surest(const sample& s) const {
    return *std::ranges::max_element(
        s.windows, {}, [&](const auto& features) { return policy::head_score(w_, features); });
  }
  policy::head_weights take() && { return std::move(w_); }

 private:
  policy::head_weights w_;
  std::vector<double> seen_;
  double seen_bias_ = 1e-6;
};

policy::head_weights trained(const std::string& topic, const std::vector<sample>& all,
                             bool leaves_apart, const head_options& how) {
  double positive = 0;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (leaves_apart && all[i].is_apart) continue;
    order.push_back(i);
    positive += all[i].topic == topic ? 1 : 0;
  }
  // Both sides weigh nearly the same.
  const double rare = std::max(1.0, (static_cast<double>(order.size()) - positive) / positive);
  learner by(topic);
  std::mt19937_64 random(how.seed);
  for (int pass = 0; pass < how.passes; ++pass) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
    for (const auto at : order) {
      const auto& s = all[at];
      if (s.topic == topic) {
        by.see(by.surest(s), true, std::sqrt(rare));
      } else {
        for (const auto& features : s.windows) by.see(features, false, 1);
      }
    }
  }
  return std::move(by).take();
}

// The lowest threshold that refuses few enough of the harmless ones that were kept apart.
double threshold_of(const policy::head_weights& w, const std::vector<sample>& all,
                    const head_options& how) {
  for (const double t : thresholds) {
    share harmless;
    for (const auto& s : all)
      if (s.is_apart && s.topic.empty())
        ++harmless.n,
            harmless.good += std::ranges::any_of(s.windows,
                                                 [&](const auto& features) {
                                                   return policy::head_score(w, features) >= t;
                                                 })
                                 ? 1
                                 : 0;
    if (harmless.value() <= how.over_refused) return t;
  }
  return thresholds[std::size(thresholds) - 1];
}

std::vector<std::string> topics_of(const std::vector<sample>& all) {
  std::vector<std::string> out;
  for (const auto& s : all)
    if (!s.topic.empty() && std::ranges::find(out, s.topic) == out.end()) out.push_back(s.topic);
  return out;
}

}  // namespace

std::string bare(const std::string& words) {
  std::string out;
  for (const auto& w : policy::folded_words(words)) out += w.text + " ";
  return out;
}

result<trained_head> train_head(const families& patterns, const lines& more, const lines& held_out,
                                const head_options& how) {
  trained_head out;
  std::set<std::string> withheld;
  for (const auto& l : held_out)
    for (const auto& part : parts_of(l.words)) withheld.insert(bare(part));
  std::vector<sample> all;
  const auto classes = classes_of(patterns);
  const auto take = [&](const line& l, bool is_apart) {
    if (withheld.contains(bare(l.words))) return void(++out.left_out);
    ++(l.topic.empty() ? out.harmless : out.wordings);
    add_samples(l, is_apart, classes, all);
  };
  for (const auto& w : wordings_of(patterns, how.each, how.seed))
    take(w.is, w.pattern % folds == folds - 1);
  for (const auto& l : more) take(l, false);
  const auto topics = topics_of(all);
  if (topics.empty() || out.harmless == 0)
    return fail("safety.bad_families",
                "wordings of at least one topic, and harmless ones (`none`), are wanted");
  std::vector<policy::head_weights> apart, whole;
  for (const auto& t : topics) {
    apart.push_back(trained(t, all, true, how));
    apart.back().at_least = threshold_of(apart.back(), all, how);
    whole.push_back(trained(t, all, false, how));
    whole.back().at_least = apart.back().at_least;
  }
  const policy::topic_head first(patterns.name, classes, std::move(apart));
  for (const auto& s : all) {
    if (!s.is_apart) continue;
    auto& counted = s.topic.empty() ? out.apart_over_refused : out.apart_refused;
    ++counted.n, counted.good += first.of(s.words) ? 1 : 0;
  }
  // As its file has it, with weights that are rounded.
  auto read = policy::topic_head::read(
      "head", policy::topic_head(patterns.name, classes, std::move(whole)).to_json());
  if (!read) return fail(read);
  out.head = std::move(*read);
  return out;
}

head_figures figures_of(const finder& finds, const lines& all) {
  head_figures out;
  for (const auto& l : all) {
    const bool found = finds(l.words), wants = !l.topic.empty();
    auto& counted = wants ? out.refused : out.over_refused;
    ++counted.n, counted.good += found ? 1 : 0;
    if (found != wants) out.missed.push_back((wants ? l.topic : "-") + ": " + l.words);
  }
  return out;
}

}  // namespace hocket::safety
