#include "actors/host/run/account_store.hpp"

#include <doctest/doctest.h>

#include <future>

using namespace hocket;
using namespace hocket::host;

TEST_CASE("what is gone stays in the accounts of its link") {
  account_store store;
  store.resize(2, 1);
  store.count_undeliverable(1);
  store.count_undeliverable(1, drop_reason::rewired);
  account books;
  books.sent = 5;
  books.delivered = 4;
  books.drop(drop_reason::old_epoch);
  books.depth_max = 3;
  store.add(1, books);
  store.add(std::vector<account>{books, {}});
  std::vector<link_account> rows(2);
  rows[1].sent = 10;
  rows[1].delivered = 9;
  rows[1].in_flight = 1;
  store.add_to(rows);
  CHECK(rows[0].sent == 5);
  CHECK(rows[1].sent == 17);
  CHECK(rows[1].delivered == 13);
  CHECK(rows[1].dropped[static_cast<int>(drop_reason::session_closed)] == 1);
  CHECK(rows[1].dropped[static_cast<int>(drop_reason::rewired)] == 1);
  CHECK(rows[1].depth_max == 3);
  for (const auto& row : rows) CHECK(row.adds_up());
}

TEST_CASE("a plan with more links keeps the books of the ones before it") {
  account_store store;
  store.resize(1, 1);
  store.count_undeliverable(0);
  store.resize(3, 2);
  store.count_undeliverable(2);
  std::vector<link_account> rows(3);
  store.add_to(rows);
  CHECK(rows[0].sent == 1);
  CHECK(rows[1].sent == 0);
  CHECK(rows[2].sent == 1);
}

TEST_CASE("while accounts are frozen nobody hands packets over") {
  account_store store;
  auto still = store.freeze();
  auto other = std::async(std::launch::async, [&] { (void)store.freeze(); });
  CHECK(other.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout);
  // A cell that counts under its own lock is not held up.
  store.resize(1, 1);
  store.count_undeliverable(0);
  still.unlock();
  other.get();
}

TEST_CASE("rows of one actor's lives are added; the last error that is known is told") {
  actor_status now, before;
  now.packets_in = 3;
  now.counters = {{"words", 2}};
  before.packets_in = 4;
  before.packets_out = 1;
  before.restarts = 1;
  before.last_error = "it fell";
  before.counters = {{"words", 5}, {"late", 1}};
  add_totals(now, before);
  CHECK(now.packets_in == 7);
  CHECK(now.packets_out == 1);
  CHECK(now.restarts == 1);
  CHECK(now.last_error == "it fell");
  CHECK(now.counters ==
        std::vector<std::pair<std::string, std::int64_t>>{{"words", 7}, {"late", 1}});
  before.last_error = "older";
  add_totals(now, before);
  CHECK(now.last_error == "it fell");
}
