#include "actors/host/actor/outputs.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::host;

namespace {

std::shared_ptr<session_outputs> to_session(session_id id, std::size_t ports = 1) {
  auto out = std::make_shared<session_outputs>();
  if (id != session_id::none) out->session = std::make_shared<session_state>(id);
  out->link_ends.resize(ports);
  out->streams.resize(ports);
  return out;
}

}  // namespace

TEST_CASE("a shared cell finds the outputs of each conversation, and of none") {
  outputs all;
  const auto none = to_session(session_id::none), one = to_session(session_id{1});
  all.add(none, false);
  all.add(one, false);
  CHECK(all.only() == nullptr);
  CHECK(all.find(session_id::none) == none);
  CHECK(all.find(session_id{1}) == one);
  CHECK(all.find(session_id{2}) == nullptr);
  CHECK(all.sessions() == std::vector{session_id::none, session_id{1}});
  SUBCASE("what it emits for nobody goes to conversations that go on") {
    CHECK(all.open() == std::vector{one});
    one->session->closing = true;
    CHECK(all.open().empty());
  }
  SUBCASE("one that is over is gone") {
    all.remove(session_id{1});
    CHECK(all.find(session_id{1}) == nullptr);
  }
}

TEST_CASE("a cell of one conversation keeps its outputs beyond it") {
  outputs all;
  const auto one = to_session(session_id{1});
  all.add(one, true);
  all.remove(session_id{1});
  CHECK(all.find(session_id{1}) == nullptr);
  CHECK(all.only() == one);  // what its component still says is counted
}

TEST_CASE("links are read in whole, and replaced in one go") {
  outputs all;
  const auto one = to_session(session_id{1}, 2);
  one->link_ends[0].resize(1);
  one->link_ends[1].resize(2);
  all.add(one, true);
  int seen = 0;
  all.each_link([&](const session_outputs& of, const link_end&) {
    CHECK(&of == one.get());
    // A receiver may ask for the links while it is told: nothing is locked.
    CHECK(all.links_of(session_id{1}).size() == 2);
    ++seen;
  });
  CHECK(seen == 3);
  std::vector<std::vector<link_end>> others(2);
  all.replace_links(*one, others);
  CHECK(all.links_of(session_id{1})[1].empty());
  CHECK(others[1].size() == 2);  // the old ones, for whoever moves what is queued on them
  CHECK(all.links_of(session_id{7}).empty());
  all.break_links();
  CHECK(all.sessions().empty());
  CHECK(one->link_ends.empty());
}

TEST_CASE("a replacement goes on with the streams of the conversations that it has") {
  outputs before, after;
  const auto old = to_session(session_id{1}), gone = to_session(session_id{2});
  old->streams[0] = {.next_seq = 17, .last_ts = timestamp::of_ms(400), .ended = true};
  before.add(old, false);
  before.add(gone, false);
  const auto next = to_session(session_id{1}), fresh = to_session(session_id{3});
  after.add(next, false);
  after.add(fresh, false);
  after.continue_streams(before);
  CHECK(next->streams[0].next_seq == 17);
  CHECK(next->streams[0].last_ts == timestamp::of_ms(400));
  CHECK(!next->streams[0].ended);
  CHECK(fresh->streams[0].next_seq == 0);
}

TEST_CASE("the epoch of a conversation is that of its outputs; without one it is 0") {
  const auto one = to_session(session_id{1});
  one->session->epoch = 3;
  CHECK(one->epoch() == 3);
  CHECK(to_session(session_id::none)->epoch() == 0);
}
