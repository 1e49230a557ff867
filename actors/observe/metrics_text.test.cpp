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
  CHECK(faults(metrics_text(who, a_snapshot()) + process_metrics()) == 0);
  CHECK(faults("# TYPE hocket_x counter\nhocket_x 1\nhocket_x 2\n") != 0);  // it can find some
  std::filesystem::remove(path);
}
