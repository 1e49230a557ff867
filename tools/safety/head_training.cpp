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
constexpr double thresholds[] = {0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95};

struct sample {
  std::vector<std::uint32_t> features;
  std::string topic, words;
  bool is_apart = false;
};

// Harmless texts count by each of their windows, as they will be read; of others nobody knows which window it is.
void add_samples(const line& l, bool is_apart, std::vector<sample>& out) {
  const auto words = policy::head_words_of(l.words);
  const auto window = policy::head_window;
  if (!l.topic.empty() || words.size() <= window) {
    out.push_back({policy::head_features(words), l.topic, l.words, is_apart});
    return;
  }
  for (std::size_t from = 0; from + window <= words.size(); ++from)
    out.push_back({policy::head_features(std::span(words).subspan(from, window)), l.topic, l.words,
                   is_apart});
}

policy::head_weights trained(const std::string& topic, const std::vector<sample>& all,
                             bool leaves_apart, const head_options& how) {
  policy::head_weights w;
  w.topic = topic;
  w.weights.assign(policy::head_buckets, 0);
  std::vector<double> seen(policy::head_buckets, 1e-6);
  double seen_bias = 1e-6, positive = 0;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (leaves_apart && all[i].is_apart) continue;
    order.push_back(i);
    positive += all[i].topic == topic ? 1 : 0;
  }
  // Both sides weigh the same.
  const double rare = std::max(1.0, (static_cast<double>(order.size()) - positive) / positive);
  std::mt19937_64 random(how.seed);
  for (int pass = 0; pass < how.passes; ++pass) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
    for (const auto at : order) {
      const auto& s = all[at];
      const bool is = s.topic == topic;
      const double error =
          (policy::head_score(w, s.features) - (is ? 1 : 0)) * (is ? std::sqrt(rare) : 1);
      const double by =
          error / std::sqrt(static_cast<double>(std::max<std::size_t>(1, s.features.size())));
      for (const auto f : s.features) {
        const double gradient = by + decay * static_cast<double>(w.weights[f]);
        seen[f] += gradient * gradient;
        w.weights[f] -= static_cast<float>(step * gradient / std::sqrt(seen[f]));
      }
      seen_bias += error * error;
      w.bias -= step * error / std::sqrt(seen_bias);
    }
  }
  return w;
}

// The lowest threshold that refuses few enough of the harmless ones that were kept apart.
double threshold_of(const policy::head_weights& w, const std::vector<sample>& all,
                    const head_options& how) {
  for (const double t : thresholds) {
    share harmless;
    for (const auto& s : all)
      if (s.is_apart && s.topic.empty())
        ++harmless.n, harmless.good += policy::head_score(w, s.features) >= t ? 1 : 0;
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
  const auto take = [&](const line& l, bool is_apart) {
    if (withheld.contains(bare(l.words))) return void(++out.left_out);
    ++(l.topic.empty() ? out.harmless : out.wordings);
    add_samples(l, is_apart, all);
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
  const policy::topic_head first(patterns.name, std::move(apart));
  for (const auto& s : all) {
    if (!s.is_apart) continue;
    auto& counted = s.topic.empty() ? out.apart_over_refused : out.apart_refused;
    ++counted.n, counted.good += first.of(s.words) ? 1 : 0;
  }
  // As its file has it, with weights that are rounded.
  auto read = policy::topic_head::read(
      "head", policy::topic_head(patterns.name, std::move(whole)).to_json());
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
