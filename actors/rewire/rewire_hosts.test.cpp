// Rewires over several hosts, with a fake network: all change over, or none does.
#include <doctest/doctest.h>

#include <algorithm>

#include <fmt/format.h>

#include "actors/start_run.hpp"
#include "actors/rewire/rewire_plans.test.hpp"
#include "actors/distributed/hosts.test.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::distributed;
using namespace hocket::rewire;
using namespace hocket::testing;

namespace {

/// src @edge > mid @gpu > end @edge, and what a new file makes of it.
struct three_part {
  explicit three_part(fake_network::conditions w = {}) : conditions(w) {
    stage.g.add("src", 0, 1, numbers_.source());
    stage.g.source("src", 5);
    stage.add_valued("mid", 1, 1, [this](std::int64_t value) {
      auto c = stamper(value);
      c->on_open = [this, value](const context&) -> result<void> {
        opened.add(std::to_string(value));
        if (value == 9) return fail("test.no", "no device");
        if (value == 7) std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        while (value == 8 && !let_go.load())
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return {};
      };
      return c;
    });
    stage.add_valued("end", 1, 0, [this](std::int64_t value) {
      auto c = std::make_unique<lambda_component>();
      c->on_open = [value](const context&) -> result<void> {
        if (value == 9) return fail("test.no", "no screen");
        return {};
      };
      c->on_packet = [this, value](std::size_t, const packet& p, emitter&) -> result<void> {
        book.add(std::to_string(value) + ">" + p.get_if<text>()->value);
        return {};
      };
      return c;
    });
    stage.g.link("src", 0, "mid", 0, {.size = 4});
    stage.g.link("mid", 0, "end", 0, {.size = 4});
  }

  plan variant(std::int64_t mid, std::int64_t end) {
    auto p = placed(stage.g, {{"src", "edge"}, {"mid", "gpu"}, {"end", end_host}});
    rewire_stage::set_value(p, "mid", mid);
    rewire_stage::set_value(p, "end", end);
    p.hash = std::to_string(mid) + " " + std::to_string(end);
    return p;
  }

  std::unique_ptr<host_group> start(start_options o = {}) {
    // The name of the "file": what mid and end are to be.
    o.load = [this](graph_text& t) -> result<plan> {
      if (on_load) on_load(t);
      const auto space = t.file.find(' ');
      return variant(std::stoi(t.file), std::stoi(t.file.substr(space)));
    };
    o.rewired = [this](const rewire_request&, const rewire_outcome& out) {
      told.add(std::string(to_string(out.state)) + " " + std::to_string(out.revision));
      codes.add(out.code);
    };
    auto all = std::make_unique<host_group>(variant(1, 1), stage.g.types, false, conditions, o);
    REQUIRE(in_time([&] { return book.size() > 10; }));
    return all;
  }

  void check_nothing_lost() const {
    const auto lines = book.lines();
    REQUIRE(lines.size() == static_cast<std::size_t>(numbers_.total()));
    for (std::size_t i = 0; i < lines.size(); ++i)
      CHECK(lines[i].substr(lines[i].find(':') + 1) == std::to_string(i));
  }

  std::map<std::string, run_summary> finish(host_group& all) {
    numbers_.may_end->store(true);
    return all.wait();
  }

  counting numbers_;
  fake_network::conditions conditions;
  std::string end_host = "edge";
  std::function<void(graph_text&)> on_load;
  std::atomic<bool> let_go{false};  ///< a mid of 8, which opens until then
  notebook book, opened, told, codes;
  rewire_stage stage{false};
};

}  // namespace

TEST_CASE("what a host asked for is judged as it went, whatever the leader adds to it") {
  three_part s;
  notebook read;  // on which host's behalf, and how much was included
  s.on_load = [&](graph_text& t) {
    read.add(t.from + " " + std::to_string(t.includes.size()));
    if (!t.from.empty()) t.includes["more"] = "theirs";
  };
  auto all = s.start();
  REQUIRE(all->hosts["gpu"]->rewire({{"2 1", "text"}}).state == rewire_state::committed);
  const auto lines = read.lines();  // the host that asks, the leader, and the host's vote
  CHECK(std::count(lines.begin(), lines.end(), " 0") == 2);
  CHECK(std::count(lines.begin(), lines.end(), "gpu 0") == 1);
  CHECK(lines.size() == 3);
  // Nobody waits for it any more: the same text is the leader's own.
  REQUIRE(all->hosts["edge"]->rewire({{"3 1", "text"}}).state == rewire_state::committed);
  CHECK(read.lines().back() == "edge 0");
  s.finish(*all);
}

TEST_CASE("several hosts change over at one boundary, whoever is asked; nothing is lost") {
  for (const std::string asked : {"edge", "gpu"}) {
    CAPTURE(asked);
    three_part s({.seed = 3, .delay_us = 2000});
    auto all = s.start();
    const auto out = all->hosts[asked]->rewire({{"2 3", ""}});
    CAPTURE(out.why);
    REQUIRE(out.state == rewire_state::committed);
    CHECK(out.revision == 2);
    CHECK(out.hash_after == "2 3");
    CHECK(out.actors.size() == 2);
    CHECK(out.notes.empty());
    REQUIRE(in_time([&] { return s.told.count("committed 2") >= 2; }));
    CHECK(s.told.count("committed 2") == 2);  // each host, once
    s.finish(*all);
    s.check_nothing_lost();
    const auto lines = s.book.lines();
    CHECK(lines.front().starts_with("1>1:"));
    CHECK(lines.back().starts_with("3>2:"));
    // Each of the two changed once and for good.
    const auto turns = [&](auto is_new) {
      return std::is_sorted(lines.begin(), lines.end(),
                            [&](const auto& a, const auto& b) { return is_new(a) < is_new(b); });
    };
    CHECK(turns([](const auto& l) { return l.starts_with("3>"); }));
    CHECK(turns([](const auto& l) { return l.find(">2:") != l.npos; }));
  }
}

TEST_CASE("a change of a revision that does not run any more is refused, whoever is asked") {
  three_part s({.seed = 4, .delay_us = 500});
  auto all = s.start();
  const auto change = [&](const std::string& host, const std::string& file, int revision) {
    rewire_request r{{file, ""}};
    r.revision = revision;
    auto out = all->hosts[host]->rewire(r);
    while (out.code == "rewire.under-way") out = all->hosts[host]->rewire(r);
    return out;
  };
  REQUIRE(change("gpu", "2 3", 2).state == rewire_state::committed);
  for (const std::string host : {"edge", "gpu"})
    CHECK(change(host, "3 3", 2).code == "rewire.changed_meanwhile");
  REQUIRE(change("gpu", "1 1", 3).state == rewire_state::committed);
  s.finish(*all);
  s.check_nothing_lost();
}

TEST_CASE("one host cannot: all roll back, and nobody has noticed") {
  three_part s;
  auto all = s.start();
  const auto out = all->hosts["edge"]->rewire({{"9 3", ""}});
  CHECK(out.state == rewire_state::rolled_back);
  CHECK(out.host == "gpu");
  CHECK(out.code == "rewire.open_failed");
  CHECK(out.why == "mid (test.mid) did not open: no device [test.no]");
  CHECK(out.revision == 1);
  REQUIRE(in_time([&] { return s.told.count("rolled_back 1") == 2; }));
  // And the next one goes through.
  const auto next = all->hosts["gpu"]->rewire({{"2 1", ""}});
  CAPTURE(next.why);
  CHECK(next.state == rewire_state::committed);
  s.finish(*all);
  s.check_nothing_lost();
  for (const auto& l : s.book.lines()) CHECK(l.starts_with("1>"));
}

TEST_CASE("a host that is lost while it prepares: the others roll back") {
  three_part s;
  auto all = s.start();
  rewire_outcome out;
  std::thread asking([&] { out = all->hosts["edge"]->rewire({{"8 3", ""}}); });
  REQUIRE(in_time([&] { return s.opened.count("8") == 1; }));
  all->net.cut("gpu");
  asking.join();
  s.let_go = true;
  CHECK(out.state == rewire_state::rolled_back);
  CHECK(out.host == "gpu");
  CHECK(out.code == "rewire.host_lost");
  const auto late = all->hosts["edge"]->rewire({{"2 3", ""}});
  CHECK(late.state == rewire_state::refused);
  CHECK(late.code == "rewire.host_missing");
  for (auto& [name, r] : all->hosts) r->stop();
  for (auto& [name, r] : all->hosts) (void)r->wait();
}

TEST_CASE("a host that dies right after the commit: nobody waits for it, and the report says so") {
  three_part s;
  const auto first = s.variant(1, 1);
  fake_network net({});
  dies_at_commit kill([&] { net.cut("gpu"); });
  std::map<std::string, std::unique_ptr<runtime>> hosts;
  for (const std::string name : {"edge", "gpu"}) {
    start_options o;
    o.host.name = name;
    o.host.open = net.opener();
    o.drain_limit_s = 1;
    o.load = [&](graph_text&) -> result<plan> { return s.variant(2, 3); };
    if (name == "gpu") o.observers = {&kill};
    hosts[name] = start_run(first, s.stage.g.types, o).value();
  }
  REQUIRE(in_time([&] { return s.book.size() > 10; }));
  const auto start = std::chrono::steady_clock::now();
  const auto out = hosts["edge"]->rewire({{"2 3", ""}});
  const auto took = std::chrono::steady_clock::now() - start;
  CAPTURE(out.why);
  CHECK(out.state == rewire_state::committed);
  CHECK(took < std::chrono::seconds(29));  // without that it waits for 30 s
  REQUIRE(out.notes.size() == 1);
  const auto& note = out.notes[0];
  CAPTURE(note);
  CHECK(note.starts_with("host gpu is lost (cut)"));
  CHECK(note.find(fmt::format("it had agreed, was to change over at {:.3f} s and has not said "
                              "that it did",
                              out.at.seconds())) != note.npos);
  CHECK(note.find("start it with the file of revision 2") != note.npos);
  for (auto& [name, r] : hosts) r->stop();
  for (auto& [name, r] : hosts) (void)r->wait();
}

TEST_CASE("a host that cannot keep what it agrees to is against it") {
  three_part s;
  start_options o;
  o.voted = [](const rewire_request&, const rewire_outcome&) -> result<void> {
    return fail("apply.no_history", "the disk is full");
  };
  auto all = s.start(o);
  const auto out = all->hosts["edge"]->rewire({{"2 3", ""}});
  CHECK(out.state == rewire_state::rolled_back);
  CHECK(out.host == "gpu");
  CHECK(out.code == "rewire.cannot_keep");
  CHECK(out.why.ends_with("the disk is full [apply.no_history]"));
  CHECK(all->net.next_graph("edge").empty());
  REQUIRE(in_time([&] { return s.told.count("rolled_back 1") == 2; }));
  s.finish(*all);
  s.check_nothing_lost();
}

TEST_CASE("who has agreed and loses the leader says that it does not know what was decided") {
  three_part s;
  start_options o;
  o.drain_limit_s = 1;
  std::atomic<fake_network*> net = nullptr;
  o.voted = [&](const rewire_request&, const rewire_outcome&) -> result<void> {
    net.load()->cut("edge");
    return {};
  };
  auto all = s.start(o);
  net.store(&all->net);
  (void)all->hosts["edge"]->rewire({{"2 3", ""}});
  CHECK(in_time([&] { return s.codes.count(undecided_code) == 1; }));
  for (auto& [name, r] : all->hosts) r->stop();
  for (auto& [name, r] : all->hosts) (void)r->wait();
}

TEST_CASE("a vote is kept until it is known what it came to; until then who asks is to ask again") {
  three_part s;
  start_options o;
  std::atomic<fake_network*> net = nullptr;
  notebook seen;
  o.voted = [&](const rewire_request&, const rewire_outcome&) -> result<void> {
    seen.add("a vote");
    return {};
  };
  o.decided = [&](const rewire_request&, const rewire_outcome&) {
    seen.add("decided, edge: " + net.load()->next_graph("edge"));
  };
  auto all = s.start(o);
  net.store(&all->net);
  rewire_request asked{{"2 3", ""}};
  asked.not_before = timestamp(3'000'000'000);  // the leader's own word comes well behind gpu's
  REQUIRE(all->hosts["gpu"]->rewire(asked).state == rewire_state::committed);
  CHECK(net.load()->next_graph("gpu") != wire::undecided_graph);
  CHECK(net.load()->next_graph("edge") != wire::undecided_graph);
  const auto lines = seen.lines();
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "a vote");
  CHECK(lines[1] == "a vote");  // the leader's, before anybody is told
  CHECK(lines[2] == std::string("decided, edge: ") + wire::undecided_graph);  // gpu heard of it
  s.finish(*all);
  s.check_nothing_lost();
}

TEST_CASE("a leader that cannot keep its vote calls it off") {
  three_part s;
  start_options o;
  std::atomic<int> votes{0};
  o.voted = [&](const rewire_request&, const rewire_outcome&) -> result<void> {
    if (++votes == 2) return fail("test.full", "no space left on device");
    return {};
  };
  auto all = s.start(o);
  const auto out = all->hosts["edge"]->rewire({{"2 3", ""}});
  CHECK(out.state == rewire_state::rolled_back);
  CHECK(out.code == "rewire.cannot_keep");
  CHECK(out.host == "edge");
  CHECK(in_time([&] { return s.codes.count("rewire.called_off") == 1; }));
  s.finish(*all);
  s.check_nothing_lost();
}

TEST_CASE("a leader that was lost when it had told one host: that one tells the others") {
  three_part s({.slow_for = "view", .slow_us = 1'500'000, .slow_from = "edge"});
  s.end_host = "view";
  start_options o;
  std::atomic<fake_network*> net = nullptr;
  std::atomic<int> decided{0};
  o.decided = [&](const rewire_request&, const rewire_outcome&) {
    if (++decided == 1) net.load()->cut("edge");  // gpu heard of it
  };
  auto all = s.start(o);
  net.store(&all->net);
  const auto out = all->hosts["gpu"]->rewire({{"2 3", ""}});
  CHECK(out.code == "rewire.leader_lost");
  CHECK(in_time([&] { return s.told.count("committed 2") == 3; }));  // edge too: it did not die
  for (auto& [name, r] : all->hosts) r->stop();
  for (auto& [name, r] : all->hosts) (void)r->wait();
}

TEST_CASE("the end of a rewire that was called off does not undo the next") {
  three_part s;
  auto all = s.start();
  // gpu opens for 1.5 s; edge fails at once.
  const auto out = all->hosts["edge"]->rewire({{"7 9", ""}});
  CHECK(out.code == "rewire.open_failed");
  const auto next = all->hosts["edge"]->rewire({{"2 3", ""}});
  CAPTURE(next.why);
  CHECK(next.state == rewire_state::committed);
  s.finish(*all);
  s.check_nothing_lost();
  CHECK(s.book.lines().back().starts_with("3>2:"));
}

TEST_CASE("a dry run asks all hosts and touches none") {
  three_part s;
  auto all = s.start();
  rewire_request r{{"2 3", ""}};
  r.dry_run = true;
  const auto out = all->hosts["gpu"]->rewire(r);
  CAPTURE(out.why);
  CHECK(out.state == rewire_state::planned);
  CHECK(s.opened.count("2") == 0);
  CHECK(s.told.size() == 0);
  for (auto& [name, r] : all->hosts) r->stop();
  all->wait();
}
