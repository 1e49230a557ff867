#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <tuple>

#include "actors/capture/capture.hpp"
#include "actors/capture/decoder_child.hpp"
#include "graph/contract/harness.hpp"
#include "graph/core/clock.hpp"

using namespace hocket;

// A medium that is slow, broken or not decoded is not one that a file does not hold.
namespace {

const std::string sound =
    "audiotestsrc num-buffers=50 samplesperbuffer=320 ! "
    "audio/x-raw,format=S16LE,rate=16000,channels=1";
const std::string pictures =
    "videotestsrc num-buffers=10 ! "
    "video/x-raw,format=I420,framerate=10/1,width=64,height=48";

std::string scratch(const std::string& name) {
  const auto folder = std::filesystem::temp_directory_path() / "hocket-capture-test";
  std::filesystem::create_directories(folder);
  return (folder / name).string();
}

/// `line`: what goes into `m.`, the multiplexer.
std::string made(const std::string& name, const std::string& multiplexer, const std::string& line) {
  const auto path = scratch(name);
  const auto command =
      "gst-launch-1.0 -q " + multiplexer + " name=m ! filesink location=" + path + " " + line;
  REQUIRE(std::system(command.c_str()) == 0);
  return path;
}

std::string replaced(const std::string& path, const std::string& what, const std::string& by) {
  std::ifstream in(path, std::ios::binary);
  std::string all((std::istreambuf_iterator<char>(in)), {});
  const auto at = all.find(what);
  REQUIRE(at != all.npos);
  all.replace(at, what.size(), by);
  const auto out = path + "." + by + ".mkv";
  std::ofstream(out, std::ios::binary) << all;
  return out;
}

result<std::unique_ptr<capture::gst_source>> opened(const std::string& from, bool is_file = true) {
  return capture::gst_source::open({.pipeline = from,
                                    .is_file = is_file,
                                    .video = true,
                                    .allow = [](std::string_view element) -> result<void> {
                                      if (element.find("flacdec") == element.npos &&
                                          element != "avdec_flac")
                                        return {};
                                      return fail("test.refused", "no FLAC");
                                    }});
}

std::int64_t samples_of(const harness& h) {
  std::int64_t n = 0;
  for (const auto& c : h.values<audio_chunk>("audio")) n += c.frames();
  return n;
}

}  // namespace

TEST_CASE("capture.gst: sound that takes longer than a second to come is not absent") {
  harness h(type_of<capture::capture>(),
            {.config = settings({{"pipeline",
                                  "audiotestsrc num-buffers=1 samplesperbuffer=16000 ! "
                                  "audio/x-raw,rate=16000 ! identity sleep-time=1500000"},
                                 {"stall_ms", 20'000}})});
  REQUIRE(h.open());
  REQUIRE(h.run_to_end(timestamp::of_ms(3000)));
  CHECK(samples_of(h) == 16000);
}

TEST_CASE("capture.gst: sound far behind the first picture of a slow file is not absent") {
  const auto path = made("slow.mkv", "matroskamux",
                         "videotestsrc num-buffers=10 ! "
                         "video/x-raw,format=I420,framerate=10/1,width=320,height=240 ! queue ! m. "
                         "audiotestsrc num-buffers=50 samplesperbuffer=320 "
                         "timestamp-offset=900000000 ! audio/x-raw,format=S16LE,rate=16000 ! "
                         "queue ! m.");
  harness h(type_of<capture::capture>(),
            {.config = settings({{"pipeline", "filesrc blocksize=16384 location=" + path +
                                                  " ! identity sleep-time=30000 ! queue ! "
                                                  "matroskademux name=src"},
                                 {"media", "both"},
                                 {"frames_per_s", 10.0},
                                 {"stall_ms", 20'000}})});
  REQUIRE(h.open());
  REQUIRE(h.run_to_end(timestamp::of_ms(10'000)));
  CHECK(samples_of(h) == 16000);
  CHECK(h.outputs("video").size() == 10);
}

TEST_CASE("capture.gst: a medium that nothing decodes is told, not left out") {
  const auto film = made("flac.mkv", "matroskamux",
                         sound + " ! flacenc ! queue ! m. " + pictures + " ! queue ! m.");
  const auto unknown = replaced(film, "A_FLAC", "A_ODDS");
  for (const auto& path : {film, unknown}) {
    INFO(path);
    auto source = opened(path);
    REQUIRE(!source);
    CHECK(source.error().code == "capture.cannot_open");
    CHECK(source.error().message.find("plug-in") != std::string::npos);
    for (const auto* by : {"decodebin", "matroskademux"}) {
      INFO(by);
      source = opened("filesrc location=" + path + " ! " + by + " name=src", false);
      REQUIRE(!source);
      CHECK(source.error().message.find("sound that nothing here decodes") != std::string::npos);
    }
  }
  auto child = capture::open_confined({.pipeline = unknown, .is_file = true, .video = true});
  REQUIRE(!child);
  CHECK(child.error().code == "capture.cannot_open");
}

TEST_CASE("capture.gst: a medium that a file does not hold is absent, in any container") {
  for (const auto& [name, multiplexer, line] :
       {std::tuple{"dumb.mkv", "matroskamux", pictures},
        std::tuple{"blind.mkv", "matroskamux", sound},
        std::tuple{"dumb.mov", "qtmux", pictures + " ! jpegenc"},
        std::tuple{"blind.mov", "qtmux", sound}, std::tuple{"blind.wav", "wavenc", sound}}) {
    INFO(name);
    const bool has_sound = line == sound;
    const auto path = made(name, multiplexer, line + " ! m.");
    auto source = opened(path);
    REQUIRE_MESSAGE(source, (source ? "" : source.error().message));
    CHECK((*source)->audio_ended() == !has_sound);
    CHECK((*source)->video_ended() == has_sound);
    auto child = capture::open_confined({.pipeline = path, .is_file = true, .video = true});
    REQUIRE_MESSAGE(child, (child ? "" : child.error().message));
    CHECK((*child)->audio_ended() == !has_sound);
    CHECK((*child)->check());
    if (has_sound) continue;
    for (auto* open : {capture::gst_source::open, capture::open_confined}) {
      const auto none = open({.pipeline = path, .is_file = true});
      REQUIRE(!none);
      CHECK_MESSAGE(none.error().message.find("holds no sound") != std::string::npos,
                    none.error().message);
    }
  }
}

TEST_CASE("capture.gst: times that jump by more than an hour are an error, not hours of silence") {
  const auto path = made("far.mkv", "matroskamux",
                         "audiotestsrc num-buffers=5 samplesperbuffer=320 "
                         "timestamp-offset=4000000000000 ! audio/x-raw,format=S16LE,rate=16000 ! "
                         "queue ! m. " +
                             pictures + " ! queue ! m.");
  harness h(type_of<capture::capture>(), {.config = settings({{"file", path}, {"media", "both"}})});
  REQUIRE(h.open());
  const auto ran = h.run_to_end(timestamp::of_ms(1000));
  REQUIRE(!ran);
  CHECK(ran.error().code == "capture.device_lost");
  auto child = capture::open_confined({.pipeline = path, .is_file = true});
  REQUIRE(child);
  result<void> heard;
  while (heard && !(*child)->audio_ended())
    if (auto pulled = (*child)->pull_audio(200); !pulled) heard = fail(pulled);
  REQUIRE(!heard);
  CHECK(heard.error().message.find("an hour of silence") != std::string::npos);
}

// Pictures that go on say nothing about sound that hangs.
TEST_CASE("capture.gst: a hung medium is told while the other one goes on") {
  const auto live = [](const std::string& lost) {
    const auto drop = [&](const char* which) {
      return lost == which ? " ! identity drop-probability=1 ! src." : " ! src.";
    };
    return "videotestsrc is-live=true ! video/x-raw,framerate=10/1" + std::string(drop("picture")) +
           " audiotestsrc is-live=true ! audio/x-raw,rate=16000" + drop("sound") +
           " multiqueue name=src";
  };
  for (const std::string lost : {"sound", "picture"}) {
    INFO(lost);
    capture::capture::config c;
    c.pipeline = live(lost);
    c.media = "both";
    c.frames_per_s = 10;
    c.stall_ms = 2'000;
    capture::capture source(c);
    const steady_clock time;
    context where;
    where.time = &time;
    struct sink final : emitter {
      using emitter::emit;
      void emit(std::size_t, packet) override {}
      void interrupt() override {}
      void for_session(session_id) override {}
    } out;
    const auto opened = source.open(where);
    REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
    const auto begun = time.now();
    std::string words;
    for (int i = 1; i <= 6'000 && words.empty(); ++i) {
      const auto until = begun + std::chrono::milliseconds(i * 20);
      if (const auto wait = until - time.now(); wait.count() > 0) std::this_thread::sleep_for(wait);
      if (auto more = source.produce(until, out); !more) words = more.error().message;
    }
    CHECK(words.starts_with("no " + lost));
    REQUIRE(source.close(out));
  }
}
