// Conversations that a component opened, in a rewire that replaces it or takes it out.
#include <fmt/format.h>

#include "actors/rewire/rewire_plans.test.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::rewire;
using namespace hocket::testing;

namespace {

std::uint64_t number(session_id s) { return static_cast<std::uint64_t>(s); }

/// Opens one conversation, greets it with its value, and notes what is over.
std::unique_ptr<lambda_component> gate(std::int64_t value, std::shared_ptr<notebook> told) {
  auto c = std::make_unique<lambda_component>();
  auto* self = c.get();
  c->on_open = [=](const context& where) -> result<void> {
    where.sessions->on_end(
        [=](session_id id, emitter&) { told->add(fmt::format("{}: over {}", value, number(id))); });
    where.sessions->open([=](const result<session_id>& id, emitter& out) {
      REQUIRE(id);
      told->add(fmt::format("{}: open {}", value, number(*id)));
      out.for_session(*id);
      out.emit(0, self->where.time->now(), word(fmt::format("hello of {}", value)));
    });
    return {};
  };
  c->on_produce = [](timestamp, emitter&) -> result<source_state> { return source_state::more; };
  return c;
}

std::unique_ptr<lambda_component> speaker(std::shared_ptr<notebook> spoken) {
  auto c = std::make_unique<lambda_component>();
  auto* self = c.get();
  c->on_packet = [=](std::size_t port, const packet& p, emitter&) -> result<void> {
    if (port == 1)
      spoken->add(fmt::format("{}: {}", number(self->where.session), p.get_if<text>()->value));
    return {};
  };
  c->on_close = [=](emitter&) -> result<void> {
    spoken->add(fmt::format("{}: closed", number(self->where.session)));
    return {};
  };
  return c;
}

}  // namespace

TEST_CASE(
    "a replaced gateway takes its conversations with it; the new one asks when it is in place") {
  auto told = std::make_shared<notebook>();
  auto spoken = std::make_shared<notebook>();
  rewire_stage s(false);
  s.options.sessions = 0;
  s.g.add("mic", 0, 1, counter_source(1 << 30));
  s.g.source("mic", 5);
  s.g.info("mic").scope = instance_scope::shared;
  s.add_valued("gate", 0, 1, [=](std::int64_t value) { return gate(value, told); });
  s.g.source("gate", 5);
  s.g.info("gate").scope = instance_scope::shared;
  s.g.add("speaker", 2, 0, [=] { return speaker(spoken); });
  s.g.link("mic", 0, "speaker", 0);
  s.g.link("gate", 0, "speaker", 1);
  s.start();
  REQUIRE(in_time([&] { return spoken->count("1: hello of 1") == 1; }));
  s.offer("next", [&](plan& p) { s.set_value(p, "gate", 2); });
  const auto out = s.rewire("next");
  CAPTURE(out.why);
  REQUIRE(out.state == rewire_state::committed);
  REQUIRE(in_time([&] { return spoken->count("2: hello of 2") == 1; }));
  REQUIRE(in_time([&] { return spoken->count("1: closed") == 1; }));
  CHECK(told->count("1: over 1") + told->count("2: over 1") <= 1);
  CHECK(told->count("2: open 2") == 1);

  s.without("less", {"gate"});
  REQUIRE(s.rewire("less").state == rewire_state::committed);
  REQUIRE(in_time([&] { return spoken->count("2: closed") == 1; }));
  REQUIRE(in_time([&] { return s.run->status().sessions == 0; }));
  s.run->stop();
  s.wait();
  CHECK(spoken->size() == 4);
}
