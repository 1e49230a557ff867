#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "graph/core/result.hpp"

namespace hocket::trust {

/// The kernel's files of control groups; tests have a kernel of their own.
class group_files {
 public:
  virtual ~group_files() = default;
  /// Each false with errno set.
  virtual bool make(const std::string& folder) = 0;
  virtual bool remove(const std::string& folder) = 0;
  virtual bool put(const std::string& file, const std::string& text) = 0;
  virtual bool may_put(const std::string& file) = 0;
  virtual std::string text_of(const std::string& file) = 0;  ///< empty where it cannot be read
  static const std::shared_ptr<group_files>& kernel();
};

/// A control group (version 2) of its own for one sandbox: limits for all of its processes together,
/// also for memory that they share, and an end of them all. It goes with the object.
/// Threads: one at a time.
class control_group {
 public:
  /// Whether this process's group can hold others with limits: asked once, then remembered. Where it
  /// cannot because this process itself is in it (a group has processes or limited groups, not both),
  /// this process moves into a group of its own beneath it, if no other process is there.
  static bool there();
  /// Why there() is false: "the controllers memory and pids are not handed down to …"; else empty.
  static const std::string& why_not();
  /// The same, as far as looking tells: nothing is made, nobody is moved.
  static std::string why_not_as_seen();
  /// Beneath this process's group. Errors: sandbox.failed.
  static result<std::shared_ptr<control_group>> make(std::uint64_t memory_bytes,
                                                     std::uint32_t processes);
  /// The same beneath any folder that `prepare` made ready; for tests.
  static result<std::shared_ptr<control_group>> make_in(
      const std::string& folder, std::uint64_t memory_bytes, std::uint32_t processes,
      std::shared_ptr<group_files> files = group_files::kernel());
  /// Makes a group ready to hold limited ones; `pid`: this process. Errors: sandbox.failed, saying
  /// what is missing; everything is as it was then.
  static result<void> prepare(const std::string& folder, int pid, group_files& files);
  /// What stands in the way of `prepare`, as far as looking tells. Errors: sandbox.failed.
  static result<void> could_prepare(const std::string& folder, int pid, group_files& files);
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
  control_group(std::string path, std::shared_ptr<group_files> files)
      : path_(std::move(path)), files_(std::move(files)) {}
  std::string path_;
  std::shared_ptr<group_files> files_;
};

}  // namespace hocket::trust
