#include "tests/fault/own_process/rogue.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iterator>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

namespace hocket::rogue {
namespace {

volatile int zero = 0;

int deep(int n) {
  volatile char room[4096] = {};
  room[0] = static_cast<char>(n);
  return n < 0 ? room[0] : deep(n + 1) + room[0];
}

void throws() { throw std::runtime_error("no way out"); }
void (*volatile thrower)() = throws;
void no_way_out() noexcept { thrower(); }

void hold_for_ever() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

void refused_or_fail(bool reached, const char* what) {
  if (reached) throw std::runtime_error(fmt::format("REACHED {}", what));
  throw std::runtime_error(fmt::format("refused: {}", what));
}

packet words(const char* s) { return make_packet(timestamp(0), text{.value = s, .role = "user"}); }

}  // namespace

const std::vector<way>& ways() {
  static const std::vector<way> all = [] {
    std::vector<way> some = ways_of_acts();
    std::ranges::move(ways_of_frames(), std::back_inserter(some));
    return some;
  }();
  return all;
}

std::vector<way> ways_of_acts() {
  return {
      {"null_write", [](auto&, auto*) { *reinterpret_cast<volatile int*>(zero) = 1; }},
      {"null_call", [](auto&, auto*) { reinterpret_cast<void (*)()>(std::uintptr_t(zero))(); }},
      {"wild_read",
       [](auto&, auto*) { zero = *reinterpret_cast<volatile int*>(0x7fff'0000'0000 + zero); }},
      {"constant_write", [](auto&, auto*) { *const_cast<char*>("constant") = 'x'; }},
      {"abort", [](auto&, auto*) { std::abort(); }},
      {"terminate", [](auto&, auto*) { std::terminate(); }},
      {"throw_in_noexcept", [](auto&, auto*) { no_way_out(); }},
      {"trap", [](auto&, auto*) { ::raise(SIGTRAP); }},
      {"illegal", [](auto&, auto*) { ::raise(SIGILL); }},
      {"division", [](auto&, auto*) { ::raise(SIGFPE); }},
      {"bus", [](auto&, auto*) { ::raise(SIGBUS); }},
      {"segv_raised", [](auto&, auto*) { ::raise(SIGSEGV); }},
      {"kill_self", [](auto&, auto*) { ::kill(::getpid(), SIGKILL); }},
      {"term_self", [](auto&, auto*) { ::kill(::getpid(), SIGTERM); }},
      {"stop_self", [](auto&, auto*) { ::kill(::getpid(), SIGSTOP); }},
      {"kill_all",
       [](auto&, auto*) {
         ::kill(-1, SIGKILL);
         hold_for_ever();
       }},
      {"kill_parent",
       [](auto&, auto*) {
         ::kill(::getppid(), SIGKILL);
         hold_for_ever();
       }},
      {"exit_0", [](auto&, auto*) { std::exit(0); }},
      {"exit_3", [](auto&, auto*) { ::_exit(3); }},
      {"quick_exit", [](auto&, auto*) { std::quick_exit(7); }},
      {"exit_in_thread",
       [](auto&, auto*) {
         std::thread([] { ::_exit(9); }).detach();
         hold_for_ever();
       }},
      {"crash_in_thread",
       [](auto&, auto*) {
         std::thread([] { *reinterpret_cast<volatile int*>(zero) = 1; }).detach();
         hold_for_ever();
       }},
      {"throw_in_thread",
       [](auto&, auto*) {
         std::thread([] { throw std::runtime_error("in a thread"); }).detach();
         hold_for_ever();
       }},
      {"stack_overflow", [](auto&, auto*) { zero = deep(1); }},
      {"double_free",
       [](auto&, auto*) {
         void* volatile p = std::malloc(64);
         std::free(p);
         std::free(p);
         std::abort();
       }},
      {"bad_free", [](auto&, auto*) { std::free(reinterpret_cast<void*>(0x12345 + zero)); }},
      {"all_memory",
       [](auto&, auto*) {
         std::vector<std::unique_ptr<char[]>> kept;
         for (;;) kept.push_back(std::make_unique<char[]>(1 << 20));
       }},
      {"one_huge_allocation",
       [](auto&, auto*) {
         std::vector<char> v(std::size_t{1} << 40);
         zero = v[0];
       }},
      {"leak_unseen",
       [](auto&, auto*) {
         for (;;) std::memset(std::malloc(1 << 20), 1, 1 << 20);
       }},
      {"endless_loop",
       [](auto&, auto*) {
         for (;;) zero = 0;
       }},
      {"always_at_work",
       [](auto& c, auto*) {
         c.log("at work for ever");
         for (;; std::this_thread::sleep_for(std::chrono::milliseconds(10))) c.still_at_work();
       }},
      {"endless_sleep", [](auto&, auto*) { hold_for_ever(); }},
      {"deadlock",
       [](auto&, auto*) {
         pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
         pthread_mutex_lock(&m);
         pthread_mutex_lock(&m);
       }},
      {"throw_error", [](auto&, auto*) { throw std::runtime_error("as it should be said"); }},
      {"throw_int", [](auto&, auto*) { throw 42; }},
      {"throw_long",
       [](auto&, auto*) { throw std::runtime_error(std::string(1 << 20, 'x') + "\n\x1b[2J"); }},
      {"print_garbage",
       [](auto&, auto*) {
         for (int i = 0; i < 1000; ++i) std::printf("garbage %d\n", i);
         std::fflush(stdout);
       }},
      {"flood_stderr",
       [](auto&, auto*) {
         for (int i = 0; i < 100000; ++i) std::fprintf(stderr, "line %d \x1b[2J\n", i);
         ::_exit(4);
       }},
      {"flood_log",
       [](auto& c, auto*) {
         for (int i = 0; i < 5000; ++i) c.log(std::string(2000, 'l'));
         ::_exit(4);
       }},
      {"flood_counters",
       [](auto& c, auto*) {
         for (int i = 0; i < 5000; ++i) c.count(fmt::format("counter_{}", i), 1);
         ::_exit(4);
       }},
      {"close_all",
       [](auto&, auto*) {
         for (int fd = 0; fd < 256; ++fd) ::close(fd);
         hold_for_ever();
       }},
      {"bad_port",
       [](auto&, auto* out) {
         if (out) out->emit(77, words("x"));
         ::_exit(4);
       }},
      {"no_payload",
       [](auto&, auto* out) {
         if (out) out->emit(0, packet{});
         ::_exit(4);
       }},
      {"other_kind",
       [](auto&, auto* out) {
         if (out) out->emit(0, make_packet(timestamp(0), video_frame{}));
         ::_exit(4);
       }},
      {"not_utf8",
       [](auto&, auto* out) {
         if (out) out->emit(0, words("\xff\xfe"));
         ::_exit(4);
       }},
      {"more_hops_than_there_are",
       [](auto&, auto* out) {
         auto p = words("t");
         p.header.way.count = 255;
         if (out) out->emit(0, std::move(p));
         ::_exit(4);
       }},
      {"time_backwards",
       [](auto&, auto* out) {
         for (int i = 10; out && i > 0; --i)
           out->emit(0, make_packet(timestamp::of_ms(i), text{.value = "t", .role = "user"}));
         ::_exit(4);
       }},
      {"flood_packets",
       [](auto&, auto* out) {
         for (int i = 0; out && i < 20000; ++i) out->emit(0, words("again"));
         ::_exit(4);
       }},
      {"packets_without_end",
       [](auto&, auto* out) {
         for (;;)
           if (out) out->emit(0, words("and on"));
       }},
      {"many_interrupts",
       [](auto&, auto* out) {
         for (int i = 0; out && i < 200; ++i) out->interrupt();
         ::_exit(4);
       }},
      {"text_above_all_limits",
       [](auto&, auto* out) {
         if (out) out->emit(0, words(std::string(16 << 20, 'x').c_str()));
         ::_exit(4);
       }},
      {"signals_ignored",
       [](auto&, auto*) {
         sigset_t all;
         ::sigfillset(&all);
         ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
         for (int s = 1; s < NSIG; ++s) ::signal(s, SIG_IGN);
         hold_for_ever();
       }},
      {"alarm",
       [](auto&, auto*) {
         ::alarm(1);
         hold_for_ever();
       }},
      {"other_surroundings",
       [](auto&, auto*) {
         const rlimit none{0, 0};
         (void)!::chdir("/");
         ::umask(0777);
         ::setsid();
         ::setrlimit(RLIMIT_NOFILE, &none);
         ::setrlimit(RLIMIT_FSIZE, &none);
         for (const int s : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) ::signal(s, SIG_IGN);
         ::clearenv();
       }},
      {"child_that_lives_on",
       [](auto&, auto*) {
         if (::fork() == 0) {
           ::setsid();
           hold_for_ever();
         }
       }},
      {"many_threads",
       [](auto&, auto*) {
         for (;;) std::thread(hold_for_ever).detach();
       }},
      {"many_files",
       [](auto&, auto*) {
         while (::open("/dev/null", O_RDONLY) >= 0) {
         }
         throw std::runtime_error("no more descriptors");
       }},
      {"fork_and_die",
       [](auto&, auto*) {
         if (::fork() == 0) hold_for_ever();
         ::_exit(5);
       }},
      {"processor_time",
       [](auto&, auto*) {
         for (;;) zero = 0;
       }},
      {"file_of_others",
       [](auto&, auto*) { refused_or_fail(::open("/etc/shadow", O_RDONLY) >= 0, "/etc/shadow"); }},
      {"file_of_ours",
       [](auto&, auto*) {
         refused_or_fail(::open("/root", O_RDONLY | O_DIRECTORY) >= 0 ||
                             ::open("/home", O_RDONLY | O_DIRECTORY) >= 0,
                         "a home");
       }},
      {"new_file",
       [](auto&, auto*) {
         refused_or_fail(::open("/dev/shm/hocket-rogue", O_WRONLY | O_CREAT, 0600) >= 0, "/tmp");
       }},
      {"network",
       [](auto&, auto*) { refused_or_fail(::socket(AF_INET, SOCK_STREAM, 0) >= 0, "a socket"); }},
      {"local_socket",
       [](auto&, auto*) { refused_or_fail(::socket(AF_UNIX, SOCK_STREAM, 0) >= 0, "a socket"); }},
      {"debug_others",
       [](auto&, auto*) {
         refused_or_fail(::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr) == 0, "ptrace");
       }},
      {"another_program",
       [](auto&, auto*) {
         ::execl("/bin/false", "false", nullptr);
         throw std::runtime_error("refused: exec");
       }},
      {"more_rights",
       [](auto&, auto*) {
         const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
         refused_or_fail(::setrlimit(RLIMIT_DATA, &all) == 0 || ::setuid(0) == 0, "more rights");
       }},
  };
}

}  // namespace hocket::rogue
