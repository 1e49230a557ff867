#include "actors/host/actor/input_queue.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::host;

namespace {

queued_packet at_ms(std::int64_t ms, epoch_number epoch = 0) {
  queued_packet e;
  text t;
  t.value = std::to_string(ms);
  e.item = make_packet(timestamp::of_ms(ms), std::move(t));
  e.item.header.epoch = epoch;
  e.queued_at = timestamp::of_ms(ms);
  return e;
}

input_queue make(full_policy full, int size, input_policy policy = input_policy::immediate) {
  queue_setup s;
  s.spec = {.size = size, .full = full, .max_age_ms = 100};
  s.policy = policy;
  return input_queue(std::move(s));
}

std::string content(const input_queue& q) {
  std::string all;
  for (std::size_t i = 0; i < q.size(); ++i) all += q.at(i).item.get_if<text>()->value + " ";
  return all;
}

bool law(const input_queue& q) {
  link_account a;
  q.books().add_to(a);
  a.in_flight = q.in_flight();
  return a.adds_up();
}

}  // namespace

TEST_CASE("queue policies") {
  using enum input_queue::effect;
  SUBCASE("drop_oldest makes room at the front") {
    auto q = make(full_policy::drop_oldest, 2);
    CHECK(q.push(at_ms(0)) == added);
    CHECK(q.push(at_ms(1)) == added);
    CHECK(q.push(at_ms(2)) == swapped);
    CHECK(content(q) == "1 2 ");
    CHECK(q.books().dropped[static_cast<int>(drop_reason::queue_full_oldest)] == 1);
    CHECK(law(q));
  }
  SUBCASE("drop_newest refuses at the door") {
    auto q = make(full_policy::drop_newest, 2);
    q.push(at_ms(0));
    q.push(at_ms(1));
    CHECK(q.push(at_ms(2)) == refused);
    CHECK(content(q) == "0 1 ");
    CHECK(law(q));
  }
  SUBCASE("latest keeps one") {
    auto q = make(full_policy::latest, 1);
    q.push(at_ms(0));
    CHECK(q.push(at_ms(1)) == swapped);
    CHECK(content(q) == "1 ");
    CHECK(law(q));
  }
  SUBCASE("latest in front of micro-turns keeps one of each") {
    auto q = make(full_policy::latest, 1, input_policy::micro_turn);
    q.push(at_ms(150));
    q.push(at_ms(190));
    CHECK(q.push(at_ms(210)) == added);
    CHECK(content(q) == "190 210 ");
    CHECK(law(q));
  }
  SUBCASE("block says when it is full and drops nothing") {
    auto q = make(full_policy::block, 2);
    q.push(at_ms(0));
    CHECK(!q.full());
    q.push(at_ms(1));
    CHECK(q.full());
    q.push(at_ms(2));
    CHECK(content(q) == "0 1 2 ");
    CHECK(law(q));
  }
}

TEST_CASE("an older epoch goes, at once and later, but a transaction stays") {
  auto q = make(full_policy::block, 8);
  q.push(at_ms(0));
  queued_packet call;
  call.item = make_packet(timestamp::of_ms(1), delegation{});
  q.push(std::move(call));
  q.push(at_ms(2, 1));
  CHECK(q.purge_older_than(1) == 1);
  CHECK(q.size() == 2);
  CHECK(q.is_stale(at_ms(3).item));
  CHECK(!q.is_stale(at_ms(3, 1).item));
  CHECK(law(q));
}

TEST_CASE("ages, hands and books") {
  auto q = make(full_policy::block, 8);
  for (int i = 0; i < 4; ++i) q.push(at_ms(i * 50));
  CHECK(q.is_too_old(q.at(0), timestamp::of_ms(101)));
  CHECK(!q.is_too_old(q.at(0), timestamp::of_ms(100)));
  auto a = q.take();
  auto b = q.take();
  CHECK(q.in_flight() == 4);
  q.put_back(std::move(b));
  q.settle_delivered(1);
  CHECK(content(q) == "50 100 150 ");
  std::vector<queued_packet> set;
  q.take_before(timestamp::of_ms(150), timestamp::max(), set);
  CHECK(set.size() == 2);
  q.settle_dropped(drop_reason::too_old, 2);
  CHECK(q.purge(drop_reason::stopped) == 1);
  CHECK(q.in_flight() == 0);
  CHECK(law(q));
}

TEST_CASE("sound settles its own length") {
  audio_chunk a;
  a.samples = buffer::take(std::vector<float>(320));
  CHECK(end_of(make_packet(timestamp::of_ms(180), std::move(a))) == timestamp::of_ms(200));
  CHECK(end_of(make_packet(timestamp::of_ms(180), text{})) == timestamp(180'000'001));
}
