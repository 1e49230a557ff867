#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "actors/rewire/fwd.hpp"
#include "actors/start_run.hpp"
#include "actors/rewire/report.hpp"
#include "actors/host/run/run_plan.test.hpp"
#include "graph/contract/config.hpp"

namespace hocket::rewire {

using testing::lambda_component;
using testing::notebook;
using testing::plan_maker;

/// testing::eventually(), with a limit that ends a hang only: hosts of a busy machine take long.
template <class F>
bool in_time(F&& holds) {
  return testing::eventually(std::forward<F>(holds), 120);
}

/// Ends a host, as kill -9 would, at the moment at which it has changed over: it has told nobody, and what
/// retires there has not closed.
struct dies_at_commit final : observer {
  explicit dies_at_commit(std::function<void()> f) : die(std::move(f)) {}
  void rewired(const graph_revision&) override { die(); }
  std::function<void()> die;
};

struct value_config final : config_base {
  std::int64_t value = 1;
  void visit(config_visitor& v) override { v.field({.name = "value", .doc = "any"}, value); }
};

/// Passes on what it hears, with a number in front, to all its outputs.
inline std::unique_ptr<lambda_component> stamper(std::int64_t value, std::size_t outs = 1) {
  auto c = std::make_unique<lambda_component>();
  c->on_packet = [value, outs](std::size_t, const packet& p, emitter& out) -> result<void> {
    const auto& text = p.get_if<hocket::text>()->value;
    for (std::size_t i = 0; i < outs; ++i)
      out.emit(i, p.header.ts, testing::word(std::to_string(value) + ":" + text));
    return {};
  };
  return c;
}

/// The plan without some actors and their links.
inline plan cut(const plan& whole, const std::set<std::string>& gone) {
  auto p = whole;
  p.actors.clear();
  p.links.clear();
  std::map<std::size_t, actor_index> numbers;
  for (std::size_t i = 0; i < whole.actors.size(); ++i) {
    if (gone.contains(whole.actors[i].name)) continue;
    numbers[i] = static_cast<actor_index>(p.actors.size());
    p.actors.push_back(whole.actors[i]);
  }
  for (auto l : whole.links) {
    if (!numbers.contains(l.from) || !numbers.contains(l.to)) continue;
    l.from = numbers[l.from];
    l.to = numbers[l.to];
    p.links.push_back(l);
  }
  return p;
}

/// A source that does not end before it may: else, in real time, a busy machine would be too late to
/// ask a run for anything.
inline plan_maker::maker held_open(plan_maker::maker make,
                                   std::shared_ptr<std::atomic<bool>> may_end) {
  return [=] {
    auto c = make();
    auto& source = dynamic_cast<lambda_component&>(*c);
    source.on_produce = [may_end, produce = source.on_produce, over = false](
                            timestamp until, emitter& out) mutable -> result<source_state> {
      if (!over) {
        const auto done = produce(until, out);
        if (!done) return fail(done);
        over = *done == source_state::end_of_stream;
      }
      return over && may_end->load() ? source_state::end_of_stream : source_state::more;
    };
    return c;
  };
}

/// Counts, `per_call` in each period, until it may end, and for some more periods then.
struct counting {
  plan_maker::maker source(int per_call = 1) {
    return [may_end = may_end, emitted = emitted, per_call] {
      auto c = std::make_unique<lambda_component>();
      c->on_produce = [=, left = 20](timestamp until,
                                     emitter& out) mutable -> result<source_state> {
        for (int i = 0; i < per_call; ++i)
          out.emit(0, until - duration(1'000'000), testing::word(std::to_string((*emitted)++)));
        return may_end->load() && --left == 0 ? source_state::end_of_stream : source_state::more;
      };
      return c;
    };
  }
  int total() const { return emitted->load(); }
  std::shared_ptr<std::atomic<bool>> may_end = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<std::atomic<int>> emitted = std::make_shared<std::atomic<int>>(0);
};

/// A run and the plans that it can become, by the name of their "files".
class rewire_stage : private observer {
 public:
  explicit rewire_stage(bool virtual_time) { options.virtual_time = virtual_time; }
  ~rewire_stage() override { run.reset(); }

  using valued_maker = std::function<std::unique_ptr<lambda_component>(std::int64_t)>;
  /// An actor whose component is made from a number in its config.
  plan_actor& add_valued(const std::string& name, int ins, int outs, valued_maker make) {
    auto& a = g.add(name, ins, outs, nullptr);
    auto& type = const_cast<component_type&>(*a.type);
    type.make_config = [] { return std::make_unique<value_config>(); };
    type.make = [make](config_base& c) { return make(static_cast<value_config&>(c).value); };
    a.config = std::make_shared<value_config>();
    return a;
  }
  static void set_value(plan& p, const std::string& actor, std::int64_t value) {
    for (auto& a : p.actors) {
      if (a.name != actor) continue;
      auto config = std::make_shared<value_config>();
      config->value = value;
      a.config = config;
    }
  }

  /// A source that, in virtual time, does not pass these stream times before so many rewires were
  /// asked for: else the run would be over before anybody can ask.
  plan_maker::maker paced(plan_maker::maker make, std::vector<std::int64_t> pauses_ms) {
    return [=, this] {
      auto c = make();
      auto& source = dynamic_cast<lambda_component&>(*c);
      source.on_produce = [=, this, produce = source.on_produce](
                              timestamp until, emitter& out) -> result<source_state> {
        pause(until, pauses_ms);
        return produce(until, out);
      };
      return c;
    };
  }
  void pause(timestamp until, const std::vector<std::int64_t>& pauses_ms) const {
    const auto due = std::count_if(pauses_ms.begin(), pauses_ms.end(),
                                   [&](std::int64_t ms) { return until.ns() > ms * 1'000'000; });
    while (options.virtual_time && asked_.load() < due)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void release() { asked_.fetch_add(1); }

  void offer(const std::string& file, const std::function<void(plan&)>& change) {
    auto p = g.make();
    change(p);
    keep(file, std::move(p));
  }
  void without(const std::string& file, const std::set<std::string>& gone) {
    keep(file, cut(g.make(), gone));
  }

  void start(const std::string& file = "full") {
    if (!options.virtual_time) hold_sources(g.make());
    keep("full", g.make());
    options.observers.push_back(this);
    options.load = [this](graph_text& t) -> result<plan> {
      std::lock_guard lock(mutex_);
      const auto it = plans_.find(t.file);
      if (it == plans_.end()) return fail("test.wrong", "no such file");
      return it->second;
    };
    first_ = plans_.at(file);
    auto r = start_run(first_, g.types, options);
    REQUIRE(r);
    run = std::move(*r);
  }

  rewire_outcome rewire(const std::string& file, std::int64_t not_before_ms = 0) {
    rewire_request r{{file, ""}};
    r.not_before = timestamp(not_before_ms * 1'000'000);
    return run->rewire(r);
  }

  run_summary wait() {
    may_end_->store(true);
    auto done = run->wait();
    CHECK(done.last.law_holds());
    for (const auto& l : done.last.links) CHECK(l.in_flight == 0);
    CHECK(strangers_.load() == 0);
    return done;
  }

  std::size_t opened(const std::string& actor) const { return opened_.count(actor); }

  plan_maker g;
  start_options options;
  std::unique_ptr<runtime> run;
  std::function<void()> on_committed;

 private:
  void hold_sources(const plan& p) {
    for (const auto& a : p.actors) {
      auto& type = const_cast<component_type&>(*a.type);
      if (!type.info.source) continue;
      type.make = [may_end = may_end_, make = type.make](config_base& c) {
        return held_open([&] { return make(c); }, may_end)();
      };
    }
  }
  void keep(const std::string& file, plan p) {
    std::lock_guard lock(mutex_);
    p.hash = "hash of " + file;
    plans_[file] = std::move(p);
  }
  void packet_emitted(const plan& graph, actor_index actor, std::size_t port,
                      const packet&) override {
    if (actor >= graph.actors.size() || port >= graph.actors[actor].type->info.outputs.size())
      strangers_.fetch_add(1);
  }
  void event(timestamp, std::string_view actor, std::string_view what, std::string_view) override {
    if (what == "opened") opened_.add(std::string(actor));
    if (what == "rewire_prepares") release();
    if (what == "rewired" && on_committed) on_committed();
  }

  std::shared_ptr<std::atomic<bool>> may_end_ = std::make_shared<std::atomic<bool>>(false);
  std::mutex mutex_;
  std::map<std::string, plan> plans_;
  plan first_;
  notebook opened_;
  std::atomic<int> asked_{0};
  std::atomic<int> strangers_{0};  ///< packets of actors that the plan does not have
};

}  // namespace hocket::rewire
