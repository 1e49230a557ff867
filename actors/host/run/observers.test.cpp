#include "actors/host/run/observers.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::host;

namespace {

struct notebook final : observer {
  explicit notebook(bool calls) : wants(calls) {}
  void event(timestamp, std::string_view actor, std::string_view what, std::string_view) override {
    seen.push_back(std::string(actor) + " " + std::string(what));
    if (on_event) on_event();
  }
  void packet_emitted(const plan& p, actor_index a, std::size_t, const packet&) override {
    seen.push_back("emitted " + p.actors.at(a).name);
  }
  void marked(const plan& p, actor_index a, std::size_t, const packet&) override {
    seen.push_back("marked " + p.actors.at(a).name);
  }
  void session_closed(session_id id) override {
    seen.push_back("session " + std::to_string(static_cast<std::uint64_t>(id)) + " is gone");
  }
  bool wants_calls() const override { return wants; }
  void called(const plan& p, const call_record& r) override {
    seen.push_back("called " + p.actors.at(r.actor).name);
  }
  void rewired(const graph_revision& r) override {
    seen.push_back("revision " + std::to_string(r.number));
  }

  const bool wants;
  std::function<void()> on_event;
  std::vector<std::string> seen;
};

plan of(std::vector<std::string> names) {
  plan p;
  for (auto& n : names) p.actors.emplace_back().name = std::move(n);
  return p;
}

call_record call_of(actor_index a) {
  call_record r;
  r.actor = a;
  return r;
}

using lines = std::vector<std::string>;

}  // namespace

TEST_CASE("that a session is gone is an event, and then a call for who keeps something of it") {
  const run_clock time(true);
  notebook book(false);
  observers all({&book}, time);
  const auto graph = of({"ears"});
  all.show(graph);
  all.session_closed(static_cast<session_id>(7));
  all.mute();
  all.session_closed(static_cast<session_id>(8));
  CHECK(book.seen == lines{" session_closed", "session 7 is gone"});
}

TEST_CASE("only who wants calls gets them") {
  const run_clock time(true);
  notebook plain(false), tracer(true);
  observers all({&plain, &tracer}, time);
  const auto graph = of({"ears"});
  all.show(graph);
  CHECK(all.any());
  CHECK(all.traced());
  all.event("ears", "opened", "");
  CHECK(all.called(call_of(0)));
  CHECK(plain.seen == lines{"ears opened"});
  CHECK(tracer.seen == lines{"ears opened", "called ears"});
  CHECK(!observers({&plain}, time).traced());
  CHECK(!observers({}, time).any());
}

TEST_CASE("an actor that is in no plan yet is not told of until its plan is") {
  const run_clock time(true);
  notebook n(true);
  observers all({&n}, time);
  const auto first = of({"ears"}), second = of({"ears", "model"});
  all.show(first);
  const auto p = make_packet(timestamp(), text{});
  all.emitted(1, 0, p);
  all.marked(1, 0, p);
  CHECK(!all.called(call_of(1)));  // the caller tells it later
  CHECK(n.seen.empty());
  all.rewired({second, second, second, 2, timestamp()});
  all.emitted(1, 0, p);
  all.marked(1, 0, p);
  CHECK(all.called(call_of(1)));
  CHECK(n.seen == lines{"revision 2", "emitted model", "marked model", "called model"});
}

TEST_CASE("after the run nothing is told, whatever late threads say") {
  const run_clock time(true);
  notebook n(true);
  observers all({&n}, time);
  const auto graph = of({"ears"});
  all.show(graph);
  all.mute();
  all.event("ears", "late", "");
  all.emitted(0, 0, make_packet(timestamp(), text{}));
  CHECK(all.called(call_of(0)));  // known, and nobody listens
  CHECK(n.seen.empty());
}

TEST_CASE("an observer may come back from within a call") {
  const run_clock time(true);
  notebook n(false);
  observers all({&n}, time);
  n.on_event = [&] {
    n.on_event = nullptr;
    all.event("", "interrupted", "");
  };
  all.event("ears", "opened", "");
  CHECK(n.seen == lines{"ears opened", " interrupted"});
}
