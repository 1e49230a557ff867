#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "actors/process/channel.hpp"
#include "actors/process/pipes.hpp"
#include "graph/core/result.hpp"
#include "graph/trust/sandbox/sandbox.hpp"

namespace hocket::process {

/// What a child says beside its answers; called on a thread of its own, which ends with the child.
struct child_events {
  std::function<void(std::string_view line)> log = [](std::string_view) {};
  std::function<void(std::string_view counter, std::int64_t add)> count = [](std::string_view,
                                                                             std::int64_t) {};
  std::function<void()> wake = [] {};
  std::function<void()> at_work = [] {};
  std::function<void(std::uint32_t version, std::uint32_t count)> holds = [](std::uint32_t,
                                                                             std::uint32_t) {};
  std::function<void()> closed = [] {};  ///< nothing more will come
  std::function<void(std::string_view text)> progress = [](std::string_view) {};
};

struct child_start {
  std::string title;  ///< "ears (audio.dmel)"; begins what is said about its death
  trust::sandbox_command command;
  trust::sandbox_rules rules;
  child_events events;
};

/// A process of ours that works on calls: confined by the kernel, and nothing that it does ends this
/// one. Threads: one at a time, but for still_at_work().
class child {
 public:
  /// Errors: process.cannot_start (with what the sandbox says).
  static result<std::unique_ptr<child>> start(child_start how);
  /// Kills it, and waits for what it said.
  ~child();
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  channel& packets() { return *packets_; }
  const std::vector<trust::sandbox_gap>& gaps() const { return process_.gaps(); }
  int pid() const { return process_.pid(); }

  /// Sends `bytes`, the frames of one call of the kind `what`, and hands each frame that comes to
  /// `on` until the answer does: that is returned. `limit_ms` 0: no limit.
  ///
  /// Errors: what the component failed with; process.died, process.hung, process.malformed: the
  /// process is gone then, and each later call fails alike.
  result<frame_head> call(say what, std::string_view bytes, std::int64_t limit_ms,
                          const std::function<result<void>(const frame&)>& on);
  /// What `done` came with besides numbers: of `describe` and `call`.
  const std::string& answer() const { return answer_; }
  /// The limit of the call that is under way counts from here again.
  void still_at_work();
  /// Its input ends; it is killed after `wait_ms`. What it said has been told then.
  void end(int wait_ms);

 private:
  child(trust::sandboxed process, trust::sandbox_rules rules)
      : rules_(std::move(rules)), process_(std::move(process)) {}
  void listen();
  bool take_events(frame_reader& events);
  bool refuse_events(std::string_view why);
  bool take_words(std::string& line);
  void told_line(const std::string& line);
  tl::unexpected<error> gone(say what, pipe_end how);

  std::string title_;
  trust::sandbox_rules rules_;
  child_events events_;
  trust::sandboxed process_;
  std::unique_ptr<channel> packets_;
  std::unique_ptr<frame_reader> replies_;
  int events_fd_ = -1;
  std::thread listener_;
  std::uint64_t lines_ = 0;  ///< of its standard error; the listener's
  std::atomic<std::int64_t> began_ns_{0};
  std::atomic<bool> over_{false};  ///< nothing more will come of it
  std::string answer_;
  std::int64_t limit_ms_ = 0;  ///< of the call that is under way
  error dead_;
  std::mutex mutex_;
  std::string words_;          ///< the last line of its standard error
  std::string why_malformed_;  ///< what it said beside its answers; "": nothing was wrong with it
};

/// "signal 11 (Segmentation fault)" or "exit code 3", from what sandboxed::wait says.
std::string how_it_ended(int code, const trust::sandbox_rules& rules);

}  // namespace hocket::process
