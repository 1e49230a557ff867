#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "graph/spec/codes.hpp"
#include "graph/spec/plan.hpp"
#include "tests/golden/fake_types.hpp"

// Every file in tests/golden/graph is read as a graph; what is found must equal the .expected file
// beside it. HOCKET_GOLDEN_UPDATE=1 writes the .expected files anew. Comments at the top of a case
// give settings (`# --set a.b=c`) and parameters (`# --param a=b`).
namespace hocket {
namespace {

namespace fs = std::filesystem;
const std::string folder = "tests/golden/graph";

std::string on_disk(const std::string& path) { return HOCKET_SOURCE_DIR "/" + path; }

result<std::string> read_text(const std::string& path) {
  std::ifstream in(on_disk(path), std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  if (!in) return fail("file.missing", "no such file");
  return std::move(out).str();
}

std::optional<std::string> fake_env(const std::string& name) {
  if (name == "DEVICE") return "usb";
  if (name == "RATE") return "16000";
  return {};
}

load_options options_of(const std::string& text) {
  load_options o;
  o.env = fake_env;
  o.read_file = read_text;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line) && line.starts_with("#");) {
    if (line.starts_with("# --set ")) o.sets.push_back(line.substr(8));
    if (!line.starts_with("# --param ")) continue;
    const auto equals = line.find('=');
    o.params[line.substr(10, equals - 10)] = line.substr(equals + 1);
  }
  return o;
}

std::string outcome_of(const std::string& path) {
  const auto text = read_text(path);
  REQUIRE(text);
  diagnostics findings;
  const auto types = test::fake_types();
  const auto plan = load_plan(path, *text, types, options_of(*text), findings);
  CHECK(plan.has_value() != findings.has_errors());
  auto out = findings.to_string();
  if (plan)
    out += fmt::format("fine: {} actors, {} links\n", plan->actors.size(), plan->links.size());
  return out;
}

std::vector<std::string> cases() {
  std::vector<std::string> out;
  for (const auto& e : fs::directory_iterator(on_disk(folder)))
    if (e.path().extension() == ".yaml") out.push_back(e.path().stem().string());
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

TEST_CASE("golden: every case of graph validation gives its text") {
  const bool update = std::getenv("HOCKET_GOLDEN_UPDATE") != nullptr;
  for (const auto& name : cases()) {
    CAPTURE(name);
    const auto got = outcome_of(folder + "/" + name + ".yaml");
    const auto expected = folder + "/" + name + ".expected";
    if (update) std::ofstream(on_disk(expected), std::ios::binary) << got;
    CHECK(got == read_text(expected).value_or("(no .expected file)"));
  }
}

TEST_CASE("golden: every code has a case of its own, and no case gives an unknown code") {
  const auto names = cases();
  for (const auto& c : spec::all_codes()) {
    CAPTURE(c.code);
    const auto got = read_text(folder + "/" + std::string(c.code) + ".expected").value_or("");
    CHECK(std::find(names.begin(), names.end(), c.code) != names.end());
    CHECK(got.find(fmt::format("[{}]", c.code)) != got.npos);
    CHECK(got.find(c.level == severity::error ? "error:" : "warning:") != got.npos);
    CHECK(!c.doc.empty());
  }
  const auto types = test::fake_types();
  for (const auto& name : names) {
    const auto path = folder + "/" + name + ".yaml";
    const auto text = read_text(path).value();
    diagnostics findings;
    (void)load_plan(path, text, types, options_of(text), findings);
    for (const auto& d : findings.items()) {
      CAPTURE(d.code);
      CHECK(std::any_of(spec::all_codes().begin(), spec::all_codes().end(),
                        [&](const auto& c) { return c.code == d.code && c.level == d.level; }));
    }
  }
}

}  // namespace hocket
