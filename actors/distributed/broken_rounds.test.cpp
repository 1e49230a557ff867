// Virtual time over several hosts needs every message of every host: where one is gone, or takes no
// more messages, no round is complete any more. Every other host ends by itself, failed, and says why.
#include <atomic>
#include <future>

#include "actors/start_run.hpp"
#include "actors/distributed/hosts.test.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::distributed;
using namespace hocket::testing;

namespace {

/// A message that nobody takes any more.
using refused_message = std::function<bool(const wire::host_event&)>;

struct deafness {
  refused_message refuses;
  std::atomic<bool> begins{false};
  std::atomic<bool> happened{false};
};

/// One end of a network that may stop to take messages of a kind.
struct may_be_deaf final : transport {
  may_be_deaf(std::unique_ptr<transport> t, deafness& d) : to(std::move(t)), deaf(d) {}
  void begin() override { to->begin(); }
  wire::sent_how send(std::uint32_t link, const packet& p) override { return to->send(link, p); }
  bool send_control(const std::string& peer, wire::host_message m) override {
    if (deaf.begins.load() && deaf.refuses(m.event)) {
      deaf.happened.store(true);
      return false;
    }
    return to->send_control(peer, std::move(m));
  }
  void consumed(std::uint32_t link, std::uint32_t n) override { to->consumed(link, n); }
  bool flush(int limit_ms) override { return to->flush(limit_ms); }
  result<void> add_link(const wire::remote_link& l) override { return to->add_link(l); }
  void open_link(std::uint32_t link) override { to->open_link(link); }
  void change_link(const wire::remote_link& l) override { to->change_link(l); }
  void retire_link(std::uint32_t link) override { to->retire_link(link); }
  void set_graph(const std::string& h, const std::string& n) override { to->set_graph(h, n); }
  void set_next_graph(const std::string& hash) override { to->set_next_graph(hash); }
  wire::node_status status() const override { return to->status(); }
  std::string listening() const override { return to->listening(); }

  const std::unique_ptr<transport> to;
  deafness& deaf;
};

/// Interrupts its run when it hears that the run stops, on the thread that tells of it.
struct interrupts_at_the_end final : observer {
  std::function<void()> action;
  std::atomic<bool> done{false};
  void event(timestamp, std::string_view, std::string_view what, std::string_view) override {
    if (what != "stopping" || !action || done.load()) return;
    action();
    done.store(true);
  }
};

/// A source without an end on `left`, heard on `right`; `left` leads.
struct endless_pair {
  explicit endless_pair(refused_message refuses, const std::string& of = "left") {
    deaf.refuses = std::move(refuses);
    g.add("mic", 0, 1, counter_source(1'000'000'000));
    g.source("mic");
    g.add("end", 1, 0, [this] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [this](std::size_t, const packet&, emitter&) -> result<void> {
        heard.fetch_add(1);
        return {};
      };
      return c;
    });
    g.link("mic", 0, "end", 0);
    const auto graph = placed(g, {{"mic", "left"}, {"end", "right"}});
    for (const auto* name : {"left", "right"}) {
      start_options o;
      o.virtual_time = true;
      o.host.name = name;
      if (of == name) o.observers = {&at_the_end};
      o.host.open = [this, is = of == name](
                        wire::node_options how,
                        wire::node_events& e) -> result<std::unique_ptr<transport>> {
        auto end = net.opener()(std::move(how), e);
        if (!end || !is) return end;
        return std::make_unique<may_be_deaf>(std::move(*end), deaf);
      };
      auto r = start_run(graph, g.types, o);
      REQUIRE(r);
      hosts[name] = std::move(*r);
    }
  }
  /// It runs, on both: what is said from here on is no part of the start.
  bool under_way() {
    return eventually([&] { return heard.load() > 20; });
  }
  run_summary ended(const std::string& name) {
    auto end = std::async(std::launch::async, [&] { return hosts.at(name)->wait(); });
    const bool in_time = end.wait_for(std::chrono::seconds(120)) == std::future_status::ready;
    CHECK_MESSAGE(in_time, name, " does not end");
    if (!in_time) std::abort();  // nothing can end it: the threads are its own
    return end.get();
  }

  plan_maker g;
  std::atomic<int> heard{0};
  deafness deaf;
  interrupts_at_the_end at_the_end;
  fake_network net{{}};
  std::map<std::string, std::unique_ptr<runtime>> hosts;
};

template <class Kind>
bool is(const wire::host_event& e) {
  return std::holds_alternative<Kind>(e);
}

}  // namespace

TEST_CASE("an interruption that a host cannot be told ends the run; its observer may interrupt") {
  endless_pair t(is<wire::epoch_raised>);
  t.at_the_end.action = [&] { t.hosts.at("left")->interrupt(session_id{1}); };
  REQUIRE(t.under_way());
  t.deaf.begins.store(true);
  t.hosts.at("left")->interrupt(session_id{1});
  const auto left = t.ended("left");
  CHECK(t.deaf.happened.load());
  CHECK(t.at_the_end.done.load());
  CHECK(left.why == end_reason::failed);
  CHECK(left.detail == "host right takes no more messages");
  t.hosts.at("left").reset();
  CHECK(t.ended("right").why == end_reason::failed);
}

TEST_CASE("virtual time: a host that cannot be told what is next ends the run of both") {
  for (const std::string of : {"left", "right"}) {
    CAPTURE(of);
    endless_pair t(
        [](const wire::host_event& e) {
          return is<wire::round_order>(e) || is<wire::host_report>(e) || is<wire::stop_run>(e);
        },
        of);
    REQUIRE(t.under_way());
    t.deaf.begins.store(true);
    const std::string other = of == "left" ? "right" : "left";
    const auto done = t.ended(of);
    CHECK(done.why == end_reason::failed);
    CHECK(done.detail == "host " + other + " takes no more messages");
    CHECK(done.last.law_holds());
    t.hosts.at(of).reset();
    const auto left_behind = t.ended(other);
    CHECK(left_behind.why == end_reason::failed);
    CHECK(left_behind.last.law_holds());
  }
}

TEST_CASE("virtual time: hosts that lose each other end by themselves, each at once") {
  endless_pair t([](const wire::host_event&) { return false; });
  REQUIRE(t.under_way());
  t.net.part("left");
  for (const std::string name : {"left", "right"}) {
    CAPTURE(name);
    const auto done = t.ended(name);
    CHECK(done.why == end_reason::failed);
    CHECK(done.detail.find("virtual time cannot go on: parted") != std::string::npos);
    CHECK(done.last.law_holds());
  }
}
