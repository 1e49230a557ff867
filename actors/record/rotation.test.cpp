// Files that are written in turns: what is in the pieces together is what was written.
#include "actors/record/rotation.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/record/event_record.hpp"
#include "actors/record/mcap_reader.hpp"
#include "actors/record/place.test.hpp"
#include "actors/record/recording.hpp"
#include "actors/record/recording_writer.hpp"
#include "actors/record/wav_record.hpp"
#include "graph/contract/harness.hpp"

using namespace hocket;
using namespace hocket::record;
using hocket::testing::place;
namespace fs = std::filesystem;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::int16_t> pcm_of(const std::string& path) {
  const auto all = text_of(path);
  REQUIRE(all.size() >= 44);
  std::uint32_t promised = 0;
  std::memcpy(&promised, all.data() + 40, 4);
  CHECK(promised == all.size() - 44);  // each piece is a whole file
  std::vector<std::int16_t> out((all.size() - 44) / 2);
  std::memcpy(out.data(), all.data() + 44, out.size() * 2);
  return out;
}

constexpr std::int64_t minute = 60'000'000'000;

packet words(std::uint64_t seq, std::size_t bytes) {
  auto p =
      make_packet(timestamp::of_ms(static_cast<std::int64_t>(seq)),
                  text{std::string(bytes, static_cast<char>('a' + seq % 26)), "user", 0, true});
  p.header.session = static_cast<session_id>(1);
  p.header.seq = seq;
  return p;
}

}  // namespace

TEST_CASE("--rotate: what is taken, and what is not") {
  const auto good = read_rotation("mib=64,minutes=10,keep=24");
  REQUIRE(good);
  CHECK(good->mib == 64);
  CHECK(good->minutes == 10);
  CHECK(good->keep == 24);
  CHECK(read_rotation("minutes=1")->on());
  for (const auto* bad : {"", "mib", "mib=", "mib=0", "mib=-1", "mib=1.5", "mib=1x", "keep=3",
                          "hours=1", "mib=1,,", "mib=99999999999999999999", "mib=1;keep=2"}) {
    CAPTURE(bad);
    const auto r = read_rotation(bad);
    REQUIRE_FALSE(r);
    CHECK(r.error().code == "cli.bad-rotate");
    CHECK(r.error().message.find("mib=64") != std::string::npos);
  }
}

TEST_CASE("turns: by size, by time, as many as stay, and nothing of another file") {
  const place p;
  const auto file = p.at("log.jsonl");
  p.put("log.jsonl", "one");
  // What a run before left goes with the first turn; neighbours stay.
  p.put("log.part0007.jsonl", "old");
  p.put("log.1234.jsonl", "session 1234");
  p.put("log.part0001.wav", "another kind");
  p.put("logs.part0001.jsonl", "another file");
  rotation r(file, {.mib = 1, .minutes = 2, .keep = 2});
  CHECK_FALSE(r.due(100, 0));
  CHECK(r.due(1u << 20, 1));
  CHECK_FALSE(r.due(10, 2 * minute - 1));
  CHECK(r.due(10, 2 * minute));
  for (int n = 1; n <= 4; ++n) {
    p.put("log.jsonl.next", fmt::format("piece {}", n + 1));
    REQUIRE(r.turn(2 * minute * n));
    CHECK_FALSE(r.due(10, 2 * minute * n + minute));
    CHECK(text_of(file) == fmt::format("piece {}", n + 1));
  }
  CHECK(pieces_of(file) == std::vector{p.at("log.part0003.jsonl"), p.at("log.part0004.jsonl")});
  CHECK(text_of(p.at("log.part0004.jsonl")) == "piece 4");
  CHECK(fs::exists(p.at("log.1234.jsonl")));
  CHECK(fs::exists(p.at("log.part0001.wav")));
  CHECK(fs::exists(p.at("logs.part0001.jsonl")));
  // A restart counts on.
  rotation again(file, {.minutes = 1, .keep = 2}, true);
  CHECK(again.number() == 5);
  p.put("log.jsonl.next", "piece 6");
  REQUIRE(again.turn(0));
  CHECK(pieces_of(file) == std::vector{p.at("log.part0004.jsonl"), p.at("log.part0005.jsonl")});
}

TEST_CASE("a turn that fails leaves the file as it is, and is tried again later") {
  const place p;
  const auto file = p.at("log.jsonl");
  p.put("log.jsonl", "one");
  rotation r(file, {.mib = 1});
  CHECK(r.due(2u << 20, 0));
  REQUIRE_FALSE(r.turn(0));  // no next piece was made
  CHECK(text_of(file) == "one");
  CHECK(pieces_of(file).empty());
  CHECK_FALSE(r.due(2u << 20, 1));
  CHECK(r.due(2u << 20, 2'000'000'000));
}

TEST_CASE("record.wav in turns: the pieces together are the one file, late sound too") {
  const place p;
  const auto record = [&](const std::string& name, value::map more) {
    more.insert(more.begin(), {"file", {}, value(name)});
    harness h(type_of<wav_record>(), {.config = value(std::move(more)), .output_dir = p.folder});
    REQUIRE(h.open());
    std::int64_t sample = 0;
    for (int turn = 0; turn < 5 * 130; ++turn) {  // 130 s
      std::vector<float> sound(3200);
      for (auto& s : sound) s = static_cast<float>(sample++ % 32000) / 32768.0f;
      audio_chunk a{16000, 1, sample - 3200, buffer::take(std::vector<float>(sound))};
      REQUIRE(h.push("person", timestamp::of_ms(turn * 200), a));
      // The model's comes two seconds late, over the borders, too.
      if (a.first_sample >= 32000) {
        a.first_sample -= 32000;
        REQUIRE(h.push("model", timestamp::of_ms(turn * 200), a));
      }
      REQUIRE(h.advance_to(timestamp::of_ms((turn + 1) * 200)));
    }
    REQUIRE(h.close());
  };
  record("whole.wav", {});
  record("turns.wav", {{"rotate", {}, value(value::map{{"minutes", {}, value(std::int64_t{1})}})}});
  auto files = pieces_of(p.at("turns.wav"));
  CHECK(files.size() == 2);
  files.push_back(p.at("turns.wav"));
  std::vector<std::int16_t> together;
  for (const auto& file : files) {
    const auto part = pcm_of(file);
    together.insert(together.end(), part.begin(), part.end());
  }
  CHECK(together == pcm_of(p.at("whole.wav")));
}

TEST_CASE("record.events in turns: every line once, in order") {
  const place p;
  harness h(type_of<event_record>(),
            {.config = settings({{"file", "e.jsonl"},
                                 {"pii.text", true},
                                 {"rotate", value::map{{"mib", {}, value(std::int64_t{1})}}}}),
             .output_dir = p.folder});
  REQUIRE(h.open());
  for (std::uint64_t n = 0; n < 400; ++n)
    REQUIRE(h.push("words", timestamp::of_ms(static_cast<std::int64_t>(n)),
                   text{std::string(10'000, 'x') + std::to_string(n), "model", 0, true}));
  REQUIRE(h.close());
  auto files = pieces_of(p.at("e.jsonl"));
  CHECK(files.size() == 3);
  files.push_back(p.at("e.jsonl"));
  int n = 0;
  for (const auto& file : files) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line); ++n)
      CHECK(nlohmann::json::parse(line)["text"].get<std::string>().substr(10'000) ==
            std::to_string(n));
  }
  CHECK(n == 400);
}

TEST_CASE("record.events: a turn whose name is taken loses nothing, and nothing lies aside") {
  const place p;
  fs::create_directory(p.at("e.part0001.jsonl"));
  p.put("e.part0001.jsonl/kept", "");  // a folder with something in it is not replaced
  harness h(type_of<event_record>(),
            {.config = settings({{"file", "e.jsonl"},
                                 {"pii.text", true},
                                 {"rotate", value::map{{"mib", {}, value(std::int64_t{1})}}}}),
             .output_dir = p.folder});
  REQUIRE(h.open());
  for (std::uint64_t n = 0; n < 400; ++n)  // over several times at which it is tried again
    REQUIRE(h.push("words", timestamp::of_ms(static_cast<std::int64_t>(n) * 20),
                   text{std::string(10'000, 'x'), "model", 0, true}));
  REQUIRE(h.close());
  std::size_t lines = 0;
  std::ifstream in(p.at("e.jsonl"));
  for (std::string line; std::getline(in, line);) ++lines;
  CHECK(lines == 400);
  CHECK_FALSE(fs::exists(p.at("e.jsonl.next")));
}

TEST_CASE("a recording's times that are none of a run are left out, and told") {
  const place p;
  auto w =
      recording_writer::create({.path = p.at("t.mcap"), .facts = {{"graph_name", "g"}}}).value();
  const auto channel = w->channel("a.out").value();
  w->add(channel, timestamp::of_ms(1), words(0, 10));
  w->add(channel, timestamp(INT64_MAX - 5), words(1, 10));
  w->add_revision({2, timestamp(INT64_MAX - 5), 1, "h2", "name: g2"});
  (void)w->close("");
  const auto r = recording::open(p.at("t.mcap")).value();
  CHECK(r->packets() == 1);
  CHECK(r->revisions().empty());
  CHECK(r->problems().size() >= 2);
}

TEST_CASE("an MCAP recording whose turn fails goes on, and says why until one succeeds") {
  const place p;
  fs::create_directory(p.at("t.part0001.mcap"));
  p.put("t.part0001.mcap/kept", "");  // a folder with something in it is not replaced
  auto w =
      recording_writer::create({.path = p.at("t.mcap"), .compress = false, .rotate = {.mib = 1}})
          .value();
  const auto channel = w->channel("a.out").value();
  const auto add = [&](std::uint64_t from, std::uint64_t to) {
    for (auto n = from; n < to; ++n)
      w->add(channel, timestamp::of_ms(static_cast<std::int64_t>(n) * 20), words(n, 10'000));
  };
  add(0, 90);
  CHECK(w->turn_trouble().empty());
  add(90, 200);
  CHECK(w->turn_trouble().find("t.part0001.mcap") != std::string::npos);
  CHECK(w->trouble().empty());
  fs::remove_all(p.at("t.part0001.mcap"));
  add(200, 300);
  CHECK(w->turn_trouble().empty());
  CHECK(w->close("").packets == 300);
  CHECK(pieces_of(p.at("t.mcap")).size() >= 1);
}

TEST_CASE("an MCAP recording in turns: each piece is whole, and all together are the one") {
  const place p;
  const auto file = p.at("talk.mcap");
  auto w = recording_writer::create({.path = file,
                                     .facts = {{"graph_name", "g"}, {"graph_hash", "h"}},
                                     .graph_yaml = "name: g",
                                     .compress = false,
                                     .rotate = {.mib = 1}})
               .value();
  const auto channel = w->channel("a.out").value();
  constexpr std::uint64_t count = 500;
  for (std::uint64_t n = 0; n < count; ++n) {
    if (n == 200) w->add_revision({2, timestamp::of_ms(200), 1, "h2", "name: g2"});
    w->add(channel, timestamp::of_ms(static_cast<std::int64_t>(n)), words(n, 10'000));
  }
  const auto end = w->close("");
  CHECK(end.complete);
  CHECK(end.packets == count);
  auto files = pieces_of(file);
  CHECK(files.size() >= 3);
  files.push_back(file);
  std::uint64_t next = 0;
  std::vector<std::unique_ptr<byte_source>> sources;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto r = recording::open(files[i]).value();
    CHECK(r->how_it_ended().complete);
    CHECK(r->problems().empty());
    CHECK(r->fact(piece_fact) == std::to_string(i + 1));
    CHECK(r->graph_yaml() == "name: g");
    const auto* o = r->find("a.out");
    REQUIRE(o != nullptr);
    CHECK(o->missing == 0);
    for (const auto& item : o->items) CHECK(r->read(item)->header.seq == next++);
    sources.push_back(open_source(files[i]).value());
  }
  CHECK(next == count);
  CHECK(recording::open(file).value()->revisions().size() == 1);  // said in each piece after it
  auto writer =
      mcap_writer::create(open_sink(p.at("whole.mcap")).value(), {.library = "hocket"}).value();
  const auto merged =
      merge_into(sources, *writer, {std::string(verdict_name)}, {std::string(facts_name)});
  REQUIRE(merged);
  REQUIRE(writer->close());
  const auto whole = recording::open(p.at("whole.mcap")).value();
  CHECK(whole->find("a.out")->packets == count);
  CHECK(whole->find("a.out")->missing == 0);
  CHECK(whole->fact("joined_ns").empty());
  CHECK(whole->revisions().size() == 1);
}
