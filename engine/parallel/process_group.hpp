// Processes that compute one pass of a model together. No torch.
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>

namespace hocket::engine {

/// Thrown where a process of the group died, left, was silent for too long or is at another exchange.
struct process_lost : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The processes of a model: each has a part of its weights and computes what they give, and after each
/// product all have all of it. All make the same calls in the same order.
/// *Threads*: one at a time in each process.
class process_group {
 public:
  virtual ~process_group() = default;
  virtual int rank() const = 0;  ///< which one this is, from 0
  virtual int size() const = 0;  ///< how many there are

  /// Gives each process the numbers of all, those of process 0 first: `counts[r]` come from process r,
  /// `mine` has this one's. *Errors*: throws process_lost; the group is of no use afterwards.
  virtual void all_gather(std::span<const float> mine, std::span<const std::size_t> counts,
                          std::span<float> all) = 0;
};

}  // namespace hocket::engine
