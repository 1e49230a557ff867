#include "actors/host/actor/batch.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::host;

namespace {

struct taking {
  explicit taking(int packets) : queue(setup()) {
    for (int i = 0; i < packets; ++i) {
      queued_packet e;
      e.item = make_packet(timestamp::of_ms(i), text{});
      queue.push(std::move(e));
    }
  }
  static queue_setup setup() {
    queue_setup s;
    s.spec = {.size = 16};
    return s;
  }
  void take(batch& b, int n) {
    for (int i = 0; i < n; ++i) b.items.push_back({queue.take(), &queue});
  }
  std::uint64_t dropped(drop_reason why) const {
    return queue.books().dropped[static_cast<int>(why)];
  }
  bool adds_up() const {
    link_account a;
    queue.books().add_to(a);
    a.in_flight = queue.in_flight();
    return a.adds_up();
  }
  input_queue queue;
};

}  // namespace

TEST_CASE("what is done is settled once, what is not stays in flight") {
  taking t(4);
  batch b;
  t.take(b, 3);
  b.at = 2;
  b.items[1].drop(drop_reason::too_old);
  b.settle();
  b.settle();
  CHECK(t.queue.books().delivered == 1);
  CHECK(t.dropped(drop_reason::too_old) == 1);
  CHECK(t.queue.in_flight() == 2);
  CHECK(t.adds_up());
  SUBCASE("the rest goes with the actor") {
    b.drop_rest(drop_reason::actor_lost);
    CHECK(b.empty());
    CHECK(t.dropped(drop_reason::actor_lost) == 1);
    CHECK(t.queue.in_flight() == 1);
  }
  SUBCASE("the item of a call that hangs is lost, those behind it are not") {
    t.take(b, 1);
    const auto rest = b.rescue(true);
    CHECK(t.dropped(drop_reason::actor_restarting) == 1);
    REQUIRE(rest->items.size() == 1);
    CHECK(rest->items.front().what.item.header.ts == timestamp::of_ms(3));
    CHECK(b.items[2].what.item.header.ts == timestamp::of_ms(2));  // who hangs still reads it
  }
  SUBCASE("a call without it leaves it for the next instance") {
    const auto rest = b.rescue(false);
    CHECK(rest->items.size() == 1);
    CHECK(t.dropped(drop_reason::actor_restarting) == 0);
  }
  CHECK(t.adds_up());
}

TEST_CASE("the packets of a set are settled together") {
  taking t(3);
  batch b;
  b.bundles.emplace_back();
  for (int i = 0; i < 2; ++i) (void)t.queue.take();
  b.bundle_uses.emplace_back(&t.queue, 2);
  SUBCASE("delivered") {
    b.settle();
    CHECK(t.queue.books().delivered == 2);
  }
  SUBCASE("or lost with the call that failed") {
    b.bundles_failed = true;
    b.settle();
    CHECK(t.dropped(drop_reason::actor_restarting) == 2);
  }
  CHECK(b.empty());
  CHECK(t.adds_up());
}
