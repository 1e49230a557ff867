// What a process calls when it waits, wakes, hands over or begins, each a little late at times. It is
// preloaded (./jitter), so that names of the C library lead here first.
#include <dlfcn.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>

#include "tests/jitter/chance.hpp"

namespace {

using hocket::jitter::nap;

// Odds and lengths (ms). A wait's end is delayed often, since few threads wait at once; a lock seldom,
// since a process takes thousands a second.
struct chance {
  unsigned one_in;
  double up_to_ms;
};
constexpr chance at_begin{2, 60};         // a thread's first step
constexpr chance at_process{4, 200};      // a process's first step, and its last
constexpr chance at_wake{30, 30};         // poll, condition variables, futexes, semaphores
constexpr chance at_bytes{60, 20};        // a read or write
constexpr chance at_tell{1000, 10};       // what wakes others
constexpr chance at_lock{2000, 15};       // before a lock, after its release
constexpr chance at_held{10000, 8};       // while it is held
constexpr chance at_names{20, 30};        // a file gets its name, loses it, is on disk
constexpr unsigned spurious_one_in = 50;  // wakeups of a condition variable that POSIX allows
constexpr unsigned piece_one_in = 20;     // of a stream, less than there is is read

void nap_at(chance c) { nap(c.one_in, c.up_to_ms); }

template <class F>
F next_named(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

struct beginning {
  void* (*body)(void*);
  void* argument;
  std::uint64_t chances;
};

void* begin(void* given) {
  const beginning b = *static_cast<beginning*>(given);
  std::free(given);
  hocket::jitter::begin_thread(b.chances);
  nap_at(at_begin);
  return b.body(b.argument);
}

__attribute__((constructor)) void process_begins() { nap_at(at_process); }
__attribute__((destructor)) void process_ends() { nap_at(at_process); }

// Whether less than there is shall be read of it now.
bool comes_in_pieces(int file, int how) {
  if ((how & ~MSG_DONTWAIT & ~MSG_NOSIGNAL) != 0 || !hocket::jitter::happens(piece_one_in))
    return false;
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(file, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

std::size_t piece_of(std::size_t size) {
  return size < 2 ? size : 1 + hocket::jitter::below(size < 64 ? size : 64);
}

}  // namespace

// NAME as the program calls it: the C library's own under the name `real`.
#define REAL(name) static const auto real = next_named<decltype(&::name)>(#name)

extern "C" {

int pthread_create(pthread_t* thread, const pthread_attr_t* how, void* (*body)(void*),
                   void* argument) {
  REAL(pthread_create);
  auto* b = static_cast<beginning*>(std::malloc(sizeof(beginning)));
  if (!b) return EAGAIN;
  *b = {body, argument, hocket::jitter::of_a_child()};
  const int code = real(thread, how, begin, b);
  if (code != 0)
    std::free(b);
  else
    nap_at(at_begin);  // its maker may be the late one
  return code;
}

int pthread_join(pthread_t thread, void** value) {
  REAL(pthread_join);
  const int code = real(thread, value);
  nap_at(at_wake);
  return code;
}

int pthread_mutex_lock(pthread_mutex_t* mutex) {
  REAL(pthread_mutex_lock);
  nap_at(at_lock);
  const int code = real(mutex);
  nap_at(at_held);
  return code;
}

int pthread_mutex_unlock(pthread_mutex_t* mutex) {
  REAL(pthread_mutex_unlock);
  const int code = real(mutex);
  nap_at(at_lock);
  return code;
}

int pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
  REAL(pthread_rwlock_rdlock);
  nap_at(at_lock);
  return real(lock);
}

int pthread_rwlock_wrlock(pthread_rwlock_t* lock) {
  REAL(pthread_rwlock_wrlock);
  nap_at(at_lock);
  return real(lock);
}

int pthread_rwlock_unlock(pthread_rwlock_t* lock) {
  REAL(pthread_rwlock_unlock);
  const int code = real(lock);
  nap_at(at_lock);
  return code;
}

// What waits releases the mutex; a wakeup for nothing does too.
static bool wakes_for_nothing(pthread_mutex_t* mutex) {
  if (!hocket::jitter::happens(spurious_one_in)) return false;
  pthread_mutex_unlock(mutex);
  nap_at(at_wake);
  pthread_mutex_lock(mutex);
  return true;
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  REAL(pthread_cond_wait);
  if (wakes_for_nothing(mutex)) return 0;
  const int code = real(condition, mutex);
  nap_at(at_wake);
  return code;
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           const timespec* until) {
  REAL(pthread_cond_timedwait);
  if (wakes_for_nothing(mutex)) return 0;
  const int code = real(condition, mutex, until);
  nap_at(at_wake);
  return code;
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* until) {
  REAL(pthread_cond_clockwait);
  if (wakes_for_nothing(mutex)) return 0;
  const int code = real(condition, mutex, clock, until);
  nap_at(at_wake);
  return code;
}

int pthread_cond_signal(pthread_cond_t* condition) {
  REAL(pthread_cond_signal);
  nap_at(at_tell);
  return real(condition);
}

int pthread_cond_broadcast(pthread_cond_t* condition) {
  REAL(pthread_cond_broadcast);
  nap_at(at_tell);
  return real(condition);
}

int sem_wait(sem_t* s) {
  REAL(sem_wait);
  const int code = real(s);
  nap_at(at_wake);
  return code;
}

int sem_post(sem_t* s) {
  REAL(sem_post);
  nap_at(at_tell);
  return real(s);
}

// std::atomic's wait and notify, and locks of libraries that make their own.
long syscall(long number, ...) {
  REAL(syscall);
  std::va_list words;
  va_start(words, number);
  long w[6];
  for (auto& word : w) word = va_arg(words, long);
  va_end(words);
  if (number != SYS_futex) return real(number, w[0], w[1], w[2], w[3], w[4], w[5]);
  const bool waits =
      (w[1] & FUTEX_CMD_MASK) == FUTEX_WAIT || (w[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
  if (!waits) nap_at(at_tell);
  const long code = real(number, w[0], w[1], w[2], w[3], w[4], w[5]);
  if (waits) nap_at(at_wake);
  return code;
}

int poll(pollfd* files, nfds_t count, int wait_ms) {
  REAL(poll);
  const int code = real(files, count, wait_ms);
  nap_at(at_wake);
  return code;
}

int ppoll(pollfd* files, nfds_t count, const timespec* wait, const sigset_t* signals) {
  REAL(ppoll);
  const int code = real(files, count, wait, signals);
  nap_at(at_wake);
  return code;
}

int epoll_wait(int file, epoll_event* events, int count, int wait_ms) {
  REAL(epoll_wait);
  const int code = real(file, events, count, wait_ms);
  nap_at(at_wake);
  return code;
}

int select(int count, fd_set* in, fd_set* out, fd_set* bad, timeval* wait) {
  REAL(select);
  const int code = real(count, in, out, bad, wait);
  nap_at(at_wake);
  return code;
}

ssize_t read(int file, void* bytes, size_t size) {
  REAL(read);
  const auto got = real(file, bytes, size);
  nap_at(at_bytes);
  return got;
}

ssize_t write(int file, const void* bytes, size_t size) {
  REAL(write);
  nap_at(at_bytes);
  return real(file, bytes, size);
}

ssize_t writev(int file, const iovec* pieces, int count) {
  REAL(writev);
  nap_at(at_bytes);
  return real(file, pieces, count);
}

ssize_t recv(int file, void* bytes, size_t size, int how) {
  REAL(recv);
  if (comes_in_pieces(file, how)) size = piece_of(size);
  const auto got = real(file, bytes, size, how);
  nap_at(at_wake);
  return got;
}

ssize_t recvmsg(int file, msghdr* message, int how) {
  REAL(recvmsg);
  iovec first{};
  msghdr shorter = *message;
  if (message->msg_iovlen > 0 && message->msg_control == nullptr && comes_in_pieces(file, how)) {
    first = {message->msg_iov[0].iov_base, piece_of(message->msg_iov[0].iov_len)};
    shorter.msg_iov = &first;
    shorter.msg_iovlen = 1;
  }
  const auto got = real(file, &shorter, how);
  message->msg_namelen = shorter.msg_namelen;
  message->msg_controllen = shorter.msg_controllen;
  message->msg_flags = shorter.msg_flags;
  nap_at(at_wake);
  return got;
}

ssize_t send(int file, const void* bytes, size_t size, int how) {
  REAL(send);
  nap_at(at_bytes);
  return real(file, bytes, size, how);
}

ssize_t sendmsg(int file, const msghdr* message, int how) {
  REAL(sendmsg);
  nap_at(at_bytes);
  return real(file, message, how);
}

int connect(int file, const sockaddr* to, socklen_t size) {
  REAL(connect);
  nap_at(at_bytes);
  const int code = real(file, to, size);
  nap_at(at_wake);
  return code;
}

int listen(int file, int count) {
  REAL(listen);
  nap_at(at_names);
  return real(file, count);
}

int rename(const char* from, const char* to) noexcept {
  REAL(rename);
  nap_at(at_names);
  const int code = real(from, to);
  nap_at(at_names);
  return code;
}

int unlink(const char* path) noexcept {
  REAL(unlink);
  nap_at(at_names);
  const int code = real(path);
  nap_at(at_names);
  return code;
}

int fsync(int file) {
  REAL(fsync);
  nap_at(at_names);
  return real(file);
}

int fclose(FILE* file) {
  REAL(fclose);
  if (__fwritable(file) != 0) nap_at(at_names);  // what it still holds is written late
  return real(file);
}

int kill(pid_t process, int signal) noexcept {
  REAL(kill);
  nap_at(at_names);
  return real(process, signal);
}

pid_t fork() noexcept {
  REAL(fork);
  const pid_t child = real();
  nap_at(at_begin);
  return child;
}

int posix_spawn(pid_t* child, const char* path, const posix_spawn_file_actions_t* files,
                const posix_spawnattr_t* how, char* const words[], char* const variables[]) {
  REAL(posix_spawn);
  const int code = real(child, path, files, how, words, variables);
  nap_at(at_begin);
  return code;
}

pid_t waitpid(pid_t process, int* state, int how) {
  REAL(waitpid);
  const pid_t ended = real(process, state, how);
  nap_at(at_wake);
  return ended;
}

}  // extern "C"
