// A part of a recording by time is a recording that stands for itself.
#include "actors/record/cut.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "actors/record/pieces.hpp"
#include "actors/record/place.test.hpp"
#include "actors/record/rotation.hpp"
#include "graph/trust/sealed/sealed.hpp"

using namespace hocket;
using namespace hocket::record;
using hocket::testing::place;
namespace fs = std::filesystem;

namespace {

packet said(int n, const std::string& words) {
  auto p = make_packet(timestamp::of_ms(n * 100), text{words, "user", 0, true});
  p.header.session = session_id{1};
  p.header.seq = static_cast<std::uint64_t>(n);
  return p;
}

packet mark(int n, control::kind what) {
  auto p = make_packet(timestamp::of_ms(n * 100), control{what, "", 0});
  p.header.session = session_id{1};
  return p;
}

/// Ten packets a second for ten seconds; `b` ends at 2 s. Graphs "one" and, from 4 s and from 8 s on,
/// "two" and "three", of which each begins the numbers of `c` anew.
void write_run(const std::string& path, bool with_calls = false) {
  recording_writer_options o{.path = path,
                             .facts = {{"graph_name", "g"},
                                       {"graph_hash", "h1"},
                                       {"graph_revision", "1"},
                                       {"micro_turn_ms", "200"},
                                       {"recorder", "run"}},
                             .graph_yaml = "one",
                             .unix_zero_ns = 1'700'000'000'000'000'000};
  auto w = recording_writer::create(std::move(o)).value();
  const auto a = w->channel("a.out").value(), b = w->channel("b.out").value();
  auto c = w->channel("c.out").value();
  for (int n = 0; n < 100; ++n) {
    const auto at = timestamp::of_ms(n * 100);
    if (n == 40 || n == 80) {
      w->add_revision(
          {n == 40 ? 2 : 3, at, n / 2, n == 40 ? "h2" : "h3", n == 40 ? "two" : "three"});
      w->add_channel("c.out", {{"revision", n == 40 ? "2" : "3"}});
      ++c;
    }
    w->add(a, at, said(n, fmt::to_string(n)));
    if (n < 20) w->add(b, at, said(n, "b"));
    if (n == 20) w->add(b, at, mark(n, control::kind::end_of_stream));
    w->add(c, at, said(n % 40, "c"));
    w->add_event(at, R"({"actor":"a","what":"log","detail":"x"})");
    if (!with_calls) continue;
    // What a said is taken 300 ms later.
    if (n < 3) continue;
    const auto taken = said(n - 3, "");
    host::call_record call;
    call.life = 1;
    call.began_ns = call.ended_ns = at.ns();
    call.at = at;
    call.message = &taken;
    w->add_call(at, to_json(call, "d", [](const packet_header& h) {
                  return packet_name{"a.out", h.session, h.seq};
                }));
  }
  (void)w->close("");
}

timestamp s(double seconds) { return timestamp(static_cast<std::int64_t>(seconds * 1e9)); }

std::vector<std::uint64_t> numbers_of(const recording& r, const std::string& output) {
  std::vector<std::uint64_t> out;
  for (const auto& i : r.find(output)->items)
    if (!i.is_mark) out.push_back(i.seq);
  return out;
}

std::shared_ptr<const recording> opened(const std::string& path) {
  auto r = recording::open(path);
  REQUIRE_MESSAGE(r, (r ? "" : r.error().message));
  return *r;
}

}  // namespace

TEST_CASE("cut: what was emitted in the part, with its times, and nothing else") {
  const place p;
  write_run(p.at("t.mcap"));
  const auto done = cut_recording(p.at("t.mcap"), {s(1), s(3)}, p.at("c.mcap"));
  REQUIRE_MESSAGE(done, (done ? "" : done.error().message));
  CHECK(done->left_out == 220 - done->packets);
  const auto r = opened(p.at("c.mcap"));
  CHECK(r->packets() == done->packets);
  CHECK(r->packets() == 20 + 10 + 20);
  CHECK(r->first() == s(1));
  CHECK(r->last() < s(3));
  CHECK(numbers_of(*r, "a.out").front() == 10);
  CHECK(r->find("a.out")->missing == 0);
  CHECK(r->events().size() == 20);
  CHECK(r->how_it_ended().complete);
  CHECK(r->problems().empty());
  CHECK(r->graph_yaml() == "one");
  CHECK(r->revisions().empty());
  CHECK(r->fact("graph_name") == "g");
  CHECK(r->fact("unix_zero_ns") == "1700000000000000000");
  const auto first = r->read(r->find("a.out")->items.front());
  REQUIRE(first);
  CHECK(first->get_if<text>()->value == "10");
}

TEST_CASE("cut: it begins with a micro-turn, and is refused where nothing is there") {
  const place p;
  write_run(p.at("t.mcap"));
  const auto done = cut_recording(p.at("t.mcap"), {s(1.3), s(3)}, p.at("c.mcap"));
  REQUIRE(done);
  CHECK(done->from == s(1.2));
  CHECK(opened(p.at("c.mcap"))->first() == s(1.2));
  for (const auto& [from, to, code] :
       {std::tuple(3., 3., "record.bad_range"), std::tuple(4., 3., "record.bad_range"),
        std::tuple(50., 60., "record.nothing_there")}) {
    const auto bad = cut_recording(p.at("t.mcap"), {s(from), s(to)}, p.at("bad.mcap"));
    REQUIRE(!bad);
    CHECK(bad.error().code == code);
    CHECK(bad.error().message.starts_with(p.at("t.mcap") + ": "));
    CHECK(!fs::exists(p.at("bad.mcap")));
  }
}

TEST_CASE("cut: the graph is the one that ran then, and later ones follow") {
  const place p;
  write_run(p.at("t.mcap"));
  REQUIRE(cut_recording(p.at("t.mcap"), {s(5), s(9)}, p.at("c.mcap")));
  const auto r = opened(p.at("c.mcap"));
  CHECK(r->graph_yaml() == "two");
  CHECK(r->fact("graph_hash") == "h2");
  CHECK(r->fact("graph_revision") == "2");
  REQUIRE(r->revisions().size() == 1);
  CHECK(r->revisions()[0].number == 3);
  CHECK(r->revisions()[0].from == s(8));
  CHECK(r->revisions()[0].graph_yaml == "three");
  // The life of c that ended before is gone: two are left, of which the first began at 4 s.
  CHECK(r->find("c.out")->begins.size() == 1);
  CHECK(numbers_of(*r, "c.out").front() == 10);
  REQUIRE(cut_recording(p.at("t.mcap"), {s(5), s(8)}, p.at("d.mcap")));
  const auto d = opened(p.at("d.mcap"));
  CHECK(d->revisions().empty());
  CHECK(d->find("c.out")->begins.empty());
  // A boundary belongs to what begins there.
  REQUIRE(cut_recording(p.at("t.mcap"), {s(4), s(8)}, p.at("e.mcap")));
  CHECK(opened(p.at("e.mcap"))->graph_yaml() == "two");
}

TEST_CASE("cut: streams that ended before have ended in it, too") {
  const place p;
  write_run(p.at("t.mcap"));
  REQUIRE(cut_recording(p.at("t.mcap"), {s(3), s(4)}, p.at("c.mcap")));
  const auto r = opened(p.at("c.mcap"));
  REQUIRE(r->find("b.out") != nullptr);
  REQUIRE(r->find("b.out")->items.size() == 1);
  CHECK(r->find("b.out")->items[0].is_mark);
  CHECK(r->find("b.out")->packets == 0);
}

TEST_CASE("cut: what was on its way at the beginning is in it; calls only from the beginning on") {
  const place p;
  write_run(p.at("t.mcap"), true);
  REQUIRE(opened(p.at("t.mcap"))->calls().size() == 97);
  const auto done = cut_recording(p.at("t.mcap"), {s(2), s(3)}, p.at("c.mcap"));
  REQUIRE(done);
  CHECK(done->in_flight == 3);
  const auto r = opened(p.at("c.mcap"));
  CHECK(numbers_of(*r, "a.out").front() == 17);
  CHECK(numbers_of(*r, "a.out").size() == 13);
  CHECK(r->find("a.out")->missing == 0);
  CHECK(r->fact(in_flight_fact) == "3");
  CHECK(r->calls().empty());
  CHECK(!r->fact("joined_ns").empty());
  const auto head = cut_recording(p.at("t.mcap"), {{}, s(3)}, p.at("d.mcap"));
  REQUIRE(head);
  const auto d = opened(p.at("d.mcap"));
  CHECK(d->calls().size() == 27);
  CHECK(d->fact("joined_ns").empty());
  CHECK(d->how_it_ended().complete);
  CHECK(d->ends_before_its_run());
  CHECK(head->in_flight == 0);
}

TEST_CASE("cut: a cut of a cut, and of a torn one") {
  const place p;
  write_run(p.at("t.mcap"), true);
  REQUIRE(cut_recording(p.at("t.mcap"), {s(2), s(9)}, p.at("c.mcap")));
  REQUIRE(cut_recording(p.at("c.mcap"), {s(5), s(6)}, p.at("d.mcap")));
  REQUIRE(cut_recording(p.at("t.mcap"), {s(5), s(6)}, p.at("e.mcap")));
  CHECK(numbers_of(*opened(p.at("d.mcap")), "c.out") ==
        numbers_of(*opened(p.at("e.mcap")), "c.out"));
  CHECK(opened(p.at("d.mcap"))->graph_yaml() == "two");
  // From its first packet on a cut is what it was, and does not begin with the run.
  REQUIRE(cut_recording(p.at("c.mcap"), {{}, s(3)}, p.at("f.mcap")));
  CHECK(!opened(p.at("f.mcap"))->fact("joined_ns").empty());
  fs::resize_file(p.at("t.mcap"), fs::file_size(p.at("t.mcap")) - 10);
  const auto torn = cut_recording(p.at("t.mcap"), {s(1), s(3)}, p.at("g.mcap"));
  REQUIRE(torn);
  CHECK(!torn->how.complete);
  CHECK(!opened(p.at("g.mcap"))->how_it_ended().complete);
}

TEST_CASE("cut: a sealed recording gives a sealed one") {
  const place p;
  ::setenv("HOCKET_SEAL_KEY", "sixteen bytes or more", 1);
  write_run(p.at("t.mcap"));
  const auto done = cut_recording(p.at("t.mcap"), {s(1), s(3)}, p.at("c.mcap"));
  const auto read = recording::open(p.at("c.mcap"));
  ::unsetenv("HOCKET_SEAL_KEY");
  REQUIRE(done);
  REQUIRE(read);
  CHECK((*read)->packets() == 50);
  std::ifstream in(p.at("c.mcap"), std::ios::binary);
  std::string head(trust::sealed_magic.size(), '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  CHECK(head == trust::sealed_magic);
}

TEST_CASE(
    "forgotten: a recording without a conversation, the others as they were, each piece of it") {
  const place dir;
  const auto path = dir.at("talk.mcap");
  for (const bool in_turns : {false, true}) {
    CAPTURE(in_turns);
    for (const auto& file : pieces_of(path)) fs::remove(file);
    recording_writer_options o{
        .path = path,
        .facts = {{"graph_name", "g"}, {"graph_hash", "h1"}, {"micro_turn_ms", "200"}},
        .graph_yaml = "one"};
    if (in_turns) o.rotate.minutes = 1;
    const auto others = dir.at("talk.part0001.mcap");  // a run before left it
    if (!in_turns) std::ofstream(others) << "of another run";
    auto w = recording_writer::create(std::move(o)).value();
    const auto a = w->channel("a.out").value();
    for (int n = 0; n < 2000; ++n) {
      for (const std::uint64_t who : {1, 2}) {
        auto p = said(n, who == 1 ? "my secret" : "other words");
        p.header.session = session_id{who};
        w->add(a, timestamp::of_ms(n * 100), p);
      }
    }
    REQUIRE(w->close("").complete);
    CHECK(pieces_of(path).size() > (in_turns ? 1u : 0u));
    const auto gone = forget_in_recording(path, {session_id{1}});
    REQUIRE_MESSAGE(gone, gone.error().message);
    CHECK(*gone == 2000);
    if (!in_turns) {
      CHECK(fs::file_size(others) == 14);
      fs::remove(others);
    }
    auto all = pieces_of(path);
    all.push_back(path);
    std::size_t left = 0;
    for (const auto& file : all) {
      const auto r = opened(file);
      CHECK(r->how_it_ended().complete);
      CHECK(r->fact(forgotten_fact) == "1");
      CHECK((r->fact(piece_fact).empty() != in_turns));
      CHECK(r->graph_yaml() == "one");
      for (const auto& i : r->find("a.out")->items) CHECK((i.session == session_id{2}));
      left += numbers_of(*r, "a.out").size();
      CHECK_FALSE(fs::exists(file + ".next"));
    }
    CHECK(left == 2000);
    if (!in_turns) continue;
    std::ofstream(all.front()) << "broken";
    CHECK_FALSE(forget_in_recording(path, {session_id{3}}));
    CHECK(opened(path)->fact(forgotten_fact) == "2");  // the others are done all the same
  }
}
