// Means, quantiles and their bootstrap intervals.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace hocket::duplex {

struct estimate {
  double value = 0, low = 0, high = 0;
  std::int64_t n = 0;
};

double mean_of(std::span<const double> values);
/// The q-quantile (0 to 1), linear between neighbours. 0 where there are none.
double quantile_of(std::vector<double> values, double q);

using statistic = std::function<double(std::span<const std::vector<double>>)>;

/// A statistic of several groups with its 95 % percentile bootstrap (1000 draws, each group drawn
/// from itself), n over all. The same groups give the same interval. A group may not be empty.
estimate bootstrap(const std::vector<std::vector<double>>& groups, const statistic& of);

}  // namespace hocket::duplex
