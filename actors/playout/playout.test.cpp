#include "actors/playout/playout.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <random>

#include "graph/contract/harness.hpp"

using namespace hocket;
using playout::play_queue;

namespace {

audio_chunk tone(std::int64_t first, std::int64_t n, float level = 0.5f) {
  return {16000, 1, first, buffer::take(std::vector<float>(static_cast<std::size_t>(n), level))};
}
std::vector<float> constant(std::size_t n, float v) { return std::vector<float>(n, v); }

void check_law(const play_queue& q) {
  const auto& c = q.counts();
  CHECK(c.put == c.played + c.late + c.overlapped + c.too_far + c.flushed + q.queued());
}

value to_null(std::vector<setting> more = {}) {
  more.emplace_back("to", "none");
  return settings(std::move(more));
}

}  // namespace

TEST_CASE("play_queue plays at the index, silence in gaps, drops what is late") {
  play_queue q(0, 16000, 80);
  q.put(100, constant(100, 1), 0);
  q.put(300, constant(100, 2), 0);
  auto out = q.render(350);
  CHECK(out[99] == 0);
  CHECK(out[100] == 1);
  CHECK(out[199] == 1);
  CHECK(out[200] == 0);
  CHECK(out[349] == 2);
  CHECK(q.counts().gap == 100);
  q.put(300, constant(200, 3), 0);  // 50 late, 50 already there, 100 new
  CHECK(q.counts().late == 50);
  CHECK(q.counts().overlapped == 50);
  out = q.render(150);
  CHECK(out[0] == 2);
  CHECK(out[49] == 2);
  CHECK(out[50] == 3);
  q.put(500 + 16000 - 50, constant(100, 4), 0);
  CHECK(q.counts().too_far == 50);
  check_law(q);
}

TEST_CASE("play_queue: an interruption fades within its few milliseconds and stays silent") {
  play_queue q(0, 16000, 80);
  q.put(0, constant(8000, 1), 3);
  q.render(1000);
  q.interrupt(4);
  const auto out = q.render(1000);
  CHECK(out[0] > 0.9f);
  for (std::size_t i = 1; i < 80; ++i) CHECK(out[i] <= out[i - 1]);
  for (std::size_t i = 79; i < out.size(); ++i) CHECK(out[i] == 0);
  q.put(2000, constant(100, 1), 3);  // of the epoch that was interrupted
  CHECK(q.render(100)[50] == 0);
  q.put(2100, constant(100, 1), 4);
  CHECK(q.render(100)[50] == 1);
  q.put(2200, constant(100, 1), 5);  // a newer epoch announces itself
  CHECK(q.epoch() == 5);
  check_law(q);
}

TEST_CASE("play_queue: where it is, and how far its sound reaches") {
  play_queue q(100, 1000, 80);
  CHECK(q.playhead() == 100);
  CHECK(q.queued_to() == 100);
  q.put(300, constant(50, 1), 0);
  q.put(120, constant(10, 1), 0);
  CHECK(q.queued() == 60);
  CHECK(q.queued_to() == 350);
  CHECK(q.render(0).empty());
  CHECK(q.render(-5).empty());
  CHECK(q.playhead() == 100);
  // One chunk over two holes and what lies between them.
  q.put(110, constant(300, 2), 0);
  CHECK(q.counts().overlapped == 60);
  const auto out = q.render(300);
  CHECK(std::vector<float>{out[9], out[10], out[20], out[30], out[200], out[250]} ==
        std::vector<float>{0, 2, 1, 2, 1, 2});
  CHECK(q.queued() == 10);
  check_law(q);
  // Repeated, or of an older epoch, an interruption does nothing.
  q.interrupt(2);
  q.put(450, constant(10, 1), 2);
  q.interrupt(2);
  q.interrupt(1);
  CHECK(q.epoch() == 2);
  CHECK(q.queued_to() == 460);
}

TEST_CASE("play_queue: an index from the ends of time is late or too far, and harms nothing") {
  play_queue q(0, 1000, 80);
  for (const auto first : {INT64_MAX, INT64_MAX - 5, INT64_MIN, INT64_MIN + 5})
    q.put(first, constant(10, 1), 0);
  CHECK(q.counts().late == 20);
  CHECK(q.counts().too_far == 20);
  CHECK(q.queued_to() == 0);
  q.put(0, constant(10, 1), 0);
  q.put(5, {}, 0);
  CHECK(q.render(10) == constant(10, 1));
  check_law(q);
}

TEST_CASE("play_queue: nothing is lost uncounted, whatever comes") {
  std::mt19937 random(7);
  const auto upto = [&](int n) {
    return static_cast<std::int64_t>(random() % static_cast<unsigned>(n));
  };
  play_queue q(500, 4000, 80);
  epoch_number epoch = 0;
  std::int64_t rendered = 0;
  for (int i = 0; i < 5000; ++i) {
    const auto first = q.playhead() - 500 + upto(5500);
    q.put(first, constant(static_cast<std::size_t>(upto(700)), 1),
          epoch - (epoch > 0 ? static_cast<epoch_number>(upto(2)) : 0));
    if (upto(20) == 0) q.interrupt(++epoch);
    const auto n = upto(300);
    CHECK(q.render(n).size() == static_cast<std::size_t>(n));
    rendered += n;
    check_law(q);
    CHECK(q.playhead() == 500 + rendered);
  }
}

TEST_CASE("playout.gst plays each sample at its time plus the delay") {
  const auto folder = std::filesystem::temp_directory_path() / "hocket-playout-test";
  harness h(type_of<playout::playout>(), {.config = settings({{"to", "file"}, {"delay_ms", 100}}),
                                          .output_dir = folder.string()});
  REQUIRE(h.open());
  REQUIRE(h.advance_to(timestamp::of_ms(200)));
  REQUIRE(h.push("audio", timestamp::of_ms(200), tone(3200, 3200)));
  REQUIRE(h.advance_to(timestamp::of_ms(400)));
  REQUIRE(h.push("audio", timestamp::of_ms(400), tone(6400, 3200)));
  REQUIRE(h.advance_to(timestamp::of_ms(800)));
  REQUIRE(h.close());
  std::int64_t sounding = 0, first = -1;
  std::int64_t index = 0;
  for (const auto& c : h.values<audio_chunk>("heard")) {
    CHECK(c.first_sample == index);
    for (const float v : c.samples.as<float>()) {
      if (v != 0 && first < 0) first = index;
      sounding += v != 0;
      ++index;
    }
  }
  CHECK(first == 3200 + 1600);
  CHECK(sounding == 6400);
  const auto played = h.values<control>("played");
  CHECK(played.back().value == 6400);
  CHECK(h.counter("late_samples") == 0);
  CHECK(std::filesystem::file_size(folder / "played.wav") == 44 + 2 * 12800);
  CHECK(h.violations().empty());
}

TEST_CASE("playout.gst: a file that begins hours into a run holds no hours of silence") {
  const auto folder = std::filesystem::temp_directory_path() / "hocket-playout-test";
  playout::playout::config c;
  c.file = "later.wav";
  playout::playout one(c);
  manual_clock time;
  time.set(timestamp::of_ms(7'200'000));
  context where;
  where.time = &time;
  where.output_dir = folder.string();
  struct sink final : emitter {
    using emitter::emit;
    void emit(std::size_t, packet) override {}
    void interrupt() override {}
    void for_session(session_id) override {}
  } out;
  REQUIRE(one.open(where));
  REQUIRE(one.process(0, make_packet(time.now(), tone(16LL * 7'200'000, 3200)), out));
  time.advance(std::chrono::milliseconds(400));
  const auto played = one.tick(36'001, out);
  REQUIRE_MESSAGE(played, (played ? "" : played.error().message));
  REQUIRE(one.close(out));
  CHECK(std::filesystem::file_size(folder / "later.wav") == 44 + 2 * 6400);
}

TEST_CASE("playout.gst drops what is late and keeps the clock") {
  harness h(type_of<playout::playout>(), {.config = to_null({{"delay_ms", 50}})});
  REQUIRE(h.open());
  REQUIRE(h.advance_to(timestamp::of_ms(300)));
  REQUIRE(h.push("audio", timestamp::of_ms(200), tone(3200, 3200)));
  CHECK(h.counter("late_samples") == 800);
  REQUIRE(h.advance_to(timestamp::of_ms(1000)));
  CHECK(h.values<control>("played").back().value == 2400);
}

TEST_CASE("playout.gst: an interruption is reported with what was really heard") {
  struct sink final : emitter {
    using emitter::emit;
    void emit(std::size_t port, packet p) override {
      if (port == 1) played.push_back(p);
    }
    void interrupt() override {}
    void for_session(session_id) override {}
    std::vector<packet> played;
  } out;
  playout::playout::config c;
  c.to = "none";
  c.delay_ms = 0;
  playout::playout p(c);
  manual_clock time;
  context where;
  where.time = &time;
  REQUIRE(p.open(where));
  REQUIRE(p.process(0, make_packet(timestamp(), tone(0, 3200)), out));
  time.set(timestamp::of_ms(100));
  auto stop = make_packet(time.now(), control{control::kind::interrupt, "", 0});
  stop.header.epoch = 1;
  REQUIRE(p.on_control(0, stop, out));
  REQUIRE(out.played.size() == 1);
  CHECK(out.played[0].get_if<control>()->value == 1600);
  CHECK(out.played[0].header.epoch == 1);
  time.set(timestamp::of_ms(120));
  REQUIRE(p.tick(0, out));
  CHECK(out.played.back().get_if<control>()->value == 1680);  // and the fade
  time.set(timestamp::of_ms(400));
  REQUIRE(p.tick(1, out));
  CHECK(out.played.back().get_if<control>()->value == 1680);
  REQUIRE(p.close(out));
}

TEST_CASE("playout.gst: a device needs real time, and a sink that exists") {
  harness h(type_of<playout::playout>(), {.config = settings({{"to", "device"}})});
  CHECK(h.open().error().code == "playout.device_in_virtual_time");
  playout::playout::config c;
  c.to = "device";
  c.pipeline = "nosuchsink";
  playout::playout p(c);
  steady_clock time;
  context where;
  where.time = &time;
  const auto opened = p.open(where);
  REQUIRE(!opened);
  CHECK(opened.error().code == "playout.cannot_open");
  CHECK(opened.error().message.find("nosuchsink") != std::string::npos);
}
