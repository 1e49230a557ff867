#include <filesystem>
#include <fstream>
#include <sstream>

#include "graph/core/assert.hpp"
#include "graph/spec/dot.hpp"
#include "graph/spec/plan.hpp"
#include "tests/fuzz/targets.hpp"
#include "tests/golden/fake_types.hpp"

// Input: the text of a graph file. Included files are the same text, but only a few times: one that
// includes itself for as long as it may takes a hundred times as long as another.
namespace hocket::fuzz {
namespace {

std::string text_;
int includes_left_ = 0;

result<std::string> same_again(const std::string& path) {
  if (includes_left_-- <= 0) return fail("fuzz.no_file", path + ": enough of it");
  return text_;
}
std::optional<std::string> some_env(const std::string& name) {
  return name.size() % 2 == 0 ? std::optional<std::string>(name) : std::nullopt;
}

void run(std::span<const std::uint8_t> bytes) {
  static const registry types = test::fake_types();
  text_.assign(bytes.begin(), bytes.end());
  includes_left_ = 3;
  const load_options options = {
      {{"p", "1"}}, {"actors.mic.device=usb"}, false, some_env, same_again};
  diagnostics findings;
  const auto p = load_plan("fuzz.yaml", text_, types, options, findings);
  HOCKET_ASSERT(p.has_value() != findings.has_errors());
  (void)findings.to_string();
  if (p) HOCKET_ASSERT(!spec::to_dot(*p).empty());
}

std::vector<std::string> seeds() {
  std::vector<std::string> out;
  for (const auto* folder : {"/tests/golden/graph", "/tests/golden/graph/parts"})
    for (const auto& e :
         std::filesystem::directory_iterator(std::string(HOCKET_SOURCE_DIR) + folder)) {
      if (e.path().extension() != ".yaml" || e.file_size() > 4000) continue;
      std::ostringstream text;
      text << std::ifstream(e.path(), std::ios::binary).rdbuf();
      out.push_back(std::move(text).str());
    }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

extern const target graph;
const target graph = {"graph", run, seeds};

}  // namespace hocket::fuzz
