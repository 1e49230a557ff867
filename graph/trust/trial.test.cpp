#include "graph/trust/trial.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "graph/trust/files.hpp"

namespace hocket::trust {
namespace {

namespace fs = std::filesystem;

struct results {
  fs::path at;
  results() {
    auto name = (fs::temp_directory_path() / "hocket-trial-XXXXXX").string();
    at = mkdtemp(name.data());
    std::ofstream(at / "old.wav") << "yesterday";
  }
  ~results() { fs::remove_all(at); }
  std::string text(const std::string& name) const {
    std::ostringstream out;
    out << std::ifstream(at / name).rdbuf();
    return out.str();
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(at), fs::directory_iterator()));
  }
};

}  // namespace

TEST_CASE("trial: a start that fails leaves the results of the run before as they were") {
  const results r;
  {
    const trial start;
    const auto in = folder::open(r.at.string()).value();
    auto f = in.create("old.wav");
    REQUIRE(f);
    CHECK(f->path().ends_with("/old.wav"));
    CHECK(f->write("today"));
    REQUIRE(create_file((r.at / "old.wav").string(), create_as::kept));
    CHECK(r.text("old.wav") == "yesterday");
  }
  CHECK(r.text("old.wav") == "yesterday");
  CHECK(r.files() == 1);
}

TEST_CASE("trial: what is kept takes its name, and what is written later goes there") {
  const results r;
  trial start;
  start.when_kept([&] { fs::remove(r.at / "picture.svg"); });
  std::ofstream(r.at / "picture.svg") << "yesterday's";
  auto f = create_file((r.at / "old.wav").string()).value();
  CHECK(f.write("to"));
  CHECK(r.text("picture.svg") == "yesterday's");
  CHECK(keep_files() == "");
  CHECK(f.write("day"));
  CHECK(r.text("old.wav") == "today");
  CHECK(r.files() == 1);
  // From here on nothing waits.
  f = file();
  CHECK(create_file((r.at / "old.wav").string()).value().write("new"));
  CHECK(r.text("old.wav") == "new");
}

TEST_CASE("trial: a start that was killed left a draft; it is nobody's") {
  const results r;
  std::ofstream(r.at / ".old.wav.new") << "half";
  const trial start;
  CHECK(create_file((r.at / "old.wav").string()).value().write("today"));
  CHECK(keep_files() == "");
  CHECK(r.text("old.wav") == "today");
  CHECK(r.files() == 1);
}

TEST_CASE("a file that is being written is not replaced by another writer") {
  const results r;
  const auto path = (r.at / "old.wav").string();
  std::optional<file> first = create_file(path).value();
  CHECK(first->write("mine"));
  const auto second = create_file(path);
  REQUIRE(!second);
  CHECK(second.error().code == "files.in_use");
  CHECK(second.error().message.find(path) != std::string::npos);
  CHECK(r.text("old.wav") == "mine");
  first.reset();
  CHECK(create_file(path));
}

TEST_CASE("trial of a change: kept, called off, and one that opens after it was called off") {
  for (const std::string how : {"kept", "called off", "late"}) {
    CAPTURE(how);
    const results r;
    bool told = false;
    {
      auto change = std::make_shared<change_trial>();
      const change_trial::scope here(change);
      CHECK(on_trial());
      when_kept([&] { told = true; });
      if (how == "late") change->discard();
      for (const char* name : {"old.wav", "fresh.wav"})
        REQUIRE(create_file((r.at / name).string()).value().write("today"));
      CHECK(r.text("old.wav") == "yesterday");
      if (how == "kept") CHECK(change->keep().empty());
    }
    CHECK_FALSE(on_trial());
    CHECK(told == (how == "kept"));
    CHECK(r.text("old.wav") == (how == "kept" ? "today" : "yesterday"));
    CHECK(r.files() == (how == "kept" ? 2 : 1));
  }
}

}  // namespace hocket::trust
