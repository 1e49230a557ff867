#include "actors/capture/capture.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "actors/capture/decoder_child.hpp"
#include "actors/capture/gst_support.hpp"
#include "actors/record/wav_writer.hpp"
#include "graph/contract/harness.hpp"

using namespace hocket;

namespace {

std::string scratch(const std::string& name) {
  const auto folder = std::filesystem::temp_directory_path() / "hocket-capture-test";
  std::filesystem::create_directories(folder);
  return (folder / name).string();
}

// A ramp makes every sample recognisable: sample i is (i % 1000) / 1000.
std::string ramp_file(const std::string& name, std::int64_t samples, std::int32_t rate_hz = 16000) {
  const auto path = scratch(name);
  std::vector<float> ramp(static_cast<std::size_t>(samples));
  for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<float>(i % 1000) / 1000;
  auto file = record::wav_writer::create(path, rate_hz, 1);
  REQUIRE(file);
  REQUIRE((*file)->put(0, 0, ramp));
  return path;
}

}  // namespace

TEST_CASE("capture.gst takes a file at once in virtual time, in exact chunks of 20 ms") {
  const auto path = ramp_file("ramp.wav", 16000 + 100);
  harness h(type_of<capture::capture>(), {.config = settings({{"file", path}})});
  REQUIRE(h.open());
  REQUIRE(h.run_to_end(timestamp::of_ms(3000)));
  const auto chunks = h.values<audio_chunk>("audio");
  REQUIRE(chunks.size() == 51);
  std::int64_t index = 0;
  for (const auto& c : chunks) {
    REQUIRE(c.first_sample == index);
    for (const float v : c.samples.as<float>())
      REQUIRE(std::abs(v - static_cast<float>(index++ % 1000) / 1000) < 1e-4f);
  }
  CHECK(index == 16100);
  CHECK(h.outputs("audio")[7].header.ts == timestamp::of_ms(140));
  CHECK(h.counter("gaps") == 0);
  REQUIRE(h.close());
  CHECK(h.violations().empty());
}

TEST_CASE("capture.gst resamples, and pads with silence after the end") {
  const auto path = ramp_file("ramp48.wav", 48000, 48000);
  harness h(type_of<capture::capture>(), {.config = settings({{"file", path}, {"pad_s", 0.5}})});
  REQUIRE(h.open());
  REQUIRE(h.run_to_end(timestamp::of_ms(3000)));
  std::int64_t samples = 0;
  for (const auto& c : h.values<audio_chunk>("audio")) {
    CHECK(c.first_sample == samples);
    samples += c.frames();
  }
  CHECK(std::abs(samples - 24000) <= 32);
  CHECK(h.counter("padded_samples") == 8000);
}

TEST_CASE("capture.gst never runs ahead of the clock") {
  harness h(
      type_of<capture::capture>(),
      {.config = settings({{"pipeline", "audiotestsrc num-buffers=100 samplesperbuffer=777"}})});
  REQUIRE(h.open());
  for (int ms = 50; ms <= 1000; ms += 50) {
    REQUIRE(h.advance_to(timestamp::of_ms(ms)));
    const auto& last = h.outputs("audio").back();
    CHECK(timestamp::of_samples(last.get_if<audio_chunk>()->first_sample + 320, 16000) <= h.now());
    CHECK(h.now().ms() - last.header.ts.ms() <= 60);
  }
}

TEST_CASE("capture.gst gives video in the asked size and rate") {
  harness h(
      type_of<capture::capture>(),
      {.config = settings({{"pipeline", "videotestsrc num-buffers=30 ! video/x-raw,framerate=15/1"},
                           {"media", "video"},
                           {"width", 90},
                           {"height", 60},
                           {"frames_per_s", 5.0}})});
  REQUIRE(h.open());
  REQUIRE(h.run_to_end(timestamp::of_ms(5000)));
  const auto& frames = h.outputs("video");
  REQUIRE(frames.size() >= 9);
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(frames[i].header.ts == timestamp::of_ms(static_cast<std::int64_t>(i) * 200));
    CHECK(frames[i].get_if<video_frame>()->pixels.size_bytes() == 90 * 60 * 3);
  }
  CHECK(h.violations().empty());
}

TEST_CASE("capture.gst takes sound and pictures from one demultiplexer, on one time axis") {
  const std::string pipeline =
      "videotestsrc num-buffers=30 ! video/x-raw,framerate=15/1 ! matroskamux name=m ! "
      "matroskademux name=src audiotestsrc num-buffers=100 samplesperbuffer=320 ! "
      "audio/x-raw,rate=16000 ! m.";
  harness h(
      type_of<capture::capture>(),
      {.config = settings({{"pipeline", pipeline}, {"media", "both"}, {"frames_per_s", 5.0}})});
  REQUIRE(h.open());
  REQUIRE(h.run_to_end(timestamp::of_ms(5000)));
  CHECK(h.outputs("audio").size() == 100);
  CHECK(h.outputs("video").size() >= 9);
  CHECK(h.outputs("video")[5].header.ts == timestamp::of_ms(1000));
}

// A container whose media begin at different times.
TEST_CASE("capture.gst: sound that begins after the picture comes after it") {
  struct offset {
    int sound_ms, picture_ms, first_sound_ms, first_picture_ms;
  };
  for (const auto& o : {offset{1000, 0, 1000, 0}, offset{0, 0, 0, 0}}) {
    INFO(o.sound_ms, " ", o.picture_ms);
    const auto late = [](int ms) {
      return " timestamp-offset=" + std::to_string(ms * 1'000'000LL);
    };
    const auto pipeline = "videotestsrc num-buffers=20" + late(o.picture_ms) +
                          " ! video/x-raw,framerate=10/1 ! matroskamux name=m ! matroskademux "
                          "name=src audiotestsrc num-buffers=100 samplesperbuffer=320" +
                          late(o.sound_ms) + " ! audio/x-raw,rate=16000 ! m.";
    harness h(
        type_of<capture::capture>(),
        {.config = settings({{"pipeline", pipeline}, {"media", "both"}, {"frames_per_s", 10.0}})});
    REQUIRE(h.open());
    REQUIRE(h.run_to_end(timestamp::of_ms(8000)));
    REQUIRE(!h.outputs("audio").empty());
    REQUIRE(!h.outputs("video").empty());
    CHECK(h.outputs("audio").front().header.ts == timestamp::of_ms(o.first_sound_ms));
    CHECK(h.outputs("audio").size() == 100);
    CHECK(h.outputs("video").front().header.ts == timestamp::of_ms(o.first_picture_ms));
    auto last = timestamp::min();
    for (const auto& p : h.outputs("video")) {
      CHECK(p.header.ts > last);
      last = p.header.ts;
    }
    CHECK(h.violations().empty());
  }
}

namespace {

/// A Matroska file of raw media: so much sound and so many pictures (10 a second), from when on.
struct film {
  std::string name;
  int sound_ms = 0, sound_from_ms = 0;
  int pictures = 0, pictures_from_ms = 0;
  std::string size = "64x48";

  std::string make() const {
    const auto from = [](int ms) {
      return " timestamp-offset=" + std::to_string(ms * 1'000'000LL);
    };
    std::string line = "matroskamux name=m ! filesink location=" + scratch(name);
    if (pictures > 0)
      line += " videotestsrc pattern=red num-buffers=" + std::to_string(pictures) +
              from(pictures_from_ms) +
              " ! video/x-raw,format=I420,framerate=10/1,width=" + size.substr(0, size.find('x')) +
              ",height=" + size.substr(size.find('x') + 1) +
              " ! queue max-size-bytes=0 max-size-buffers=0 max-size-time=0 ! m.";
    if (sound_ms > 0)
      line += " audiotestsrc samplesperbuffer=320 num-buffers=" + std::to_string(sound_ms / 20) +
              from(sound_from_ms) +
              " ! audio/x-raw,format=S16LE,rate=16000,channels=1 ! queue max-size-bytes=0 "
              "max-size-buffers=0 max-size-time=0 ! m.";
    REQUIRE(std::system(("gst-launch-1.0 -q " + line).c_str()) == 0);
    return scratch(name);
  }
};

/// `as`: file, or a pipeline of one's own, whose media one demultiplexer feeds.
void check_film(const film& f, const std::string& as, int width = 64, int height = 48,
                double pad_s = 0) {
  CAPTURE(f.name);
  CAPTURE(as);
  const auto path = f.make();
  const bool file = as == "file";
  std::vector<setting> config = {
      {"media", "both"},
      {"frames_per_s", 10.0},
      {"width", width},
      {"height", height},
      {"pad_s", pad_s},
      {"stall_ms", 5000},
      {file ? "file" : "pipeline",
       file ? path : "filesrc location=" + path + " ! " + as + " name=src"}};
  harness h(type_of<capture::capture>(), {.config = settings(std::move(config))});
  const auto opened = h.open();
  REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
  const auto ran = h.run_to_end(timestamp::of_ms(30'000));
  REQUIRE_MESSAGE(ran, (ran ? "" : ran.error().message));
  const auto zero_ms = f.sound_ms == 0   ? f.pictures_from_ms
                       : f.pictures == 0 ? f.sound_from_ms
                                         : std::min(f.sound_from_ms, f.pictures_from_ms);
  std::int64_t samples = 0;
  for (const auto& c : h.values<audio_chunk>("audio")) samples += c.frames();
  const auto& pictures = h.outputs("video");
  CHECK(pictures.size() == static_cast<std::size_t>(f.pictures));
  const auto sound_end_ms = f.sound_ms > 0 ? f.sound_from_ms - zero_ms + f.sound_ms : 0;
  const auto picture_end_ms = f.pictures > 0 ? f.pictures_from_ms - zero_ms + f.pictures * 100 : 0;
  const auto silence_ms = pad_s == 0 ? 0
                                     : std::max(sound_end_ms, picture_end_ms) - sound_end_ms +
                                           static_cast<int>(pad_s * 1000);
  CHECK(std::abs(samples - (f.sound_ms + silence_ms) * 16) <= 320);
  if (f.sound_ms > 0)
    CHECK(h.outputs("audio").front().header.ts == timestamp::of_ms(f.sound_from_ms - zero_ms));
  for (std::size_t i = 0; i < pictures.size(); ++i)
    CHECK(pictures[i].header.ts ==
          timestamp::of_ms(f.pictures_from_ms - zero_ms + static_cast<std::int64_t>(i) * 100));
  // Nothing waits for the end of the other one.
  auto last = timestamp::min();
  for (const auto& p : h.outputs("audio")) {
    CHECK(p.header.ts >= last);
    last = p.header.ts;
  }
  CHECK(h.violations().empty());
}

}  // namespace

// A medium that has ended is no medium that hangs, and its end is known at the end of the file alone.
TEST_CASE("capture.gst: each medium of a file lasts as long as it lasts") {
  for (const auto* as : {"file", "decodebin", "matroskademux"}) {
    check_film({.name = "short_sound.mkv", .sound_ms = 400, .pictures = 60}, as);
    check_film({.name = "short_film.mkv", .sound_ms = 6000, .pictures = 3}, as);
    check_film({.name = "late_sound.mkv", .sound_ms = 200, .sound_from_ms = 5000, .pictures = 2},
               as);
    check_film({.name = "late_film.mkv", .sound_ms = 200, .pictures = 2, .pictures_from_ms = 5000},
               as);
    check_film({.name = "none_at_once.mkv",
                .sound_ms = 200,
                .sound_from_ms = 7000,
                .pictures = 2,
                .pictures_from_ms = 3000},
               as);
  }
}

TEST_CASE("capture.gst: silence lasts as long as the pictures and pad_s behind them") {
  check_film({.name = "short_sound.mkv", .sound_ms = 400, .pictures = 20}, "file", 64, 48, 0.5);
  check_film({.name = "short_film.mkv", .sound_ms = 2000, .pictures = 3}, "file", 64, 48, 0.5);
}

TEST_CASE("capture.gst: a file with one of the two media") {
  check_film({.name = "dumb.mkv", .pictures = 10}, "file");
  check_film({.name = "blind.mkv", .sound_ms = 1000}, "file");
}

// More than may wait: 64 MiB are eleven of them.
TEST_CASE("capture.gst: large pictures go on without sound") {
  check_film({.name = "large.mkv", .sound_ms = 200, .pictures = 30}, "decodebin", 1920, 1080);
}

TEST_CASE("capture.gst: a file without samples says so, and lasts as long as its padding") {
  harness h(type_of<capture::capture>(),
            {.config = settings({{"pipeline", "audiotestsrc num-buffers=0"}, {"pad_s", 0.2}})});
  REQUIRE(h.open());
  REQUIRE(h.run_to_end(timestamp::of_ms(2000)));
  CHECK(h.outputs("audio").size() == 10);
}

TEST_CASE("capture.gst refuses what it cannot open, with a way out") {
  const auto error_of = [](std::vector<setting> config) {
    harness h(type_of<capture::capture>(), {.config = settings(std::move(config))});
    const auto opened = h.open();
    REQUIRE(!opened);
    return opened.error();
  };
  auto e = error_of({{"file", scratch("no such file.wav")}});
  CHECK(e.code == "capture.cannot_open");
  CHECK(e.message.find("no such file.wav") != std::string::npos);
  const auto garbage = scratch("garbage.wav");
  std::ofstream(garbage, std::ios::binary) << std::string(20000, '\x07');
  CHECK(error_of({{"file", garbage}}).code == "capture.cannot_open");
  std::ofstream(scratch("empty.wav"), std::ios::binary).flush();
  CHECK(error_of({{"file", scratch("empty.wav")}}).code == "capture.cannot_open");
  e = error_of({{"pipeline", "nosuchelement"}});
  CHECK(e.code == "capture.bad_pipeline");
  CHECK(e.message.find("nosuchelement") != std::string::npos);
  CHECK(error_of({{"pipeline", "audiotestsrc ! ! "}}).code == "capture.bad_pipeline");
  CHECK(error_of({}).code == "capture.cannot_open");
  e = error_of({{"pipeline", "audiotestsrc is-live=true"}});
  CHECK(e.code == "capture.live_in_virtual_time");
  CHECK(capture::package_of_element("rtspsrc") == "gstreamer1.0-plugins-good");
  CHECK(capture::package_of_element("avdec_h264") == "gstreamer1.0-libav");
  CHECK(capture::package_of_element("mine") == "");
}

TEST_CASE("a device that is lost on the way is an error with its words") {
  harness h(type_of<capture::capture>(),
            {.config = settings({{"pipeline", "audiotestsrc ! identity error-after=40"}})});
  REQUIRE(h.open());
  const auto r = h.run_to_end(timestamp::of_ms(60'000));
  REQUIRE(!r);
  CHECK(r.error().code == "capture.device_lost");
  CHECK(r.error().message.find("identity") != std::string::npos);
  CHECK(h.outputs("audio").size() > 10);
}

TEST_CASE("after a restart a file goes on where it would be by now") {
  const auto path = ramp_file("again.wav", 32000);
  capture::capture::config c;
  c.file = path;
  capture::capture again(c);
  manual_clock time;
  time.set(timestamp::of_ms(1510));
  context where;
  where.time = &time;
  where.restarts = 1;
  where.began = timestamp::of_ms(500);
  struct sink final : emitter {
    using emitter::emit;
    void emit(std::size_t, packet p) override { out.push_back(*p.get_if<audio_chunk>()); }
    void interrupt() override {}
    void for_session(session_id) override {}
    std::vector<audio_chunk> out;
  } sink;
  REQUIRE(again.open(where));
  time.set(timestamp::of_ms(1600));
  REQUIRE(again.produce(time.now(), sink));
  REQUIRE(!sink.out.empty());
  CHECK(sink.out[0].first_sample == 1510 * 16);
  const auto v = sink.out[0].samples.as<float>();
  CHECK(std::abs(v[0] - static_cast<float>((1510 - 500) * 16 % 1000) / 1000) < 1e-3f);
  REQUIRE(again.close(sink));
}

TEST_CASE("a truncated file ends or is lost, without a crash") {
  const auto path = ramp_file("cut.wav", 32000);
  std::filesystem::resize_file(path, 20'001);
  harness h(type_of<capture::capture>(), {.config = settings({{"file", path}})});
  REQUIRE(h.open());
  (void)h.run_to_end(timestamp::of_ms(5000));
  CHECK(h.outputs("audio").size() >= 30);
}

TEST_CASE("sample_timeline: gaps jump, overlaps are dropped, drift within tolerance is ignored") {
  capture::sample_timeline t(320, 640);
  const std::vector<float> some(500, 1.0f);
  t.put(1000, some);
  t.put(1500 + 600, some);  // within tolerance: follows on
  CHECK(t.end() == 2000);
  auto c = t.take();
  REQUIRE(c);
  CHECK(c->first == 1000);
  CHECK(c->end() == 1280);  // grid of chunks
  t.put(5000, some);
  CHECK(t.gaps() == 1);
  CHECK(t.gap_samples() == 3000);
  std::int64_t last = 0;
  while ((c = t.take())) last = c->end();
  CHECK(last == 5440);
  t.put(4600, some);  // 900 back: the first 500 are all known
  CHECK(t.dropped_samples() == 500);
  c = t.take(true);
  REQUIRE(c);
  CHECK(c->end() == 5500);
  CHECK(!t.take(true));
  t.put(std::nullopt, some);
  CHECK(t.end() == 6000);
}

namespace {

/// All that a source gives of a file's sound.
std::vector<float> sound_of(capture::gst_source& source) {
  std::vector<float> out;
  while (!source.audio_ended()) {
    const auto pulled = source.pull_audio(200);
    REQUIRE(pulled);
    if (*pulled) out.insert(out.end(), (*pulled)->samples.begin(), (*pulled)->samples.end());
  }
  return out;
}

}  // namespace

TEST_CASE("a file of others is decoded in a process of its own, to the same samples") {
  const auto path = ramp_file("a stranger's \"one\" \\ .wav", 16000 + 100);
  auto source = capture::open_confined({.pipeline = path, .is_file = true});
  REQUIRE_MESSAGE(source, (source ? "" : source.error().message));
  CHECK(!(*source)->live());
  const auto sound = sound_of(**source);
  REQUIRE(sound.size() == 16100);
  for (std::size_t i = 0; i < sound.size(); ++i)
    REQUIRE(std::abs(sound[i] - static_cast<float>(i % 1000) / 1000) < 1e-4f);
  CHECK((*source)->check());
}

TEST_CASE("pictures of a file of others come in the size that was asked for") {
  const auto path = scratch("film.mkv");
  const auto made = std::system(("gst-launch-1.0 -q videotestsrc pattern=red num-buffers=20 ! "
                                 "video/x-raw,width=64,height=48,framerate=10/1 ! matroskamux ! "
                                 "filesink location=" +
                                 path)
                                    .c_str());
  REQUIRE(made == 0);
  auto source = capture::open_confined({.pipeline = path,
                                        .is_file = true,
                                        .audio = false,
                                        .video = true,
                                        .width = 33,
                                        .height = 20,
                                        .frames_per_s = 5});
  REQUIRE_MESSAGE(source, (source ? "" : source.error().message));
  int frames = 0;
  while (!(*source)->video_ended()) {
    const auto pulled = (*source)->pull_video(200, writable_buffer::on_heap);
    REQUIRE(pulled);
    if (!*pulled) continue;
    auto& frame = const_cast<capture::pulled_video&>(**pulled);
    REQUIRE(frame.pixels.size_bytes() == 33 * 20 * 3);
    const auto* const middle = frame.pixels.bytes().data() + (10 * 33 + 16) * 3;
    CHECK(static_cast<int>(middle[0]) > 200);  // red
    CHECK(static_cast<int>(middle[2]) < 60);
    ++frames;
  }
  CHECK(frames >= 9);
  CHECK(frames <= 11);
}

TEST_CASE("what is no media is told in the decoder's words, and names no other file") {
  const auto path = scratch("list.m3u8");
  std::ofstream(path) << "#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n";
  const auto source = capture::open_confined({.pipeline = path, .is_file = true});
  if (source) {
    CHECK(sound_of(**source).empty());
  } else {
    CHECK(source.error().code == "capture.cannot_open");
    CHECK(source.error().message.starts_with("its decoder"));
  }
  CHECK(!capture::open_confined({.pipeline = scratch("not there.wav"), .is_file = true}));
}

TEST_CASE("sound of a file of others that begins late comes behind its silence") {
  const film f{.name = "stranger_late.mkv", .sound_ms = 500, .sound_from_ms = 1000, .pictures = 20};
  auto source = capture::open_confined({.pipeline = f.make(), .is_file = true});
  REQUIRE_MESSAGE(source, (source ? "" : source.error().message));
  const auto sound = sound_of(**source);
  CHECK(std::abs(static_cast<int>(sound.size()) - 1500 * 16) <= 320);
  const auto loud = std::find_if(sound.begin(), sound.end(), [](float v) { return v != 0; });
  CHECK(std::abs(static_cast<int>(loud - sound.begin()) - 1000 * 16) <= 320);
}
