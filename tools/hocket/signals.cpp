#include "tools/hocket/signals.hpp"

#include <time.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>

#include "tools/hocket/commands.hpp"

namespace hocket::cli {
namespace {

constexpr std::int64_t once_ns = 500'000'000;

volatile std::sig_atomic_t came = 0;
std::int64_t came_ns = 0;  // written by the first signal alone

std::int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

void on_signal(int signal) {
  if (came == 0) {
    came_ns = now_ns();
    came = signal;
    return;
  }
  const bool insists = signal == SIGINT || signal == SIGTERM || signal == SIGQUIT;
  if (!insists || now_ns() - came_ns < once_ns) return;
  constexpr char words[] = "\nstopped at once\n";
  [[maybe_unused]] const auto n = write(STDERR_FILENO, words, sizeof words - 1);
  _exit(exit_failed);
}

}  // namespace

void end_in_order_on_signals() {
  struct sigaction how {};
  how.sa_handler = on_signal;
  how.sa_flags = SA_RESTART;
  // One at a time: the first is noted whole before a second is looked at.
  sigfillset(&how.sa_mask);
  const auto take = [&](int s, bool also_where_ignored) {
    struct sigaction before {};
    const bool ignored = sigaction(s, nullptr, &before) == 0 && before.sa_handler == SIG_IGN;
    if (!ignored || also_where_ignored) sigaction(s, &how, nullptr);
  };
  for (const int s : {SIGINT, SIGTERM, SIGQUIT, SIGXCPU, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM,
                      SIGPROF, SIGIO, SIGPWR, SIGSTKFLT})
    take(s, true);
  take(SIGHUP, false);  // nohup
  // Containers are told to stop by one of these (systemd: SIGRTMIN+3), and each would kill.
  for (int s = SIGRTMIN; s <= SIGRTMAX; ++s) take(s, false);
}

int signal_that_came() { return came; }

const char* name_of_signal(int signal) {
  switch (signal) {
    case SIGINT: return "SIGINT (Ctrl-C)";
    case SIGTERM: return "SIGTERM";
    case SIGHUP: return "SIGHUP (the terminal is gone)";
    case SIGQUIT: return "SIGQUIT";
    case SIGXCPU: return "SIGXCPU (the limit on CPU time)";
    case SIGPWR: return "SIGPWR (the power is going)";
    default: return signal >= SIGRTMIN ? "a real-time signal" : "a signal";
  }
}

}  // namespace hocket::cli
