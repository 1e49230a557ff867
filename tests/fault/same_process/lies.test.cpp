// Types that lie about themselves: none is taken, each is told by its name, and the others stay.
#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>

#include "graph/contract/registry.hpp"
#include "graph/text/clean.hpp"
#include "tests/fault/same_process/rogue.hpp"

namespace hocket::unruly {
namespace {

/// A config that visits as it is told.
struct told_config final : config_base {
  explicit told_config(std::function<void(config_visitor&)> f) : visits(std::move(f)) {}
  void visit(config_visitor& v) override { visits(v); }
  std::function<void(config_visitor&)> visits;
};

component_type honest() {
  auto t = type_of<rogue>();
  t.info.type = "unruly.liar";
  return t;
}

std::function<std::unique_ptr<config_base>()> visiting(std::function<void(config_visitor&)> f) {
  return [f] { return std::make_unique<told_config>(f); };
}

void field(config_visitor& v, std::string name) {
  static std::int64_t n = 0;
  v.field({.name = std::move(name), .doc = "a number"}, n);
}

struct lie {
  const char* name;
  const char* code;
  std::function<void(component_type&)> tell;
};

const std::vector<lie>& lies() {
  constexpr auto nan = std::numeric_limits<double>::quiet_NaN();
  static const std::vector<lie> all = {
      {"no name", "registry.bad_name", [](auto& t) { t.info.type = ""; }},
      {"no group", "registry.bad_name", [](auto& t) { t.info.type = "liar"; }},
      {"upper case", "registry.bad_name", [](auto& t) { t.info.type = "Unruly.Liar"; }},
      {"escapes in a name", "registry.bad_name",
       [](auto& t) { t.info.type = "unruly.\x1b[2J\xff"; }},
      {"a name without end", "registry.bad_name",
       [](auto& t) { t.info.type = "unruly." + std::string(1 << 20, 'X'); }},
      {"somebody else's name", "registry.duplicate", [](auto& t) { t.info.type = "unruly.words"; }},
      {"an input twice", "registry.bad_port",
       [](auto& t) { t.info.inputs.push_back(t.info.inputs.front()); }},
      {"an output twice", "registry.bad_port",
       [](auto& t) { t.info.outputs.push_back(t.info.outputs.front()); }},
      {"a port without a name", "registry.bad_port",
       [](auto& t) { t.info.outputs.front().name = ""; }},
      {"escapes in a port", "registry.bad_port",
       [](auto& t) { t.info.inputs.front().name = "\x1b]0;x\a"; }},
      {"a kind that is none", "registry.bad_port",
       [](auto& t) { t.info.inputs.front().type.kind = static_cast<payload_kind>(99); }},
      {"elements that are none", "registry.bad_port",
       [](auto& t) { t.info.outputs.front().type.element = static_cast<dtype>(99); }},
      {"a negative rate", "registry.bad_port",
       [](auto& t) { t.info.outputs.front().type.rate_hz = -1; }},
      {"a negative extent", "registry.bad_port",
       [](auto& t) { t.info.outputs.front().type.shape = {-7}; }},
      {"packets per second without number", "registry.bad_port",
       [](auto& t) { t.info.outputs.front().type.packets_per_s = nan; }},
      {"a negative queue", "registry.bad_port",
       [](auto& t) { t.info.inputs.front().queue.size = -1; }},
      {"a queue of another policy", "registry.bad_port",
       [](auto& t) { t.info.inputs.front().queue.full = static_cast<full_policy>(99); }},
      {"a latency without number", "registry.bad_limit", [](auto& t) { t.info.latency_ms = nan; }},
      {"a negative latency", "registry.bad_limit", [](auto& t) { t.info.latency_ms = -1; }},
      {"a period of nothing", "registry.bad_limit", [](auto& t) { t.info.period_ms = 0; }},
      {"a negative period", "registry.bad_limit", [](auto& t) { t.info.period_ms = INT32_MIN; }},
      {"a policy that is none", "registry.bad_limit",
       [](auto& t) { t.info.policy = static_cast<input_policy>(99); }},
      {"other policies that are none", "registry.bad_limit",
       [](auto& t) { t.info.policies = {static_cast<input_policy>(99)}; }},
      {"no way to a config", "registry.bad_config", [](auto& t) { t.make_config = nullptr; }},
      {"no config", "registry.bad_config", [](auto& t) { t.make_config = [] { return nullptr; }; }},
      {"a config that throws", "registry.bad_config",
       [](auto& t) {
         t.make_config = []() -> std::unique_ptr<config_base> {
           throw std::runtime_error("no\x1b[2J");
         };
       }},
      {"a visit that throws", "registry.bad_config",
       [](auto& t) { t.make_config = visiting([](auto&) { throw 42; }); }},
      {"no component", "registry.bad_config", [](auto& t) { t.make = nullptr; }},
      {"a key twice", "registry.bad_field",
       [](auto& t) { t.make_config = visiting([](auto& v) { field(v, "a"), field(v, "a"); }); }},
      {"a key of the graph", "registry.bad_field",
       [](auto& t) { t.make_config = visiting([](auto& v) { field(v, "inputs"); }); }},
      {"escapes in a key", "registry.bad_field",
       [](auto& t) { t.make_config = visiting([](auto& v) { field(v, "\x1b[2J"); }); }},
  };
  return all;
}

}  // namespace

TEST_CASE("types that lie about themselves are refused by name, and no other is touched") {
  auto known = types();
  for (const auto& l : lies()) {
    CAPTURE(l.name);
    auto t = honest();
    l.tell(t);
    const auto before = known.component_names();
    const auto done = known.add(t);
    REQUIRE(!done);
    CHECK(done.error().code == l.code);
    CAPTURE(done.error().message);
    CHECK(clean_text(done.error().message) == done.error().message);
    CHECK(done.error().message.size() < 400);
    const auto named = clean_text(t.info.type).substr(0, 100);
    CHECK(done.error().message.find(named) != std::string::npos);
    CHECK(known.component_names() == before);
  }
  CHECK(known.add(honest()));
  CHECK(known.add(honest()).error().code == "registry.duplicate");
}

}  // namespace hocket::unruly
