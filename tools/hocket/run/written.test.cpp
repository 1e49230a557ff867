#include "tools/hocket/run/written.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

using namespace hocket;
namespace fs = std::filesystem;

TEST_CASE("written_since: a folder that cannot be entered costs nobody the others") {
  auto name = (fs::temp_directory_path() / "hocket-written-XXXXXX").string();
  const fs::path dir = mkdtemp(name.data());
  fs::create_directories(dir / "a/b/c");
  fs::create_directories(dir / "shut");
  for (const auto* file : {"a/b/c/deep", "a/old", "shut/in", "top"}) std::ofstream(dir / file) << 1;
  const auto start = fs::last_write_time(dir / "top") - std::chrono::hours(1);
  fs::last_write_time(dir / "a/old", start - std::chrono::hours(1));
  fs::create_directory_symlink(dir, dir / "ring");
  fs::create_symlink("nowhere", dir / "dangling");
  fs::permissions(dir / "shut", fs::perms::none);
  std::vector<std::string> expected = {(dir / "a/b/c/deep").string(), (dir / "top").string()};
  if (::access((dir / "shut").c_str(), R_OK | X_OK) == 0)  // root
    expected.insert(expected.begin() + 1, (dir / "shut/in").string());
  CHECK(cli::written_since(dir, start) == expected);

  // No more than one file can be opened: what is beneath is entered all the same.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(next);
  auto few = before;
  few.rlim_cur = static_cast<rlim_t>(next) + 1;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  const auto found = cli::written_since(dir, start);
  few.rlim_cur = static_cast<rlim_t>(next);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  const auto none = cli::written_since(dir, start);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(found == expected);
  CHECK(none.empty());

  fs::permissions(dir / "shut", fs::perms::owner_all);
  fs::remove_all(dir);
  CHECK(cli::written_since(dir, start).empty());
}
