// Payloads that a component makes where its output's packets will be sent from.
#include <atomic>
#include <cstring>
#include <filesystem>

#include "actors/start_run.hpp"
#include "actors/distributed/hosts.test.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::distributed;
using namespace hocket::testing;

namespace {

constexpr int pictures = 12;
constexpr std::int32_t side = 200;

/// Makes pictures of one colour each with emitter::allocate; the first ones after it could see that
/// its host shares memory with the other (before, everything lies on the heap).
plan_maker::maker camera(std::shared_ptr<std::atomic<bool>> shared) {
  return [shared] {
    auto c = std::make_unique<lambda_component>();
    c->on_produce = [shared, n = 0](timestamp until, emitter& out) mutable -> result<source_state> {
      if (!shared->load()) return source_state::more;
      (void)out.allocate(0, 1000);  // never sent
      auto room = out.allocate(0, std::size_t{side} * side * 3);
      std::memset(room.bytes().data(), n, room.size_bytes());
      out.emit(0, until - duration(1'000'000), video_frame{side, side, std::move(room).seal()});
      return ++n < pictures ? source_state::more : source_state::end_of_stream;
    };
    return c;
  };
}

/// Notes the colour of each picture that is of one colour.
plan_maker::maker viewer(std::shared_ptr<notebook> book) {
  return [book] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [book](std::size_t, const packet& p, emitter&) -> result<void> {
      const auto v = p.get_if<video_frame>()->pixels.as<std::uint8_t>();
      const bool plain =
          std::all_of(v.begin(), v.end(), [&](std::uint8_t one) { return one == v[0]; });
      book->add(plain ? std::to_string(v[0]) : "mixed");
      return {};
    };
    return c;
  };
}

/// Runs a plan on two hosts of this process over the real wire; returns what `cam`'s host knows of
/// its peers at the end.
std::vector<wire::peer_status> run_on_two(const plan_maker& g, const placement& where,
                                          std::atomic<bool>& shared) {
  auto p = placed(g, where);
  std::string address;
  start_options o;
  o.host.name = "cam_host";
  o.host.listen = "tcp://127.0.0.1:0";
  o.host.listening = [&](const std::string& at) { address = at; };
  for (auto& h : p.hosts) h.listen = h.name == "cam_host" ? "tcp://127.0.0.1:1" : "";
  auto near = start_run(p, g.types, o);
  REQUIRE(near);
  start_options other;
  other.host.name = "view_host";
  other.host.peer_addresses["cam_host"] = address;
  auto far = start_run(p, g.types, other);
  REQUIRE(far);
  const auto peers = [&] { return (*near)->status().peers; };
  REQUIRE(eventually([&] { return !peers().empty() && peers()[0].shared_memory; }));
  shared.store(true);
  const auto done = (*near)->wait();
  const auto there = (*far)->wait();
  CHECK(done.why == end_reason::finished);
  CHECK(done.last.law_holds());
  CHECK(there.last.law_holds());
  return done.last.peers;
}

}  // namespace

TEST_CASE("in place: what a component allocates for an output crosses to the other host uncopied") {
  auto shared = std::make_shared<std::atomic<bool>>(false);
  auto far = std::make_shared<notebook>(), near = std::make_shared<notebook>();
  plan_maker g;
  g.add("cam", 0, 1, camera(shared), payload_kind::video);
  g.source("cam", 5);
  g.add("view", 1, 0, viewer(far), payload_kind::video);
  g.link("cam", 0, "view", 0, {4, full_policy::block});
  std::uint64_t in_place = pictures;
  SUBCASE("one receiver, over there") {}
  SUBCASE("another one here: both see the same") {
    g.add("mirror", 1, 0, viewer(near), payload_kind::video);
    g.link("cam", 0, "mirror", 0, {4, full_policy::block});
  }
  SUBCASE("two links cross: memory is for one receiver, so nothing is made in it") {
    g.add("second", 1, 0, viewer(near), payload_kind::video);
    g.link("cam", 0, "second", 0, {4, full_policy::block});
    in_place = 0;
  }
  placement where{{"cam", "cam_host"}, {"view", "view_host"}};
  where["mirror"] = "cam_host";
  where["second"] = "view_host";
  const auto peers = run_on_two(g, where, *shared);
  CHECK(far->lines() == numbers(pictures));
  if (near->size() > 0) CHECK(near->lines() == numbers(pictures));
  REQUIRE(peers.size() == 1);
  CHECK(peers[0].shm_in_place == in_place);
}
