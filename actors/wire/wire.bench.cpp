#include "actors/wire/wire_bench.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include <fmt/format.h>

#include "actors/wire/wire_bench_parts.hpp"
#include "graph/core/assert.hpp"
#include "graph/core/clock.hpp"

extern char** environ;

namespace hocket::wire {

std::string_view to_string(wire_kind k) {
  switch (k) {
    case wire_kind::shm: return "shm";
    case wire_kind::shm_copy: return "shm_copy";
    case wire_kind::tcp: return "tcp";
    case wire_kind::tcp_curve: return "tcp_curve";
    case wire_kind::floor_shm: return "floor_shm";
    case wire_kind::floor_unix: return "floor_unix";
    case wire_kind::floor_tcp: return "floor_tcp";
    case wire_kind::floor_zmq: return "floor_zmq";
    case wire_kind::floor_zmq_curve: return "floor_zmq_curve";
  }
  HOCKET_ASSERT(false);
}

wire_times wire_times::of(std::vector<std::int64_t> ns) {
  wire_times t;
  // The first twentieth warms caches and threads up.
  ns.erase(ns.begin(), ns.begin() + static_cast<std::ptrdiff_t>(ns.size() / 20));
  if (ns.empty()) return t;
  std::sort(ns.begin(), ns.end());
  const auto at = [&](double q) {
    return static_cast<double>(
               ns[static_cast<std::size_t>(q * static_cast<double>(ns.size() - 1))]) /
           1e3;
  };
  t.n = ns.size();
  t.avg_us = std::accumulate(ns.begin(), ns.end(), 0.0) / static_cast<double>(ns.size()) / 1e3;
  t.p50_us = at(.5), t.p90_us = at(.9), t.p99_us = at(.99), t.p999_us = at(.999);
  return t;
}

result<std::unique_ptr<wire_pair>> wire_pair::start(wire_kind k) {
  return k <= wire_kind::tcp_curve ? bench::start_nodes(k) : bench::start_floor(k);
}

namespace {
constexpr auto busy_part = "busy core";
}  // namespace

result<std::unique_ptr<busy_core>> busy_core::start() {
  const auto child = bench::spawn_end(busy_part);
  if (!child) return fail(child);
  return std::make_unique<busy_core>(*child);
}

busy_core::~busy_core() {
  kill(child_, SIGKILL);
  bench::wait_for(child_);
}

int serve_wire_end(const std::string& part) {
  if (part == busy_part) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (volatile std::uint64_t n = 0;;) n = n + 1;
  }
  const auto space = part.find(' ');
  if (space == std::string::npos) return 2;
  for (int i = 0; i < wire_kind_count; ++i) {
    const auto k = static_cast<wire_kind>(i);
    if (part.substr(0, space) != to_string(k)) continue;
    const auto where = part.substr(space + 1);
    return k <= wire_kind::tcp_curve ? bench::serve_node(k, where) : bench::serve_floor(k, where);
  }
  return 2;
}

namespace bench {

std::int64_t cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

void notes::take(order o, std::int64_t sent_ns) {
  switch (o) {
    case order::time: ns_.push_back(monotonic_ns() - sent_ns); break;
    case order::count: ++count_; break;
    case order::reset:
      ns_.clear();
      ns_.reserve(100'000);
      count_ = 0;
      cpu_ns_ = cpu_ns();
      break;
    case order::echo:
    case order::report: break;
  }
}

report notes::close() { return {wire_times::of(std::move(ns_)), count_, cpu_ns() - cpu_ns_}; }

result<pid_t> spawn_end(const std::string& part) {
  const std::string variable = std::string(wire_end_variable) + "=" + part;
  std::vector<char*> environment;
  for (char** e = environ; *e != nullptr; ++e) environment.push_back(*e);
  environment.push_back(const_cast<char*>(variable.c_str()));
  environment.push_back(nullptr);
  char name[] = "hocket", command[] = "bench", what[] = "wire";
  char* arguments[] = {name, command, what, nullptr};
  pid_t child = 0;
  if (const int why =
          posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments, environment.data());
      why != 0)
    return fail("bench.failed",
                fmt::format("cannot start the other process: {}", std::strerror(why)));
  return child;
}

void wait_for(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
}

}  // namespace bench
}  // namespace hocket::wire
