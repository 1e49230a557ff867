#include "engine/language/sampling/sampler.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>

namespace hocket::language {
namespace {

constexpr double never = -std::numeric_limits<double>::infinity();

struct candidate {
  std::int32_t id;
  double score;
};
bool better(const candidate& a, const candidate& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

}  // namespace

result<void> check(const sampling_config& c) {
  const auto bad = [](const char* what) { return fail("sampling.bad_config", what); };
  if (!(c.temperature >= 0 && c.temperature <= 100)) return bad("temperature is outside 0 to 100");
  if (c.top_k < 0) return bad("top_k is below 0");
  if (!(c.top_p > 0 && c.top_p <= 1)) return bad("top_p is outside 0 (exclusive) to 1");
  if (!(c.min_p >= 0 && c.min_p <= 1)) return bad("min_p is outside 0 to 1");
  if (!(c.repetition_penalty > 0 && c.repetition_penalty <= 100))
    return bad("repetition_penalty is outside 0 (exclusive) to 100");
  for (const double p : {c.presence_penalty, c.frequency_penalty})
    if (!(p >= -100 && p <= 100)) return bad("a penalty is outside -100 to 100");
  if (c.penalty_window < 0) return bad("penalty_window is below 0");
  if (c.logprobs < -1 || c.logprobs > 1000) return bad("logprobs is outside -1 to 1000");
  return {};
}

token_mask::token_mask(std::size_t tokens, bool allowed)
    : tokens_(tokens), words_((tokens + 63) / 64, allowed ? ~std::uint64_t{0} : 0) {
  if (allowed && tokens % 64 != 0) words_.back() &= (std::uint64_t{1} << tokens % 64) - 1;
}

std::size_t token_mask::count() const {
  std::size_t n = 0;
  for (const auto w : words_) n += static_cast<std::size_t>(std::popcount(w));
  return n;
}

log_softmax::log_softmax(std::span<const float> scores) : greatest(never), log_sum(0) {
  for (const float s : scores)
    if (s > greatest) greatest = s;
  double sum = 0;
  for (const float s : scores)
    if (!std::isnan(s)) sum += std::exp(static_cast<double>(s) - greatest);
  log_sum = std::log(sum);
}

double logprob_of(std::span<const float> scores, std::int32_t id) {
  return log_softmax(scores)(scores[static_cast<std::size_t>(id)]);
}

std::vector<token_logprob> top_logprobs(std::span<const float> scores, int count) {
  std::vector<candidate> all;
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (!std::isnan(scores[i])) all.push_back({static_cast<std::int32_t>(i), scores[i]});
  const auto keep = std::min(all.size(), static_cast<std::size_t>(std::max(count, 0)));
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(keep), all.end(),
                    better);
  std::vector<token_logprob> top;
  if (keep == 0) return top;
  const log_softmax logprob(scores);
  for (std::size_t i = 0; i < keep; ++i)
    top.push_back({all[i].id, logprob(scores[static_cast<std::size_t>(all[i].id)])});
  return top;
}

sampler::sampler(const sampling_config& config) : config_(config) {}

void sampler::remember(std::span<const std::int32_t> ids) {
  for (const auto id : ids) recent_.push_back(id);
  while (recent_.size() > static_cast<std::size_t>(config_.penalty_window)) recent_.pop_front();
}

void sampler::penalise(std::vector<double>& scores) const {
  std::map<std::int32_t, int> counts;
  for (const auto id : recent_) ++counts[id];
  for (const auto& [id, n] : counts) {
    if (id < 0 || static_cast<std::size_t>(id) >= scores.size()) continue;
    auto& s = scores[static_cast<std::size_t>(id)];
    s = s > 0 ? s / config_.repetition_penalty : s * config_.repetition_penalty;
    s -= config_.presence_penalty + n * config_.frequency_penalty;
  }
}

double sampler::uniform() {
  std::uint64_t z = config_.seed + (++drawn_) * 0x9e3779b97f4a7c15u;  // SplitMix64
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return static_cast<double>((z ^ z >> 31) >> 11) * 0x1p-53;
}

namespace {

/// What may come next, of scores that penalties have changed already.
std::vector<candidate> candidates(std::span<const double> scores, const token_mask* mask) {
  std::vector<candidate> left;
  left.reserve(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const auto id = static_cast<std::int32_t>(i);
    if (std::isnan(scores[i]) || scores[i] == never) continue;
    if (mask != nullptr && (i >= mask->size() || !mask->allows(id))) continue;
    left.push_back({id, scores[i]});
  }
  return left;
}

/// One of the candidates by `u` in [0, 1). They are taken best first and only as far as that is needed:
/// sorting a whole vocabulary takes longer than a small model's token.
std::int32_t draw_one(std::vector<candidate>& left, const sampling_config& c, double u) {
  if (c.top_k > 0 && static_cast<std::size_t>(c.top_k) < left.size()) {
    const auto end = left.begin() + c.top_k;
    std::nth_element(left.begin(), end - 1, left.end(), better);
    left.erase(end, left.end());
  }
  const auto worse = [](const candidate& a, const candidate& b) { return better(b, a); };
  std::make_heap(left.begin(), left.end(), worse);
  const double greatest = left.front().score;
  const auto weight = [&](const candidate& x) {
    return std::exp((x.score - greatest) / c.temperature);
  };
  double all = 0, enough = 0;  // of all; of those that min-p leaves
  for (const auto& x : left) {
    const double w = weight(x);
    all += w;
    if (w >= c.min_p) enough += w;
  }
  std::vector<candidate> kept;
  double sum = 0;
  const auto take = [&] {
    std::pop_heap(left.begin(), left.end(), worse);
    kept.push_back(left.back());
    left.pop_back();
    return weight(kept.back());
  };
  if (c.top_p >= 1) {
    while (!left.empty() && (sum += take()) <= u * enough) {
      if (!left.empty() && weight(left.front()) < c.min_p) break;
    }
    return kept.back().id;
  }
  std::vector<double> weights;
  while (!left.empty() &&
         (kept.empty() || (sum < c.top_p * all && weight(left.front()) >= c.min_p)))
    weights.push_back(take()), sum += weights.back();
  double at = u * sum;
  std::size_t chosen = 0;
  while (chosen + 1 < kept.size() && at >= weights[chosen]) at -= weights[chosen++];
  return kept[chosen].id;
}

}  // namespace

result<sampled> sampler::draw(std::span<const float> scores, const token_mask* mask) {
  std::vector<double> changed(scores.begin(), scores.end());
  penalise(changed);
  auto left = candidates(changed, mask);
  if (left.empty()) return fail("sampling.nothing_left", "no token may come next");
  const double u = uniform();  // one a token, also where nothing is random
  sampled s;
  s.id = config_.temperature == 0 ? std::min_element(left.begin(), left.end(), better)->id
                                  : draw_one(left, config_, u);
  if (config_.logprobs >= 0) {
    s.logprob = logprob_of(scores, s.id);
    if (config_.logprobs > 0) s.top = top_logprobs(scores, config_.logprobs);
  }
  remember({&s.id, 1});
  return s;
}

stop_watch::stop_watch(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase(stops_, "");
}

std::string stop_watch::push(std::string_view text) {
  if (stopped()) return {};
  held_ += text;
  auto first = std::string::npos;
  for (const auto& stop : stops_) {
    const auto at = held_.find(stop);
    if (at < first || (at == first && at != std::string::npos && stop.size() > which_.size())) {
      first = at;
      which_ = stop;
    }
  }
  if (first != std::string::npos) {
    auto before = held_.substr(0, first);
    held_.clear();
    return before;
  }
  // The longest end of the text that begins a stop sequence waits.
  std::size_t wait = 0;
  for (const auto& stop : stops_)
    for (std::size_t n = std::min(stop.size() - 1, held_.size()); n > wait; --n)
      if (held_.ends_with(std::string_view(stop).substr(0, n))) wait = n;
  auto out = held_.substr(0, held_.size() - wait);
  held_.erase(0, out.size());
  return out;
}

std::string stop_watch::finish() {
  std::string rest;
  rest.swap(held_);
  return rest;
}

}  // namespace hocket::language
