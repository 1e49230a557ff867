#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstring>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "actors/wire/wire_bench.hpp"
#include "graph/core/buffer.hpp"

/// What both kinds of ends of `hocket bench wire` share. Not for others.
namespace hocket::wire::bench {

/// What the far end shall do with a message.
enum class order : std::uint64_t {
  echo,    ///< send it back
  time,    ///< note how long it was under way
  count,   ///< count it
  reset,   ///< forget everything, begin to count
  report,  ///< answer with a report
};

struct report {
  wire_times times;
  std::uint64_t count = 0;
  std::int64_t cpu_ns = 0;
};

/// CPU time of this process so far, all threads.
std::int64_t cpu_ns();

/// The far end's notes.
class notes {
 public:
  void take(order o, std::int64_t sent_ns);
  report close();

 private:
  std::vector<std::int64_t> ns_;
  std::uint64_t count_ = 0;
  std::int64_t cpu_ns_ = 0;
};

/// Contents to send, made before the clock runs and used in turn.
class contents {
 public:
  explicit contents(std::size_t size_bytes) {
    for (int i = 0; i < 4; ++i)
      made_.push_back(
          buffer::take(std::vector<std::uint8_t>(size_bytes, static_cast<std::uint8_t>(i))));
  }
  const buffer& next() { return made_[n_++ % made_.size()]; }

 private:
  std::vector<buffer> made_;
  std::size_t n_ = 0;
};

/// Calls `send` once a millisecond, each ten for large packets (no way here carries 4 GB/s);
/// returns how often.
template <class Send>
std::uint64_t pace(double seconds, std::size_t size_bytes, Send send) {
  const auto interval = std::chrono::milliseconds(size_bytes > 65536 ? 10 : 1);
  auto next = std::chrono::steady_clock::now();
  const auto until = next + std::chrono::duration<double>(seconds);
  std::uint64_t n = 0;
  while (next < until) {
    next += interval;
    std::this_thread::sleep_until(next);
    send();
    ++n;
  }
  return n;
}

/// Starts this program again with a part to play; it inherits open descriptors.
result<pid_t> spawn_end(const std::string& part);
void wait_for(pid_t child);

result<std::unique_ptr<wire_pair>> start_floor(wire_kind k);
int serve_floor(wire_kind k, const std::string& where);
result<std::unique_ptr<wire_pair>> start_nodes(wire_kind k);
int serve_node(wire_kind k, const std::string& where);

}  // namespace hocket::wire::bench
