#include "actors/wire/keys.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::wire;

namespace {

namespace fs = std::filesystem;

/// A folder of one's own with a pair of keys in it.
struct with_keys {
  fs::path path;
  with_keys() {
    std::string name = (fs::temp_directory_path() / "hocket-keys-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
    REQUIRE(write_keys(path, "a", *make_keys()));
  }
  ~with_keys() { fs::remove_all(path); }
  std::string said(const char* name = "a.key") const {
    const auto key = read_secret_key(path / name);
    return key ? "" : key.error().message;
  }
};

bool has(const std::string& text, const char* what) { return text.find(what) != std::string::npos; }

}  // namespace

TEST_CASE("a secret key is read from a private file in a folder that is ours") {
  const with_keys in;
  CHECK(in.said().empty());
  for (const ::mode_t mode : {0640u, 0604u, 0660u, 0666u, 0444u}) {
    REQUIRE(::chmod((in.path / "a.key").c_str(), mode) == 0);
    CHECK(has(in.said(), "chmod 600"));
  }
  REQUIRE(::chmod((in.path / "a.key").c_str(), 0600) == 0);
  REQUIRE(::chmod(in.path.c_str(), 0777) == 0);
  CHECK(has(in.said(), "everybody can replace"));
  REQUIRE(::chmod(in.path.c_str(), 01777) == 0);
  CHECK(in.said().empty());
  if (::geteuid() != 0) return;
  REQUIRE(::chmod(in.path.c_str(), 0770) == 0);
  REQUIRE(::chown(in.path.c_str(), 0, 4242) == 0);
  CHECK(has(in.said(), "its group can replace"));
  REQUIRE(::chown(in.path.c_str(), 4242, 0) == 0);
  CHECK(has(in.said(), "belongs to another user, who can replace"));
  REQUIRE(::chown(in.path.c_str(), 0, 0) == 0);
  REQUIRE(::chown((in.path / "a.key").c_str(), 4242, 0) == 0);
  CHECK(has(in.said(), "who knows this secret key"));
}

TEST_CASE("what is no key file is refused at once, and not quoted") {
  const with_keys in;
  REQUIRE(::mkfifo((in.path / "pipe.key").c_str(), 0600) == 0);
  CHECK(has(in.said("pipe.key"), "no plain file"));
  CHECK(has(in.said("."), "no plain file"));
  CHECK(has(in.said("none.key"), "cannot be read"));
  fs::create_symlink("/dev/zero", in.path / "zero.key");
  CHECK(has(in.said("zero.key"), "no plain file"));
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(in.path / name) << text;
    REQUIRE(::chmod((in.path / name).c_str(), 0600) == 0);
  };
  const std::string good(read_secret_key(in.path / "a.key")->exposed());
  write("two.key", good + "\n" + good + "\n");
  write("long.key", std::string(1 << 20, '#') + "\n" + good);
  write("words.key", "hunter2hunter2");
  for (const auto* name : {"two.key", "long.key", "words.key"}) {
    CHECK(has(in.said(name), "not one key"));
    CHECK(!has(in.said(name), "hunter2"));
    CHECK(!has(in.said(name), good.c_str()));
  }
}
