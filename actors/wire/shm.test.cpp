#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <thread>

#include <fmt/format.h>

#include "actors/wire/shm_channel.hpp"

using namespace hocket;
using namespace hocket::wire;
namespace fs = std::filesystem;

namespace {

struct folder {
  std::string path;
  folder() {
    std::string name = (fs::temp_directory_path() / "hocket-shm-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~folder() { fs::remove_all(path); }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }
};

std::span<const std::byte> bytes_of(const std::string& s) {
  return std::as_bytes(std::span<const char>(s));
}

/// Collects what a reader hands over.
struct collector {
  std::mutex mutex;
  std::condition_variable came;
  std::vector<std::string> got;
  shm_reader::handler handler() {
    return [this](shm_reader&, std::span<const std::byte> m, std::int64_t) {
      std::lock_guard lock(mutex);
      got.emplace_back(reinterpret_cast<const char*>(m.data()), m.size());
      came.notify_all();
    };
  }
  bool wait(std::size_t n) {
    std::unique_lock lock(mutex);
    return came.wait_for(lock, std::chrono::seconds(120), [&] { return got.size() >= n; });
  }
};

/// Its thread finds out when it comes to run.
bool breaks(const shm_reader& reader) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (!reader.broken() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  return reader.broken();
}

}  // namespace

TEST_CASE("messages of all sizes cross the ring in order, also around its end") {
  const folder f;
  const auto arena = shm_arena::create(f.path, 1 << 22);
  REQUIRE(arena);
  const auto other = shm_arena::open(f.path, (*arena)->file(), (*arena)->size_bytes());
  REQUIRE(other);
  CHECK((*other)->secret() == (*arena)->secret());
  (*arena)->unlink();
  CHECK(f.files() == 0);  // nothing stays behind whatever happens now
  shm_writer writer(*arena);
  collector all;
  shm_reader reader(*other, all.handler());
  std::mt19937 random(3);
  std::vector<std::string> sent;
  std::size_t refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string m(1 + random() % (i % 50 == 0 ? 200'000 : 900), static_cast<char>('a' + i % 26));
    m += std::to_string(i);
    if (writer.write(bytes_of(m)))
      sent.push_back(std::move(m));
    else
      ++refused, all.wait(sent.size());  // full: the socket would take it
  }
  REQUIRE(all.wait(sent.size()));
  CHECK(all.got == sent);
  CHECK(sent.size() + refused == 3000);
  CHECK_FALSE(writer.write({}));
  CHECK_FALSE(writer.write(bytes_of(std::string(shm_arena::ring_bytes, 'x'))));
}

TEST_CASE("an arena takes memory as blocks need it, and blocks use again what it has") {
  const folder f;
  const auto arena = shm_arena::create(f.path, 64u << 20);
  REQUIRE(arena);
  const auto taken = [&] {
    struct stat info {};
    REQUIRE(::stat((*arena)->file().c_str(), &info) == 0);
    CHECK(static_cast<std::size_t>(info.st_size) == (*arena)->size_bytes());
    return static_cast<std::size_t>(info.st_blocks) * 512;
  };
  const auto first = shm_arena::ring_offset() + shm_arena::ring_bytes + shm_arena::step_bytes;
  CHECK(taken() >= first);
  CHECK(taken() < 2 * first);
  const auto other = shm_arena::open(f.path, (*arena)->file(), (*arena)->size_bytes());
  REQUIRE(other);
  shm_writer writer(*arena);
  // Small packets for a long time: the same places.
  const std::string small(10'000, 's');
  for (int i = 0; i < 20'000; ++i) {
    const auto b = writer.place(bytes_of(small));
    REQUIRE(b);
    writer.take_back(*b);
  }
  CHECK(taken() < 2 * first);
  const std::string large(8u << 20, 'l');
  const auto b = writer.place(bytes_of(large));
  REQUIRE(b);
  CHECK(std::memcmp((*other)->heap() + b->offset_bytes, large.data(), large.size()) == 0);
  CHECK(taken() >= large.size());
  CHECK(taken() < large.size() + 3 * first);
  CHECK_FALSE((*other)->reach(large.size()));  // the reader takes none
  CHECK_FALSE((*arena)->reach((*arena)->heap_bytes() + 1));
}

TEST_CASE("a block is leased until the last buffer that shows it is gone, then used again") {
  const folder f;
  const auto arena = shm_arena::create(f.path, shm_arena::least_bytes() + (1 << 16));
  const auto other = shm_arena::open(f.path, (*arena)->file(), (*arena)->size_bytes());
  shm_writer writer(*arena);
  collector all;
  auto reader = std::make_unique<shm_reader>(*other, all.handler());
  const std::string content(20'000, 'q');
  std::vector<buffer> held;
  std::optional<shm_writer::block> b;
  while ((b = writer.place(bytes_of(content)))) {
    held.push_back(*reader->find(b->lease, b->offset_bytes, b->size_bytes));
    CHECK(std::memcmp(held.back().bytes().data(), content.data(), content.size()) == 0);
  }
  const auto most = held.size();
  CHECK(most >= 4);
  const buffer slice = held[1].slice(5, 7);
  held.erase(held.begin() + 1);
  CHECK_FALSE(writer.place(bytes_of(content)));  // the slice still shows it
  held.pop_back();
  CHECK(writer.place(bytes_of(content)));
  reader.reset();  // buffers outlive their reader
  CHECK(slice.bytes()[0] == std::byte{'q'});
}

TEST_CASE("the heap neither loses nor overlaps room under random use") {
  const folder f;
  const auto arena = shm_arena::create(f.path, shm_arena::least_bytes() + (1 << 20));
  shm_writer writer(*arena);
  std::mt19937 random(5);
  std::vector<shm_writer::block> live;
  for (int i = 0; i < 20'000; ++i) {
    if (!live.empty() && random() % 2 == 0) {
      const auto at = random() % live.size();
      const auto& b = live[at];
      for (std::uint64_t k = 0; k < b.size_bytes; k += 97)
        REQUIRE((*arena)->heap()[b.offset_bytes + k] == static_cast<std::byte>(b.lease));
      writer.take_back(b);
      live[at] = live.back();
      live.pop_back();
    } else if (const auto b = writer.place(std::vector<std::byte>(random() % 30'000))) {
      REQUIRE(b->offset_bytes % 64 == 0);
      REQUIRE(b->offset_bytes + b->size_bytes <= (*arena)->heap_bytes());
      std::memset((*arena)->heap() + b->offset_bytes, static_cast<int>(b->lease & 0xff),
                  b->size_bytes);
      live.push_back(*b);
    }
  }
  for (const auto& b : live) writer.take_back(b);
  // All of it in one piece again.
  CHECK(writer.place(std::vector<std::byte>((*arena)->heap_bytes() / 64 * 64)));
}

TEST_CASE("numbers that a peer makes up never lead outside of the arena") {
  const folder f;
  const auto arena = shm_arena::create(f.path, 0);
  const auto other = shm_arena::open(f.path, (*arena)->file(), (*arena)->size_bytes());
  auto& h = (*arena)->head();
  collector all;
  SUBCASE("blocks") {
    shm_reader reader(*other, all.handler());
    const auto heap = (*arena)->heap_bytes();
    CHECK_FALSE(reader.find(shm_arena::lease_count, 0, 1));
    CHECK_FALSE(reader.find(0, heap + 1, 0));
    CHECK_FALSE(reader.find(0, heap, 1));
    CHECK_FALSE(reader.find(0, 1, UINT64_MAX));
    CHECK_FALSE(reader.find(0, UINT64_MAX, 1));
    CHECK(reader.find(0, heap - 1, 1));
  }
  SUBCASE("ring") {
    const std::uint64_t lengths[] = {0, UINT64_MAX - 1, UINT64_MAX, shm_arena::ring_bytes, 1000};
    for (const auto length : lengths) {
      const auto fresh = shm_arena::create(f.path, 0);
      const auto theirs = shm_arena::open(f.path, (*fresh)->file(), (*fresh)->size_bytes());
      std::memcpy((*fresh)->ring(), &length, sizeof length);
      (*fresh)->head().written.store(16);
      shm_reader reader(*theirs, all.handler());
      CHECK(breaks(reader));
    }
    h.written.store(UINT64_MAX);
    shm_reader reader(*other, all.handler());
    CHECK(breaks(reader));
    CHECK(all.got.empty());
  }
}

TEST_CASE("only an arena in our own folder is opened") {
  const folder f, elsewhere;
  const auto arena = shm_arena::create(f.path, 0);
  REQUIRE(arena);
  const auto size = (*arena)->size_bytes();
  CHECK_FALSE(shm_arena::open(elsewhere.path, (*arena)->file(), size));
  CHECK_FALSE(shm_arena::open(f.path, (*arena)->file(), size + 4096));
  CHECK_FALSE(shm_arena::open(
      f.path, f.path + "/../" + fs::path((*arena)->file()).filename().string(), size));
  CHECK_FALSE(shm_arena::open(f.path, "/etc/passwd", size));
  CHECK_FALSE(shm_arena::create("/nowhere/at/all", 0));
  const auto full = shm_arena::create(f.path, std::size_t{1} << 60);
  REQUIRE_FALSE(full);
  CHECK(full.error().code == "wire.no_shared_memory");
}

TEST_CASE("an arena whose maker was killed is removed by the next who starts; others are left") {
  const folder f;
  const auto ours = shm_arena::create(f.path, 0);
  const pid_t child = fork();
  if (child == 0) {
    (void)shm_arena::create(f.path, 0)->get()->file();
    auto kept = shm_arena::create(f.path, 0);
    _exit(kept ? 0 : 1);  // as if killed: no destructor
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WEXITSTATUS(status) == 0);
  CHECK(f.files() == 2);
  std::ofstream(f.path + "/hocket-arena-notes.txt") << "somebody's file";
  CHECK(remove_stale_arenas(f.path) == 1);
  CHECK(f.files() == 2);
  CHECK(fs::exists((*ours)->file()));
}
