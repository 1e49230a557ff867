#include "actors/gateway/tinker/store.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

using namespace hocket;
using namespace hocket::tinker;

namespace {

struct folder {
  std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("hocket_store_test_{}", getpid()))
          .string();
  folder() { std::filesystem::remove_all(path); }
  ~folder() { std::filesystem::remove_all(path); }
};

checkpoint about(const std::string& name, const std::string& owner = "a") {
  checkpoint c;
  c.path = {"sess-1:train:0", "weights", name};
  c.owner = owner;
  return c;
}

}  // namespace

TEST_CASE("an owner stores as much as it may, and what replaces a checkpoint counts once") {
  const folder f;
  auto store = checkpoint_store::open(f.path);
  REQUIRE(store);
  auto& s = **store;
  const checkpoint_files files{{"x", std::string(1'000, 'x')}};
  const std::int64_t most = 2'500;
  CHECK(s.put(about("one"), files, false, most));
  CHECK(s.put(about("two"), files, false, most));
  const auto no = s.put(about("three"), files, false, most);
  REQUIRE(!no);
  CHECK(no.error().code == "tinker.quota");
  CHECK(s.put(about("one"), files, true, most));
  CHECK(s.put(about("three", "b"), files, false, most));
  CHECK(s.stored_bytes("a") <= most);
  CHECK(s.remove(about("two").path));
  CHECK(s.put(about("four"), files, false, most));
  const auto again = checkpoint_store::open(f.path);
  REQUIRE(again);
  CHECK((*again)->complaints().empty());
  CHECK((*again)->stored_bytes("a") == s.stored_bytes("a"));
}

TEST_CASE(
    "a checkpoint that is saved while the old one of its name expires or is removed is whole") {
  const folder f;
  auto store = checkpoint_store::open(f.path);
  REQUIRE(store);
  auto& s = **store;
  const checkpoint_files files{{"x", std::string(20'000, 'x')}};
  std::atomic<bool> over{false};
  std::thread sweeps([&] {
    while (!over) {
      s.sweep();
      (void)s.remove(about("k").path);
    }
  });
  for (int i = 0; i < 60; ++i) {
    auto c = about("k");
    c.expires_s = i % 3 == 0 ? 1 : 0;  // long ago
    CHECK(s.put(c, files, true));
    // What is listed can be read, or was removed meanwhile.
    if (s.find(c.path)) {
      const auto read = s.read(c.path);
      CHECK((read || read.error().code == "tinker.not_found" || !s.find(c.path)));
    }
  }
  over = true;
  sweeps.join();
  CHECK(s.put(about("k"), files, true));
  s.sweep();
  REQUIRE(s.read(about("k").path));
  CHECK(checkpoint_store::open(f.path).value()->complaints().empty());
}

TEST_CASE("what a writer left that was cut short goes when the store is opened, and nothing else") {
  namespace fs = std::filesystem;
  const folder f;
  const auto put = [](const fs::path& path) {
    std::ofstream(path) << "x";
    return path;
  };
  {
    auto store = checkpoint_store::open(f.path);
    REQUIRE(store);
    for (const char* name : {"one", ".two.data.1.2"})  // a name that looks like a draft is none
      CHECK((*store)->put(about(name), {{"x", "x"}}, false));
    run_record run;
    run.id = "sess-1:train:0", run.owner = "a";
    CHECK((*store)->put(run));
  }
  const auto there = fs::path(f.path) / "checkpoints/sess-1:train:0/weights";
  // No process has the first number; the second is the parent's, which lives.
  const auto gone = put(there / ".one.data.2147483646.3"),
             gone_run = put(fs::path(f.path) / "runs/.sess-1:train:0.json.2147483646.0"),
             alive = put(there / fmt::format(".one.json.{}.1", getppid())),
             strange = put(there / ".one.txt.2147483646.3"), young = put(there / "young.data"),
             old = put(there / "old.data");
  // A process of this one's number in another container holds the lock of what it writes.
  const auto written = put(there / fmt::format(".one.data.{}.9", getpid())),
             number = put(there / fmt::format(".one.data.{}.8", getpid()));
  const int lock = ::open(written.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(::flock(lock, LOCK_EX | LOCK_NB) == 0);
  // The folder has files of others.
  fs::create_directories(fs::path(f.path) / "x");
  std::vector<fs::path> others;
  for (const char* name : {"other.data", "x/other.data", ".one.data.2147483646.3",
                           "checkpoints/other.data", "runs/other.data"})
    others.push_back(put(fs::path(f.path) / name));
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(2);
  for (const auto& path : others) fs::last_write_time(path, long_ago);
  for (const auto& path : {old, there / "one.data"}) fs::last_write_time(path, long_ago);
  auto store = checkpoint_store::open(f.path);
  REQUIRE(store);
  for (const auto& path : {gone, gone_run, old, number})
    CHECK_MESSAGE(!fs::exists(path), path.string());
  for (const auto& path : {alive, strange, young, written})
    CHECK_MESSAGE(fs::exists(path), path.string());
  for (const auto& path : others) CHECK_MESSAGE(fs::exists(path), path.string());
  ::close(lock);
  for (const char* name : {"one", ".two.data.1.2"}) CHECK((*store)->read(about(name).path));
  CHECK((*store)->find_run("sess-1:train:0"));
}
