#include "tools/hocket/run/out_lock.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

namespace fs = std::filesystem;
using namespace hocket;
using namespace hocket::cli;

TEST_CASE("an output folder has one owner, whatever it is called, until that one is gone") {
  const auto dir = fs::temp_directory_path() / ("hocket_lock_" + std::to_string(::getpid()));
  const auto out = (dir / "out").string();
  std::optional<out_lock> mine = out_lock::take(out, "run of one.yaml").value();
  fs::create_directory_symlink("out", dir / "same");
  for (const auto& name :
       {out, out + "/", (dir / "same").string(), (dir / "out/../out").string()}) {
    const auto second = out_lock::take(name, "run of two.yaml");
    REQUIRE(!second);
    CHECK(second.error().code == "run.folder_in_use");
    CHECK(second.error().message.find("run of one.yaml, process " + std::to_string(::getpid())) !=
          std::string::npos);
  }
  CHECK(out_lock::take((dir / "out2").string(), "run of two.yaml"));
  mine.reset();
  // A process that is killed holds nothing any more.
  const auto child = ::fork();
  if (child == 0) {
    const auto theirs = out_lock::take(out, "run of three.yaml");
    ::_exit(theirs ? 0 : 1);
  }
  int status = 1;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(out_lock::take(out, "run of four.yaml"));
  fs::remove_all(dir);
}
