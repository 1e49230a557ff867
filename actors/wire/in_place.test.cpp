// Payloads that are made in the memory which two processes share.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "actors/wire/shm_channel.hpp"
#include "actors/wire/two_nodes.test.hpp"

using namespace hocket;
using namespace hocket::wire;
using namespace hocket::wire::testing;

namespace {

/// The mapping in which an address lies, from the kernel: the same file and place in it is the same
/// memory, whoever mapped it where.
struct mapped {
  std::uint64_t inode = 0, offset = 0;
  std::string rights;
  bool operator==(const mapped& o) const { return inode == o.inode && offset == o.offset; }
};

mapped find_mapping(const void* address) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::uintptr_t from = 0, to = 0;
    std::uint64_t offset = 0, inode = 0;
    char dash = 0;
    std::string rights, device;
    words >> std::hex >> from >> dash >> to >> rights >> offset >> device >> std::dec >> inode;
    if (at >= from && at < to) return {inode, offset + (at - from), rights};
  }
  return {};
}

void fill(writable_buffer& room, float value) {
  for (auto& f : room.as<float>()) f = value;
}

bool all_are(const buffer& b, float value) {
  const auto v = b.as<float>();
  return !v.empty() && std::all_of(v.begin(), v.end(), [&](float f) { return f == value; });
}

/// An arena with both ends, without a thread that reads the ring.
struct arena_ends {
  folder place;
  std::shared_ptr<shm_arena> ours, theirs;
  std::unique_ptr<shm_writer> writer;
  std::unique_ptr<shm_reader> reader;

  explicit arena_ends(std::size_t heap_bytes) {
    ours = shm_arena::create(place.path, shm_arena::least_bytes() - 65536 + heap_bytes).value();
    theirs = shm_arena::open(place.path, ours->file(), ours->size_bytes()).value();
    writer = std::make_unique<shm_writer>(ours);
    reader = std::make_unique<shm_reader>(
        theirs, [](shm_reader&, std::span<const std::byte>, std::int64_t) {});
  }
  buffer make(std::size_t size_bytes, float value) {
    auto room = writer->allocate(size_bytes);
    REQUIRE(room);
    fill(*room, value);
    return std::move(*room).seal();
  }
  buffer seen(const shm_writer::block& b) {
    return reader->find(b.lease, b.offset_bytes, b.size_bytes).value();
  }
  /// Whether the whole heap is in one piece and free.
  bool all_is_back() {
    const auto all = writer->place(std::vector<std::byte>(ours->heap_bytes() / 64 * 64));
    if (all) writer->take_back(*all);
    return all.has_value();
  }
};

packet packet_of(buffer b, std::uint64_t seq = 0) {
  const auto floats = static_cast<std::int64_t>(b.size_bytes() / sizeof(float));
  auto p = make_packet(timestamp::of_ms(7), tensor{dtype::f32, {floats}, std::move(b)});
  p.header.session = static_cast<session_id>(5);
  p.header.seq = seq;
  return p;
}

/// Two nodes whose `right` has the arena up for what it sends.
struct sharing_nodes : two_nodes {
  explicit sharing_nodes(pair_of_options& o) : two_nodes(o) {
    wait_up();
    await_arena();
  }
  void await_arena() const {
    REQUIRE(eventually([&] { return right->status().peers[0].shared_memory; }));
  }
  buffer make(std::size_t floats, float value) const {
    auto room = right->allocate(2, floats * sizeof(float));
    REQUIRE(room);
    fill(*room, value);
    return std::move(*room).seal();
  }
  std::uint64_t in_place() const { return right->status().peers[0].shm_in_place; }
  const buffer& received(std::size_t i) const {
    std::lock_guard lock(left_host.mutex);
    return left_host.packets.at(i).get_if<tensor>()->data;
  }
};

constexpr std::size_t many = 50'000;  ///< floats

}  // namespace

TEST_CASE("arena: what was made in it is lent where it lies, a part of it too") {
  arena_ends a(1 << 20);
  const auto made = a.make(4000, 3.0f);
  const auto whole = a.writer->lend(made);
  const auto part = a.writer->lend(made.slice(400, 800));
  REQUIRE(whole);
  REQUIRE(part);
  CHECK(part->offset_bytes == whole->offset_bytes + 400);
  CHECK(part->lease != whole->lease);
  CHECK(find_mapping(a.seen(*whole).bytes().data()) == find_mapping(made.bytes().data()));
  CHECK(all_are(a.seen(*part), 3.0f));
  // Memory of others is not lent: the heap, and another arena.
  CHECK_FALSE(a.writer->lend(buffer::take(std::vector<float>(1000))));
  arena_ends other(1 << 20);
  const auto elsewhere = other.make(4000, 1.0f);
  CHECK_FALSE(a.writer->lend(elsewhere));
  CHECK_FALSE(a.writer->lend(a.seen(*whole)));  // the reader's own mapping, sent back
  // Its receiver cannot change what others see here.
  CHECK(find_mapping(a.seen(*whole).bytes().data()).rights == "r--s");
}

TEST_CASE("arena: room comes back from what was never sent, and when nobody shows it any more") {
  arena_ends a(1 << 20);
  SUBCASE("never filled, and never sent") {
    for (int i = 0; i < 3000; ++i) {
      auto room = a.writer->allocate(100'000);
      REQUIRE(room);
      if (i % 2 == 0) (void)std::move(*room).seal();
    }
  }
  SUBCASE("lent twice: gone with the last of the two and of ours, whichever that is") {
    auto made = a.make(a.ours->heap_bytes() / 4 * 3 - 64, 2.0f);
    const auto one = a.writer->lend(made), two = a.writer->lend(made);
    auto first = a.seen(*one), second = a.seen(*two);
    SUBCASE("ours last") {
      first = second = {};
      CHECK_FALSE(a.all_is_back());
      CHECK(all_are(made, 2.0f));
    }
    SUBCASE("theirs last") {
      made = first = {};
      CHECK_FALSE(a.all_is_back());
      CHECK(all_are(second, 2.0f));
    }
    made = first = second = {};
  }
  SUBCASE("lent, but the message did not fit: taken back") {
    auto made = a.make(4000, 2.0f);
    a.writer->take_back(*a.writer->lend(made));
    CHECK_FALSE(a.all_is_back());
    made = {};
  }
  CHECK(a.all_is_back());
}

TEST_CASE("arena: producers get most of it, never all") {
  arena_ends a(1 << 20);
  std::vector<writable_buffer> kept;
  while (auto room = a.writer->allocate(50'000)) kept.push_back(std::move(*room));
  CHECK(kept.size() * 50'000 > a.ours->heap_bytes() / 2);
  const auto copied = a.writer->place(std::vector<std::byte>(100'000));
  REQUIRE(copied);
  CHECK_FALSE(a.writer->allocate(SIZE_MAX));
  kept.clear();
  CHECK(a.writer->allocate(50'000));
}

TEST_CASE("arena: a peer that lies about its leases does not get room reused that is ours") {
  arena_ends a(1 << 20);
  const auto made = a.make(100'000, 4.0f);
  REQUIRE(a.writer->lend(made));
  for (auto& word : a.theirs->head().leases) word.store(0);
  std::vector<buffer> others;
  while (auto room = a.writer->allocate(100'000)) {
    fill(*room, 5.0f);
    others.push_back(std::move(*room).seal());
  }
  CHECK(all_are(made, 4.0f));
}

TEST_CASE("arena: buffers outlive writer and reader") {
  buffer made, seen;
  writable_buffer half_made;
  {
    arena_ends a(1 << 20);
    made = a.make(4000, 6.0f);
    seen = a.seen(*a.writer->lend(made));
    half_made = std::move(*a.writer->allocate(4000));
  }
  fill(half_made, 7.0f);
  CHECK(all_are(made, 6.0f));
  CHECK(all_are(seen, 6.0f));
  CHECK(all_are(std::move(half_made).seal(), 7.0f));
}

TEST_CASE("arena: under random use nothing is lost, and nothing that somebody shows changes") {
  arena_ends a(1 << 20);
  std::mt19937 random(7);
  struct shown {
    buffer bytes;
    float value;
  };
  std::vector<shown> all;
  std::size_t in_place = 0, full = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto pick = [&] { return random() % all.size(); };
    const auto what = random() % 5;
    if (!all.empty() && what < 2) {
      const auto at = pick();
      REQUIRE(all_are(all[at].bytes, all[at].value));
      all[at] = std::move(all.back());
      all.pop_back();
    } else if (!all.empty() && what == 2) {
      const auto s = all[pick()];
      if (const auto b = a.writer->lend(s.bytes)) {
        all.push_back({a.seen(*b), s.value});
        ++in_place;
      }
    } else {
      const auto value = static_cast<float>(i);
      const std::vector<float> content(128 + random() % 8000, value);
      const auto bytes = std::as_bytes(std::span(content));
      if (what == 3) {
        if (const auto b = a.writer->place(bytes)) all.push_back({a.seen(*b), value});
      } else if (auto room = a.writer->allocate(bytes.size())) {
        std::memcpy(room->bytes().data(), bytes.data(), bytes.size());
        all.push_back({std::move(*room).seal(), value});
      } else {
        ++full;
      }
    }
  }
  CHECK(in_place > 100);
  CHECK(full > 100);
  all.clear();
  CHECK(a.all_is_back());
}

TEST_CASE("arena: buffers may go on any thread while others are made") {
  arena_ends a(1 << 20);
  std::mutex mutex;
  std::vector<buffer> passed;
  std::atomic<bool> done = false;
  std::size_t wrong = 0;
  std::thread reads([&] {
    while (!done.load()) {
      std::vector<buffer> mine;
      {
        std::lock_guard lock(mutex);
        mine.swap(passed);
      }
      for (const auto& b : mine) wrong += all_are(b, b.as<float>()[0]) ? 0 : 1;
    }
  });
  std::size_t made = 0;
  for (int i = 0; i < 5000; ++i) {
    auto room = a.writer->allocate(20'000);
    if (!room) continue;
    fill(*room, static_cast<float>(i));
    ++made;
    std::lock_guard lock(mutex);
    passed.push_back(std::move(*room).seal());
  }
  done.store(true);
  reads.join();
  passed.clear();
  CHECK(wrong == 0);
  CHECK(made > 30);
  CHECK(a.all_is_back());
}

TEST_CASE("a payload made in shared memory is received where it was made, as often as it is sent") {
  pair_of_options o(false, true);
  sharing_nodes n(o);
  n.left_host.consumes = n.left.get();
  const auto made = n.make(many, 3.5f);
  send_when_possible(*n.right, n.right_host, 2, packet_of(made));
  send_when_possible(*n.right, n.right_host, 2, packet_of(made, 1));
  send_when_possible(*n.right, n.right_host, 1, packet_of(made));  // another link to the same peer
  REQUIRE(n.left_host.wait_packets(3));
  for (const std::size_t i : {0u, 1u, 2u}) {
    CHECK(find_mapping(n.received(i).bytes().data()) == find_mapping(made.bytes().data()));
    CHECK(all_are(n.received(i), 3.5f));
  }
  CHECK(n.in_place() == 3);
  // What was made elsewhere is copied, as ever.
  send_when_possible(*n.right, n.right_host, 2, numbers(many, 1.0f, 2));
  REQUIRE(n.left_host.wait_packets(4));
  CHECK(n.in_place() == 3);
  CHECK(n.right->status().peers[0].shm_packets >= 4);
  REQUIRE(n.right->flush(20'000));
  const auto s = n.right->status();
  CHECK(s.law_holds());
  CHECK(account(s, 2).delivered == 3);
  CHECK(n.left->status().law_holds());
  CHECK(n.left->status().peers[0].bytes_in == s.peers[0].bytes_out);
}

TEST_CASE("a payload made in shared memory goes to anybody else as well") {
  pair_of_options o(false, true), sockets(false, false);
  sharing_nodes n(o);
  two_nodes far(sockets);
  far.wait_up();
  CHECK_FALSE(far.right->allocate(2, 4096));  // no memory is shared there
  CHECK_FALSE(n.right->allocate(2, 8));       // travels inside the message
  const auto made = n.make(many, 2.5f);
  far.left_host.consumes = far.left.get();
  send_when_possible(*far.right, far.right_host, 2, packet_of(made));
  send_when_possible(*n.right, n.right_host, 2, packet_of(made));
  REQUIRE(far.left_host.wait_packets(1));
  REQUIRE(n.left_host.wait_packets(1));
  std::lock_guard lock(far.left_host.mutex);
  const auto& there = far.left_host.packets[0].get_if<tensor>()->data;
  CHECK(all_are(there, 2.5f));
  CHECK_FALSE(find_mapping(there.bytes().data()) == find_mapping(made.bytes().data()));
  CHECK(n.in_place() == 1);
}

TEST_CASE("where the shared memory is full, payloads are made elsewhere and take the socket") {
  pair_of_options o(false, true);
  sharing_nodes n(o);
  n.left_host.consumes = n.left.get();
  std::vector<buffer> kept;
  std::uint64_t sent = 0, elsewhere = 0;
  for (; sent < 100; ++sent) {
    const auto value = static_cast<float>(sent);
    auto room = n.right->allocate(2, many * sizeof(float));
    if (!room) {
      room = writable_buffer::on_heap(many * sizeof(float));
      ++elsewhere;
    }
    fill(*room, value);
    kept.push_back(std::move(*room).seal());
    send_when_possible(*n.right, n.right_host, 2, packet_of(kept.back(), sent));
  }
  REQUIRE(n.left_host.wait_packets(sent));
  for (std::size_t i = 0; i < sent; ++i) REQUIRE(all_are(n.received(i), static_cast<float>(i)));
  const auto s = n.right->status();
  CHECK(elsewhere > 50);
  CHECK(n.in_place() == sent - elsewhere);
  CHECK(s.peers[0].shm_fallbacks > 0);  // the receiver keeps all, too
  CHECK(s.law_holds());
}

TEST_CASE("a payload made in shared memory outlives its receiver, and is sent to the next one") {
  pair_of_options o(false, true);
  recorder next;
  sharing_nodes n(o);
  const auto made = n.make(many, 1.5f);
  auto unfinished = n.right->allocate(2, many * sizeof(float));
  REQUIRE(unfinished);
  send_when_possible(*n.right, n.right_host, 2, packet_of(made));
  REQUIRE(n.left_host.wait_packets(1));  // handed over, never consumed
  const auto received = n.received(0);
  o.left.listen = n.left->listening();
  n.left.reset();
  REQUIRE(n.right_host.wait([&] { return n.right_host.changes.back().state != peer_state::up; }));
  CHECK(all_are(made, 1.5f));
  CHECK(all_are(received, 1.5f));
  fill(*unfinished, 8.5f);  // nobody needs to know
  n.left = open_again(o.left, next);
  next.consumes = n.left.get();
  n.left->begin();
  // The lossless link repeats it over the socket or from the next arena: in both cases as it was.
  REQUIRE(next.wait_packets(1));
  n.await_arena();
  send_when_possible(*n.right, n.right_host, 2, packet_of(std::move(*unfinished).seal(), 1));
  REQUIRE(next.wait_packets(2));
  {
    std::lock_guard lock(next.mutex);
    CHECK(all_are(next.packets[0].get_if<tensor>()->data, 1.5f));
    CHECK(all_are(next.packets[1].get_if<tensor>()->data, 8.5f));
  }
  CHECK(n.in_place() == 1);  // the first time; the arena of the dead process is nobody else's
  REQUIRE(n.right->flush(20'000));
  const auto s = n.right->status();
  CHECK(s.law_holds());
  CHECK(account(s, 2).sent_again == 1);
}
