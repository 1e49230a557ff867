// What the measurements of prices share: a median time, and libtorch on one thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#include <ATen/Parallel.h>

namespace hocket::engine {

/// libtorch on one thread while it lives, as our kernels are without helpers.
struct one_thread {
  one_thread() { at::set_num_threads(1); }
  ~one_thread() { at::set_num_threads(before); }
  one_thread(const one_thread&) = delete;
  one_thread& operator=(const one_thread&) = delete;
  const int before = at::get_num_threads();
};

/// The median of so many runs.
inline double microseconds(int times, const std::function<void()>& of) {
  using clock = std::chrono::steady_clock;
  std::vector<double> took;
  for (int i = 0; i < times; ++i) {
    const auto began = clock::now();
    of();
    took.push_back(std::chrono::duration<double, std::micro>(clock::now() - began).count());
  }
  const auto middle = took.begin() + times / 2;
  std::nth_element(took.begin(), middle, took.end());
  return *middle;
}

}  // namespace hocket::engine
