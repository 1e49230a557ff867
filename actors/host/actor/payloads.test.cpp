#include "actors/host/run/run_plan.test.hpp"
#include "graph/spec/payloads.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::testing;

namespace {

struct event_log final : observer {
  notebook book;
  void event(timestamp, std::string_view actor, std::string_view what,
             std::string_view detail) override {
    if (what == "bad_packet") book.add(std::string(actor) + ": " + std::string(detail));
  }
};

plan_maker::maker source_of(std::vector<std::string> all) {
  return [all] {
    auto c = std::make_unique<lambda_component>();
    c->on_produce = [all, n = std::size_t{0}](timestamp until,
                                              emitter& out) mutable -> result<source_state> {
      if (n < all.size()) out.emit(0, until - duration(1'000'000), word(all[n++]));
      return n < all.size() ? source_state::more : source_state::end_of_stream;
    };
    return c;
  };
}

}  // namespace

TEST_CASE("what does not satisfy the schema of its port is dropped, counted and told once") {
  for (const bool virtual_time : {true, false}) {
    plan_maker g;
    const auto heard = std::make_shared<notebook>();
    event_log log;
    g.add("src", 0, 1, source_of({R"({"n":1})", R"({"n":"x"})", R"({"n":2})", "[", R"({"n":3})"}));
    g.source("src", 5);
    g.add("end", 1, 0, [heard] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [heard](std::size_t, const packet& p, emitter&) -> result<void> {
        heard->add(p.get_if<text>()->value);
        return {};
      };
      return c;
    });
    g.link("src", 0, "end", 0, {.size = 4});
    auto ports = std::make_shared<payloads::port_schemas>();
    ports->outputs = {
        payloads::json_schema("count", R"({"properties":{"n":{"type":"integer"}}})").value()};
    auto& src = g.actor("src");
    src.config = hocket::spec::with_payloads(src.config, ports);
    runtime_options o;
    o.observers = {&log};
    const auto done = run_plan(g, virtual_time, o);
    CHECK(heard->lines() == std::vector<std::string>{R"({"n":1})", R"({"n":2})", R"({"n":3})"});
    CHECK(dropped(done.last.links[0], drop_reason::bad_packet) == 2);
    CHECK(log.book.lines() ==
          std::vector<std::string>{
              "src: out0: no `count`: /n: string where \"integer\" is declared"});
  }
}
