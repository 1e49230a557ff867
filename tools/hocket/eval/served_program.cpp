#include "tools/hocket/eval/served_program.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include <fmt/format.h>

#include "graph/trust/files.hpp"

namespace hocket::cli {

using namespace std::chrono_literals;

std::string text_of_file(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return std::move(out).str();
}

result<std::unique_ptr<served_program>> served_program::start(std::vector<std::string> words,
                                                              const std::string& log) {
  const auto kept = trust::create_file(log);
  if (!kept) return fail(kept);
  words.insert(words.begin(), "hocket");
  std::vector<char*> arguments;
  for (auto& w : words) arguments.push_back(w.data());
  arguments.push_back(nullptr);
  auto out = std::make_unique<served_program>();
  out->log_ = log;
  out->pid_ = fork();
  if (out->pid_ < 0) return fail("bench.no_server", "no process can be started");
  if (out->pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(kept->fd(), 1);
    dup2(kept->fd(), 2);
    execv("/proc/self/exe", arguments.data());
    _exit(127);
  }
  return out;
}

served_program::~served_program() {
  if (pid_ <= 0 || !is_alive()) return;
  kill(pid_, SIGTERM);
  for (int i = 0; i < 200 && is_alive(); ++i) std::this_thread::sleep_for(50ms);
  if (!is_alive()) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool served_program::is_alive() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }

std::string served_program::said() const { return text_of_file(log_); }

double served_program::rss_mib() const {
  std::istringstream in(text_of_file(fmt::format("/proc/{}/statm", pid_)));
  double all = 0, resident = 0;
  in >> all >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

double served_program::threads() const {
  const auto text = text_of_file(fmt::format("/proc/{}/status", pid_));
  const auto at = text.find("Threads:");
  return at == text.npos ? 0 : std::atof(text.c_str() + at + 8);
}

double served_program::cpu_seconds() const {
  const auto text = text_of_file(fmt::format("/proc/{}/stat", pid_));
  std::istringstream in(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string skipped;
  for (int i = 0; i < 11; ++i) in >> skipped;
  double user = 0, system = 0;
  in >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace hocket::cli
