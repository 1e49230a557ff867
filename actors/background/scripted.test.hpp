#pragma once

#include <doctest/doctest.h>

#include <condition_variable>
#include <deque>
#include <future>
#include <map>

#include "actors/background/agent.hpp"
#include "actors/background/match_planner.hpp"
#include "graph/contract/harness.hpp"
#include "graph/contract/registry.hpp"

namespace hocket::background::test {

/// Tools for tests. `gate` holds a call until it is opened; real threads are used only with it.
struct gate {
  std::promise<void> open;
  std::shared_future<void> opened = open.get_future().share();
};

struct scripted final : tool {
  std::function<result<std::string>(const std::string&, const tool_context&)> body;
  result<std::string> call(const std::string& arguments, const tool_context& c) override {
    return body(arguments, c);
  }
};

inline tool_type scripted_tool(
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

inline registry tools_with(tool_type t) {
  registry types;
  REQUIRE(types.add(planner_of<match_planner>("match", "by words")));
  REQUIRE(types.add(tool_words{
      t.info.name, [](std::string_view task) { return task.starts_with("do ") ? "{}" : ""; }}));
  REQUIRE(types.add(std::move(t)));
  return types;
}

inline value config(std::vector<setting> more = {}) {
  more.emplace_back("tools", value(value::list{value(std::string("scripted"))}));
  return settings(std::move(more));
}

inline delegation request(std::uint64_t id, std::string task = "do it",
                          std::uint64_t supersedes = 0) {
  delegation d;
  d.request = id;
  d.task = std::move(task);
  d.supersedes = supersedes;
  return d;
}

/// A planner that is a function, under the name "script".
struct scripted_planner final : planner {
  std::function<result<plan_step>(const plan_view&)> body;
  result<plan_step> next(const plan_view& view) override { return body(view); }
};

/// One that may tell its answer while it makes it.
struct telling_script final : telling_planner {
  std::function<result<plan_step>(const plan_view&, const teller&)> body;
  result<plan_step> next(const plan_view& view, const teller& tell) override {
    return body(view, tell);
  }
};

inline void add_telling_script(
    registry& types,
    std::function<result<plan_step>(const plan_view&, const telling_planner::teller&)> f) {
  REQUIRE(types.add(planner_type{{"script", "for tests", config_maker<match_planner>()},
                                 [f = std::move(f)](config_base&) {
                                   auto p = std::make_unique<telling_script>();
                                   p->body = f;
                                   return p;
                                 }}));
}

inline void add_script(registry& types, std::function<result<plan_step>(const plan_view&)> f) {
  REQUIRE(types.add(planner_type{{"script", "for tests", config_maker<match_planner>()},
                                 [f = std::move(f)](config_base&) {
                                   auto p = std::make_unique<scripted_planner>();
                                   p->body = f;
                                   return p;
                                 }}));
}

inline std::string said(const harness& h) {
  std::string all;
  for (const auto& t : h.values<text>("results"))
    if (is_result(t.role)) all += t.value + (t.final ? "." : "") + " ";
  return all;
}

/// A real-time agent driven by hand, with a clock that is not virtual but stands still.
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
      REQUIRE(came.wait_for(lock, std::chrono::seconds(120), [&] { return !waiting.empty(); }));
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
    if (const auto* t = p.get_if<text>(); t && port == 0 && !is_result(t->role)) {
      states.push_back(t->role + " " + std::to_string(t->request));
      CHECK(p.header.ts >= bound);
    } else if (t && port == 0) {
      words += t->value + " ";
      if (t->final) ends.push_back(t->request);
      if (replaces(*t)) replaced.push_back(t->value);
      CHECK(p.header.ts >= bound);
    }
    if (const auto* c = p.get_if<tool_call>()) calls.push_back(*c);
    if (const auto* r = p.get_if<tool_result>()) results.push_back(*r);
    if (const auto* c = p.get_if<control>(); c && port == 0 && c->what == control::kind::bound)
      bound = p.header.ts;
  }
  void interrupt() override {}
  void for_session(session_id) override {}
  std::string words;
  std::vector<std::uint64_t> ends;    ///< of which requests, in the order of their last words
  std::vector<std::string> states;    ///< role and request of texts without words
  std::vector<std::string> replaced;  ///< words that took the place of those before
  std::vector<tool_call> calls;
  std::vector<tool_result> results;
  timestamp bound = timestamp::min();  ///< no result before it comes any more
};

struct bench {
  explicit bench(tool_type t, background::agent::config c)
      : bench(tools_with(std::move(t)), std::move(c)) {}
  bench(tool_type t, background::agent::config c, std::uint32_t restarts)
      : bench(tools_with(std::move(t)), std::move(c), restarts) {}
  explicit bench(registry r, background::agent::config c, std::uint32_t restarts = 0)
      : types(std::move(r)) {
    if (c.tools.empty()) c.tools = {"scripted"};
    c.min_delay_ms = 0;
    agent = std::make_unique<background::agent>(c);
    context where;
    where.time = &time;
    where.self = mail;
    where.types = &types;
    where.restarts = restarts;
    where.count = [this](std::string_view name, std::int64_t n) { counts[std::string(name)] += n; };
    REQUIRE(agent->open(where));
  }
  void ask(delegation d) { REQUIRE(agent->process(0, make_packet(time.at, std::move(d)), out)); }
  void tick_at(std::int64_t ms) {
    time.at = timestamp::of_ms(ms);
    REQUIRE(agent->tick(ms / 200 - 1, out));
    CHECK(out.bound == time.at);  // a model behind it need not wait for its grace
  }
  /// Runs what the threads post until all words are said; false after 120 s.
  bool until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (!done() && std::chrono::steady_clock::now() < end) {
      std::unique_lock lock(mail->mutex);
      mail->came.wait_for(lock, std::chrono::milliseconds(10),
                          [&] { return !mail->waiting.empty(); });
      if (mail->waiting.empty()) continue;
      auto f = std::move(mail->waiting.front());
      mail->waiting.pop_front();
      lock.unlock();
      f(out);
    }
    return done();
  }
  registry types;
  standing_clock time;
  std::shared_ptr<posts> mail = std::make_shared<posts>();
  std::map<std::string, std::int64_t> counts;
  words_sink out;
  std::unique_ptr<background::agent> agent;
};

}  // namespace hocket::background::test
