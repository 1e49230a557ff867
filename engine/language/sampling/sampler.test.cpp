#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include <doctest/doctest.h>

#include "engine/language/sampling/sampler.hpp"

using namespace hocket;
using namespace hocket::language;

namespace {

const std::vector<float> scores = {1.0f, 3.0f, 2.0f, 0.0f, -1.0f};

std::map<std::int32_t, int> draws(const sampling_config& c, int n = 20000) {
  sampler s(c);
  std::map<std::int32_t, int> seen;
  for (int i = 0; i < n; ++i) ++seen[s.draw(scores)->id];
  return seen;
}

sampling_config without_penalties() {
  sampling_config c;
  c.penalty_window = 0;
  c.seed = 7;
  return c;
}

}  // namespace

TEST_CASE("sampler: tokens come as often as their probabilities say") {
  for (const double temperature : {0.5, 1.0, 2.0}) {
    auto c = without_penalties();
    c.temperature = temperature;
    const auto seen = draws(c);
    double sum = 0;
    for (const auto s : scores) sum += std::exp(s / temperature);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const double p = std::exp(scores[i] / temperature) / sum;
      const double got =
          (seen.contains(static_cast<int>(i)) ? seen.at(static_cast<int>(i)) : 0) / 20000.0;
      CHECK(std::abs(got - p) < 5 * std::sqrt(p * (1 - p) / 20000) + 1e-4);
    }
  }
}

TEST_CASE("sampler: top-k, top-p, min-p and temperature 0 keep what they say") {
  auto c = without_penalties();
  c.top_k = 2;
  CHECK(draws(c).size() == 2);
  c.top_k = 0, c.top_p = 0.6;  // token 1 alone has 0.64
  CHECK(draws(c).size() == 1);
  c.top_p = 0.7;
  CHECK(draws(c).size() == 2);
  c.top_p = 1, c.min_p = 0.2;  // 0.37 of the greatest is token 2, 0.14 token 0
  CHECK(draws(c).size() == 2);
  c.min_p = 0, c.temperature = 0;
  const auto greedy = draws(c);
  CHECK((greedy.size() == 1 && greedy.begin()->first == 1));
  const std::vector<float> tied = {2, 5, 5};
  CHECK(sampler(c).draw(tied)->id == 1);
}

TEST_CASE("sampler: a seed gives the same tokens, another others") {
  auto c = without_penalties();
  const auto run = [&] {
    sampler s(c);
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(s.draw(scores)->id);
    return ids;
  };
  const auto first = run();
  CHECK(run() == first);
  c.seed = 8;
  CHECK(run() != first);
}

TEST_CASE("sampler: masks are obeyed, and nothing left is an error") {
  auto c = without_penalties();
  token_mask mask(scores.size());
  CHECK(sampler(c).draw(scores, &mask).error().code == "sampling.nothing_left");
  mask.allow(4);
  for (int i = 0; i < 20; ++i) CHECK(sampler(c).draw(scores, &mask)->id == 4);
  const auto inf = std::numeric_limits<float>::infinity();
  CHECK_FALSE(sampler(c).draw(std::vector<float>{-inf, std::nanf("")}));
  token_mask all(70, true);
  CHECK(all.count() == 70);
  all.forbid(69);
  CHECK_FALSE(all.allows(69));
}

TEST_CASE("sampler: penalties change scores as their formulas say") {
  auto c = without_penalties();
  c.temperature = 0, c.penalty_window = 4;
  c.repetition_penalty = 2;  // 3 becomes 1.5, below 2
  sampler s(c);
  s.remember(std::vector<std::int32_t>{1});
  CHECK(s.draw(scores)->id == 2);
  c.repetition_penalty = 1, c.presence_penalty = 1.5;
  sampler present(c);
  present.remember(std::vector<std::int32_t>{1, 1});
  CHECK(present.draw(scores)->id == 2);
  c.presence_penalty = 0, c.frequency_penalty = 0.6;
  sampler frequent(c);
  frequent.remember(std::vector<std::int32_t>{1});
  CHECK(frequent.draw(scores)->id == 1);
  CHECK(frequent.draw(scores)->id == 2);
}

TEST_CASE("logprobs are those of the model's own scores") {
  auto c = without_penalties();
  c.temperature = 0.3, c.logprobs = 3;
  const auto s = sampler(c).draw(scores);
  double sum = 0;
  for (const auto x : scores) sum += std::exp(x);
  REQUIRE(s->top.size() == 3);
  CHECK(s->top[0].id == 1);
  CHECK(s->top[0].logprob == doctest::Approx(3 - std::log(sum)));
  CHECK(s->top[2].id == 0);
  CHECK(s->logprob == doctest::Approx(scores[static_cast<std::size_t>(s->id)] - std::log(sum)));
}

TEST_CASE("sampling config: each key is held to its range") {
  const auto broken = [](auto change) {
    sampling_config c;
    change(c);
    return !check(c);
  };
  CHECK(check({}));
  CHECK(broken([](auto& c) { c.temperature = -1; }));
  CHECK(broken([](auto& c) { c.temperature = std::nan(""); }));
  CHECK(broken([](auto& c) { c.top_p = 0; }));
  CHECK(broken([](auto& c) { c.top_k = -1; }));
  CHECK(broken([](auto& c) { c.min_p = 2; }));
  CHECK(broken([](auto& c) { c.repetition_penalty = 0; }));
  CHECK(broken([](auto& c) { c.frequency_penalty = 101; }));
}

TEST_CASE("stop_watch: nothing of a stop sequence is ever shown") {
  for (std::size_t step = 1; step < 8; ++step) {
    stop_watch w({"</end>", "END", ""});
    const std::string text = "a < b </en> EN d</end> hidden END";
    std::string shown;
    for (std::size_t i = 0; i < text.size(); i += step) shown += w.push(text.substr(i, step));
    shown += w.finish();
    CHECK(shown == "a < b </en> EN d");
    CHECK(w.which() == "</end>");
  }
  stop_watch none({"stop"});
  CHECK(none.push("sto") == "");
  CHECK(none.finish() == "sto");
  CHECK_FALSE(none.stopped());
}

TEST_CASE("sampler: taking the best first gives what sorting all gives") {
  std::mt19937 random(4);
  for (int round = 0; round < 300; ++round) {
    sampling_config c;
    c.penalty_window = 0;
    c.temperature = 0.2 + 0.1 * (random() % 20);
    c.top_k = random() % 3 == 0 ? 1 + static_cast<int>(random() % 30) : 0;
    c.top_p = random() % 2 == 0 ? 1 : 0.05 + 0.01 * (random() % 95);
    c.min_p = random() % 2 == 0 ? 0 : 0.01 * (random() % 60);
    c.seed = random();
    std::vector<float> some(200);
    for (auto& s : some) s = static_cast<float>(random() % 100) / 10;  // some are alike
    const auto id = sampler(c).draw(some)->id;
    // The same number between 0 and 1: of two tokens alike, the first is kept by less than half.
    std::vector<std::int32_t> order(some.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return some[a] > some[b]; });
    if (c.top_k > 0) order.resize(std::min<std::size_t>(order.size(), c.top_k));
    std::vector<double> p;
    double all = 0, sum = 0;
    for (const auto i : order) all += std::exp((some[i] - some[order[0]]) / c.temperature);
    for (const auto i : order) {
      const double share = std::exp((some[i] - some[order[0]]) / c.temperature) / all;
      if (!p.empty() && (sum >= c.top_p - 1e-12 || share < c.min_p * p[0])) break;
      p.push_back(share), sum += share;
    }
    const auto at =
        std::find(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(p.size()), id);
    CHECK(at != order.begin() + static_cast<std::ptrdiff_t>(p.size()));
    // Where in the sum it lies: the number that the seed gives first.
    std::uint64_t z = c.seed + 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    const double u = static_cast<double>((z ^ z >> 31) >> 11) * 0x1p-53;
    double before = 0;
    for (auto i = order.begin(); i != at; ++i)
      before += p[static_cast<std::size_t>(i - order.begin())];
    CHECK(u * sum >= before - 1e-9);
    CHECK(u * sum <= before + p[static_cast<std::size_t>(at - order.begin())] + 1e-9);
  }
}
