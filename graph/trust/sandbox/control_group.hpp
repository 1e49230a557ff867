#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "graph/core/result.hpp"

namespace hocket::trust {

/// A control group (version 2) of its own for one sandbox: limits for all of its processes together,
/// and an end of them all. It goes with the object. Threads: one at a time.
class control_group {
 public:
  /// Whether this process's group can hold others with limits: asked once, then remembered.
  static bool there();
  /// Beneath this process's group. Errors: sandbox.failed.
  static result<std::shared_ptr<control_group>> make(std::uint64_t memory_bytes,
                                                     std::uint32_t processes);
  /// The same beneath any folder of such groups; for tests.
  static result<std::shared_ptr<control_group>> make_in(const std::string& folder,
                                                        std::uint64_t memory_bytes,
                                                        std::uint32_t processes);
  /// The folder of a group in which sandboxes can be limited, from what /proc/self/cgroup and
  /// /proc/self/mountinfo say; empty where there is none (version 1 alone, or nothing mounted).
  static std::string folder_of(const std::string& cgroup, const std::string& mounts);

  ~control_group();
  control_group(const control_group&) = delete;
  control_group& operator=(const control_group&) = delete;

  result<void> take_in(int pid) const;
  void kill() const;
  const std::string& path() const { return path_; }

 private:
  explicit control_group(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace hocket::trust
