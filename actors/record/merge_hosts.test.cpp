// The recordings of several hosts become one, on one time base.
#include "actors/record/merge_hosts.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include "actors/record/cut.hpp"
#include "actors/record/place.test.hpp"

using namespace hocket;
using namespace hocket::record;
using hocket::testing::place;

namespace {

constexpr std::int64_t noon_ns = 1'700'000'000'000'000'000;

packet said(const std::string& words, std::uint64_t seq, timestamp at) {
  auto p = make_packet(at, text{words, "user", 0, true});
  p.header.session = session_id{1};
  p.header.seq = seq;
  return p;
}

/// edge has `mic.out`, ten a second; gpu took them and has `model.out`, one of each, 5 ms later. gpu's
/// clock on the wall is 3 s ahead.
struct two_hosts {
  place folder;
  std::string edge = folder.at("edge.mcap"), gpu = folder.at("gpu.mcap"),
              whole = folder.at("whole.mcap");
  mcap_map facts = {{"graph_name", "g"},    {"graph_hash", "h"},      {"clock", "real"},
                    {"recorder", "run"},    {"micro_turn_ms", "200"}, {"unused", "x"},
                    {"graph_revision", "1"}};
  std::string words = "m";

  std::unique_ptr<recording_writer> writer(const std::string& path, const char* host,
                                           std::int64_t zero_ns) const {
    auto f = facts;
    f["host"] = host;
    return recording_writer::create(
               {.path = path, .facts = f, .graph_yaml = "graph", .unix_zero_ns = zero_ns})
        .value();
  }
  void write(int packets = 20, int shift_ms = 0) const {
    auto e = writer(edge, "edge", noon_ns), g = writer(gpu, "gpu", noon_ns + 3'000'000'000);
    const auto mic = e->channel("mic.out").value(), model = g->channel("model.out").value(),
               taken = g->channel("mic.out", {{"arrived", "true"}}).value();
    for (int n = 0; n < packets; ++n) {
      const auto at = timestamp::of_ms(n * 100 + shift_ms), later = timestamp::of_ms(n * 100 + 5);
      const auto p = said(fmt::format("m{}", n), static_cast<std::uint64_t>(n), at);
      e->add(mic, at, p);
      auto sent = p;
      sent.header.ts = timestamp::of_ms(n * 100);
      g->add(taken, later, sent);
      g->add(model, later, said(fmt::format("a{}", n), static_cast<std::uint64_t>(n), later));
    }
    e->add_event(timestamp::of_ms(50), R"({"actor":"mic","what":"log","detail":""})");
    g->add_event(timestamp::of_ms(60), R"({"actor":"model","what":"log","detail":""})");
    const auto first = said("", 0, timestamp());
    host::call_record call;
    call.life = 1;
    call.message = &first;
    g->add_call(timestamp(), to_json(call, "model", [](const packet_header& h) {
                  return packet_name{"mic.out", h.session, h.seq};
                }));
    CHECK(e->close("").complete);
    CHECK(g->close("").complete);
  }
  std::string refused(std::vector<std::string> files) const {
    const auto done = merge_hosts(files, whole);
    REQUIRE(!done);
    CHECK(done.error().code == "record.not_of_one_run");
    CHECK(!std::filesystem::exists(whole));
    return done.error().message;
  }
};

}  // namespace

TEST_CASE("merge of hosts: everything once, by stream time") {
  const two_hosts t;
  t.write();
  const auto done = merge_hosts({t.edge, t.gpu}, t.whole);
  REQUIRE_MESSAGE(done, (done ? "" : done.error().message));
  CHECK(done->hosts == std::vector<std::string>{"edge", "gpu"});
  CHECK(done->messages == 42);
  CHECK(done->copies == 20);
  CHECK(done->calls == 1);
  CHECK(done->how.complete);
  const auto r = recording::open(t.whole).value();
  CHECK(r->how_it_ended().complete);
  CHECK(r->problems().empty());
  CHECK(r->fact("host") == "");
  CHECK(r->fact(hosts_fact) == "edge,gpu");
  CHECK(r->graph_yaml() == "graph");
  CHECK(r->packets() == 40);
  REQUIRE(r->outputs().size() == 2);
  for (const auto& o : r->outputs()) {
    CHECK(o.missing == 0);
    CHECK(o.about.at("host") == (o.name == "mic.out" ? "edge" : "gpu"));
    REQUIRE(o.items.size() == 20);
    for (int n = 0; n < 20; ++n) {
      const auto& i = o.items[static_cast<std::size_t>(n)];
      CHECK(i.at == timestamp::of_ms(n * 100 + (o.name == "mic.out" ? 0 : 5)));
      CHECK(r->read(i).value().get_if<text>()->value ==
            fmt::format("{}{}", o.name == "mic.out" ? "m" : "a", n));
    }
  }
  REQUIRE(r->events().size() == 2);
  CHECK(r->events()[0].actor == "mic");
  CHECK(r->events()[1].at == timestamp::of_ms(60));  // not three seconds later
  // Messages lie in the order of their times, so that what reads the file as a stream sees one run.
  const auto from = open_source(t.whole).value();
  auto contents = read_contents(*from).value();
  std::uint64_t last = 0;
  for (const auto& place : contents.chunks)
    REQUIRE(each_message(read_chunk(*from, place).value(), &contents,
                         [&](const mcap_message& m, std::uint64_t) -> result<void> {
                           CHECK(m.log_time_ns >= last);
                           CHECK(m.log_time_ns >= static_cast<std::uint64_t>(noon_ns));
                           CHECK(m.log_time_ns <
                                 static_cast<std::uint64_t>(noon_ns) + 2'100'000'000);
                           last = m.log_time_ns;
                           return {};
                         }));
  // It is a recording as any: it can be cut.
  const auto part = cut_recording(t.whole, {timestamp::of_ms(1000)}, t.folder.at("part.mcap"));
  REQUIRE(part);
  CHECK(part->packets == 20);
}

TEST_CASE("merge of hosts: what several took of a host that is not given is in once, and told") {
  const two_hosts t;
  t.write();
  const auto phone = t.folder.at("phone.mcap");
  auto w = t.writer(phone, "phone", noon_ns);
  const auto taken = w->channel("mic.out", {{"arrived", "true"}}).value();
  for (std::uint64_t n = 0; n < 10; ++n) {
    const auto at = timestamp::of_ms(static_cast<std::int64_t>(n) * 100);
    w->add(taken, at, said(fmt::format("m{}", n), n, at));
  }
  CHECK(w->close("").complete);
  // gpu has 20 of them, phone 10.
  for (const auto& [files, packets] :
       {std::pair(std::vector{t.gpu, phone}, 40u), std::pair(std::vector{phone, t.gpu}, 30u)}) {
    const auto done = merge_hosts(files, t.whole);
    REQUIRE(done);
    CHECK(done->copies == 50 - packets);
    CHECK(done->senders_missing ==
          std::map<std::string, std::string>{{"mic.out", done->hosts.front()}});
    const auto r = recording::open(t.whole).value();
    CHECK(r->packets() == packets);
    CHECK(r->outputs().size() == 2);
  }
  // With the host that sent it nothing is missing.
  const auto done = merge_hosts({t.gpu, phone, t.edge}, t.whole);
  REQUIRE(done);
  CHECK(done->copies == 30);
  CHECK(done->senders_missing.empty());
}

TEST_CASE("merge of hosts: what is missing in one is missing in the whole") {
  const two_hosts t;
  t.write();
  auto e = t.writer(t.edge, "edge", noon_ns);
  const auto mic = e->channel("mic.out").value();
  e->add(mic, timestamp(), said("m0", 0, timestamp()));
  e->add_lost(mic, 19, "recorder_too_slow");
  (void)e->close("");
  const auto done = merge_hosts({t.gpu, t.edge}, t.whole);
  REQUIRE(done);
  CHECK(!done->how.complete);
  CHECK(done->how.lost == 19);
  CHECK(done->how.why.starts_with("host edge: "));
  CHECK(recording::open(t.whole).value()->how_it_ended().lost == 19);
}

TEST_CASE("merge of hosts: a clock that no machine has is survived") {
  const two_hosts t;
  t.write();
  for (const auto zero_ns : {INT64_MIN, INT64_MAX}) {
    auto g = t.writer(t.gpu, "gpu", zero_ns);
    g->add(g->channel("model.out").value(), timestamp::of_ms(5), said("a0", 0, timestamp()));
    (void)g->close("");
    for (const auto& files : {std::vector{t.edge, t.gpu}, std::vector{t.gpu, t.edge}}) {
      const auto done = merge_hosts(files, t.whole);
      REQUIRE(done);
      CHECK(done->messages == 22);
    }
  }
}

TEST_CASE("merge of hosts: what is not of one run is refused, and nothing is written") {
  two_hosts t;
  t.write();
  CHECK(t.refused({t.edge, t.edge}).find("host edge is there already") != std::string::npos);
  // The same graph, another run.
  t.write(20, 7);
  CHECK(t.refused({t.edge, t.gpu}).find("different runs") != std::string::npos);
  t.facts["graph_hash"] = "other";
  (void)t.writer(t.gpu, "gpu", 0)->close("");
  CHECK(t.refused({t.edge, t.gpu}).find("graph_hash is `h` and `other`") != std::string::npos);
  t.facts["graph_hash"] = "h";
  (void)t.writer(t.gpu, "", 0)->close("");
  CHECK(t.refused({t.edge, t.gpu}).find("no recording of one host") != std::string::npos);
  t.facts["piece"] = "2";
  (void)t.writer(t.gpu, "gpu", 0)->close("");
  CHECK(t.refused({t.edge, t.gpu}).find("is a piece") != std::string::npos);
}
