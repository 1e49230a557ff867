#include "actors/gateway/edit/change.hpp"
#include "graph/core/assert.hpp"
#include "graph/core/diagnostic.hpp"
#include "graph/spec/yaml.hpp"
#include "tests/fuzz/targets.hpp"

// Input: changes as a JSON list up to the first zero byte, then a graph file; where there is no zero byte,
// a graph file alone, which gets an actor, a link and a key, and loses them again.
namespace hocket::fuzz {
namespace {

using namespace gateway::edit;

/// Whatever comes out can be read.
void check(const std::string& text, const std::vector<change>& changes) {
  const auto out = changed(text, changes);
  if (!out) return;
  diagnostics findings;
  HOCKET_ASSERT(spec::parse_yaml("t", *out, findings) && !findings.has_errors());
}

void run(std::span<const std::uint8_t> bytes) {
  const std::string all(bytes.begin(), bytes.end());
  const auto zero = all.find('\0');
  std::vector<change> changes;
  if (zero != all.npos) {
    const auto list = read_json(std::string_view(all).substr(0, zero));
    if (!list.is_array() || list.size() > 64) return;
    for (const auto& j : list)
      if (auto c = read_change(j)) changes.push_back(std::move(*c));
    return check(all.substr(zero + 1), changes);
  }
  using kind = change::kind;
  const std::vector<std::string> actor = {"actors", "zz"}, port = {"actors", "zz", "inputs", "x"};
  check(all, {{kind::set, actor, {{"component", "c"}}},
              {kind::set, port, "mic.audio"},
              {kind::remove, port, nullptr},
              {kind::remove_actor, actor, nullptr}});
  check(all, {{kind::remove_actor, {"actors", "mic"}, nullptr}});
  check(all, {{kind::set, {"actors", "mic", "key"}, "a # b: \"c\""}});
}

std::vector<std::string> seeds() {
  const std::string text =
      "hocket: 1\nname: x # here\nactors:\n  mic: {component: a, n: 1,   # one\n        key: [\"a, "
      "}\", b]}\n"
      "  # ears\n  ears:\n    component: b\n    inputs: {x: mic.audio, y: [mic.v, z.a]}\n    text: "
      "|\n      # no\n"
      "      more\n    list:\n    - a\n    - {b: 1}\n";
  return {text, std::string(R"([{"op":"set","path":["actors","mic","n"],"value":2},)"
                            R"({"op":"remove","path":["actors","ears","list"]},)"
                            R"({"op":"remove_actor","actor":"mic"}])") +
                    '\0' + text};
}

}  // namespace

extern const target edit;
const target edit = {"edit", run, seeds};

}  // namespace hocket::fuzz
