#include "tools/safety/sentence_training.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "actors/policy/judge/sentence_judge.hpp"
#include "tools/safety/head_training.hpp"

namespace hocket::safety {
namespace {

using policy::state_weights;
constexpr std::size_t folds = 5;
constexpr std::size_t begun_of =
    4;  // of so many harmless sentences one has its beginning learnt, too
constexpr double thresholds[] = {0.2,  0.25, 0.3,  0.35, 0.4,  0.45, 0.5,  0.55, 0.6,  0.65, 0.7,
                                 0.75, 0.8,  0.85, 0.9,  0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99};

struct sample {
  std::string topic, text;
  bool is_apart = false;
  double margin = 0;  ///< of the words' head
};

/// States as rows, standardised by those that are learnt.
struct table {
  std::size_t width = 0;
  std::vector<float> rows;  ///< [n, width]
  std::vector<double> mean, deviation;
  const float* row(std::size_t i) const { return rows.data() + i * width; }
};

table standardised(const std::vector<std::vector<float>>& states) {
  table t;
  t.width = states.front().size();
  t.mean.assign(t.width, 0), t.deviation.assign(t.width, 0);
  const auto n = static_cast<double>(states.size());
  for (const auto& s : states)
    for (std::size_t i = 0; i < t.width; ++i) t.mean[i] += static_cast<double>(s[i]) / n;
  for (const auto& s : states)
    for (std::size_t i = 0; i < t.width; ++i) {
      const double d = static_cast<double>(s[i]) - t.mean[i];
      t.deviation[i] += d * d / n;
    }
  for (auto& d : t.deviation) d = std::sqrt(d) + 1e-6;
  t.rows.reserve(states.size() * t.width);
  for (const auto& s : states)
    for (std::size_t i = 0; i < t.width; ++i)
      t.rows.push_back(
          static_cast<float>((static_cast<double>(s[i]) - t.mean[i]) / t.deviation[i]));
  return t;
}

double dot(const float* row, const std::vector<double>& v) {
  double z = v.back();
  for (std::size_t i = 0; i + 1 < v.size(); ++i) z += static_cast<double>(row[i]) * v[i];
  return z;
}

/// Of weighted rows the largest curvature, by power iteration with some room.
double curvature(const table& t, const std::vector<std::size_t>& order,
                 const std::vector<double>& weights) {
  std::vector<double> v(t.width + 1, 1.0 / std::sqrt(static_cast<double>(t.width + 1)));
  double size = 1;
  for (int pass = 0; pass < 20; ++pass) {
    std::vector<double> next(v.size());
    for (std::size_t k = 0; k < order.size(); ++k) {
      const auto* row = t.row(order[k]);
      const double z = dot(row, v) * weights[k];
      for (std::size_t i = 0; i < t.width; ++i) next[i] += z * static_cast<double>(row[i]);
      next.back() += z;
    }
    size = std::sqrt(std::inner_product(next.begin(), next.end(), next.begin(), 0.0));
    if (size <= 0) return 1;
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = next[i] / size;
  }
  return size * 1.1;
}

/// Weights of states as they come, from rows that are standardised. `power`: how far the rarer side is raised to
/// the weight of the other: 1 wholly.
state_weights learnt(const table& t, const std::vector<std::size_t>& order,
                     const std::vector<bool>& is, double power, const sentence_options& how) {
  double positive = 0;
  for (const auto i : order) positive += is[i] ? 1 : 0;
  const double rare = std::pow(
      std::max(1.0, (static_cast<double>(order.size()) - positive) / std::max(1.0, positive)),
      power);
  std::vector<double> weights;
  for (const auto i : order) weights.push_back(is[i] ? rare : 1);
  const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (auto& w : weights) w /= all;
  const double decay = how.decay / static_cast<double>(order.size());
  const double step = 1 / (0.25 * curvature(t, order, weights) + decay);
  std::vector<double> at(t.width + 1), ahead(at);
  for (int pass = 0; pass < how.steps; ++pass) {
    std::vector<double> gradient(at.size());
    for (std::size_t k = 0; k < order.size(); ++k) {
      const auto* row = t.row(order[k]);
      const double error =
          weights[k] * (1 / (1 + std::exp(-dot(row, ahead))) - (is[order[k]] ? 1 : 0));
      for (std::size_t i = 0; i < t.width; ++i) gradient[i] += error * static_cast<double>(row[i]);
      gradient.back() += error;
    }
    for (std::size_t i = 0; i < t.width; ++i) gradient[i] += decay * ahead[i];
    const double on = static_cast<double>(pass) / (pass + 3);
    for (std::size_t i = 0; i < at.size(); ++i) {
      const double next = ahead[i] - step * gradient[i];
      ahead[i] = next + on * (next - at[i]);
      at[i] = next;
    }
  }
  state_weights out{at.back(), {}};
  for (std::size_t i = 0; i < t.width; ++i) {
    out.weights.push_back(static_cast<float>(at[i] / t.deviation[i]));
    out.bias -= at[i] / t.deviation[i] * t.mean[i];
  }
  return out;
}

std::string beginning_of(const std::string& text, std::size_t number) {
  const auto words = policy::head_words_of(text);
  std::string out;
  for (std::size_t i = 0; i < std::min(words.size(), 1 + number % 6); ++i)
    out += (out.empty() ? "" : " ") + words[i];
  return out;
}

std::vector<sample> samples_of(const std::vector<families>& patterns, const lines& more,
                               const lines& held_out, const sentence_options& how,
                               trained_sentences& counted) {
  std::set<std::string> withheld;
  for (const auto& l : held_out)
    for (const auto& part : parts_of(l.words)) withheld.insert(bare(part));
  std::vector<sample> out;
  const auto take = [&](const line& l, bool is_apart) {
    if (withheld.contains(bare(l.words))) return void(++counted.left_out);
    const auto text = policy::sentences_of(l.words).front();
    if (text.empty()) return;
    ++(l.topic.empty() ? counted.harmless : counted.wordings);
    if (l.topic.empty() && counted.harmless % begun_of == 0)
      out.push_back({"", beginning_of(text, out.size()), is_apart});
    out.push_back({l.topic, text, is_apart});
  };
  for (const auto& each : patterns)
    for (const auto& w : wordings_of(each, how.each, how.seed))
      take(w.is, w.pattern % folds == folds - 1);
  for (std::size_t i = 0; i < more.size(); ++i) take(more[i], i % folds == folds - 1);
  return out;
}

}  // namespace

result<trained_sentences> train_sentences(const std::vector<families>& patterns, const lines& more,
                                          const lines& held_out, const policy::topic_head& words,
                                          const states_of& states, const sentence_options& how) {
  trained_sentences out;
  auto all = samples_of(patterns, more, held_out, how, out);
  if (out.wordings == 0 || out.harmless == 0)
    return fail("safety.bad_families",
                "wordings of at least one topic, and harmless ones (`none`), are wanted");
  std::vector<std::string> texts, topics;
  for (auto& s : all) {
    texts.push_back(s.text);
    if (how.words > 0) s.margin = words.margin(s.text);
    if (!s.topic.empty() && std::ranges::find(topics, s.topic) == topics.end())
      topics.push_back(s.topic);
  }
  const auto read = states(texts);
  if (!read) return fail(read);
  const auto rows = standardised(*read);
  std::vector<std::size_t> whole(all.size()), near;
  std::iota(whole.begin(), whole.end(), std::size_t{0});
  for (const auto i : whole)
    if (!all[i].is_apart) near.push_back(i);
  const auto is_of = [&](const auto& wanted) {
    std::vector<bool> is;
    for (const auto& s : all) is.push_back(wanted(s));
    return is;
  };
  const auto is_harm = is_of([](const sample& s) { return !s.topic.empty(); });
  auto& head = out.head;
  head.name = patterns.empty() ? "" : patterns.front().name;
  head.words = how.words;
  head.harm = learnt(rows, near, is_harm, 1, how);
  for (const double t : thresholds) {
    head.at_least = t;
    out.apart_refused = {}, out.apart_over_refused = {};
    for (const auto i : whole) {
      if (!all[i].is_apart) continue;
      const double odds = policy::harm_log_odds(head, (*read)[i], all[i].margin);
      auto& counted = is_harm[i] ? out.apart_refused : out.apart_over_refused;
      ++counted.n, counted.good += 1 / (1 + std::exp(-odds)) >= t ? 1 : 0;
    }
    if (out.apart_over_refused.value() <= how.over_refused) break;
  }
  head.harm = learnt(rows, whole, is_harm, 1, how);
  for (const auto& name : topics)
    head.topics.push_back(
        {name,
         learnt(rows, whole, is_of([&](const sample& s) { return s.topic == name; }), 0.5, how)});
  return out;
}

}  // namespace hocket::safety
