#include "actors/host/actor/set_gatherer.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::host;

namespace {

constexpr auto turn = std::chrono::milliseconds(200);

struct gathering {
  gathering(input_policy p, bool is_virtual) : policy(p) {
    grid.length = turn;
    sets = set_gatherer::make(p, grid, is_virtual);
  }
  input_queue& queue(session_id session = session_id{1}, bool back_edge = false) {
    queue_setup s;
    s.spec = {.size = 64};
    s.policy = policy;
    s.session = session;
    s.grid = grid;
    s.back_edge = back_edge;
    auto& q = *queues.emplace_back(std::make_unique<input_queue>(std::move(s)));
    sets->add(q, timestamp());
    return q;
  }
  static void put(input_queue& q, std::int64_t ms) {
    queued_packet e;
    text t;
    t.value = std::to_string(ms);
    e.item = make_packet(timestamp::of_ms(ms), std::move(t));
    e.queued_at = timestamp::of_ms(ms);
    q.push(std::move(e));
  }
  bool ready(std::int64_t now_ms = 10'000) const {
    return sets->any_ready(timestamp::of_ms(now_ms));
  }
  /// "session:k[from,to) …", in ms
  std::string take(std::int64_t now_ms = 10'000) {
    std::string out;
    for (const auto& d : sets->take(timestamp::of_ms(now_ms)))
      out += std::to_string(static_cast<std::uint64_t>(d.group->session)) + ":" +
             std::to_string(d.k) + "[" + std::to_string(d.from.ns() / 1'000'000) + "," +
             std::to_string(d.to.ns() / 1'000'000) + ") ";
    return out;
  }

  input_policy policy;
  micro_turn_grid grid;
  std::unique_ptr<set_gatherer> sets;
  std::vector<std::unique_ptr<input_queue>> queues;
};

}  // namespace

TEST_CASE("policies that hand packets over one by one have no gatherer") {
  CHECK(set_gatherer::make(input_policy::immediate, {}, false) == nullptr);
  CHECK(set_gatherer::make(input_policy::latest, {}, false) == nullptr);
}

TEST_CASE("aligned: a set when no input can bring another packet of its time") {
  gathering g(input_policy::aligned, false);
  auto& a = g.queue();
  auto& b = g.queue();
  CHECK(!g.ready());
  g.put(a, 20);
  a.raise_bound(timestamp::of_ms(30));
  CHECK(!g.ready());  // b may still bring one of 20
  b.raise_bound(timestamp::of_ms(20));
  CHECK(!g.ready());  // of 20 itself
  b.raise_bound(timestamp::of_ms(21));
  CHECK(g.ready());
  SUBCASE("the oldest time of all inputs goes first, and covers that moment alone") {
    CHECK(g.take() == "1:0[20,20) ");
    CHECK(g.sets->take(timestamp()).front().to == timestamp::of_ms(20) + duration(1));
  }
  SUBCASE("an input that ended is not waited for") {
    g.put(a, 250);
    a.set_ended();
    b.set_ended();
    std::vector<queued_packet> taken;
    a.take_before(timestamp::of_ms(21), timestamp::max(), taken);
    CHECK(g.take() == "1:1[250,250) ");
  }
  SUBCASE("whatever comes for a time that is gone is late") {
    CHECK(g.sets->is_late(payload_kind::text));
    CHECK(g.sets->is_late(payload_kind::audio));
  }
}

TEST_CASE("aligned: a back edge is not waited for, and in virtual time settles one step later") {
  gathering g(input_policy::aligned, true);
  auto& a = g.queue();
  auto& back = g.queue(session_id{1}, true);
  a.raise_bound(timestamp::of_ms(100));
  g.put(back, 20);
  CHECK(!g.ready(20));  // sent at 20: handed over later than that
  CHECK(g.ready(21));
}

TEST_CASE("micro-turns in virtual time go at their deadline, not before") {
  gathering g(input_policy::micro_turn, true);
  auto& a = g.queue();
  g.put(a, 20);
  a.raise_bound(timestamp::of_ms(200));
  CHECK(!g.ready());
  g.sets->deadline(0);
  CHECK(g.take() == "1:0[0,200) ");
  CHECK(!g.ready());
  g.sets->deadline(2);
  CHECK(g.take() == "1:1[200,400) ");  // one at a time
  CHECK(g.take() == "1:2[400,600) ");
  CHECK(!g.ready());
}

TEST_CASE("micro-turns in real time go as soon as nothing more of them can come") {
  gathering g(input_policy::micro_turn, false);
  auto& a = g.queue();
  auto& b = g.queue();
  a.raise_bound(timestamp::of_ms(200));
  CHECK(!g.ready());
  b.raise_bound(timestamp::of_ms(199));
  CHECK(!g.ready());
  CHECK(g.sets->starved(a, timestamp()));
  b.raise_bound(timestamp::of_ms(200));
  CHECK(!g.sets->starved(a, timestamp()));
  SUBCASE("a deadline hands over what is there") { CHECK(g.take() == "1:0[0,200) "); }
  SUBCASE("conversations stay one batch") {
    auto& other = g.queue(session_id{2});
    CHECK(!g.ready());
    other.raise_bound(timestamp::of_ms(200));
    CHECK(g.take() == "1:0[0,200) 2:0[0,200) ");
  }
  SUBCASE("one that is not complete holds nobody up once the time is over, and goes by itself") {
    auto& other = g.queue(session_id{2});
    g.queue(session_id{3});
    g.sets->over(0);
    CHECK(g.take() == "1:0[0,200) ");
    other.raise_bound(timestamp::of_ms(200));
    CHECK(g.take() == "2:0[0,200) ");
    g.sets->deadline(0);
    CHECK(g.take() == "3:0[0,200) ");
  }
  SUBCASE("the end of one micro-turn says nothing of the next") {
    g.queue(session_id{2});
    g.sets->over(0);
    CHECK(g.take() == "1:0[0,200) ");
    a.raise_bound(timestamp::of_ms(400));
    b.raise_bound(timestamp::of_ms(400));
    CHECK(!g.ready());
  }
  SUBCASE("what belongs to no conversation is not waited for") {
    g.queue(session_id::none);
    CHECK(g.take() == "1:0[0,200) ");
    g.sets->deadline(0);
    CHECK(g.take() == "0:0[0,200) ");
  }
  SUBCASE("one that is ahead does not wait for one that ended") {
    auto& other = g.queue(session_id{2});
    other.set_ended();
    CHECK(g.take() == "1:0[0,200) ");
  }
  SUBCASE("words that come late join the next set, sound does not") {
    CHECK(!g.sets->is_late(payload_kind::text));
    CHECK(!g.sets->is_late(payload_kind::tool_result));
    CHECK(g.sets->is_late(payload_kind::audio));
  }
}

TEST_CASE("micro-turns after the end: what is left goes out, and nothing after it") {
  gathering g(input_policy::micro_turn, false);
  auto& a = g.queue();
  g.put(a, 850);
  a.set_ended();
  CHECK(g.take() == "1:4[800,1000) ");  // not the empty ones before it
  std::vector<queued_packet> taken;
  a.take_before(timestamp::of_ms(1000), timestamp::max(), taken);
  CHECK(!g.ready());
  g.sets->deadline(9);
  CHECK(!g.ready());
}

TEST_CASE("sessions and queues come and go") {
  gathering g(input_policy::micro_turn, true);
  auto& a = g.queue(session_id{2});
  g.queue(session_id{1});
  g.sets->deadline(0);
  CHECK(g.take() == "1:0[0,200) 2:0[0,200) ");
  SUBCASE("a session") {
    g.sets->remove_session(session_id{1});
    g.sets->deadline(1);
    CHECK(g.take() == "2:1[200,400) ");
  }
  SUBCASE("a queue, and its session with the last one") {
    g.sets->remove(a);
    g.sets->deadline(1);
    CHECK(g.take() == "1:1[200,400) ");
  }
  SUBCASE("a replacement goes on where the one before it was") {
    gathering next(input_policy::micro_turn, true);
    next.queue(session_id{2});
    next.sets->go_on_from(g.sets->positions());
    next.sets->deadline(0);
    CHECK(!next.ready());
    next.sets->deadline(1);
    CHECK(next.take() == "2:1[200,400) ");
  }
}
