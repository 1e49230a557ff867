#include "graph/trust/sandbox/control_group.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>
#include <vector>

#include <fmt/format.h>

namespace hocket::trust {
namespace {

// Files of the kernel: there already, of no size, written in one call.
class real_files final : public group_files {
 public:
  bool make(const std::string& folder) override { return ::mkdir(folder.c_str(), 0755) == 0; }
  bool remove(const std::string& folder) override { return ::rmdir(folder.c_str()) == 0; }
  bool put(const std::string& file, const std::string& text) override {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool done = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const int why = errno;
    ::close(fd);
    errno = why;
    return done;
  }
  bool may_put(const std::string& file) override { return ::access(file.c_str(), W_OK) == 0; }
  std::string text_of(const std::string& file) override {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

bool has_words(const std::string& text, std::initializer_list<std::string_view> wanted) {
  std::istringstream in(text);
  const std::vector<std::string> words{std::istream_iterator<std::string>(in), {}};
  return std::all_of(wanted.begin(), wanted.end(), [&](auto w) {
    return std::find(words.begin(), words.end(), w) != words.end();
  });
}

tl::unexpected<error> cannot(const std::string& path, const std::string& what) {
  return fail("sandbox.failed", fmt::format("control group: {}: {}", path, what));
}

constexpr const char* no_groups = "no control groups of version 2 here";

std::string folder_of_ours(group_files& files) {
  return control_group::folder_of(files.text_of("/proc/self/cgroup"),
                                  files.text_of("/proc/self/mountinfo"));
}

/// That a group holds no process but this one; the root may hold any.
result<void> is_ours_alone(const std::string& folder, const std::string& us, group_files& files) {
  std::istringstream in(files.text_of(folder + "/cgroup.procs"));
  for (std::string other; in >> other;)
    if (other != us)
      return cannot(folder, fmt::format("holds processes that are not ours, such as {}", other));
  return {};
}

/// What is found out once: the folder, or why there is none.
struct own_group {
  std::string folder, why_not;
  own_group() {
    auto& files = *group_files::kernel();
    folder = folder_of_ours(files);
    if (folder.empty()) {
      why_not = no_groups;
      return;
    }
    auto ready = control_group::prepare(folder, ::getpid(), files);
    // The limits themselves, too: what is mounted may be less than what is said.
    if (ready) {
      const auto tried = control_group::make_in(folder, 1 << 20, 1);
      if (!tried) ready = fail(tried);
    }
    if (!ready) why_not = ready.error().message;
  }
  static const own_group& get() {
    static const own_group it;
    return it;
  }
};

}  // namespace

const std::shared_ptr<group_files>& group_files::kernel() {
  static const std::shared_ptr<group_files> it = std::make_shared<real_files>();
  return it;
}

result<void> control_group::could_prepare(const std::string& folder, int pid, group_files& files) {
  const auto subtree = folder + "/cgroup.subtree_control";
  if (has_words(files.text_of(subtree), {"memory", "pids"})) return {};
  if (!has_words(files.text_of(folder + "/cgroup.controllers"), {"memory", "pids"}))
    return cannot(folder, "the controllers memory and pids are not handed down to it");
  if (!files.may_put(subtree)) return cannot(folder, "hands none down: it is not this user's");
  if (files.text_of(folder + "/cgroup.type").empty()) return {};  // the root
  return is_ours_alone(folder, std::to_string(pid), files);
}

result<void> control_group::prepare(const std::string& folder, int pid, group_files& files) {
  constexpr const char* controllers = "+memory +pids";
  const auto subtree = folder + "/cgroup.subtree_control";
  if (has_words(files.text_of(subtree), {"memory", "pids"})) return {};
  if (!has_words(files.text_of(folder + "/cgroup.controllers"), {"memory", "pids"}))
    return cannot(folder, "the controllers memory and pids are not handed down to it");
  if (files.put(subtree, controllers)) return {};
  if (errno != EBUSY)
    return cannot(folder, fmt::format("hands none down: {}", std::strerror(errno)));
  const auto us = std::to_string(pid);
  HOCKET_TRY(is_ours_alone(folder, us, files));
  const auto leaf = folder + "/hocket-self";
  if (!files.make(leaf) && errno != EEXIST)
    return cannot(leaf, fmt::format("to make it: {}", std::strerror(errno)));
  if (files.put(leaf + "/cgroup.procs", us) && files.put(subtree, controllers)) return {};
  const auto why = std::string(std::strerror(errno));
  (void)files.put(folder + "/cgroup.procs", us);
  (void)files.remove(leaf);
  return cannot(folder, "this process cannot be moved out of it: " + why);
}

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
                                                              std::uint32_t processes,
                                                              std::shared_ptr<group_files> files) {
  static std::atomic<unsigned> number{0};
  const auto path = fmt::format("{}/hocket-{}-{}", folder, ::getpid(), number++);
  const auto failed = [&](const char* what) {
    return cannot(path, fmt::format("{}: {}", what, std::strerror(errno)));
  };
  if (!files->make(path)) return failed("to make it");
  std::shared_ptr<control_group> made(new control_group(path, files));
  if (!files->put(path + "/memory.max", std::to_string(memory_bytes))) return failed("memory.max");
  (void)files->put(path + "/memory.swap.max", "0");  // where swap is counted
  if (!files->put(path + "/pids.max", std::to_string(processes))) return failed("pids.max");
  return made;
}

result<std::shared_ptr<control_group>> control_group::make(std::uint64_t memory_bytes,
                                                           std::uint32_t processes) {
  if (!there()) return fail("sandbox.failed", why_not());
  return make_in(own_group::get().folder, memory_bytes, processes);
}

bool control_group::there() { return why_not().empty(); }

const std::string& control_group::why_not() { return own_group::get().why_not; }

std::string control_group::why_not_as_seen() {
  auto& files = *group_files::kernel();
  const auto folder = folder_of_ours(files);
  if (folder.empty()) return no_groups;
  const auto could = could_prepare(folder, ::getpid(), files);
  return could ? "" : could.error().message;
}

result<void> control_group::take_in(int pid) const {
  if (files_->put(path_ + "/cgroup.procs", std::to_string(pid))) return {};
  return cannot(path_, fmt::format("cgroup.procs: {}", std::strerror(errno)));
}

void control_group::kill() const { (void)files_->put(path_ + "/cgroup.kill", "1"); }

control_group::~control_group() {
  kill();
  // It can go when its last process has: a moment after that was killed.
  for (int tries = 0; !files_->remove(path_) && errno == EBUSY && tries < 100; ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

}  // namespace hocket::trust
