// Differences of tests that no NaN passes.
#pragma once

#include <cmath>

namespace hocket::testing {

/// The larger one; a NaN, which std::max may lose, is larger than any number.
inline double larger(double a, double b) { return std::isnan(a) || a > b ? a : b; }

}  // namespace hocket::testing
