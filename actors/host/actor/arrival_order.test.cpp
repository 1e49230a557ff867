#include "actors/host/actor/arrival_order.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::host;

namespace {
std::unique_ptr<input_queue> queue_of(session_id session = session_id{1}) {
  queue_setup s;
  s.spec = {.size = 16};
  s.session = session;
  return std::make_unique<input_queue>(std::move(s));
}
}  // namespace

TEST_CASE("packets and tasks keep the order in which they came") {
  arrival_order order;
  const auto a = queue_of(), b = queue_of();
  CHECK(order.take_queue() == nullptr);
  order.push(*a);
  order.push(*b);
  order.push_task();
  order.push(*a);
  CHECK(order.take_queue() == a.get());
  CHECK(!order.task_is_next());
  CHECK(order.take_queue() == b.get());
  CHECK(order.task_is_next());
  CHECK(order.take_queue() == nullptr);  // not past a task
  CHECK(order.size() == 2);
  order.take_task();
  CHECK(order.take_queue() == a.get());
  CHECK(order.empty());
}

TEST_CASE("entries of packets that have gone are passed over, the oldest first") {
  arrival_order order;
  const auto a = queue_of(), b = queue_of();
  for (int i = 0; i < 3; ++i) order.push(*a);
  order.push(*b);
  order.void_next(*a, 2);
  order.void_next(*b, 0);
  CHECK(order.take_queue() == a.get());
  CHECK(order.take_queue() == b.get());
  CHECK(order.take_queue() == nullptr);
  SUBCASE("and no more than those") {
    order.push(*a);
    CHECK(order.take_queue() == a.get());
  }
  SUBCASE("a task behind them is found") {
    order.push(*a);
    order.void_next(*a, 1);
    order.push_task();
    CHECK(order.take_queue() == nullptr);
    CHECK(order.task_is_next());
  }
}

TEST_CASE("a queue, a session, or the tasks are forgotten, and the rest stays") {
  arrival_order order;
  const auto a = queue_of(), b = queue_of(session_id{2});
  order.push(*a);
  order.push_task();
  order.push(*b);
  order.push(*a);
  SUBCASE("a queue, with what was void of it") {
    order.void_next(*a, 1);
    order.forget(*a);
    order.take_task();
    CHECK(order.take_queue() == b.get());
    order.push(*a);
    CHECK(order.take_queue() == a.get());
  }
  SUBCASE("a session") {
    order.forget_session(session_id{2});
    CHECK(order.take_queue() == a.get());
    order.take_task();
    CHECK(order.take_queue() == a.get());
  }
  SUBCASE("the tasks") {
    order.forget_tasks();
    CHECK(order.size() == 3);
    CHECK(order.take_queue() == a.get());
    CHECK(order.take_queue() == b.get());
  }
  SUBCASE("all") {
    order.void_next(*a, 2);
    order.clear();
    CHECK(order.empty());
    order.push(*a);
    CHECK(order.take_queue() == a.get());
  }
}
