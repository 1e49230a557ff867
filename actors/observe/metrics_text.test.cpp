#include "actors/observe/metrics_text.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "actors/host/histogram.hpp"
#include "actors/observe/exposition.hpp"

using namespace hocket;
using namespace hocket::observe;

namespace {

bool has(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

host::snapshot a_snapshot() {
  host::snapshot s;
  s.now = timestamp::of_ms(2500);
  s.sessions = 2;
  auto& model = s.actors.emplace_back();
  model.name = "model";
  model.component = "interaction.model";
  model.state = host::actor_state::restarting;
  model.restarts = 3;
  model.counters = {{"overruns", 2}};
  host::histogram times;
  times.add(150'000'000);
  times.add(90'000'000);
  times.add(500);
  host::histogram::counts counts{};
  times.add_to(counts);
  model.handlers = host::histogram::buckets_of(counts, 0.2400005);
  auto& l = s.links.emplace_back();
  l.from = "ears.frames";
  l.to = "model.audio";
  l.sent = 12345678901;
  l.dropped[static_cast<int>(host::drop_reason::too_old)] = 7;
  l.in_flight = 4;
  l.delivered = l.sent - 11;
  l.blocked_ns = 1'500'000'000;
  auto& b = s.budgets.emplace_back();
  b.path = "mic > \"model\"";
  b.limit_ms = 400;
  b.checked = 9;
  b.missed = 1;
  b.blamed = {{"model (compute)", 1}};
  s.budgets.push_back(b);  // one path, two budgets
  s.budgets.back().limit_ms = 600;
  return s;
}

/// As host `gpu` sees `edge`, and `far`, which never came.
host::snapshot seen_by_gpu() {
  auto s = a_snapshot();
  s.host = "gpu";
  auto& edge = s.peers.emplace_back();
  edge.name = "edge";
  edge.state = wire::peer_state::suspect;
  edge.state_ms = 250;
  edge.rtt_ns = 80'000;
  edge.clock = {-1'500'000'000, 41'000, 12.5, 9, 1};
  edge.control_silent_ms = 900;
  edge.data_silent_ms = 20;
  edge.bytes_out = 7;
  edge.bytes_in = 1 << 30;
  edge.connects = 2;
  edge.shared_memory = true;
  edge.shm_packets = 5;
  edge.shm_fallbacks = 1;
  edge.shm_in_place = 3;
  s.peers.emplace_back().name = "far";
  s.refused_handshakes = 3;
  auto& in = s.wires.emplace_back();
  in.name = "ears.frames > model.audio";
  in.peer = "edge";
  in.sent = 100;
  in.delivered = 97;
  in.in_flight = 2;
  in.in_flight_bytes = 640;
  in.dropped[static_cast<std::size_t>(wire::wire_drop::undecodable)] = 1;
  in.gaps = 4;
  in.duplicates = 6;
  auto& out = s.wires.emplace_back();
  out.name = "model.audio > speaker.audio";
  out.peer = "edge";
  out.outgoing = true;
  out.sent_again = 11;
  out.no_credit = 12;
  return s;
}

const run_identity who{"talk", "00ff", "gpu", "0.1.0", "abc"};

}  // namespace

TEST_CASE("metrics say what the snapshot says") {
  const auto text = metrics_text(who, a_snapshot());
  std::istringstream expected(
      R"x(hocket_run_info{graph="talk",graph_hash="00ff",host="gpu",version="0.1.0",revision="abc"} 1
hocket_stream_time_seconds 2.5
hocket_sessions 2
hocket_accounts_hold 1
hocket_edge_packets_total{from="ears.frames",to="model.audio",fate="delivered",reason=""} 12345678890
hocket_edge_packets_total{from="ears.frames",to="model.audio",fate="dropped",reason="too_old"} 7
hocket_edge_packets_total{from="ears.frames",to="model.audio",fate="dropped",reason="late"} 0
hocket_edge_in_flight_packets{from="ears.frames",to="model.audio"} 4
hocket_edge_blocked_seconds_total{from="ears.frames",to="model.audio"} 1.5
hocket_actor_state{actor="model",state="restarting"} 1
hocket_actor_state{actor="model",state="running"} 0
hocket_actor_restarts_total{actor="model"} 3
hocket_component_events{actor="model",event="overruns"} 2
hocket_actor_handler_seconds_bucket{actor="model",le="1.024e-06"} 1
hocket_actor_handler_seconds_bucket{actor="model",le="0.100663296"} 2
hocket_actor_handler_seconds_bucket{actor="model",le="+Inf"} 3
hocket_actor_handler_seconds_count{actor="model"} 3
hocket_actor_handler_seconds_sum{actor="model"} 0.2400005
hocket_budget_misses_total{path="mic > \"model\"",limit_ms="400"} 1
hocket_budget_blamed_misses_total{path="mic > \"model\"",limit_ms="400",blame="model (compute)"} 1
)x");
  for (std::string line; std::getline(expected, line);) CHECK_MESSAGE(has(text, line), line);
}

TEST_CASE("metrics tell the peers: lanes, clocks, bytes, and both halves of the links") {
  const auto text = metrics_text(who, seen_by_gpu());
  std::istringstream expected(
      R"x(hocket_peer_state{peer="edge",state="suspect"} 1
hocket_peer_state{peer="edge",state="up"} 0
hocket_peer_state{peer="far",state="connecting"} 1
hocket_peer_state_seconds{peer="edge"} 0.25
hocket_peer_lane_silent_seconds{peer="edge",lane="control"} 0.9
hocket_peer_lane_silent_seconds{peer="edge",lane="data"} 0.02
hocket_peer_round_trip_seconds{peer="edge"} 8e-05
hocket_peer_clock_offset_seconds{peer="edge"} -1.5
hocket_peer_clock_uncertainty_seconds{peer="edge"} 4.1e-05
hocket_peer_clock_drift_ratio{peer="edge"} 1.25e-05
hocket_peer_clock_exchanges_total{peer="edge"} 9
hocket_peer_clock_exchanges_total{peer="far"} 0
hocket_peer_clock_jumps_total{peer="edge"} 1
hocket_peer_bytes_total{peer="edge",direction="in"} 1073741824
hocket_peer_bytes_total{peer="edge",direction="out"} 7
hocket_peer_connects_total{peer="edge"} 2
hocket_peer_shared_memory{peer="edge"} 1
hocket_peer_shared_memory_packets_total{peer="edge"} 5
hocket_peer_shared_memory_fallbacks_total{peer="edge"} 1
hocket_peer_shared_memory_in_place_total{peer="edge"} 3
hocket_refused_handshakes_total 3
hocket_peer_sent_packets_total{peer="edge",link="ears.frames > model.audio",direction="in"} 100
hocket_peer_packets_total{peer="edge",link="ears.frames > model.audio",direction="in",fate="delivered",reason=""} 97
hocket_peer_packets_total{peer="edge",link="ears.frames > model.audio",direction="in",fate="dropped",reason="undecodable"} 1
hocket_peer_in_flight_packets{peer="edge",link="ears.frames > model.audio",direction="in"} 2
hocket_peer_in_flight_bytes{peer="edge",link="ears.frames > model.audio",direction="in"} 640
hocket_peer_gap_packets_total{peer="edge",link="ears.frames > model.audio",direction="in"} 4
hocket_peer_duplicate_packets_total{peer="edge",link="ears.frames > model.audio",direction="in"} 6
hocket_peer_retransmitted_packets_total{peer="edge",link="model.audio > speaker.audio",direction="out"} 11
hocket_peer_credit_waits_total{peer="edge",link="model.audio > speaker.audio",direction="out"} 12
)x");
  for (std::string line; std::getline(expected, line);) CHECK_MESSAGE(has(text, line), line);
  // Of a clock that nobody has seen, and lanes that are not there, there is no figure.
  for (const char* unknown : {"clock_offset_seconds{peer=\"far", "round_trip_seconds{peer=\"far",
                              "lane_silent_seconds{peer=\"far"})
    CHECK_MESSAGE(text.find(unknown) == std::string::npos, unknown);
  CHECK(metrics_text(who, a_snapshot()).find("hocket_peer") == std::string::npos);
}

TEST_CASE("buckets count exactly what lies below their bounds") {
  host::histogram times;
  for (int octave = 0; octave < 36; ++octave) times.add((std::int64_t{1} << octave) + 1);
  host::histogram::counts counts{};
  times.add_to(counts);
  const auto b = host::histogram::buckets_of(counts, 0);
  CHECK(b.count == 36);
  for (std::size_t i = 0; i < b.size; ++i) {
    std::uint64_t below = 0;
    for (int octave = 0; octave < 36; ++octave)
      below += static_cast<double>((std::int64_t{1} << octave) + 1) / 1e9 < b.bound_s(i);
    CHECK_MESSAGE(b.below[i] == below, b.bound_s(i), " s");
  }
  CHECK(b.bound_s(0) == doctest::Approx(1.024e-6));
  CHECK(b.bound_s(b.size - 1) == doctest::Approx(17.179869184));
}

TEST_CASE("a run that is not open has an identity and no figures") {
  const auto text = metrics_text(who, std::nullopt);
  CHECK(has(text, "hocket_open 0"));
  CHECK(text.find("hocket_actor") == std::string::npos);
}

TEST_CASE("labels and help are escaped") {
  exposition out;
  out.family("a_b", "gauge", "one\ntwo \\ \"three\"");
  out.sample({{"x", "q\"\\\n"}}, -0.25);
  CHECK(std::move(out).text() ==
        "# HELP a_b one\\ntwo \\\\ \"three\"\n# TYPE a_b gauge\n"
        "a_b{x=\"q\\\"\\\\\\n\"} -0.25\n");
}

TEST_CASE("promtool finds no fault") {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    MESSAGE("skipped: promtool is not installed (package prometheus)");
    return;
  }
  const auto path = std::filesystem::temp_directory_path() /
                    ("hocket-metrics-" + std::to_string(getpid()) + ".txt");
  const auto faults = [&](const std::string& text) {
    std::ofstream(path) << text;
    const auto line = "promtool check metrics <'" + path.string() + "'";
    return std::system(line.c_str());
  };
  CHECK(faults(metrics_text(who, seen_by_gpu()) + process_metrics()) == 0);
  CHECK(faults("# TYPE hocket_x counter\nhocket_x 1\nhocket_x 2\n") != 0);  // it can find some
  std::filesystem::remove(path);
}
