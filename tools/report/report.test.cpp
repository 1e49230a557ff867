#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tests/support/fact_maker.hpp"
#include "tools/report/event_log.hpp"
#include "tools/report/excerpt.hpp"
#include "tools/report/measures.hpp"
#include "tools/report/picture.hpp"
#include "tools/report/read_run.hpp"

using namespace hocket;
using namespace hocket::report;
using namespace hocket::test;

namespace {

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace

TEST_CASE("facts survive their line of JSON; words can be left out") {
  auto f = turn_fact(4, 0.25f, 0);
  const auto back = fact_from_json(to_json_line(f, true));
  REQUIRE(back);
  CHECK(back->turn == 4);
  CHECK(back->person.rms[7] == doctest::Approx(0.25));
  CHECK(back->model.silent());
  CHECK(back->compute_ms == 10);
  const auto words = text_fact(100, "model", "secret");
  CHECK(fact_from_json(to_json_line(words, true))->text == "secret");
  CHECK(to_json_line(words, false).find("secret") == std::string::npos);
  CHECK_FALSE(fact_from_json(R"({"type":"turn","sess)"));
  CHECK_FALSE(fact_from_json("[]"));
}

TEST_CASE("a torn log is read up to the tear") {
  const auto path = (std::filesystem::temp_directory_path() / "hocket_torn.jsonl").string();
  {
    std::ofstream out(path);
    out << to_json_line(turn_fact(0, 0.1f, 0), true) << "\n"
        << R"({"type":"turn","sess)";
  }
  int skipped = 0;
  CHECK(read_facts(path, skipped).size() == 1);
  CHECK(skipped == 1);
  std::filesystem::remove(path);
}

TEST_CASE("a run that wrote its log in turns is read as one; a run before it is not") {
  auto name = (std::filesystem::temp_directory_path() / "hocket-log-XXXXXX").string();
  const std::string folder = mkdtemp(name.data());
  const auto path = folder + "/events.jsonl";
  const auto write = [&](int lines) {
    auto log = event_log::open(path, true, {.minutes = 1}).value();
    fact start;
    start.what = fact::kind::start;
    log->take(start);
    for (int k = 1; k < lines; ++k) log->take(text_fact(k * 1000.0, "model", "word"));
    CHECK(log->problem() == "");
  };
  write(200);
  int skipped = 0;
  CHECK(read_facts(path, skipped).size() < 100);
  const auto all = read_run(path, skipped);
  REQUIRE(all.size() == 200);
  for (std::size_t k = 0; k < all.size(); ++k)
    CHECK(all[k].t_ms == doctest::Approx(1000.0 * static_cast<double>(k)));
  write(20);  // no turn: pieces of the run before are still there
  CHECK(read_run(path, skipped).size() == 20);
  CHECK(skipped == 0);
  std::filesystem::remove_all(folder);
}

TEST_CASE(
    "a conversation that is to be forgotten has no words in a log, in its pieces and in its "
    "picture") {
  auto name = (std::filesystem::temp_directory_path() / "hocket-log-XXXXXX").string();
  const std::string folder = mkdtemp(name.data());
  const auto path = folder + "/events.jsonl";
  auto log = event_log::open(path, true, {.minutes = 1}).value();
  conversation mine;
  for (int k = 1; k < 200; ++k)
    for (const std::uint64_t who : {1, 2}) {
      auto f = text_fact(k * 1000.0, "user", who == 1 ? "my secret" : "other words");
      f.session = who;
      log->take(f);
      if (who == 1) mine.apply(f);
    }
  fact gone;
  gone.what = fact::kind::forgotten;
  gone.session = 1;
  gone.t_ms = 200'000;
  log->take(gone);
  mine.apply(gone);
  CHECK(mine.words.empty());
  auto after = text_fact(201'000, "user", "still there");
  after.session = 2;
  log->take(after);
  CHECK(log->problem() == "");
  log.reset();
  int skipped = 0, words = 0, told = 0;
  for (const auto& f : read_run(path, skipped)) {
    if (f.what == fact::kind::text) ++words;
    if (f.what == fact::kind::forgotten) ++told;
    CHECK(f.text != "my secret");
  }
  CHECK(words == 200);
  CHECK(told == 1);
  CHECK(skipped == 0);
  for (const auto& e : std::filesystem::directory_iterator(folder))
    CHECK(e.path().extension() == ".jsonl");
  std::filesystem::remove_all(folder);
}

TEST_CASE("an event log counts the lines that a full disk refuses") {
  auto log = event_log::open("/dev/full", true);
  REQUIRE(log);
  CHECK((*log)->problem() == "");
  for (int k = 0; k < 3; ++k) (*log)->take(turn_fact(k, .1f, .1f));
  CHECK((*log)->problem() == "/dev/full: 3 lines are missing: No space left on device");
  CHECK(event_log::open("/proc/nowhere/all", true).error().code == "run.cannot_write");
}

TEST_CASE("a conversation knows who spoke when, and how long the answer took") {
  const auto c = small_talk();
  REQUIRE(c.person_voice().size() == 1);
  CHECK(c.person_voice()[0].to_ms == doctest::Approx(1000));
  REQUIRE(c.model_voice().size() == 1);
  REQUIRE(c.responses().size() == 1);
  CHECK(c.responses()[0].answered_ms - c.responses()[0].ended_ms == doctest::Approx(400));
  REQUIRE(c.delegations.size() == 1);
  CHECK(c.delegations[0].answer == "56");
  CHECK(c.delegations[0].answered_ms == 1900);
  CHECK(c.length_ms() == 2400);
}

TEST_CASE("what was on its way before the person ended is no answer") {
  conversation c;
  for (int k = 0; k < 12; ++k) c.apply(turn_fact(k, k < 5 ? 0.2f : 0, k == 5 ? 0.3f : 0));
  CHECK(c.responses().empty());
}

TEST_CASE("the picture is a well-formed SVG and a PNG of the same size") {
  const auto dir = std::filesystem::temp_directory_path() / "hocket_picture_test";
  std::filesystem::create_directories(dir);
  const auto svg = (dir / "c.svg").string(), png = (dir / "c.png").string();
  REQUIRE(draw_conversation(small_talk(), svg));
  REQUIRE(draw_conversation(small_talk(), png));
  const auto text = read(svg);
  CHECK(text.starts_with("<?xml"));
  CHECK(text.find("</svg>") != std::string::npos);
  CHECK(text.find("width=\"1500") != std::string::npos);
  const auto pixels = read(png);
  CHECK(pixels.substr(0, 8) == "\x89PNG\r\n\x1a\n");
  const auto wide =
      (static_cast<unsigned char>(pixels[18]) << 8) + static_cast<unsigned char>(pixels[19]);
  CHECK(wide == 2250);
  CHECK(draw_conversation(conversation(), svg));  // nothing happened: still a picture
  CHECK(draw_conversation(conversation(), (dir / "c.gif").string()).error().code ==
        "picture.bad_format");
  CHECK(draw_conversation(conversation(), "/proc/nowhere/c.png").error().code ==
        "picture.cannot_write");
  std::filesystem::remove_all(dir);
}

TEST_CASE("a picture of a long and wordy run stays small and quick") {
  conversation c;
  for (int k = 0; k < 36'000; ++k) c.apply(turn_fact(k, k % 20 < 5 ? 0.2f : 0, 0));  // two hours
  for (int i = 0; i < 500'000; ++i) c.apply(text_fact(i * 14.4, "model", "word"));
  for (int i = 0; i < 20'000; ++i) {
    auto d = text_fact(i * 360.0, "background", "an answer", 1 + static_cast<std::uint64_t>(i));
    c.apply(d);
  }
  c.apply(text_fact(7'199'000, "user", std::string(500'000, 'x').c_str()));
  const auto part = excerpt_of(c, 600'000);
  CHECK(part.kept.words.size() < 20'000);
  CHECK(part.kept.words.size() + part.words_left_out > 40'000);  // of those in the last minutes
  CHECK(part.kept.delegations.size() == 600);
  CHECK(part.kept.words.back().text.size() < 300);
  const auto dir = std::filesystem::temp_directory_path() / "hocket_long_picture_test";
  std::filesystem::create_directories(dir);
  const auto png = (dir / "c.png").string(), svg = (dir / "c.svg").string();
  REQUIRE(draw_conversation(c, png));
  REQUIRE(draw_conversation(c, svg));
  CHECK(std::filesystem::file_size(png) < 30'000'000);
  CHECK(std::filesystem::file_size(svg) < 30'000'000);
  std::filesystem::remove_all(dir);
}

TEST_CASE("measures tell whether a target is met") {
  measures m;
  m.add("hop.p50_us", 3, "us", 100, 5, goal::at_most);
  m.add("recall", 0.8, "", 200, 0.85, goal::at_least);
  m.add("rss", 1, "MiB");
  CHECK(m.items()[0].met() == true);
  CHECK(m.items()[1].met() == false);
  CHECK_FALSE(m.items()[2].met().has_value());
  CHECK_FALSE(m.all_met());
  const auto all = nlohmann::json::parse(m.to_json());
  CHECK(all.at("measures").size() == 3);
  CHECK(all.at("measures")[0].at("met") == true);
  CHECK(all.at("measures")[2].at("target").is_null());
  CHECK(all.at("machine").contains("cpu"));
  CHECK_FALSE(all.at("revision").get<std::string>().empty());
  CHECK(m.to_table().find("NO") != std::string::npos);
}
