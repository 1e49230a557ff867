#include "graph/trust/code_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

namespace hocket::trust {
namespace {

namespace fs = std::filesystem;

bool is_meant(const std::string& file, const std::vector<std::string>& patterns) {
  return meant_files(patterns).has(file);
}

struct scratch {
  fs::path at;
  scratch() {
    auto name = (fs::temp_directory_path() / "hocket-code-XXXXXX").string();
    at = mkdtemp(name.data());
    fs::create_directories(at / "mine/deep");
    fs::create_directories(at / "odd [x]");
    for (const char* folder : {"mine", "mine/deep", "odd [x]"}) mode(folder, 0755);
    for (const char* file :
         {"mine/a.so", "mine/deep/b.so", "mine/.hidden.so", "other.so", "odd [x]/c.so"}) {
      std::ofstream(at / file) << "code";
      mode(file, 0644);
    }
  }
  ~scratch() { fs::remove_all(at); }
  std::string operator/(const std::string& name) const { return (at / name).string(); }
  void mode(const std::string& name, mode_t m) const {
    REQUIRE(::chmod((*this / name).c_str(), m) == 0);
  }
};

TEST_CASE("meant_files: a path means that file, a pattern names of one folder, nothing means all") {
  const scratch s;
  CHECK(is_meant(s / "mine/a.so", {s / "mine/a.so"}));
  CHECK(is_meant(s / "mine/a.so", {s / "none.so", s / "mine/*.so"}));
  CHECK(is_meant(s / "mine/deep/../a.so", {s / "mine/./?.so"}));
  CHECK(is_meant(s / "mine/deep/b.so", {s / "mine/*/b.so"}));
  CHECK(is_meant(s / "mine/later.so", {s / "mine/*.so"}));  // it may come when the run goes on
  CHECK(is_meant(s / "odd [x]/c.so", {s / "odd [x]/c.so"}));

  CHECK_FALSE(is_meant(s / "mine/a.so", {}));
  CHECK_FALSE(is_meant(s / "mine/a.so", {""}));
  CHECK_FALSE(is_meant(s / "mine/a.so", {s / "mine"}));
  CHECK_FALSE(is_meant(s / "mine/deep/b.so", {s / "mine/*.so"}));
  CHECK_FALSE(is_meant(s / "mine/deep/b.so", {s / "mine/*"}));
  CHECK_FALSE(is_meant(s / "mine/../other.so", {s / "mine/*.so", s / "mine/*"}));
  CHECK_FALSE(is_meant(s / "mine/.hidden.so", {s / "mine/*.so"}));
  CHECK_FALSE(is_meant(s / "mine/a.so.old", {s / "mine/*.so"}));
}

TEST_CASE("meant_files: a link is where it leads, of the file and of the pattern's folder") {
  const scratch s;
  fs::create_symlink(s / "other.so", s / "mine/link.so");
  fs::create_symlink(s / "mine", s / "way");
  fs::create_symlink(s / "odd [x]", s / "mine/out");
  CHECK_FALSE(is_meant(s / "mine/link.so", {s / "mine/*.so"}));
  CHECK(is_meant(s / "mine/link.so", {s / "other.so"}));
  CHECK(is_meant(s / "mine/link.so", {s / "mine/link.so"}));  // the operator named the link itself
  CHECK(is_meant(s / "mine/a.so", {s / "way/*.so"}));
  CHECK(is_meant(s / "way/a.so", {s / "mine/a.so"}));
  CHECK_FALSE(is_meant(s / "mine/out/c.so", {s / "mine/*/*.so"}));
}

TEST_CASE("meant_files: links of a pattern are those of when it was given") {
  const scratch s;
  fs::create_symlink(s / "mine", s / "way");
  fs::create_symlink(s / "mine/a.so", s / "one.so");
  const meant_files meant({s / "way/*.so", s / "one.so", s / "later/*.so"});
  for (const char* link : {"way", "one.so"}) fs::remove(s / link);
  fs::create_symlink(s / "mine/deep", s / "way");
  fs::create_symlink(s / "other.so", s / "one.so");
  fs::create_symlink(s / "mine/deep", s / "later");
  CHECK(meant.has(s / "mine/a.so"));
  CHECK_FALSE(meant.has(s / "way/b.so"));
  CHECK_FALSE(meant.has(s / "later/b.so"));
  CHECK_FALSE(meant.has(s / "one.so"));
  CHECK_FALSE(meant.has(s / "other.so"));
}

TEST_CASE("check_unchangeable: every folder and link of the way, up to the root") {
  const scratch s;
  for (const char* folder : {"mine", "mine/deep", "odd [x]"}) s.mode(folder, 0755);
  CHECK(check_unchangeable(s / "mine/deep/b.so"));
  const auto why = [&](const std::string& file) {
    const auto done = check_unchangeable(file);
    return done ? std::string() : done.error().message;
  };
  for (const mode_t open : {0777, 0775}) {
    s.mode("mine", open);
    CHECK(why(s / "mine/deep/b.so").find("change " + (s / "mine") + "; chmod go-w") !=
          std::string::npos);
    s.mode("mine", 0755);
  }
  s.mode("mine", 01777);  // what is ours there stays ours
  CHECK(check_unchangeable(s / "mine/deep/b.so"));
  CHECK(why(s / "mine").find("copy it") != std::string::npos);  // but others can add to it
  s.mode("mine", 0755);

  // A link in an open folder leads elsewhere in a moment, also where it is but a part of the way.
  fs::create_symlink("../mine/deep", s / "odd [x]/hop");
  fs::create_symlink(s / "odd [x]/hop", s / "way");
  CHECK(check_unchangeable(s / "way/b.so"));
  CHECK(check_unchangeable(s / "way/../a.so"));
  s.mode("odd [x]", 0777);
  CHECK(why(s / "way/b.so").find("odd [x]") != std::string::npos);
  s.mode("odd [x]", 01777);
  CHECK(check_unchangeable(s / "way/b.so"));
  fs::create_symlink("round", s / "round");
  CHECK_FALSE(why(s / "round").empty());
  // Another user's, which only root can make.
  if (::geteuid() != 0 || ::lchown((s / "odd [x]/hop").c_str(), 4243, 4243) != 0) return;
  CHECK(why(s / "way/b.so").find("another user can change") != std::string::npos);
  // As in a user namespace: who owns what is far above is not known there.
  REQUIRE(::chown((s / "mine").c_str(), 65534, 65534) == 0);
  CHECK(check_unchangeable(s / "mine/deep/b.so"));
  CHECK_FALSE(check_unchangeable(s / "mine/a.so"));
  s.mode("mine", 0775);
  CHECK_FALSE(check_unchangeable(s / "mine/deep/b.so"));
}

TEST_CASE("check_unchangeable: owner and mode of the file and of its folder") {
  const scratch s;
  const auto refused = [&](const char* who) {
    const auto done = check_unchangeable(s / "mine/a.so");
    return !done && done.error().code == "plugin.cannot_load" &&
           done.error().message.find(who) != std::string::npos;
  };
  s.mode("mine", 0755);
  CHECK(check_unchangeable(s / "mine/a.so"));
  CHECK_FALSE(check_unchangeable(s / "mine/not-there.so"));  // whoever is first would make it
  s.mode("mine/a.so", 0646);
  CHECK(refused("everybody"));
  s.mode("mine/a.so", 0644);
  s.mode("mine", 0777);
  CHECK(refused("everybody"));
  s.mode("mine", 01777);  // as /tmp
  CHECK(check_unchangeable(s / "mine/a.so"));
  s.mode("mine", 0755);
  fs::create_symlink(s / "mine/a.so", s / "link.so");
  s.mode("mine/a.so", 0666);
  CHECK_FALSE(check_unchangeable(s / "link.so"));
  s.mode("mine/a.so", 0664);
  CHECK(refused("its group"));  // that of this process: others are in it
  s.mode("mine/a.so", 0644);
  // Another user's, which only root can make.
  if (::geteuid() != 0 || ::chown((s / "mine/a.so").c_str(), 4243, 4243) != 0) return;
  CHECK(refused("another user"));
  REQUIRE(::chown((s / "mine/a.so").c_str(), 0, 0) == 0);
  REQUIRE(::chown((s / "mine").c_str(), 4243, 4243) == 0);
  CHECK(refused("another user"));
}

}  // namespace
}  // namespace hocket::trust
