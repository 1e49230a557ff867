#include "graph/trust/sandbox/control_group.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include <fmt/format.h>

namespace hocket::trust {
namespace {

// Files of the kernel: there already, of no size, written in one call.
bool put(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int why = errno;
  ::close(fd);
  errno = why;
  return done;
}

std::string text_of(const char* path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string own_folder() {
  static const auto it =
      control_group::folder_of(text_of("/proc/self/cgroup"), text_of("/proc/self/mountinfo"));
  return it;
}

/// The controllers must be handed down first. A group that holds processes itself cannot (but the
/// root): then they are where whoever made it handed them down already, or nowhere.
void hand_down(const std::string& folder) {
  for (const char* one : {"+memory", "+pids"}) (void)put(folder + "/cgroup.subtree_control", one);
}

}  // namespace

std::string control_group::folder_of(const std::string& cgroup, const std::string& mounts) {
  std::string own, line;
  for (std::istringstream in(cgroup); std::getline(in, line);)
    if (line.starts_with("0::")) own = line.substr(3);
  if (own.empty()) return "";
  // "36 25 0:31 ROOT AT options … - cgroup2 source more"
  for (std::istringstream in(mounts); std::getline(in, line);) {
    const auto type = line.find(" - cgroup2 ");
    if (type == line.npos) continue;
    std::istringstream words(line);
    std::string skip, root, at;
    words >> skip >> skip >> skip >> root >> at;
    if (root != "/" && own.starts_with(root)) own = own.substr(root.size());
    return at + (own == "/" ? "" : own);
  }
  return "";
}

result<std::shared_ptr<control_group>> control_group::make_in(const std::string& folder,
                                                              std::uint64_t memory_bytes,
                                                              std::uint32_t processes) {
  static std::atomic<unsigned> number{0};
  hand_down(folder);
  const auto path = fmt::format("{}/hocket-{}-{}", folder, ::getpid(), number++);
  const auto cannot = [&](const char* what) {
    return fail("sandbox.failed",
                fmt::format("control group: {}: {}: {}", path, what, std::strerror(errno)));
  };
  if (::mkdir(path.c_str(), 0755) != 0) return cannot("to make it");
  std::shared_ptr<control_group> made(new control_group(path));
  if (!put(path + "/memory.max", std::to_string(memory_bytes))) return cannot("memory.max");
  (void)put(path + "/memory.swap.max", "0");  // where swap is counted
  if (!put(path + "/pids.max", std::to_string(processes))) return cannot("pids.max");
  return made;
}

result<std::shared_ptr<control_group>> control_group::make(std::uint64_t memory_bytes,
                                                           std::uint32_t processes) {
  if (own_folder().empty()) return fail("sandbox.failed", "no control groups of version 2 here");
  return make_in(own_folder(), memory_bytes, processes);
}

bool control_group::there() {
  static const bool it = make(1 << 20, 1).has_value();
  return it;
}

result<void> control_group::take_in(int pid) const {
  if (put(path_ + "/cgroup.procs", std::to_string(pid))) return {};
  return fail("sandbox.failed",
              fmt::format("control group: {}: cgroup.procs: {}", path_, std::strerror(errno)));
}

void control_group::kill() const { (void)put(path_ + "/cgroup.kill", "1"); }

control_group::~control_group() {
  kill();
  // It can go when its last process has: a moment after that was killed.
  for (int tries = 0; ::rmdir(path_.c_str()) != 0 && errno == EBUSY && tries < 100; ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

}  // namespace hocket::trust
