#include "tests/jitter/chance.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace hocket::jitter {
namespace {

struct thread_chances {
  std::uint64_t state = 0;     // 0: none yet
  std::uint64_t identity = 0;  // what its children's come from
  std::uint64_t children = 0;
  bool slow = false;
  bool inside = false;
  double slept_ms = 0;
  double born_ms = 0;
};

// Initial-exec: such a variable is there before any code of the thread runs, and takes no memory.
__attribute__((tls_model("initial-exec"))) thread_local thread_chances here;

std::uint64_t mixed(std::uint64_t x) {  // splitmix64 (Steele, Lea, Flood 2014)
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

// The words of this process, but for those that differ from run to run: paths and numbers.
std::uint64_t of_words() {
  char words[4096];
  const int file = ::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const auto size = ::syscall(SYS_read, file, words, sizeof words);
  ::syscall(SYS_close, file);
  std::uint64_t all = 0, word = 0;
  bool counts = true;
  for (long i = 0; i < size; ++i) {
    const char c = words[i];
    if (c == '\0') {
      if (counts) all = mixed(all ^ word);
      word = 0;
      counts = true;
    } else {
      word = word * 31 + static_cast<unsigned char>(c);
      counts = counts && c != '/' && (c < '0' || c > '9');
    }
  }
  return all;
}

std::uint64_t seed() {
  static const std::uint64_t all = [] {
    const char* said = std::getenv("JITTER_SEED");
    return mixed((said ? std::strtoull(said, nullptr, 10) : 0) ^ of_words());
  }();
  return all;
}

double strength() {
  static const double all = [] {
    const char* said = std::getenv("JITTER");
    return said ? std::strtod(said, nullptr) : 1.0;
  }();
  return all;
}

std::uint64_t next() {
  if (here.state == 0) begin_thread(seed());  // the first of its process, or none that we saw begin
  auto& x = here.state;                       // xorshift64 (Marsaglia 2003)
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return x >> 11;
}

double now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// A thread that calls us a million times still comes to its end: it naps for a third of its life.
void sleep(double ms) {
  if (here.slept_ms > 60 + (now_ms() - here.born_ms) / 3) return;
  here.slept_ms += ms;
  const auto ns = static_cast<long long>(ms * 1e6);
  const timespec span{static_cast<time_t>(ns / 1'000'000'000),
                      static_cast<long>(ns % 1'000'000'000)};
  ::syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &span, nullptr);
}

}  // namespace

std::uint64_t below(std::uint64_t bound) { return next() % bound; }

bool happens(unsigned one_in) { return next() % one_in == 0; }

void nap(unsigned one_in, double up_to_ms) {
  if (here.inside) return;  // what a nap itself calls
  here.inside = true;
  const int error = errno;
  const auto draw = next();
  if (draw % (here.slow ? one_in / 8 + 1 : one_in) == 0) {
    const double part = static_cast<double>(next() % 1000) / 1000;
    sleep(strength() * up_to_ms * part * part * (next() % 50 == 0 ? 10 : 1));
  }
  errno = error;
  here.inside = false;
}

std::uint64_t of_a_child() {
  if (here.state == 0) begin_thread(seed());
  return mixed(here.identity + ++here.children);
}

void begin_thread(std::uint64_t child) {
  here.identity = child;
  here.children = 0;
  here.slept_ms = 0;
  here.born_ms = now_ms();
  here.state = mixed(child) | 1;
  here.slow = mixed(child + 1) % 5 == 0;
  // Also at places where it calls nothing of ours: where the cores are wanted, others get three times as
  // much, which starves nobody. Never the first one, whose value every other thread and process would
  // inherit.
  const auto id = ::syscall(SYS_gettid);
  if (id != ::getpid())
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(id),
                  ::getpriority(PRIO_PROCESS, static_cast<id_t>(::getpid())) + (here.slow ? 5 : 0));
}

}  // namespace hocket::jitter
