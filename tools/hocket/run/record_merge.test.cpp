// Pieces of one recording become one; what another run left beside them stays out.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "actors/record/mcap_reader.hpp"
#include "actors/record/pieces.hpp"
#include "actors/record/place.test.hpp"
#include "actors/record/recording.hpp"
#include "actors/record/recording_writer.hpp"
#include "tools/hocket/run/commands.hpp"
#include "tools/hocket/types.hpp"

using namespace hocket;
using namespace hocket::cli;
using hocket::testing::place;
namespace fs = std::filesystem;

namespace {

/// A run of so many packets, one a second, with a piece each minute; `lost` packets are missing in each
/// piece.
void write_run(const std::string& path, int packets, std::uint64_t lost = 0, bool in_turns = true) {
  record::recording_writer_options o{.path = path, .facts = {{"graph_name", "g"}}};
  if (in_turns) o.rotate.minutes = 1;
  auto w = record::recording_writer::create(std::move(o)).value();
  const auto channel = w->channel("a.out").value();
  for (int n = 0; n < packets; ++n) {
    if (n % 60 == 30) w->add_lost(channel, lost, "dropped_on_the_way");
    auto p = make_packet(timestamp::of_ms(n * 1000), text{fmt::to_string(n), "user", 0, true});
    p.header.session = session_id{1};
    p.header.seq = static_cast<std::uint64_t>(n);
    w->add(channel, timestamp::of_ms(n * 1000), p);
  }
  (void)w->close("");
}

std::shared_ptr<const record::recording> merged(const place& p) {
  REQUIRE(merge_pieces(
              {.what = "merge", .file = p.at("t.mcap"), .out = p.at("whole.mcap"), .json = true}) ==
          exit_fine);
  return record::recording::open(p.at("whole.mcap")).value();
}

}  // namespace

TEST_CASE("record merge: one recording, complete, with everything in it") {
  const place p;
  write_run(p.at("t.mcap"), 200);
  const auto r = merged(p);
  CHECK(r->packets() == 200);
  CHECK(r->how_it_ended().complete);
  CHECK(r->fact(record::piece_fact).empty());
  CHECK(r->fact(record::pieces_fact).empty());
}

TEST_CASE("record merge: what an earlier run left under the same names stays out") {
  const place p;
  write_run(p.at("t.mcap"), 200);
  SUBCASE("the new run has not turned") {
    write_run(p.at("t.mcap"), 20);
    CHECK(merged(p)->packets() == 20);
  }
  SUBCASE("the new run was turned less often") {
    write_run(p.at("t.mcap"), 100);
    CHECK(merged(p)->packets() == 100);
  }
  SUBCASE("pieces were put there by hand") {
    fs::copy(p.at("t.part0001.mcap"), p.at("kept"));
    write_run(p.at("t.mcap"), 200);
    fs::rename(p.at("kept"), p.at("t.part0001.mcap"));
    const auto r = merged(p);
    CHECK(r->packets() == 140);
    CHECK(r->how_it_ended().why == "piece 1 is not there");
  }
  SUBCASE("and cannot be read") {
    write_run(p.at("t.mcap"), 100);
    std::ofstream(p.at("t.part0002.mcap")) << "torn by a disk";
    auto r = merged(p);
    CHECK(r->packets() == 100);
    CHECK(r->how_it_ended().complete);
    // Of this run it is missing, and the whole says so.
    std::ofstream(p.at("t.part0001.mcap")) << "torn by a disk";
    r = merged(p);
    CHECK(r->packets() == 40);
    CHECK(r->how_it_ended().why.starts_with("piece 1 cannot be read: "));
    std::ofstream(p.at("t.mcap")) << "torn by a disk";
    CHECK(merge_pieces({.what = "merge", .file = p.at("t.mcap"), .out = p.at("whole.mcap")}) ==
          exit_bad_input);
  }
  SUBCASE("the new run was not written in turns") {
    write_run(p.at("t.mcap"), 20, 0, false);
    CHECK(merge_pieces({.what = "merge", .file = p.at("t.mcap"), .out = p.at("whole.mcap")}) ==
          exit_bad_input);
    CHECK_FALSE(fs::exists(p.at("whole.mcap")));
  }
}

TEST_CASE("record merge: what the pieces lack the whole lacks, and says how much") {
  const place p;
  write_run(p.at("t.mcap"), 200, 7);
  auto r = merged(p);
  CHECK_FALSE(r->how_it_ended().complete);
  CHECK(r->how_it_ended().lost == 21);
  const auto whole = record::open_source(p.at("whole.mcap")).value();
  const auto contents = record::read_contents(*whole).value();
  for (const auto& [name, values] : contents.metadata)
    if (name == record::verdict_name) CHECK(values.at("lost.a.out.dropped_on_the_way") == "21");
  fs::remove(p.at("t.part0002.mcap"));
  fs::resize_file(p.at("t.mcap"), fs::file_size(p.at("t.mcap")) - 100);  // killed
  r = merged(p);
  CHECK(r->how_it_ended().why.starts_with("piece 1: "));
  CHECK(r->how_it_ended().lost == 14);
  CHECK(r->packets() == 140);
}

TEST_CASE("record merge: a run that was killed between two names is all there") {
  const place p;
  write_run(p.at("t.mcap"), 200);
  fs::rename(p.at("t.mcap"), p.at("t.part0004.mcap"));
  CHECK(merged(p)->packets() == 200);
}
