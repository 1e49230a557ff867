#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "graph/schema/codec.hpp"
#include "tools/plan/plan_report.hpp"

using namespace hocket;
using namespace hocket::planning;
using doctest::Approx;

namespace {

const std::string configs = HOCKET_SOURCE_DIR "/configs/plan/";

plan_file plan_of(const std::string& name) {
  diagnostics findings;
  auto p = read_plan(configs + name, findings);
  INFO(findings.to_string());
  REQUIRE_FALSE(findings.has_errors());
  return p;
}

model_shape shape_of(const std::string& path) {
  diagnostics findings;
  auto s = read_shape(path, findings);
  INFO(findings.to_string());
  REQUIRE_FALSE(findings.has_errors());
  return s;
}

/// A dense model and a device whose times are easy to reckon by hand.
model_shape easy_shape() {
  model_shape s;
  s.layers = 2, s.width = 100, s.heads = 4, s.kv_heads = 4, s.head_dim = 25, s.feed_forward = 200;
  s.vocabulary = 1000, s.window = 10, s.inputs = 1, s.outputs = 0, s.head_rows = 1;
  s.speech_frames = 0;
  return s;
}
machine easy_machine() {
  machine m;
  m.name = "easy", m.memory_gb = 1, m.memory_gb_per_s = 1, m.bf16_tflops = 0.001;
  m.memory_share = m.compute_share = m.usable_share = 1;
  return m;
}

std::string findings_of(const std::string& text, const std::string& name = "plan.yaml") {
  const auto folder = std::filesystem::temp_directory_path() / "hocket_plan_test";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / name) << text;
  diagnostics findings;
  read_plan((folder / name).string(), findings);
  std::filesystem::remove_all(folder);
  return findings.to_string();
}

}  // namespace

TEST_CASE("shapes: published sizes come out") {
  // Inkling-Small: 265.96e9 with its 8 layers of speculative decoding, which are left out here.
  const auto small = shape_of(configs + "shapes/tml_small.yaml");
  CHECK(small.parameters() == Approx(265.96e9).epsilon(0.02));
  CHECK(small.active_parameters() == Approx(12e9).epsilon(0.1));
  // gpt-oss-120b: 116.8e9 and 5.1e9 by its card.
  const auto oss = shape_of(configs + "shapes/gpt_oss_120b.yaml");
  CHECK(oss.parameters() == Approx(116.8e9).epsilon(0.02));
  CHECK(oss.active_parameters() == Approx(5.1e9).epsilon(0.06));
  // Keys and values of Inkling-Small's global layers: 28 672 bytes a position.
  CHECK(small.kv_bytes(100'001) - small.kv_bytes(100'000) == Approx(28'672));
}

TEST_CASE("shapes: our own models by their folder") {
  const auto s = shape_of(HOCKET_SOURCE_DIR "/configs/models/duplex");
  CHECK(s.layers == 6);
  CHECK(s.inputs == 6);
  CHECK(s.outputs == 6);
  CHECK(s.parameters() == Approx(9e6).epsilon(0.35));
}

TEST_CASE("shapes: a model of our own with experts and a loop") {
  const auto folder = std::filesystem::temp_directory_path() / "hocket_plan_backbone";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "config.json") << R"({"width": 64, "layers": 6, "feed_forward": 32,
    "vocabulary": 100, "attention": {"heads": 2, "kv_heads": 1, "head_dim": 32, "window": 40},
    "backbone": {"generation": 2, "experts": 8, "chosen": 3, "loop_begin": 2, "loop_end": 4,
                 "loop_passes": 3}})";
  const auto s = shape_of(folder.string());
  CHECK(s.experts == 8);
  CHECK(s.chosen == 3);
  CHECK(s.expert_parameters() == Approx(3 * 64 * 32));
  CHECK(s.passes_of(1) == 1);
  CHECK(s.passes_of(2) == 3);
  CHECK(s.passes_of(3) == 3);
  CHECK(s.passes_of(4) == 1);
  CHECK(s.active_parameters() < s.parameters());
  std::filesystem::remove_all(folder);
}

TEST_CASE("cost: a roofline that can be reckoned by hand") {
  const auto s = easy_shape();
  const double layer = 100 * 25 * 16 + 3 * 100 * 200, head = 1000 * 100;
  const auto c = cost_of(s, easy_machine(), 1, 1, 1000);
  CHECK(c.weight_bytes == Approx(2 * (2 * layer + head)));
  CHECK(c.kv_bytes == Approx(2 * 10 * 2 * 100 * 2));  // layers, window, keys and values, bytes
  CHECK(c.operations == Approx(2 * (2 * layer + head) + 2 * 4 * 10 * 100));
  CHECK(c.bandwidth_ms == Approx((c.weight_bytes + c.kv_bytes) / 1e9 * 1e3));
  CHECK(c.compute_ms == Approx(c.operations / 1e9 * 1e3));
  CHECK(c.total_ms == Approx(std::max(c.bandwidth_ms, c.compute_ms)));
  // Weights are read once for all, keys and values for each.
  const auto many = cost_of(s, easy_machine(), 1, 50, 1000);
  CHECK(many.weight_bytes == Approx(c.weight_bytes));
  CHECK(many.kv_bytes == Approx(50 * c.kv_bytes));
  CHECK(many.binding == bound::compute);
}

TEST_CASE("cost: experts are read as they are chosen") {
  auto s = easy_shape();
  s.feed_forward = 0, s.experts = 8, s.chosen = 2, s.expert_width = 50;
  const double fixed =
      cost_of(s, easy_machine(), 1, 1, 1).weight_bytes - 2 * 2 * 2 * s.expert_parameters();
  const auto two = cost_of(s, easy_machine(), 1, 2, 1);  // 8 (1 - (3/4)^2) = 3.5 experts
  CHECK(two.weight_bytes - fixed == Approx(2 * 2 * 3.5 * s.expert_parameters()));
  const auto many = cost_of(s, easy_machine(), 1, 1000, 1);  // all of them
  CHECK(many.weight_bytes - fixed == Approx(2 * 2 * 8 * s.expert_parameters()));
}

TEST_CASE("cost: a loop reads its layers again and stores them once") {
  auto s = easy_shape(), looped = s;
  looped.loop_first = 1, looped.loop_last = 1, looped.loop_passes = 3;
  CHECK(weight_bytes(looped) == weight_bytes(s));
  const double layer = (s.attention_parameters() + s.dense_parameters()) * 2;
  CHECK(cost_of(looped, easy_machine(), 1, 1, 1).weight_bytes ==
        Approx(cost_of(s, easy_machine(), 1, 1, 1).weight_bytes + 2 * layer));
  CHECK(looped.kv_bytes(10) == Approx(2 * s.kv_bytes(10)));
}

TEST_CASE("capacity: one more session would not fit; more devices never carry fewer") {
  auto plan = plan_of("gigawatt.yaml");
  const auto& w = plan.models[0];
  const auto g = best_capacity(w, plan.need);
  REQUIRE(g.sessions >= 1);
  const double limit = w.shape.micro_turn_ms * plan.need.deadline_share;
  CHECK(g.cost.total_ms <= limit);
  const double past = plan.need.session_minutes * 60 * 5 * 13;
  const bool in_time = cost_of(w.shape, w.on, g.devices, g.sessions + 1, past).total_ms <= limit;
  const bool in_memory = g.weight_gb + (g.sessions + 1) * g.session_gb <= g.memory_gb;
  CHECK_FALSE((in_time && in_memory));
  for (std::int64_t n = 2; n < 16; n *= 2)
    CHECK(capacity_of(w, plan.need, 2 * n).sessions >= capacity_of(w, plan.need, n).sessions);
}

TEST_CASE("deployment: power, spare machines and a lost region add up") {
  const auto plan = plan_of("gigawatt.yaml");
  const auto d = deploy(plan);
  REQUIRE(d.impossible.empty());
  CHECK(d.megawatts <= 1000);
  CHECK(d.megawatts > 999);
  double watts = 0;
  for (std::size_t i = 0; i < d.fleets.size(); ++i) {
    const auto& f = d.fleets[i];
    watts += f.machines * 72 * (1200 + 630) * 1.2;
    const double region = f.machines / 4 - 4;  // without its spare racks
    CHECK(3 * region * f.groups_per_machine * f.group.sessions >= d.sessions);
  }
  CHECK(watts / 1e6 == Approx(d.megawatts));
  // More power carries more; a demand of what it carries needs that power.
  auto as_sessions = plan;
  as_sessions.need.megawatts = 0, as_sessions.need.sessions = d.sessions;
  CHECK(deploy(as_sessions).megawatts == Approx(d.megawatts));
}

TEST_CASE("deployment: what cannot be is said, with the number that it misses") {
  auto plan = plan_of("talk.yaml");
  plan.models[0].on.memory_gb_per_s = 0.01;
  auto d = deploy(plan);
  REQUIRE(d.impossible.size() == 1);
  CHECK(d.impossible[0].find("one session on cpu_core takes") != std::string::npos);
  plan.models[0].on.memory_gb = 0.001;
  d = deploy(plan);
  CHECK(d.impossible[0].find("GB of weights") != std::string::npos);
}

TEST_CASE("plans: holes and contradictions are named, each with its place") {
  const std::string machines = HOCKET_SOURCE_DIR "/configs/plan/machines.yaml";
  const std::string model = HOCKET_SOURCE_DIR "/configs/models/duplex";
  const auto plan = [&](const std::string& machine, const std::string& demand) {
    return "plan: 1\nname: x\nmachines: " + machines + "\nmodels:\n  talk: {shape: " + model +
           ", machine: " + machine + "}\ndemand: {" + demand + "}\n";
  };
  CHECK(findings_of(plan("cpu_core", "sessions: 5")) == "");
  CHECK(findings_of(plan("cpu_cor", "sessions: 5")).find("did you mean `cpu_core`?") !=
        std::string::npos);
  CHECK(findings_of(plan("cpu_core", "sessions: 5, megawatts: 1")).find("either") !=
        std::string::npos);
  CHECK(findings_of(plan("cpu_core", "sessions: 5, lost_regions: 1")).find("none is left") !=
        std::string::npos);
  CHECK(findings_of(plan("cpu_core", "sesions: 5")).find("sessions") != std::string::npos);
  CHECK(findings_of("plan: 1\nname: x\nmachines: nowhere.yaml\n").find("cannot read the file") !=
        std::string::npos);
  diagnostics findings;
  const auto folder = std::filesystem::temp_directory_path() / "hocket_plan_holes";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "m.yaml") << "machines:\n  odd: {source: s, memory_gb: 8, "
                                      "bf16_tflops: 1, watts: 1, eur_per_hour: 1}\n";
  std::ofstream(folder / "s.yaml")
      << "name: x\nsource: y\nlayers: 2\nwidth: 64\nheads: 5\nkv_heads: 2\nhead_dim: 16\n"
         "feed_forward: 4\nvocabulary: 9\nexperts: 2\nchosen: 3\nloop_first: 1\nloop_last: 7\n"
         "loop_passes: 2\n";
  read_machines((folder / "m.yaml").string(), findings);
  read_shape((folder / "s.yaml").string(), findings);
  read_shape((folder / "none").string(), findings);
  read_shape(folder.string(), findings);
  const auto all = findings.to_string();
  for (const char* part : {"memory_gb_per_s", "does not divide", "3 of 2 experts", "the loop",
                           "without `expert_width`", "cannot read the file", "no config.json"}) {
    CAPTURE(part);
    CHECK(all.find(part) != std::string::npos);
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("links: the head of a packet is no longer than what the plan counts") {
  packet p;
  p.header.session = session_id{123456789};
  p.body = std::make_shared<const payload>(text{"", "", 0, true});
  const auto coded = wire::encode(p);
  REQUIRE(coded);
  CHECK(coded->head.size() < 90);  // without a trace; each hop adds to it
}

TEST_CASE("simulation: sessions, time and failures are conserved, and a seed repeats") {
  simulation_config c;
  c.sessions = 30'000, c.regions = 3, c.groups_per_region = 12, c.groups_per_rack = 4;
  c.sessions_per_group = 10, c.busiest_sessions = 240, c.mean_minutes = 10;
  c.rack_failures_per_year = 300, c.lost_region_at_h = 6;
  c.micro_turn_ms = [](int n) { return 10.0 * n; };
  const auto once = simulate(c), again = simulate(c);
  CHECK(once.served == again.served);
  CHECK(once.by_hour.size() == again.by_hour.size());
  const std::int64_t counted = c.sessions - c.sessions / 10;
  // What came ended, was refused or interrupted, or still talks.
  CHECK(std::abs(once.served + once.refused + once.interrupted - counted) < 400);
  CHECK(once.rack_failures > 0);
  CHECK(once.moved > 0);
  // A session moves once for a failure: a rack holds 40, the region 120.
  CHECK(once.moved + once.interrupted <= 40 * once.rack_failures + 120);
  CHECK(once.most_at_once <= 360);
  CHECK(once.micro_turn_max_ms <= 100);
  CHECK(once.micro_turn_p99_ms >= once.micro_turn_p50_ms);
}

TEST_CASE("simulation: room for all refuses nobody; too little refuses the rest") {
  simulation_config c;
  c.sessions = 20'000, c.regions = 2, c.groups_per_region = 10, c.sessions_per_group = 20;
  c.busiest_sessions = 150, c.day_swing = 0, c.rack_failures_per_year = 0;
  auto m = simulate(c);
  CHECK(m.refused == 0);
  CHECK(m.interrupted == 0);
  c.busiest_sessions = 800;  // twice what there is: Erlang's loss is near one half
  m = simulate(c);
  const double share = static_cast<double>(m.refused) / (0.9 * 20'000);
  CHECK(share > 0.4);
  CHECK(share < 0.6);
}
