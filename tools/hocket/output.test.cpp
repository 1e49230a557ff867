#include "tools/hocket/output.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <functional>
#include <string>

#include "tests/support/tries.hpp"
#include "tools/hocket/signals.hpp"

using namespace hocket::cli;

namespace {

/// What `body` returns in a process of its own whose standard output is `out`; -1 where it was killed.
int in_child(int out, const std::function<int()>& body) {
  std::fflush(stdout);
  const auto child = fork();
  if (child == 0) {
    dup2(out, STDOUT_FILENO);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void print_much(int lines) {
  for (int i = 0; i < lines; ++i) std::fprintf(stdout, "line %d of many\n", i);
  std::fflush(stdout);
}

}  // namespace

TEST_CASE("output: a pipe whose reader is gone kills nobody, and is noticed") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  close(ends[0]);
  CHECK(in_child(ends[1], [] {
          keep_output();
          if (!output_abandoned()) return 1;  // before anything was written
          print_much(10'000);
          return output_trouble() == EPIPE && output_abandoned() ? 0 : 2;
        }) == 0);
  close(ends[1]);
}

TEST_CASE("output: a full disk is told once and is no reason to end") {
  const int full = open("/dev/full", O_WRONLY);
  CHECK(in_child(full, [] {
          keep_output();
          print_much(10'000);
          return output_trouble() == ENOSPC && !output_abandoned() ? 0 : 1;
        }) == 0);
  close(full);
}

TEST_CASE("output: a reader that waits holds nobody who gives up; what is asked may print itself") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  CHECK(in_child(ends[1], [] {
          keep_output();
          int asked = 0;
          while_blocked([&asked] {
            print_much(1);
            return ++asked > 2;
          });
          print_much(20'000);
          return asked == 3 && output_trouble() == EAGAIN ? 0 : 1;
        }) == 0);
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("output: all of it arrives where somebody reads") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const auto reader = fork();
  if (reader == 0) {
    close(ends[1]);
    char block[4096];
    std::size_t lines = 0;
    for (ssize_t n = 0; (n = read(ends[0], block, sizeof block)) > 0;)
      for (ssize_t i = 0; i < n; ++i) lines += block[i] == '\n';
    _exit(lines == 20'000 ? 0 : 1);
  }
  close(ends[0]);
  CHECK(in_child(ends[1], [] {
          keep_output();
          print_much(20'000);
          return output_trouble();
        }) == 0);
  close(ends[1]);
  int status = 0;
  waitpid(reader, &status, 0);
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE(
    "signals: each asks for an orderly end, and a closing terminal's second one is no hurry") {
  for (const int first : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGUSR1, SIGUSR2, SIGALRM}) {
    CAPTURE(first);
    const auto once = [first] {
      return in_child(STDOUT_FILENO, [first] {
               end_in_order_on_signals();
               raise(first);
               raise(SIGHUP);
               raise(SIGUSR1);
               raise(first);  // passed on by a wrapper, at once
               return signal_that_came() == first ? 0 : 1;
             }) == 0;
    };
    CHECK(hocket::testing::in_one_of_five(once));
  }
  CHECK(in_child(STDOUT_FILENO, [] {
          end_in_order_on_signals();
          raise(SIGINT);
          usleep(600'000);
          close(STDERR_FILENO);
          raise(SIGINT);
          return 0;  // not reached
        }) == 1);
  CHECK(in_child(STDOUT_FILENO, [] {
          std::signal(SIGHUP, SIG_IGN);  // nohup
          end_in_order_on_signals();
          raise(SIGHUP);
          return signal_that_came();
        }) == 0);
}

TEST_CASE("output: standard streams that are closed get no file of ours") {
  CHECK(in_child(STDOUT_FILENO, [] {
          close(STDOUT_FILENO);
          fill_standard_streams();
          const int next = open("/dev/null", O_RDONLY);
          return next > STDERR_FILENO ? 0 : 1;
        }) == 0);
}
