#include "tools/hocket/run/live_types.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace fs = std::filesystem;
using namespace hocket;
using namespace hocket::cli;

namespace {

/// A folder that others cannot change, and what a run says to graphs there that name a plugin.
struct home {
  home() {
    auto name = (fs::temp_directory_path() / "hocket-live-XXXXXX").string();
    at = fs::canonical(mkdtemp(name.data()));
  }
  ~home() { fs::remove_all(at); }

  std::string operator/(const std::string& name) const { return (at / name).string(); }
  void mode(const std::string& name, mode_t m) const {
    REQUIRE(::chmod((*this / name).c_str(), m) == 0);
  }
  void make(const std::string& file, mode_t m = 0644) const {
    std::ofstream(at / file) << "\x7f"
                                "ELF, or nearly";
    mode(file, m);
  }
  void folder(const std::string& name) const {
    fs::create_directory(at / name);
    mode(name, 0755);
  }
  /// Looked at alone, so that nothing runs.
  error says(live_types& types, const std::string& plugin) const {
    host::graph_text text{*this / "graph.yaml",
                          "hocket: 1\nplugins: [" + plugin + "]\nactors: {}\n"};
    text.only_looked_at = true;
    const auto done = types.read(text, {}, {}, [](const plan&) { return result<void>(); });
    return done ? error{} : done.error();
  }

  fs::path at;
};

}  // namespace

TEST_CASE("live_types: what is loaded stays loaded while its file is away") {
  const home h;
  h.make("here.so");
  fs::create_symlink("here.so", h / "link.so");
  live_types types(std::make_shared<registry>(),
                   {(h.at / "link.so").lexically_relative(fs::current_path()).string()}, {});
  for (const bool there : {true, false}) {
    if (!there) fs::remove(h / "here.so");
    for (const char* name : {"link.so", "./here.so"})
      CHECK(h.says(types, name).code != "rewire.plugins");
    CHECK(h.says(types, "other.so").code == "rewire.plugins");
  }
}

TEST_CASE("live_types: a link in --may-load is that of when the run began") {
  const home h;
  for (const char* name : {"one", "two"}) {
    h.folder(name);
    h.make(std::string(name) + "/a.so");
  }
  fs::create_symlink("one", h / "way");
  live_types types(std::make_shared<registry>(), {}, {h / "way/*.so"});
  CHECK(h.says(types, "way/a.so").code != "rewire.plugins");
  fs::remove(h / "way");
  fs::create_symlink("two", h / "way");
  CHECK(h.says(types, "way/a.so").code == "rewire.plugins");
  CHECK(h.says(types, "one/a.so").code != "rewire.plugins");
}

TEST_CASE("live_types: of Python also what runs it, and where others could put that") {
  const home h;
  for (const char* name : {"gain", "gain/pack", "gain/.venv", "gain/.venv/bin"}) h.folder(name);
  for (const char* name : {"gain/gain.py", "gain/pack/__init__.py"}) h.make(name);
  h.make("gain/.venv/bin/python3.11", 0755);
  fs::create_symlink("python3.11", h / "gain/.venv/bin/python3");
  const char* const given = std::getenv("HOCKET_PYTHON");
  const std::string before = given != nullptr ? given : "";
  ::unsetenv("HOCKET_PYTHON");
  live_types types(std::make_shared<registry>(), {}, {h / "gain/*"});
  for (const char* plugin : {"gain/gain.py", "gain/pack"}) {
    CAPTURE(plugin);
    CHECK(h.says(types, plugin).message.find("--manifest") != std::string::npos);  // allowed
    for (const char* open : {"gain/.venv/bin/python3.11", "gain/.venv/bin", "gain/.venv", "gain"})
      for (const mode_t m : {0775, 0777}) {
        h.mode(open, m);
        CHECK(h.says(types, plugin).code == "plugin.cannot_load");
        h.mode(open, 0755);
      }
    h.mode("gain", 01777);  // others could put a `.venv` there
    CHECK(h.says(types, plugin).message.find("copy it") != std::string::npos);
    h.mode("gain", 0755);
  }
  h.mode("gain/pack/__init__.py", 0664);
  CHECK(h.says(types, "gain/pack").message.find("__init__.py") != std::string::npos);
  if (given != nullptr) ::setenv("HOCKET_PYTHON", before.c_str(), 1);
}
