#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "graph/contract/registry.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::testing {

struct no_config final : config_base {
  void visit(config_visitor&) override {}
};

/// A component out of lambdas; what is left out does nothing.
struct lambda_component final : component {
  std::function<result<void>(const context&)> on_open;
  std::function<result<void>(std::size_t, const packet&, emitter&)> on_packet;
  std::function<result<void>(std::span<const bundle>, emitter&)> on_sets;
  std::function<result<source_state>(timestamp, emitter&)> on_produce;
  std::function<result<void>(std::int64_t, emitter&)> on_tick;
  std::function<result<void>(std::size_t, const packet&, emitter&)> on_control_packet;
  std::function<result<void>(emitter&)> on_close;
  context where;

  result<void> open(const context& c) override {
    where = c;
    return on_open ? on_open(c) : result<void>{};
  }
  result<void> process(std::size_t port, const packet& p, emitter& out) override {
    return on_packet ? on_packet(port, p, out) : result<void>{};
  }
  result<void> process_sets(std::span<const bundle> sets, emitter& out) override {
    return on_sets ? on_sets(sets, out) : result<void>{};
  }
  result<source_state> produce(timestamp until, emitter& out) override {
    return on_produce ? on_produce(until, out) : result<source_state>{source_state::end_of_stream};
  }
  result<void> tick(std::int64_t k, emitter& out) override {
    return on_tick ? on_tick(k, out) : result<void>{};
  }
  result<void> on_control(std::size_t port, const packet& p, emitter& out) override {
    return on_control_packet ? on_control_packet(port, p, out) : result<void>{};
  }
  result<void> close(emitter& out) override { return on_close ? on_close(out) : result<void>{}; }
};

/// Plans made by hand, for tests of what runs them.
class plan_maker {
 public:
  using maker = std::function<std::unique_ptr<component>()>;

  /// An actor with `ins` inputs ("in0", ...) and `outs` outputs ("out0", ...) of `kind`.
  plan_actor& add(const std::string& name, int ins, int outs, maker make,
                  payload_kind kind = payload_kind::text) {
    auto& type = *types_.emplace_back(std::make_unique<component_type>());
    type.info.type = "test." + name;
    for (int i = 0; i < ins; ++i)
      type.info.inputs.push_back({"in" + std::to_string(i), {.kind = kind}, "", false, {}});
    for (int i = 0; i < outs; ++i)
      type.info.outputs.push_back({"out" + std::to_string(i), {.kind = kind}, ""});
    type.make_config = [] { return std::make_unique<no_config>(); };
    type.make = [make](config_base&) { return make(); };
    auto& a = actors_.emplace_back();
    a.name = name;
    a.type = &type;
    a.config = std::make_shared<no_config>();
    return a;
  }
  /// Makes an actor a source with this period.
  void source(const std::string& name, int period_ms = 20) {
    info(name).source = true;
    info(name).period_ms = period_ms;
  }
  component_info& info(const std::string& name) { return types_[index_of(name)]->info; }
  plan_actor& actor(const std::string& name) { return actors_[index_of(name)]; }

  plan_link& link(const std::string& from, std::size_t from_port, const std::string& to,
                  std::size_t to_port, queue_spec queue = {}, bool back_edge = false) {
    auto& l = links_.emplace_back();
    l.from = index_of(from);
    l.from_port = from_port;
    l.to = index_of(to);
    l.to_port = to_port;
    l.queue = queue;
    l.back_edge = back_edge;
    return l;
  }

  plan make() const {
    plan p;
    p.name = "test";
    p.actors.assign(actors_.begin(), actors_.end());
    p.links.assign(links_.begin(), links_.end());
    p.budgets = budgets;
    return p;
  }
  actor_index index_of(const std::string& name) const {
    for (std::size_t i = 0; i < actors_.size(); ++i)
      if (actors_[i].name == name) return static_cast<actor_index>(i);
    throw std::out_of_range("no actor " + name);
  }

  std::vector<plan_budget> budgets;
  registry types;

 private:
  std::vector<std::unique_ptr<component_type>> types_;
  std::deque<plan_actor> actors_;
  std::deque<plan_link> links_;
};

/// What somebody heard, from any thread.
class notebook {
 public:
  void add(std::string line) {
    std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> lines() const {
    std::lock_guard lock(mutex_);
    return lines_;
  }
  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return lines_.size();
  }
  std::size_t count(const std::string& what) const {
    std::lock_guard lock(mutex_);
    std::size_t n = 0;
    for (const auto& l : lines_) n += l == what ? 1 : 0;
    return n;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

inline text word(std::string s) {
  text t;
  t.value = std::move(s);
  t.role = "test";
  return t;
}

/// A source of the texts "0", "1", ... : `per_call` in each period, `total` in all.
inline plan_maker::maker counter_source(int total, int per_call = 1) {
  return [total, per_call] {
    auto c = std::make_unique<lambda_component>();
    c->on_produce = [n = 0, total, per_call](timestamp until,
                                             emitter& out) mutable -> result<source_state> {
      for (int i = 0; i < per_call && n < total; ++i, ++n)
        out.emit(0, until - duration(1'000'000), word(std::to_string(n)));
      return n < total ? source_state::more : source_state::end_of_stream;
    };
    return c;
  };
}

/// Waits for something that other threads bring about; false after a generous while.
template <class F>
bool eventually(F&& holds, int limit_s = 30) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(limit_s);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

inline std::vector<std::string> numbers(int n) {
  std::vector<std::string> out;
  for (int i = 0; i < n; ++i) out.push_back(std::to_string(i));
  return out;
}

/// Passes each packet on to output 0 and on to `others`.
inline plan_maker::maker relay(std::size_t outs = 1) {
  return [outs] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [outs](std::size_t, const packet& p, emitter& out) -> result<void> {
      for (std::size_t i = 0; i < outs; ++i) {
        packet copy;
        copy.header.ts = p.header.ts;
        copy.body = p.body;
        out.emit(i, std::move(copy));
      }
      return {};
    };
    return c;
  };
}

/// Writes each text into the notebook, with the port where there are several inputs.
inline plan_maker::maker listener(std::shared_ptr<notebook> book, bool with_port = false) {
  return [book, with_port] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [book, with_port](std::size_t port, const packet& p, emitter&) -> result<void> {
      const auto* t = p.get_if<text>();
      auto line = t ? t->value : std::string("?");
      book->add(with_port ? std::to_string(port) + ":" + line : line);
      return {};
    };
    return c;
  };
}

}  // namespace hocket::testing
