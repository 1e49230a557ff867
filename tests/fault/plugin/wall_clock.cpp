// LD_PRELOAD: the time of day of one process is off by as many nanoseconds as the file that
// HOCKET_WALL_CLOCK names says (8 bytes, read through a mapping, so that it may change at any
// time). The machine's clock and the monotonic one are left alone; waits until a time of day are
// translated, as if the kernel's clock had jumped before they began.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

std::int64_t off_ns() {
  using shared = std::atomic<std::int64_t>;
  static const shared* const where = []() -> const shared* {
    const char* path = std::getenv("HOCKET_WALL_CLOCK");
    const int fd = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return nullptr;
    void* at = mmap(nullptr, sizeof(shared), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    return at == MAP_FAILED ? nullptr : static_cast<const shared*>(at);
  }();
  return where == nullptr ? 0 : where->load(std::memory_order_relaxed);
}

timespec moved(const timespec& t, std::int64_t by_ns) {
  auto ns = t.tv_nsec + by_ns % second_ns;
  auto s = t.tv_sec + by_ns / second_ns;
  if (ns < 0) ns += second_ns, --s;
  if (ns >= second_ns) ns -= second_ns, ++s;
  return {s, ns};
}

template <class F>
F* next(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t which, timespec* out) noexcept {
  static auto* const real = next<int(clockid_t, timespec*)>("clock_gettime");
  const int rc = real(which, out);
  if (rc == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
    *out = moved(*out, off_ns());
  return rc;
}

int gettimeofday(timeval* out, void*) noexcept {
  timespec now{};
  const int rc = clock_gettime(CLOCK_REALTIME, &now);
  if (rc == 0) *out = {now.tv_sec, now.tv_nsec / 1000};
  return rc;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}

// The library's condition variables wait by the monotonic clock where they were asked for one
// (pthread_cond_clockwait); this call is the other one.
int pthread_cond_timedwait(pthread_cond_t* what, pthread_mutex_t* lock, const timespec* until) {
  static auto* const real =
      next<int(pthread_cond_t*, pthread_mutex_t*, const timespec*)>("pthread_cond_timedwait");
  // Only a time of day lies this far ahead; who set CLOCK_MONOTONIC on it counts from the boot.
  constexpr time_t year_2001 = 1'000'000'000;
  if (until->tv_sec < year_2001) return real(what, lock, until);
  const auto there = moved(*until, -off_ns());
  return real(what, lock, &there);
}

}  // extern "C"
