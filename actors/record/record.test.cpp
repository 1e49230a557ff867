#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "actors/record/event_record.hpp"
#include "actors/record/wav_record.hpp"
#include "graph/contract/harness.hpp"

using namespace hocket;

namespace {

std::string folder() {
  const auto path = std::filesystem::temp_directory_path() / "hocket-record-test";
  std::filesystem::create_directories(path);
  return path.string();
}

struct wav {
  std::uint16_t channels = 0;
  std::uint32_t rate = 0, data = 0, riff = 0;
  std::vector<std::int16_t> pcm;
};

// What a reader that trusts the header sees.
wav read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string all((std::istreambuf_iterator<char>(in)), {});
  REQUIRE(all.size() >= 44);
  REQUIRE(all.substr(0, 4) == "RIFF");
  REQUIRE(all.substr(8, 8) == "WAVEfmt ");
  wav w;
  std::memcpy(&w.riff, all.data() + 4, 4);
  std::memcpy(&w.channels, all.data() + 22, 2);
  std::memcpy(&w.rate, all.data() + 24, 4);
  std::memcpy(&w.data, all.data() + 40, 4);
  CHECK(w.riff == w.data + 36);
  REQUIRE(all.size() >= 44 + w.data);
  w.pcm.resize(w.data / 2);
  std::memcpy(w.pcm.data(), all.data() + 44, w.data);
  return w;
}

audio_chunk tone(std::int64_t first, std::int64_t n, float level) {
  return {16000, 1, first, buffer::take(std::vector<float>(static_cast<std::size_t>(n), level))};
}

std::vector<nlohmann::json> lines_of(const std::string& path) {
  std::ifstream in(path);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

}  // namespace

TEST_CASE("record.wav puts both voices on one time axis") {
  harness h(type_of<record::wav_record>(),
            {.config = settings({{"file", "both.wav"}}), .output_dir = folder()});
  REQUIRE(h.open());
  REQUIRE(h.push("person", timestamp::of_ms(0), tone(0, 3200, 0.5f)));
  REQUIRE(h.push("model", timestamp::of_ms(200), tone(3200, 3200, -0.5f)));
  REQUIRE(
      h.push("person", timestamp::of_ms(500), tone(8000, 1600, 2.0f)));  // after a gap; too loud
  REQUIRE(h.advance_to(timestamp::of_ms(800)));
  REQUIRE(h.close());
  const auto w = read(folder() + "/both.wav");
  CHECK(w.channels == 2);
  CHECK(w.rate == 16000);
  REQUIRE(w.pcm.size() == 2 * 12800);
  const auto at = [&](int channel, int frame) {
    return w.pcm[static_cast<std::size_t>(frame * 2 + channel)];
  };
  CHECK(at(0, 100) == 16384);
  CHECK(at(1, 100) == 0);
  CHECK(at(0, 3200) == 0);
  CHECK(at(1, 3200) == -16384);
  CHECK(at(0, 8000) == 32767);
  CHECK(at(0, 9600) == 0);
}

TEST_CASE("record.wav: later sessions have files of their own; bad samples do no harm") {
  harness h(type_of<record::wav_record>(), {.config = settings({{"file", "s.wav"}}),
                                            .sessions = {session_id{3}},
                                            .output_dir = folder()});
  REQUIRE(h.open());
  auto bad = tone(0, 320, 0);
  bad.samples = buffer::take(std::vector<float>(320, std::nanf("")));
  CHECK(!h.push("person", timestamp::of_ms(0), bad));  // not even handed over
  bad.samples = buffer::take(std::vector<float>(320, 1e30f));
  REQUIRE(h.push("person", timestamp::of_ms(0), bad));
  const auto wild = h.push("person", timestamp::of_ms(0), tone(16000LL * 7200, 320, 0));
  REQUIRE(!wild);
  CHECK(wild.error().code == "record.bad_time");
  REQUIRE(h.close());
  CHECK(read(folder() + "/s.3.wav").pcm.size() == 640);
}

TEST_CASE("record.wav: an unwritable place is told") {
  harness h(type_of<record::wav_record>(),
            {.config = settings({{"file", "x.wav"}}), .output_dir = "/proc/nowhere"});
  CHECK(h.open().error().code == "record.cannot_write");
}

namespace {

struct no_emitter final : emitter {
  using emitter::emit;
  void emit(std::size_t, packet) override {}
  void interrupt() override {}
  void for_session(session_id) override {}
};

/// One life of a recorder whose conversation began at `began_ms`: from `from_ms` on, with a sample at
/// full level at each of `loud_ms`.
void record_life(const std::string& file, std::uint32_t restarts, std::int64_t began_ms,
                 std::int64_t from_ms, std::vector<std::int64_t> loud_ms) {
  record::wav_record::config c;
  c.file = file;
  record::wav_record one(c);
  manual_clock time;
  time.set(timestamp::of_ms(from_ms));
  context where;
  where.time = &time;
  where.output_dir = folder();
  where.restarts = restarts;
  where.began = timestamp::of_ms(began_ms);
  no_emitter out;
  REQUIRE(one.open(where));
  for (const auto ms : loud_ms)
    REQUIRE(one.process(0, make_packet(timestamp::of_ms(ms), tone(ms * 16, 1, 1.0f)), out));
  const auto ended = one.tick(where.grid.index_of(time.now()), out);
  REQUIRE_MESSAGE(ended, (ended ? "" : ended.error().message));
  REQUIRE(one.close(out));
}

/// Where the loud samples of the person are, in ms from the file's beginning.
std::vector<std::int64_t> loud(const wav& w) {
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < w.pcm.size(); i += 2)
    if (w.pcm[i] == 32767) out.push_back(static_cast<std::int64_t>(i) / 2 / 16);
  return out;
}

}  // namespace

TEST_CASE("record.wav: a conversation that begins late in a run begins its file") {
  const auto file = folder() + "/later.wav";
  const std::int64_t hour = 3'600'000, began = 3 * hour + 100;
  record_life("later.wav", 0, began, began, {began, began + 50});
  CHECK(loud(read(file)) == std::vector<std::int64_t>{100, 150});
  CHECK(read(file).pcm.size() == 2 * 3200);
  // The life after it knows when the first one began, and keeps the axis.
  record_life("later.wav", 1, began, began + 1000, {began + 1000});
  CHECK(loud(read(file)) == std::vector<std::int64_t>{100, 150, 1100});
  CHECK(read(file).pcm.size() == 2 * 1200 * 16);
  // Hours without a recorder are no hours of silence.
  record_life("later.wav", 2, began, began + 2 * hour, {began + 2 * hour});
  CHECK(loud(read(file)) == std::vector<std::int64_t>{100, 150, 1100, 1300});
  // A process that was started again takes the conversation as new: what it holds stays.
  record_life("later.wav", 3, began + 3 * hour, began + 3 * hour, {began + 3 * hour});
  CHECK(loud(read(file)) == std::vector<std::int64_t>{100, 150, 1100, 1300, 1500});
}

TEST_CASE("wav_writer: late samples may still change the newest seconds, not older ones") {
  const auto path = folder() + "/late.wav";
  auto file = record::wav_writer::create(path, 16000, 1, 1000);
  REQUIRE(file);
  const std::vector<float> ones(3000, 1.0f);
  REQUIRE((*file)->put(0, 0, ones));
  REQUIRE((*file)->put(0, 2900, std::vector<float>(1, std::nanf(""))));
  CHECK(*(*file)->put(0, 2500, std::vector<float>(100, 0.0f)) == 0);
  const auto late = *(*file)->put(0, 0, std::vector<float>(100, 0.0f));
  CHECK(late == 100);
  REQUIRE((*file)->flush());
  const auto w = read(path);
  CHECK(w.pcm.size() == 3000);
  CHECK(w.pcm[50] == 32767);
  CHECK(w.pcm[2550] == 0);
  CHECK(w.pcm[2700] == 32767);
  CHECK(w.pcm[2900] == 0);
}

TEST_CASE("wav_writer: a second life goes on with the file of the first") {
  const auto path = folder() + "/lives.wav";
  const std::vector<float> half(1000, 0.5f);
  {
    auto first = record::wav_writer::create(path, 16000, 1);
    REQUIRE((*first)->put(0, 0, half));
  }
  auto second = record::wav_writer::resume(path, 16000, 1);
  REQUIRE(second);
  CHECK(*(*second)->put(0, 500, half) == 500);
  REQUIRE((*second)->put(0, 3000, half));
  REQUIRE((*second)->flush());
  const auto w = read(path);
  REQUIRE(w.pcm.size() == 4000);
  CHECK(w.pcm[999] == 16384);
  CHECK(w.pcm[1400] == 16384);
  CHECK(w.pcm[2000] == 0);
  CHECK(w.pcm[3500] == 16384);
}

TEST_CASE("kill -9 leaves a readable file and whole lines") {
  const auto place = folder();
  std::filesystem::remove(place + "/killed.wav");
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const auto child = ::fork();
  if (child == 0) {
    harness voices(type_of<record::wav_record>(),
                   {.config = settings({{"file", "killed.wav"}}), .output_dir = place});
    harness log(type_of<record::event_record>(),
                {.config = settings({{"file", "killed.jsonl"}}), .output_dir = place});
    (void)voices.open();
    (void)log.open();
    for (std::int64_t k = 0;; ++k) {
      (void)voices.push("person", timestamp::of_ms(k * 200), tone(k * 3200, 3200, 0.5f));
      (void)voices.advance_to(timestamp::of_ms((k + 1) * 200));
      (void)log.push("words", timestamp::of_ms(k * 200), text{"word", "model"});
      if (k == 40 && ::write(ready[1], "x", 1) != 1) ::_exit(1);
    }
  }
  char byte;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  ::kill(child, SIGKILL);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  const auto w = read(place + "/killed.wav");
  CHECK(w.pcm.size() >= 40 * 3200 * 2);
  CHECK(w.pcm[0] == 16384);
  CHECK(w.pcm[w.pcm.size() / 4 * 2] == 16384);
  std::ifstream log(place + "/killed.jsonl");
  std::string all((std::istreambuf_iterator<char>(log)), {});
  const auto whole = all.substr(0, all.rfind('\n'));
  std::istringstream stream(whole);
  std::size_t lines = 0;
  for (std::string line; std::getline(stream, line); ++lines) REQUIRE(nlohmann::json::accept(line));
  CHECK(lines >= 40);
}

TEST_CASE("record.events writes one line per event, words only if asked to") {
  for (const bool words : {false, true}) {
    harness h(
        type_of<record::event_record>(),
        {.config = settings({{"file", "e.jsonl"}, {"pii.text", words}}), .output_dir = folder()});
    REQUIRE(h.open());
    delegation d;
    d.request = 4;
    d.task = "seven times eight";
    REQUIRE(h.push("words", timestamp::of_ms(400), text{"let", "model"}));
    REQUIRE(h.push("delegations", timestamp::of_ms(600), d));
    REQUIRE(h.push("tool_calls", timestamp::of_ms(600), tool_call{1, 4, "calculator", "{}"}));
    REQUIRE(h.push("tool_results", timestamp::of_ms(600),
                   tool_result{1, 4, "calculator", outcome::ok, "56"}));
    REQUIRE(h.push("results", timestamp::of_ms(800), text{"\xff broken", "background", 4, false}));
    REQUIRE(h.push("state", timestamp::of_ms(800),
                   tensor{dtype::f32, {2}, buffer::take(std::vector<float>{0.5f, -20})}));
    REQUIRE(h.control_packet("played", {control::kind::played, "", 3200}));
    REQUIRE(h.close());
    const auto lines = lines_of(folder() + "/e.jsonl");
    REQUIRE(lines.size() == 7);
    CHECK(lines[0]["kind"] == "words");
    CHECK(lines[0]["t_ms"] == 400);
    CHECK(lines[0]["micro_turn"] == 2);
    CHECK(lines[0]["session"] == 1);
    CHECK(lines[0].contains("text") == words);
    CHECK(lines[0].contains("text_chars") == !words);
    CHECK(lines[1]["request"] == 4);
    CHECK(lines[1].contains("task") == words);
    CHECK(lines[3]["status"] == "ok");
    CHECK(lines[4]["final"] == false);
    CHECK(lines[5]["values"][0] == 0.5);
    CHECK(lines[6]["what"] == "played");
    CHECK(lines[6]["value"] == 3200);
  }
}

namespace {

/// A disk that takes no file beyond so many bytes: the limit of the process stands in for a full one.
struct small_disk {
  rlimit before{};
  explicit small_disk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    const rlimit now{bytes, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &now) == 0);
  }
  ~small_disk() { ::setrlimit(RLIMIT_FSIZE, &before); }
};

}  // namespace

TEST_CASE("record.wav: a full disk ends no run; what it missed is silence, counted and told") {
  harness h(type_of<record::wav_record>(),
            {.config = settings({{"file", "full.wav"}}), .output_dir = folder()});
  REQUIRE(h.open());
  const auto speak = [&](int from_s, int to_s) {
    for (int s = from_s; s < to_s; ++s) {
      REQUIRE(h.push("person", timestamp::of_ms(s * 1000), tone(s * 16000, 16000, 0.5f)));
      REQUIRE(h.advance_to(timestamp::of_ms(s * 1000 + 1000)));
    }
  };
  speak(0, 2);
  {
    const small_disk full(44 + 2 * 64000);
    speak(2, 5);  // as long as the window: nothing is lost yet
    CHECK(h.counter("lost_frames") == 0);
    CHECK(h.counter("disk_refused") == 1);
    CHECK(read(folder() + "/full.wav").pcm.size() >= 2 * 32000);
    speak(5, 20);
    CHECK(h.counter("lost_frames") > 0);
    CHECK(read(folder() + "/full.wav").pcm.size() >= 2 * 32000);
  }
  speak(20, 22);
  REQUIRE(h.close());
  const auto w = read(folder() + "/full.wav");
  REQUIRE(w.pcm.size() == 2 * 22 * 16000);
  std::int64_t silent = 0;
  for (std::size_t i = 0; i < w.pcm.size(); i += 2) silent += w.pcm[i] == 0 ? 1 : 0;
  CHECK(silent == h.counter("lost_frames"));
  CHECK(w.pcm[0] != 0);
  CHECK(w.pcm[w.pcm.size() - 2] != 0);
}

TEST_CASE(
    "record.events: a full disk ends no run; every line is whole, and the gap is one of them") {
  harness h(type_of<record::event_record>(),
            {.config = settings({{"file", "full.jsonl"}}), .output_dir = folder()});
  REQUIRE(h.open());
  int said = 0;
  const auto say = [&](int n) {
    for (; n > 0; --n, ++said)
      REQUIRE(h.push("words", timestamp::of_ms(said * 10), text{"word", "model", 0, true}));
  };
  say(10);
  const auto path = folder() + "/full.jsonl";
  {
    const small_disk full(std::filesystem::file_size(path) + 150);
    say(10);
    CHECK(h.counter("lost_lines") > 0);
    CHECK(static_cast<std::int64_t>(lines_of(path).size()) == h.counter("lines"));
  }
  const auto lost = h.counter("lost_lines");
  say(10);
  REQUIRE(h.close());
  std::int64_t told = 0, words = 0;
  for (const auto& line : lines_of(path)) {
    if (line["kind"] == "gap")
      told += line["lines"].get<std::int64_t>();
    else
      ++words;
  }
  CHECK(told == lost);
  CHECK(words + lost == 30);
}
