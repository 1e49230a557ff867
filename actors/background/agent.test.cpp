#include "actors/background/agent.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <stdexcept>

#include "graph/contract/harness.hpp"

using namespace hocket;

namespace {

// Tools for tests. `gate` holds a call until it is opened; real threads are used only with it.
struct gate {
  std::promise<void> open;
  std::shared_future<void> opened = open.get_future().share();
};

struct scripted final : tool {
  std::function<result<std::string>(const std::string&, const tool_context&)> body;
  result<std::string> call(const std::string& arguments, const tool_context& c) override {
    return body(arguments, c);
  }
  std::string match(std::string_view task) const override {
    return task.starts_with("do ") ? "{}" : "";
  }
};

tool_type scripted_tool(
    std::function<result<std::string>(const std::string&, const tool_context&)> f,
    int time_limit_ms = 5000, std::size_t max_bytes = 16384) {
  return {{"scripted",
           "for tests",
           "{}",
           {.time_limit_ms = time_limit_ms, .max_result_bytes = max_bytes}},
          [f = std::move(f)] {
            auto t = std::make_unique<scripted>();
            t->body = f;
            return t;
          }};
}

registry tools_with(tool_type t) {
  registry types;
  REQUIRE(types.add(std::move(t)));
  return types;
}

value config(std::vector<setting> more = {}) {
  more.emplace_back("tools", value(value::list{value(std::string("scripted"))}));
  return settings(std::move(more));
}

delegation request(std::uint64_t id, std::string task = "do it", std::uint64_t supersedes = 0) {
  delegation d;
  d.request = id;
  d.task = std::move(task);
  d.supersedes = supersedes;
  return d;
}

std::string said(const harness& h) {
  std::string all;
  for (const auto& t : h.values<text>("results")) all += t.value + (t.final ? "." : "") + " ";
  return all;
}

}  // namespace

TEST_CASE("a delegated task is answered in words after the declared delay") {
  const auto types = tools_with(scripted_tool([](auto&, auto&) { return std::string("56"); }));
  harness h(type_of<background::agent>(),
            {.config = config({{"min_delay_ms", 500}}), .types = &types});
  REQUIRE(h.open());
  REQUIRE(h.advance_to(timestamp::of_ms(300)));
  REQUIRE(h.push("requests", h.now(), request(7)));
  CHECK(h.values<tool_call>("tool_calls").size() == 1);
  CHECK(h.values<tool_result>("tool_results").at(0).content == "56");
  REQUIRE(h.advance_to(timestamp::of_ms(399)));
  CHECK(said(h).empty());
  REQUIRE(h.advance_to(timestamp::of_ms(1200)));
  CHECK(said(h) == "fifty six. ");
  std::vector<packet> out;  // beside the words go promises that nothing earlier comes
  std::ranges::copy_if(h.outputs("results"), std::back_inserter(out),
                       [](const packet& p) { return p.get_if<text>() != nullptr; });
  REQUIRE(out.size() == 2);
  CHECK(out[0].header.ts == timestamp::of_ms(800));
  CHECK(out[1].get_if<text>()->request == 7);
  CHECK(out[1].get_if<text>()->role == "background");
  CHECK(h.counter("answered") == 1);
  REQUIRE(h.close());
  CHECK(h.violations().empty());
}

TEST_CASE("every failure is one short notice") {
  const auto failing = [](auto f) { return tools_with(scripted_tool(f)); };
  const auto run = [](const registry& types, delegation d) {
    harness h(type_of<background::agent>(), {.config = config(), .types = &types});
    REQUIRE(h.open());
    REQUIRE(h.push("requests", h.now(), std::move(d)));
    REQUIRE(h.advance_to(timestamp::of_ms(2000)));
    CHECK(h.counter("failed") + h.counter("refused") == 1);
    return said(h);
  };
  using answer = result<std::string>;
  const auto failed = failing([](auto&, auto&) -> answer { return fail("x.y", "broken"); });
  const auto throws = failing([](auto&, auto&) -> answer { throw std::runtime_error("boom"); });
  const auto odd = failing([](auto&, auto&) -> answer { throw 7; });
  const auto empty = failing([](auto&, auto&) -> answer { return std::string(); });
  CHECK(run(failed, request(1)) == "no result. ");
  CHECK(run(throws, request(1)) == "no result. ");
  CHECK(run(odd, request(1)) == "no result. ");
  CHECK(run(empty, request(1)) == "no result. ");
  CHECK(run(failed, request(1, "a task that no tool knows")) == "no result. ");
  CHECK(run(failed, request(1, std::string(1000, 'x'))) == "no result. ");
}

TEST_CASE("a cancelled or superseded request says nothing") {
  const auto types = tools_with(scripted_tool([](auto&, auto&) { return std::string("ok"); }));
  harness h(type_of<background::agent>(), {.config = config(), .types = &types});
  REQUIRE(h.open());
  REQUIRE(h.push("requests", h.now(), request(1)));
  delegation cancel = request(1);
  cancel.what = delegation::action::cancel;
  REQUIRE(h.push("requests", h.now(), cancel));
  REQUIRE(h.push("requests", h.now(), request(2)));
  REQUIRE(h.push("requests", h.now(), request(3, "do it", 2)));
  REQUIRE(h.push("requests", h.now(), request(3)));  // the wire repeats itself
  REQUIRE(h.advance_to(timestamp::of_ms(3000)));
  CHECK(h.counter("cancelled") == 1);
  CHECK(h.counter("superseded") == 1);
  const auto words = h.values<text>("results");
  REQUIRE(!words.empty());
  for (const auto& w : words) CHECK(w.request == 3);
}

TEST_CASE("long and broken results are cut") {
  const auto types = tools_with(scripted_tool(
      [](auto&, auto&) { return std::string("a b c d e f \xC3\xA4\xC3\xA4"); }, 5000, 13));
  harness h(type_of<background::agent>(), {.config = config({{"max_words", 3}}), .types = &types});
  REQUIRE(h.open());
  REQUIRE(h.push("requests", h.now(), request(1)));
  REQUIRE(h.advance_to(timestamp::of_ms(2000)));
  CHECK(said(h) == "a b c. ");
  CHECK(h.values<tool_result>("tool_results").at(0).content == "a b c d e f ");
}

TEST_CASE("a planner may go through several tools") {
  struct twice final : background::planner {
    result<background::plan_step> next(const delegation&, std::span<const background::tool_entry>,
                                       std::span<const background::tool_answer> so_far,
                                       const tool_context&) override {
      using kind = background::plan_step::kind;
      if (so_far.size() < 2) return background::plan_step{kind::call, "scripted", "{}", ""};
      return background::plan_step{kind::answer, "", "",
                                   so_far[0].content + " " + so_far[1].content};
    }
  };
  const auto types = tools_with(scripted_tool([](auto&, auto&) { return std::string("1"); }));
  auto type = type_of<background::agent>();
  auto make = type.make;
  type.make = [make](config_base& c) {
    auto made = make(c);
    static_cast<background::agent&>(*made).use_planner(std::make_shared<twice>());
    return made;
  };
  harness h(type, {.config = config(), .types = &types});
  REQUIRE(h.open());
  REQUIRE(h.push("requests", h.now(), request(1)));
  REQUIRE(h.advance_to(timestamp::of_ms(2000)));
  CHECK(said(h) == "one one. ");
  CHECK(h.values<tool_call>("tool_calls").size() == 2);
}

TEST_CASE("an unknown tool is refused at open") {
  registry none;
  harness h(type_of<background::agent>(), {.config = config(), .types = &none});
  const auto opened = h.open();
  REQUIRE(!opened);
  CHECK(opened.error().code == "background.no_such_tool");
}

// Threads as in real time: driven by hand with a clock that is not virtual but stands still.
namespace {

struct standing_clock final : clock {
  timestamp now() const override { return at; }
  bool is_virtual() const override { return false; }
  timestamp at;
};

struct posts final : mailbox_handle {
  bool run(std::function<void(emitter&)> f) override {
    std::lock_guard lock(mutex);
    waiting.push_back(std::move(f));
    came.notify_all();
    return true;
  }
  // Runs n posted functions, waiting for them.
  void take(std::size_t n, emitter& out) {
    for (; n > 0; --n) {
      std::unique_lock lock(mutex);
      REQUIRE(came.wait_for(lock, std::chrono::seconds(10), [&] { return !waiting.empty(); }));
      auto f = std::move(waiting.front());
      waiting.pop_front();
      lock.unlock();
      f(out);
    }
  }
  std::mutex mutex;
  std::condition_variable came;
  std::deque<std::function<void(emitter&)>> waiting;
};

struct words_sink final : emitter {
  using emitter::emit;
  void emit(std::size_t port, packet p) override {
    if (const auto* t = p.get_if<text>(); t && port == 0) {
      words += t->value + " ";
      CHECK(p.header.ts >= bound);
    }
    if (const auto* c = p.get_if<control>(); c && port == 0 && c->what == control::kind::bound)
      bound = p.header.ts;
  }
  void interrupt() override {}
  void for_session(session_id) override {}
  std::string words;
  timestamp bound = timestamp::min();  ///< no result before it comes any more
};

struct bench {
  explicit bench(tool_type t, background::agent::config c) : types(tools_with(std::move(t))) {
    c.tools = {"scripted"};
    c.min_delay_ms = 0;
    agent = std::make_unique<background::agent>(c);
    context where;
    where.time = &time;
    where.self = mail;
    where.types = &types;
    where.count = [this](std::string_view name, std::int64_t n) { counts[std::string(name)] += n; };
    REQUIRE(agent->open(where));
  }
  void ask(delegation d) { REQUIRE(agent->process(0, make_packet(time.at, std::move(d)), out)); }
  void tick_at(std::int64_t ms) {
    time.at = timestamp::of_ms(ms);
    REQUIRE(agent->tick(ms / 200 - 1, out));
    CHECK(out.bound == time.at);  // a model behind it need not wait for its grace
  }
  registry types;
  standing_clock time;
  std::shared_ptr<posts> mail = std::make_shared<posts>();
  std::map<std::string, std::int64_t> counts;
  words_sink out;
  std::unique_ptr<background::agent> agent;
};

}  // namespace

TEST_CASE("a tool that takes too long is given up; its late result follows the policy") {
  for (const std::string late : {"drop", "deliver"}) {
    auto hold = std::make_shared<gate>();
    background::agent::config c;
    c.time_limit_ms = 1000;
    c.late = late;
    bench b(scripted_tool([hold](auto&, auto&) {
              hold->opened.wait();
              return std::string("42");
            }),
            c);
    b.ask(request(1));
    b.mail->take(1, b.out);  // the call
    b.tick_at(800);
    CHECK(b.out.words.empty());
    b.tick_at(1000);
    CHECK(b.out.words == "no result ");
    hold->open.set_value();
    b.mail->take(2, b.out);  // its result, and the end
    CHECK(b.out.words == (late == "drop" ? "no result " : "no result forty two "));
    CHECK(b.counts["timed_out"] == 1);
    CHECK(b.counts["late_delivered"] == (late == "deliver" ? 1 : 0));
    REQUIRE(b.agent->close(b.out));
  }
}

TEST_CASE("at most max_parallel tools run at once; the rest waits its turn") {
  auto hold = std::make_shared<gate>();
  auto running = std::make_shared<std::atomic<int>>(0);
  background::agent::config c;
  c.max_parallel = 1;
  bench b(scripted_tool([=](auto&, auto&) {
            ++*running;
            hold->opened.wait();
            return std::string("ok");
          }),
          c);
  b.ask(request(1));
  b.ask(request(2));
  b.mail->take(1, b.out);
  CHECK(running->load() <= 1);
  hold->open.set_value();
  b.mail->take(5, b.out);
  CHECK(b.out.words == "ok ok ");
  CHECK(b.counts["answered"] == 2);
  REQUIRE(b.agent->close(b.out));
}

TEST_CASE("a hung tool does not hold the end of a run") {
  auto hold = std::make_shared<gate>();
  bench b(scripted_tool([hold](auto&, auto&) {
            hold->opened.wait();
            return std::string("ok");
          }),
          {});
  b.ask(request(1));
  b.mail->take(1, b.out);
  REQUIRE(b.agent->close(b.out));
  CHECK(b.counts["cancelled"] == 1);
  b.agent.reset();
  hold->open.set_value();  // the thread ends after its agent
}
