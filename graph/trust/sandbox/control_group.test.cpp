#include "graph/trust/sandbox/control_group.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <doctest/doctest.h>

#include "tests/support/skip.hpp"

using namespace hocket;
using namespace hocket::trust;

namespace {

/// What the kernel does with groups of version 2 (Documentation/admin-guide/cgroup-v2.rst): no group
/// but the root holds processes and hands controllers down; a process is in one group; limits are
/// there only where they were handed down.
class kernel_of_groups final : public group_files {
 public:
  struct group {
    std::set<std::string> controllers, handed_down, processes;
    std::map<std::string, std::string> files = {};
  };
  std::map<std::string, group> groups;
  bool can_move = true;

  bool make(const std::string& folder) override {
    const auto above = groups.find(folder.substr(0, folder.rfind('/')));
    if (above == groups.end()) return refuse(ENOENT);
    if (groups.count(folder) > 0) return refuse(EEXIST);
    groups[folder].controllers = above->second.handed_down;
    return true;
  }
  bool remove(const std::string& folder) override {
    const auto it = groups.find(folder);
    if (it == groups.end()) return refuse(ENOENT);
    if (!it->second.processes.empty()) return refuse(EBUSY);
    groups.erase(it);
    return true;
  }
  bool put(const std::string& file, const std::string& text) override {
    const auto slash = file.rfind('/');
    const auto it = groups.find(file.substr(0, slash));
    const auto name = file.substr(slash + 1);
    if (it == groups.end()) return refuse(ENOENT);
    auto& g = it->second;
    if (name == "cgroup.procs") {
      if (!g.handed_down.empty()) return refuse(EBUSY);
      if (!can_move) return refuse(EACCES);
      for (auto& [path, other] : groups) other.processes.erase(text);
      g.processes.insert(text);
    } else if (name == "cgroup.subtree_control") {
      if (!g.processes.empty()) return refuse(EBUSY);
      std::istringstream in(text);
      for (std::string word; in >> word;) {
        if (g.controllers.count(word.substr(1)) == 0) return refuse(ENOENT);
        g.handed_down.insert(word.substr(1));
      }
    } else if (name == "cgroup.kill") {
      g.processes.clear();
    } else {
      if (g.controllers.count(name.substr(0, name.find('.'))) == 0) return refuse(ENOENT);
      g.files[name] = text;
    }
    return true;
  }
  bool may_put(const std::string&) override { return can_move; }
  std::string text_of(const std::string& file) override {
    const auto slash = file.rfind('/');
    const auto it = groups.find(file.substr(0, slash));
    if (it == groups.end()) return "";
    const auto& all = file.ends_with("controllers")       ? it->second.controllers
                      : file.ends_with("subtree_control") ? it->second.handed_down
                                                          : it->second.processes;
    std::string out;
    for (const auto& word : all) out += word + "\n";
    return out;
  }

 private:
  static bool refuse(int why) { return errno = why, false; }
};

}  // namespace

TEST_CASE("a control group: where it lies, what is written to it, and without one it is said") {
  CHECK(control_group::folder_of("0::/user.slice/x\n",
                                 "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n") ==
        "/sys/fs/cgroup/user.slice/x");
  CHECK(control_group::folder_of("4:memory:/a\n0::/\n",
                                 "30 24 0:26 / /sys/fs/cgroup/unified rw - cgroup2 c rw\n") ==
        "/sys/fs/cgroup/unified");
  CHECK(control_group::folder_of("0::/docker/x\n",
                                 "30 24 0:26 /docker/x /sys/fs/cgroup rw - cgroup2 c rw\n") ==
        "/sys/fs/cgroup");
  CHECK(control_group::folder_of("4:memory:/a\n", "1 1 0:1 / / rw - ext4 x rw\n").empty());
  CHECK(control_group::folder_of("0::/\n", "").empty());
  // No folder but a real one has the files with the limits.
  std::string folder = (std::filesystem::temp_directory_path() / "hocket-group-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  CHECK(!control_group::make_in(folder, 1 << 20, 8));
  CHECK(!control_group::prepare(folder, ::getpid(), *group_files::kernel()));
  CHECK(std::filesystem::is_empty(folder));
  std::filesystem::remove(folder);
  CHECK(control_group::there() == control_group::why_not().empty());
}

TEST_CASE("a control group of this kernel has its limits" * doctest::test_suite("groups")) {
  if (!control_group::there()) return testing::skipped("a control group of ours");
  const auto group = control_group::make(64 << 20, 8);
  REQUIRE(group);
  std::string text;
  std::ifstream((*group)->path() + "/memory.max") >> text;
  CHECK(text == std::to_string(64 << 20));
}

TEST_CASE("this process moves out of a group that is its alone, so that others can be limited") {
  const auto kernel = std::make_shared<kernel_of_groups>();
  auto& unit = kernel->groups["/g"];
  unit = {{"memory", "pids", "cpu"}, {}, {"7"}};
  // Who only looks is told the same, and moves nobody.
  CHECK(control_group::could_prepare("/g", 7, *kernel));
  CHECK(kernel->groups.size() == 1);
  CHECK(unit.processes == std::set<std::string>{"7"});
  CHECK(unit.handed_down.empty());
  REQUIRE(control_group::prepare("/g", 7, *kernel));
  CHECK(kernel->groups["/g"].processes.empty());
  CHECK(kernel->groups["/g/hocket-self"].processes == std::set<std::string>{"7"});
  CHECK(kernel->groups["/g"].handed_down == std::set<std::string>{"memory", "pids"});
  REQUIRE(control_group::prepare("/g", 7, *kernel));  // again: nothing to do
  {
    const auto group = control_group::make_in("/g", 64 << 20, 8, kernel);
    REQUIRE(group);
    auto& made = kernel->groups[(*group)->path()];
    CHECK(made.files.at("memory.max") == "67108864");
    CHECK(made.files.at("pids.max") == "8");
    REQUIRE((*group)->take_in(12));
    CHECK(made.processes == std::set<std::string>{"12"});
  }
  CHECK(kernel->groups.size() == 2);  // it ended, and is gone
}

TEST_CASE("a group that cannot be made ready stays as it was, and says why") {
  struct way {
    const char* why;
    std::set<std::string> controllers, processes;
    bool can_move = true;
  };
  for (const auto& w : std::vector<way>{{"not handed down", {"cpu"}, {"7"}},
                                        {"not handed down", {"memory"}, {"7"}},
                                        {"such as 8", {"memory", "pids"}, {"7", "8"}},
                                        {"cannot be moved", {"memory", "pids"}, {"7"}, false}}) {
    const auto kernel = std::make_shared<kernel_of_groups>();
    kernel->groups["/g"] = {w.controllers, {}, w.processes};
    kernel->can_move = w.can_move;
    CHECK(!control_group::could_prepare("/g", 7, *kernel));
    const auto done = control_group::prepare("/g", 7, *kernel);
    REQUIRE(!done);
    CHECK_MESSAGE(done.error().message.find(w.why) != std::string::npos, done.error().message);
    CHECK(kernel->groups.size() == 1);
    CHECK(kernel->groups["/g"].processes == w.processes);
    CHECK(kernel->groups["/g"].handed_down.empty());
  }
  // Nobody is in it: nobody moves.
  const auto kernel = std::make_shared<kernel_of_groups>();
  kernel->groups["/g"] = {{"memory", "pids"}, {}, {}};
  CHECK(control_group::prepare("/g", 7, *kernel));
  CHECK(kernel->groups.size() == 1);
}
