#include "tools/duplex/statistics.hpp"

#include <algorithm>
#include <cmath>

#include "tools/scenarios/random.hpp"

namespace hocket::duplex {

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

double quantile_of(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const double at = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const auto above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

estimate bootstrap(const std::vector<std::vector<double>>& groups, const statistic& of) {
  constexpr int draws = 1000;
  estimate out;
  for (const auto& g : groups) out.n += static_cast<std::int64_t>(g.size());
  out.value = of(groups);
  scenarios::random_stream rng(20260511);
  std::vector<double> found;
  auto drawn = groups;
  for (int d = 0; d < draws; ++d) {
    for (std::size_t g = 0; g < groups.size(); ++g)
      for (double& v : drawn[g]) v = rng.pick(groups[g]);
    found.push_back(of(drawn));
  }
  out.low = quantile_of(found, 0.025);
  out.high = quantile_of(found, 0.975);
  return out;
}

}  // namespace hocket::duplex
