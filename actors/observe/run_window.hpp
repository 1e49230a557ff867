#pragma once

#include <mutex>
#include <optional>

#include "actors/host/runtime.hpp"

namespace hocket::observe {

/// How others look at a run that begins and ends meanwhile.
///
/// Threads: any. Who owns the runtime closes the window before the runtime goes.
class run_window {
 public:
  enum class stage : std::uint8_t { opening, running, stopping, over };

  void open(const host::runtime& run) {
    std::lock_guard lock(mutex_);
    run_ = &run;
    stage_ = stage::running;
  }
  void stopping() {
    std::lock_guard lock(mutex_);
    stage_ = stage::stopping;
  }
  void close() {
    std::lock_guard lock(mutex_);
    run_ = nullptr;
    stage_ = stage::over;
  }
  stage now() const {
    std::lock_guard lock(mutex_);
    return stage_;
  }
  /// Empty while the graph is not open.
  std::optional<host::snapshot> look() const {
    std::lock_guard lock(mutex_);
    if (run_ == nullptr) return std::nullopt;
    return run_->status();
  }

 private:
  mutable std::mutex mutex_;
  const host::runtime* run_ = nullptr;
  stage stage_ = stage::opening;
};

}  // namespace hocket::observe
