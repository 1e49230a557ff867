// A host that is lost stops nobody who has something for it, and gets it when it is back.
#include "actors/distributed/hosts.test.hpp"
#include "actors/start_run.hpp"

#include <algorithm>
#include <atomic>

using namespace hocket;
using namespace hocket::host;
using namespace hocket::distributed;
using namespace hocket::testing;

namespace {

/// `src` on host a feeds `near` beside it and, over a small `block` queue, `far` on host b. It makes
/// numbers up to `goal`, which the test moves.
struct two_ways {
  std::shared_ptr<notebook> near = std::make_shared<notebook>(), far = std::make_shared<notebook>();
  std::atomic<int> goal{0};
  std::atomic<bool> is_over{false}, holds{false};
  plan_maker g;
  std::optional<host_group> t;

  two_ways() {
    g.add("src", 0, 1, [this] {
      auto c = std::make_unique<lambda_component>();
      c->on_produce = [this, n = 0](timestamp until, emitter& out) mutable -> result<source_state> {
        for (int i = 0; i < 20 && n < goal.load(); ++i)
          out.emit(0, until - duration(1), word(std::to_string(n++)));
        return is_over.load() && n >= goal.load() ? source_state::end_of_stream
                                                  : source_state::more;
      };
      return c;
    });
    g.source("src", 2);
    g.add("near", 1, 0, listener(near));
    g.add("far", 1, 0, [this] {
       auto c = std::make_unique<lambda_component>();
       c->on_packet = [this](std::size_t, const packet& p, emitter&) -> result<void> {
         while (holds.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
         far->add(p.get_if<text>()->value);
         return {};
       };
       return c;
     }).watchdog_ms = 0;
    g.info("far").blocking = true;
    g.link("src", 0, "near", 0, {8, full_policy::block});
    g.link("src", 0, "far", 0, {8, full_policy::block});
    t.emplace(g, placement{{"src", "a"}, {"near", "a"}, {"far", "b"}}, false,
              fake_network::conditions{.seed = 7, .delay_us = 300});
  }
  link_account link_to_far() {
    const auto status = t->hosts["a"]->status();
    for (const auto& l : status.links)
      if (l.to.starts_with("far.")) return l;
    return {};
  }
  bool near_has(int n) {
    return eventually([&] { return near->size() == static_cast<std::size_t>(n); }, 120);
  }
};

/// As if its process had died: what it says at its end reaches nobody.
void kill(host_group& t, const std::string& host) {
  t.net.cut(host);
  t.hosts[host]->stop();
  (void)t.hosts[host]->wait();
  t.hosts.erase(host);
}

void start_again(host_group& t, const plan_maker& g, const std::string& host) {
  start_options o;
  o.host.open = t.net.opener();
  o.host.name = host;
  auto again = start_run(t.graph, g.types, o);
  REQUIRE(again);
  t.hosts[host] = std::move(*again);
}

}  // namespace

TEST_CASE(
    "several hosts: a full `block` queue to a dead host stops nobody, and what it keeps comes") {
  // As much as is kept for it, and far more.
  for (const int goal : {900, 6000}) {
    CAPTURE(goal);
    two_ways w;
    w.goal = 20;
    REQUIRE(eventually([&] { return w.far->count("19") == 1; }, 120));
    kill(*w.t, "b");
    w.goal = goal;
    REQUIRE(w.near_has(goal));
    const auto meanwhile = w.link_to_far();
    CHECK(meanwhile.adds_up());
    CHECK(meanwhile.waiting_ms == 0);
    CHECK(meanwhile.in_flight <= 1024 + 64);  // and what the remote sender has taken
    const auto lost = dropped(meanwhile, drop_reason::queue_full_oldest);
    CHECK((lost > 0) == (goal > 1024));
    start_again(*w.t, w.g, "b");
    REQUIRE(eventually([&] { return w.far->count(std::to_string(goal - 1)) == 1; }, 120));
    w.is_over = true;
    auto done = w.t->wait();
    for (const auto& [name, s] : done) CHECK(s.why == end_reason::finished);
    // In order, and each came or is counted; those that the dead one had not confirmed come twice.
    std::set<int> came;
    int last = -1;
    for (const auto& line : w.far->lines()) {
      const int n = std::stoi(line);
      CHECK((n > last || n < 20));
      last = n;
      came.insert(n);
    }
    const auto& sent = row(done["a"], "src.out0", "far.in0 @b");
    CHECK(came.size() + dropped(sent, drop_reason::queue_full_oldest) ==
          static_cast<std::size_t>(goal));
    CHECK(dropped(sent, drop_reason::queue_full_oldest) == lost);
    CHECK(w.near->lines() == numbers(goal));
  }
}

TEST_CASE(
    "several hosts: who waits for a living host waits, goes on when it is lost, and waits again") {
  two_ways w;
  w.holds = true;
  w.goal = 600;
  REQUIRE(eventually([&] { return w.link_to_far().waiting_ms > 0; }, 120));
  CHECK(w.near->size() < 300);  // two queues, the credit, and what one call makes
  w.t->net.part("b");
  REQUIRE(w.near_has(600));
  CHECK(w.link_to_far().waiting_ms == 0);
  w.t->net.reconnect("b");
  REQUIRE(eventually([&] { return w.t->net.idle(); }, 120));
  w.goal = 700;
  REQUIRE(eventually([&] { return w.link_to_far().waiting_ms > 0; }, 120));
  CHECK(w.near->size() < 700);
  w.holds = false;
  REQUIRE(w.near_has(700));
  w.is_over = true;
  for (const auto& [name, s] : w.t->wait()) CHECK(s.why == end_reason::finished);
  CHECK(w.far->lines() == numbers(700));  // both lived: nothing is missing, nothing twice
}

TEST_CASE("several hosts: who comes back opens the conversations that there are now") {
  auto book = std::make_shared<notebook>();
  plan_maker g;
  g.add("src", 0, 1, of_its_session);
  g.source("src", 5);
  g.add("model", 1, 1, relay());
  g.add("end", 1, 0, notes(book, [](const packet& p) {
          const auto what = of_input(p);
          const auto who = std::to_string(static_cast<std::uint64_t>(p.header.session));
          return what.empty() ? what : what + " " + who;
        }));
  g.info("end").scope = instance_scope::shared;
  g.link("src", 0, "model", 0);
  g.link("model", 0, "end", 0);
  host_group t(g, {{"src", "a"}, {"model", "b"}, {"end", "a"}}, false,
               {.seed = 4, .delay_us = 500});
  const auto heard = [&](session_id id) {
    const auto who = std::to_string(static_cast<std::uint64_t>(id)) + ":";
    const auto lines = book->lines();
    return std::ranges::count_if(lines, [&](const auto& l) { return l.starts_with(who); });
  };
  REQUIRE(eventually([&] { return heard(session_id{1}) > 0; }, 120));
  const auto stays = t.hosts["a"]->open_session(), goes = t.hosts["a"]->open_session();
  REQUIRE(eventually([&] { return heard(stays) > 5 && heard(goes) > 5; }, 120));
  kill(t, "b");
  t.hosts["a"]->close_session(goes);
  const auto comes = t.hosts["a"]->open_session();
  REQUIRE(eventually([&] { return t.hosts["a"]->status().sessions == 3; }, 120));
  const auto before = heard(stays);
  // Who begins meanwhile learns of it, too.
  const auto told = [&](const std::string& what, session_id id) {
    return book->count(what + " " + std::to_string(static_cast<std::uint64_t>(id)));
  };
  REQUIRE(eventually([&] { return told("lost", stays) == 1 && told("lost", comes) == 1; }, 120));
  start_again(t, g, "b");
  REQUIRE(eventually([&] { return told("recovered", stays) == 1 && told("recovered", comes) == 1; },
                     120));
  REQUIRE(eventually([&] { return heard(stays) > before + 20 && heard(comes) > 20; }, 120));
  CHECK(t.hosts["b"]->status().sessions == 3);
  t.hosts["a"]->stop();
  for (const auto& [name, s] : t.wait()) CHECK(s.why == end_reason::stopped);
}

TEST_CASE(
    "several hosts: that no replica is left, or one is again, is told to who has no conversation "
    "yet") {
  auto book = std::make_shared<notebook>();
  plan_maker g;
  g.add("src", 0, 1, of_its_session);
  g.source("src", 5);
  g.add("model", 1, 1, relay());
  g.info("model").scope = instance_scope::shared;
  g.add("end", 1, 0, notes(book, [](const packet& p) -> std::string {
          return p.header.session == session_id::none ? of_input(p) : "";
        }));
  g.info("end").scope = instance_scope::shared;
  g.link("src", 0, "model", 0);
  g.link("model", 0, "end", 0);
  auto p = placed(g, {{"src", "a"}, {"model", "b"}, {"end", "d"}});
  p.hosts.push_back({"c", "tcp://127.0.0.1:1", "", false});
  const auto model = g.index_of("model");
  p.actors[model].replicas = 2;
  std::vector<std::vector<std::string>> on(p.actors.size());
  on[model] = {"b", "c"};
  spec::expand_replicas(p, on);
  host_group t(p, g.types, false, {.seed = 5, .delay_us = 300});
  const auto told = [&](const char* what) { return book->count(what); };
  const auto hears = [&] {
    const auto before = book->size();
    return eventually([&] { return book->size() > before + 5; }, 120);
  };
  REQUIRE(hears());
  kill(t, "b");
  kill(t, "c");
  REQUIRE(eventually([&] { return told("lost") == 1; }, 120));
  CHECK(told("recovered") == 0);
  start_again(t, g, "c");
  REQUIRE(eventually([&] { return told("recovered") == 1; }, 120));
  const auto comes = t.hosts["a"]->open_session();
  const auto who = std::to_string(static_cast<std::uint64_t>(comes)) + ":";
  REQUIRE(eventually(
      [&] {
        const auto lines = book->lines();
        return std::ranges::any_of(lines, [&](const auto& l) { return l.starts_with(who); });
      },
      120));
  start_again(t, g, "b");
  REQUIRE(eventually([&] { return t.hosts["b"]->status().sessions == 2; }, 120));
  CHECK(told("lost") == 1);
  CHECK(told("recovered") == 1);
  t.hosts["a"]->stop();
  for (const auto& [name, s] : t.wait()) CHECK(s.why == end_reason::stopped);
}
