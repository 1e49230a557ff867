#include "graph/trust/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

namespace hocket::trust {
namespace {

namespace fs = std::filesystem;

struct scratch {
  fs::path at;
  scratch() {
    auto name = (fs::temp_directory_path() / "hocket-files-XXXXXX").string();
    at = mkdtemp(name.data());
  }
  ~scratch() { fs::remove_all(at); }
  std::string operator/(const std::string& name) const { return (at / name).string(); }
};

unsigned mode_of(const std::string& path) {
  struct stat info {};
  REQUIRE(::lstat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

std::string text_of(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

void put(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

/// The whole file system is open to root: what belongs to somebody else needs another user.
bool give_away(const std::string& path) {
  return ::geteuid() == 0 && ::lchown(path.c_str(), 4243, 4243) == 0;
}

struct wide_open_umask {
  mode_t before = ::umask(0);
  ~wide_open_umask() { ::umask(before); }
};

}  // namespace

TEST_CASE("files: private whatever the umask says, folders too") {
  const scratch s;
  const wide_open_umask umask;
  const auto out = folder::open(s / "a/out");
  REQUIRE(out);
  REQUIRE(out->create("voices/one.wav"));
  REQUIRE(out->write("words.json", "{}"));
  CHECK(mode_of(s / "a") == 0700);
  CHECK(mode_of(s / "a/out") == 0700);
  CHECK(mode_of(s / "a/out/voices") == 0700);
  CHECK(mode_of(s / "a/out/voices/one.wav") == 0600);
  CHECK(mode_of(s / "a/out/words.json") == 0600);
  REQUIRE(out->write("key.pub", "k", readers::everyone));
  CHECK(mode_of(s / "a/out/key.pub") == 0644);  // less the umask, which is 0 here
}

TEST_CASE("files: one that others could read becomes private") {
  const scratch s;
  const wide_open_umask umask;
  put(s / "old.wav", "old");
  CHECK(mode_of(s / "old.wav") == 0666);
  for (const auto how : {create_as::kept, create_as::appended, create_as::replaced}) {
    ::chmod((s / "old.wav").c_str(), 0666);
    REQUIRE(create_file(s / "old.wav", how));
    CHECK(mode_of(s / "old.wav") == 0600);
    CHECK(text_of(s / "old.wav") == (how == create_as::replaced ? "" : "old"));
  }
}

TEST_CASE("files: what is there is replaced, kept, appended to, or an error") {
  const scratch s;
  const auto out = folder::open(s / "out");
  REQUIRE(out);
  REQUIRE(out->write("a", "12345"));
  {
    const auto f = out->create("a", create_as::appended);
    REQUIRE(f);
    REQUIRE(f->write("6"));
  }
  CHECK(text_of(s / "out/a") == "123456");
  {
    const auto f = out->create("a", create_as::kept);
    REQUIRE(f);
    REQUIRE(f->write("__"));
  }
  CHECK(text_of(s / "out/a") == "__3456");
  CHECK(out->read("a").value() == "__3456");
  CHECK(out->create("a", create_as::fresh).error().code == "files.cannot_write");
  REQUIRE(out->create("a")->write("new"));
  CHECK(text_of(s / "out/a") == "new");
  REQUIRE(out->remove("a"));
  REQUIRE(out->remove("a"));
  REQUIRE(out->remove("no/such/file"));
  CHECK(!fs::exists(s / "out/a"));
}

TEST_CASE("files: no name leads out of the folder") {
  const scratch s;
  const auto out = folder::open(s / "out");
  REQUIRE(out);
  fs::create_directories(s / "out/in");
  fs::create_directory(s / "elsewhere");
  put(s / "elsewhere/.bashrc", "mine");
  for (const auto& name :
       {std::string("../elsewhere/.bashrc"), s / "elsewhere/.bashrc",
        std::string("in/../../elsewhere/x"), std::string(".."), std::string("in/.."),
        std::string("/proc/self/cwd/x"), std::string("")}) {
    CAPTURE(name);
    CHECK(out->create(name).error().code == "files.outside");
    CHECK(out->write(name, "evil").error().code == "files.outside");
    CHECK(out->read(name).error().code == "files.outside");
    CHECK(out->sub(name).error().code == "files.outside");
    CHECK(out->remove(name).error().code == "files.outside");
  }
  CHECK(text_of(s / "elsewhere/.bashrc") == "mine");
  CHECK(!out->create(std::string_view("in\0side", 7)));
  CHECK(!out->create("in/"));
}

TEST_CASE("files: no link is followed, on the way or at the end") {
  const scratch s;
  const auto out = folder::open(s / "out");
  REQUIRE(out);
  fs::create_directory(s / "elsewhere");
  put(s / "elsewhere/target", "mine");
  fs::create_directory_symlink(s / "elsewhere", s / "out/way");
  fs::create_symlink(s / "elsewhere/target", s / "out/end");
  fs::create_symlink(s / "elsewhere/new", s / "out/dangling");
  for (const char* name : {"way/target", "way/new", "end", "dangling"}) {
    CAPTURE(name);
    for (const auto how :
         {create_as::replaced, create_as::kept, create_as::appended, create_as::fresh})
      CHECK(!out->create(name, how));
    CHECK(out->create(name).error().code == "files.outside");
    CHECK(!out->write(name, "evil"));
    CHECK(!out->read(name));
  }
  CHECK(!out->sub("way"));
  CHECK(!out->remove("way/target"));
  CHECK(!create_file(s / "out/end"));
  CHECK(!write_file(s / "out/end", "evil"));
  CHECK(text_of(s / "elsewhere/target") == "mine");
  CHECK(!fs::exists(s / "elsewhere/new"));
}

TEST_CASE("files: a second name of another file is never written through") {
  const scratch s;
  const auto out = folder::open(s / "out");
  REQUIRE(out);
  put(s / "precious", "mine");
  fs::create_hard_link(s / "precious", s / "out/a");
  CHECK(out->create("a", create_as::kept).error().code == "files.not_ours");
  CHECK(out->create("a", create_as::appended).error().code == "files.not_ours");
  REQUIRE(out->create("a")->write("evil"));
  fs::create_hard_link(s / "precious", s / "out/b");
  REQUIRE(out->write("b", "evil"));
  CHECK(text_of(s / "precious") == "mine");
}

TEST_CASE("files: pipes and folders are no files, and nothing waits for a pipe") {
  const scratch s;
  const auto out = folder::open(s / "out");
  REQUIRE(out);
  REQUIRE(::mkfifo((s / "out/pipe").c_str(), 0600) == 0);
  CHECK(out->create("pipe").error().code == "files.not_ours");
  CHECK(out->write("pipe", "x").error().code == "files.not_ours");
  CHECK(out->read("pipe").error().code == "files.not_ours");
  fs::create_directory(s / "out/folder");
  CHECK(!out->create("folder"));
  CHECK(!out->write("folder", "x"));
  REQUIRE(write_file("/dev/null", "x"));
  REQUIRE(create_file("/dev/null"));
  CHECK(fs::is_character_file("/dev/null"));
}

TEST_CASE(
    "files: what belongs to another user is neither written, nor read, nor a place for ours") {
  const scratch s;
  auto out = folder::open(s / "out");
  REQUIRE(out);
  put(s / "out/planted", "theirs");
  if (!give_away(s / "out/planted")) return;  // needs root: CI is
  CHECK(out->create("planted").error().code == "files.not_ours");
  CHECK(out->create("planted", create_as::appended).error().code == "files.not_ours");
  CHECK(out->write("planted", "x").error().code == "files.not_ours");
  CHECK(out->read("planted").error().code == "files.not_ours");
  CHECK(text_of(s / "out/planted") == "theirs");
  fs::create_directory(s / "theirs");
  REQUIRE(give_away(s / "theirs"));
  CHECK(folder::open(s / "theirs").error().code == "files.not_ours");
  fs::create_directory(s / "ours");
  fs::create_directory_symlink(s / "ours", s / "link");
  CHECK(folder::open(s / "link"));
  REQUIRE(give_away(s / "link"));
  CHECK(folder::open(s / "link").error().code == "files.not_ours");
}

TEST_CASE("files: what others can write to is not read") {
  const scratch s;
  const auto out = folder::open(s / "out");
  REQUIRE(out);
  REQUIRE(out->write("newest.json", "{}"));
  CHECK(out->read("newest.json", 1).error().code == "files.cannot_read");
  ::chmod((s / "out/newest.json").c_str(), 0620);
  CHECK(out->read("newest.json").error().code == "files.not_ours");
  CHECK(out->read("missing").error().code == "files.cannot_read");
}

TEST_CASE("files: kernels without openat2 open the same and refuse the same") {
  const scratch s;
  const auto out = folder::open(s / "out");
  REQUIRE(out);
  fs::create_directory(s / "out/in");
  put(s / "out/in/a", "a");
  put(s / "b", "b");
  fs::create_directory_symlink(s.at, s / "out/up");
  fs::create_symlink(s / "b", s / "out/b");
  for (const bool by_kernel : {true, false}) {
    CAPTURE(by_kernel);
    const auto open = [&](const std::string& name) {
      return open_beneath(out->fd(), name, O_RDONLY, 0, by_kernel);
    };
    const file a(open("in/a"), "a");
    CHECK(a.fd() >= 0);
    CHECK(file(open("./in/./a"), "a").fd() >= 0);
    CHECK(open("../b") == -EXDEV);
    CHECK(open("in/../../b") == -EXDEV);
    CHECK(open("/etc/passwd") == -EXDEV);
    CHECK(open("up/b") == -ELOOP);
    CHECK(open("b") == -ELOOP);
    CHECK(open("in/none") == -ENOENT);
  }
}

TEST_CASE("files: a name beneath its folder") {
  CHECK(beneath("/srv/out", "a/b.wav").value() == "a/b.wav");
  CHECK(beneath("/srv/out", "/srv/out/b.wav").value() == "b.wav");
  for (const char* name : {"/srv/b.wav", "/srv/outside/b.wav", "../b", "a/../../b", "", "/srv/out"})
    CHECK_MESSAGE(!beneath("/srv/out", name), name);
}

}  // namespace hocket::trust
