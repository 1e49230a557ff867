// Random graphs on several hosts whose links, within hosts and between them, come, go and change
// again and again: nothing is lost on any.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>

#include <fmt/ranges.h>

#include "actors/start_run.hpp"
#include "actors/rewire/link_balance.test.hpp"
#include "actors/rewire/rewire_plans.test.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::distributed;
using namespace hocket::rewire;
using namespace hocket::testing;

namespace {

class random_hosts {
 public:
  explicit random_hosts(unsigned seed) : rng_(seed) {
    const int hosts = pick(2, 3);
    // The leader's, and one that always is on each host.
    add_source("s0", host(0));
    for (int i = 0; i < hosts; ++i) add_part(fmt::format("k{}", i), host(i));
    for (int i = 0; i < 3; ++i) add_part(fmt::format("m{}", i), host(pick(0, hosts - 1)));
    for (int i = 0; i < 2; ++i) add_part(fmt::format("x{}", i), host(pick(0, hosts - 1)));
    // Each hears one or two of those before it; the first of the two always.
    for (std::size_t i = 1; i < names_.size(); ++i)
      for (std::size_t port = 0; port < 2; ++port) {
        const auto from = static_cast<std::size_t>(pick(0, static_cast<int>(i) - 1));
        if (names_[from][0] == 'x') continue;
        stage_.g.link(names_[from], 0, names_[i], port, {.size = pick(1, 6)});
      }
    sessions_ = pick(1, 2);
    conditions_ = {.seed = seed, .delay_us = pick(0, 1) * 3000};
  }

  void run() {
    start_options o;
    o.sessions = sessions_;
    o.load = [this](graph_text& t) -> result<plan> {
      std::lock_guard lock(mutex_);
      return plans_.at(t.file);
    };
    host_group all(offer("first", false), stage_.g.types, false, conditions_, o);
    REQUIRE(in_time([&] { return ears_.size() > 20; }));
    int changed = 0;
    for (int i = 0; i < rewires; ++i) {
      const auto file = fmt::format("file{}", i);
      offer(file, true);
      const auto out = all.hosts[host(pick(0, 1))]->rewire({{file, ""}});
      CAPTURE(out.why);
      const bool over = out.code == "rewire.not-running" || out.code == "rewire.run-ended";
      CHECK((out.state == rewire_state::committed || out.state == rewire_state::unchanged || over));
      // A host whose run is over has nothing to say any more, and the notes say that.
      if (!over) CHECK(fmt::format("{}", fmt::join(out.notes, "; ")) == "");
      changed += out.state == rewire_state::committed ? 1 : 0;
      for (auto& [name, r] : all.hosts) CHECK(r->status().law_holds());
    }
    CHECK(changed > 0);
    may_end_->store(true);
    const auto done = all.wait();
    CHECK(unbalanced(done) == std::vector<std::string>{});
    CHECK_FALSE(all.net.granted_too_early());
    // First inputs are there all the time, but those of the last actors.
    for (const auto& [who, runs] : ears_.all()) {
      CAPTURE(who);
      if (who[0] != 'x' && who.find(".0 of ") != who.npos) CHECK(runs.size() == 1);
      CHECK(runs.size() <= rewires + 1);
      for (std::size_t i = 1; i < runs.size(); ++i) CHECK(runs[i].first > runs[i - 1].second);
    }
  }

 private:
  static constexpr int rewires = 4;
  static constexpr int length_ms = 3200;
  int pick(int from, int to) { return std::uniform_int_distribution<int>(from, to)(rng_); }
  static std::string host(int i) { return fmt::format("h{}", i); }

  void add_source(const std::string& name, const std::string& where) {
    const int per_call = pick(1, 3);
    stage_.g.add(name, 0, 1,
                 held_open(counter_source(per_call * length_ms / 5, per_call), may_end_));
    stage_.g.source(name, 5);
    names_.push_back(name);
    places_[name] = where;
  }
  void add_part(const std::string& name, const std::string& where) {
    stage_.add_valued(name, 2, 1, [this, name](std::int64_t) {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [this, name](std::size_t port, const packet& p, emitter& out) -> result<void> {
        ears_.hear(fmt::format("{}.{}", name, port), p);
        packet copy;
        copy.header.ts = p.header.ts;
        copy.body = p.body;
        out.emit(0, std::move(copy));
        return {};
      };
      return c;
    });
    names_.push_back(name);
    places_[name] = where;
  }

  plan offer(const std::string& file, bool varied) {
    auto p = placed(stage_.g, places_);
    if (varied) vary(p);
    p.hash = "hash of " + file;
    std::lock_guard lock(mutex_);
    plans_[file] = p;
    return p;
  }

  void vary(plan& p) {
    for (auto& l : p.links)
      if (pick(0, 2) == 0) l.queue.size = pick(1, 6);
    for (auto& a : p.actors)
      if (a.name[0] == 'm' && pick(0, 2) == 0) rewire_stage::set_value(p, a.name, pick(1, 3));
    // Second inputs come and go by themselves; the last actors with all that they hear.
    std::erase_if(p.links, [&](const plan_link& l) { return l.to_port == 1 && pick(0, 1) == 0; });
    std::set<std::string> gone;
    for (const auto* name : {"x0", "x1"})
      if (pick(0, 1) == 0) gone.insert(name);
    p = cut(p, gone);
  }

  std::shared_ptr<std::atomic<bool>> may_end_ = std::make_shared<std::atomic<bool>>(false);
  std::mt19937 rng_;
  heard_ranges ears_;
  std::vector<std::string> names_;
  std::map<std::string, std::string> places_;
  fake_network::conditions conditions_;
  int sessions_ = 1;
  std::mutex mutex_;
  std::map<std::string, plan> plans_;
  rewire_stage stage_{false};
};

}  // namespace

TEST_CASE("random rewires over several hosts, links between them included: nothing lost") {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    random_hosts(seed).run();
  }
}
