#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "actors/distributed/fwd.hpp"
#include "actors/start_run.hpp"
#include "actors/distributed/fake_network.test.hpp"
#include "actors/host/run/run_plan.test.hpp"
#include "graph/spec/replicas.hpp"

namespace hocket::distributed {

using testing::fake_network;
using testing::plan_maker;

using placement = std::map<std::string, std::string>;  // actor -> host

inline plan placed(const plan_maker& g, const placement& where) {
  auto p = g.make();
  p.hash = "same";
  std::set<std::string> names;
  for (auto& a : p.actors) {
    a.host = where.at(a.name);
    if (names.insert(a.host).second) p.hosts.push_back({a.host, "tcp://127.0.0.1:1", "", false});
  }
  return p;
}

/// Makes components that note each text, and of a control packet what `told` makes of it; "": nothing.
inline auto notes(std::shared_ptr<testing::notebook> book,
                  std::function<std::string(const packet&)> told) {
  return [book = std::move(book), told = std::move(told)]() -> std::unique_ptr<component> {
    auto c = std::make_unique<testing::lambda_component>();
    c->on_packet = [book](std::size_t, const packet& p, emitter&) -> result<void> {
      book->add(p.get_if<text>()->value);
      return {};
    };
    c->on_control_packet = [book, told](std::size_t, const packet& p, emitter&) -> result<void> {
      if (auto line = told(p); !line.empty()) book->add(std::move(line));
      return {};
    };
    return c;
  };
}
/// "lost", "recovered" where an input is; "" otherwise.
inline std::string of_input(const packet& p) {
  const auto what = p.get_if<control>()->what;
  return what == control::kind::input_lost        ? "lost"
         : what == control::kind::input_recovered ? "recovered"
                                                  : "";
}

/// A source whose words are "SESSION:0", "SESSION:1", … and never end.
inline std::unique_ptr<component> of_its_session() {
  auto c = std::make_unique<testing::lambda_component>();
  c->on_produce = [raw = c.get(), n = 0](timestamp until,
                                         emitter& out) mutable -> result<source_state> {
    const auto who = std::to_string(static_cast<std::uint64_t>(raw->where.session));
    out.emit(0, until - duration(1), testing::word(who + ":" + std::to_string(n++)));
    return source_state::more;
  };
  return c;
}

/// All hosts of a plan, each with its runtime, on one fake network.
struct host_group {
  host_group(const plan_maker& g, const placement& where, bool virtual_time,
             fake_network::conditions w = {}, start_options o = {})
      : host_group(placed(g, where), g.types, virtual_time, w, o) {}
  host_group(plan p, const registry& types, bool virtual_time, fake_network::conditions w = {},
             start_options o = {})
      : graph(std::move(p)), net(w) {
    o.virtual_time = virtual_time;
    o.host.open = net.opener();
    for (const auto& h : graph.hosts) {
      o.host.name = h.name;
      auto r = start_run(graph, types, o);
      REQUIRE(r);
      hosts[h.name] = std::move(*r);
    }
  }
  ~host_group() { hosts.clear(); }
  std::map<std::string, run_summary> wait() {
    std::map<std::string, run_summary> out;
    for (auto& [name, r] : hosts) {
      out[name] = r->wait();
      CHECK(out[name].last.law_holds());
    }
    return out;
  }
  plan graph;
  fake_network net;
  std::map<std::string, std::unique_ptr<runtime>> hosts;
};

inline const link_account& row(const run_summary& s, const std::string& from,
                               const std::string& to) {
  for (const auto& l : s.last.links)
    if (l.from == from && l.to == to) return l;
  FAIL("no row " << from << " > " << to);
  return s.last.links.front();
}

}  // namespace hocket::distributed
