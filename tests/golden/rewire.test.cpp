#include "graph/spec/rewire.hpp"

#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "graph/spec/codes.hpp"
#include "tests/golden/fake_types.hpp"

// Every file in tests/golden/rewire is the new file for running.yaml, or for the file that its first
// line names (`# --from FILE`); what would change, or why not, must equal the .expected file beside
// it. HOCKET_GOLDEN_UPDATE=1 writes the .expected files anew.
namespace hocket {
namespace {

namespace fs = std::filesystem;
const std::string folder = "tests/golden/rewire/";

std::string read(const std::string& name) {
  std::ifstream in(HOCKET_SOURCE_DIR "/" + folder + name, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

plan plan_of(const std::string& name, const registry& types) {
  diagnostics findings;
  auto p = load_plan(folder + name, read(name), types, {}, findings);
  CAPTURE(name);
  CAPTURE(findings.to_string());
  REQUIRE(p);
  return *p;
}

std::string base_of(const std::string& name) {
  constexpr std::string_view mark = "# --from ";
  const auto text = read(name);
  if (!text.starts_with(mark)) return "running.yaml";
  return text.substr(mark.size(), text.find('\n') - mark.size());
}

std::string outcome_of(const std::string& name, const registry& types) {
  const auto running = plan_of(base_of(name), types);
  diagnostics findings;
  const auto r = plan_rewire(running, plan_of(name, types), findings);
  CHECK(r.has_value() != findings.has_errors());
  return findings.to_string() + (r ? to_text(*r) : "");
}

std::vector<std::string> cases() {
  std::vector<std::string> out;
  for (const auto& e : fs::directory_iterator(HOCKET_SOURCE_DIR "/" + folder)) {
    const auto name = e.path().filename().string();
    if (name.ends_with(".yaml") && !name.starts_with("running.")) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

TEST_CASE("golden: what a new file changes about a running graph, or why it cannot") {
  const auto types = test::fake_types();
  const bool update = std::getenv("HOCKET_GOLDEN_UPDATE") != nullptr;
  for (const auto& name : cases()) {
    CAPTURE(name);
    const auto got = outcome_of(name, types);
    const auto expected = name.substr(0, name.size() - 5) + ".expected";
    if (update) std::ofstream(HOCKET_SOURCE_DIR "/" + folder + expected, std::ios::binary) << got;
    CHECK(got == read(expected));
  }
}

TEST_CASE("golden: every code of a refused rewire has a case of its own") {
  for (const auto& c : spec::rewire_codes()) {
    if (c.code == "rewire.worn-out") continue;  // takes some 30 000 actors: below
    CAPTURE(c.code);
    CHECK(read(std::string(c.code) + ".expected").find(fmt::format("[{}]", c.code)) !=
          std::string::npos);
  }
}

TEST_CASE("there and back again: numbers stay, and the way back undoes all") {
  const auto types = test::fake_types();
  for (const auto& name : cases()) {
    if (!name.starts_with("fine.")) continue;
    CAPTURE(name);
    diagnostics findings;
    const auto first = plan_of(base_of(name), types);
    const auto there = plan_rewire(first, plan_of(name, types), findings);
    REQUIRE(there);
    CHECK(there->next.hash == plan_of(name, types).hash);
    for (std::size_t i = 0; i < first.actors.size(); ++i)
      CHECK(there->next.actors[i].name == first.actors[i].name);
    const auto back = plan_rewire(there->next, first, findings);
    REQUIRE(back);
    CHECK(back->next.hash == first.hash);
    CHECK(back->actor_changes.size() == there->actor_changes.size());
    CHECK(back->link_changes.size() == there->link_changes.size());
    // What was away comes back under its old number: nothing grows for ever. A link between hosts
    // keeps the number of its proxy, too.
    const auto again = plan_rewire(back->next, plan_of(name, types), findings);
    REQUIRE(again);
    CHECK(again->next.actors.size() == back->next.actors.size());
    CHECK(again->next.links.size() == there->next.links.size());
    for (std::size_t i = 0; i < back->next.actors.size(); ++i)
      CHECK(back->next.actors[i].removed == (i >= first.actors.size()));
    const auto still = plan_rewire(back->next, first, findings);
    REQUIRE(still);
    CHECK(still->changes_nothing());
  }
}

TEST_CASE("a run that was rewired beyond its numbers says so") {
  const auto types = test::fake_types();
  auto running = plan_of("running.yaml", types);
  auto gone = running.actors[0];
  gone.removed = true;
  running.actors.resize(33'000, gone);
  diagnostics findings;
  CHECK(!plan_rewire(running, plan_of("running.yaml", types), findings));
  REQUIRE(!findings.items().empty());
  CHECK(findings.items()[0].code == "rewire.worn-out");
}

}  // namespace hocket
