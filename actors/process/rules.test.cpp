// What the process of an actor may reach, as its graph says it.
#include <doctest/doctest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "actors/process/processes.hpp"
#include "graph/spec/plan.hpp"
#include "graph/spec/process.hpp"

using namespace hocket;
namespace fs = std::filesystem;

namespace {

struct no_keys final : config_base {
  void visit(config_visitor&) override {}
};

bool holds(const std::vector<std::string>& all, const fs::path& path) {
  return std::find(all.begin(), all.end(), path.string()) != all.end();
}

}  // namespace

TEST_CASE("paths of `process:` are taken from the file that says them, from any folder") {
  auto name = (fs::temp_directory_path() / "hocket-rules-XXXXXX").string();
  const fs::path root = fs::canonical(mkdtemp(name.data()));
  fs::create_directories(root / "g");
  fs::create_directories(root / "elsewhere/there");
  std::ofstream(root / "g/data") << "x";
  const auto before = fs::current_path();
  fs::current_path(root / "elsewhere");
  plan_actor actor;
  actor.where = {"../g/graph.yaml", 3, 3};
  spec::process_spec own;
  own.reads = {"data", "/abs", "there"};
  own.writes = {"cache", "./x/../y"};
  actor.config = spec::in_process(std::make_shared<no_keys>(), own);
  const auto rules = process::rules_for(actor, *actor.config, (root / "out").string(), {});
  CHECK(holds(rules.reads, root / "g/data"));
  CHECK(holds(rules.reads, "/abs"));
  CHECK(holds(rules.reads, root / "elsewhere/there"));  // from the current folder alone, as before
  CHECK(holds(rules.writes, root / "g/cache"));
  CHECK(holds(rules.writes, root / "g/y"));
  fs::current_path(before);
  fs::remove_all(root);
}
