#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "actors/background/agent.hpp"
#include "actors/background/match_planner.hpp"
#include "actors/capture/capture.hpp"
#include "actors/console/console.hpp"
#include "actors/encoder/dmel.hpp"
#include "actors/encoder/patches.hpp"
#include "actors/host/runtime.hpp"
#include "actors/interaction/fake_engine.hpp"
#include "actors/interaction/interaction.hpp"
#include "actors/playout/playout.hpp"
#include "actors/record/event_record.hpp"
#include "actors/record/wav_record.hpp"
#include "graph/contract/plugins_all.hpp"

namespace hocket::testing {

struct fake_model final : interaction::interaction_model {
  explicit fake_model(config c)
      : interaction_model(std::move(c),
                          [](const interaction::engine_options&)
                              -> result<std::unique_ptr<interaction::micro_turn_engine>> {
                            return std::make_unique<interaction::fake_engine>();
                          }) {}
};

inline registry all_types() {
  registry types;
  REQUIRE(types.add(type_of<capture::capture>()));
  REQUIRE(types.add(type_of<encoder::dmel>()));
  REQUIRE(types.add(type_of<encoder::patches>()));
  REQUIRE(types.add(type_of<fake_model>()));
  REQUIRE(types.add(type_of<background::agent>()));
  REQUIRE(types.add(planner_of<background::match_planner>("match", "by words")));
  REQUIRE(types.add(type_of<playout::playout>()));
  REQUIRE(types.add(type_of<record::wav_record>()));
  REQUIRE(types.add(type_of<record::event_record>()));
  REQUIRE(types.add(type_of<console::text_console>()));
  REQUIRE(plugins::register_all_plugins(types));
  return types;
}

/// Loads and runs a graph in a folder of its own.
class graph_runner {
 public:
  explicit graph_runner(const std::string& name)
      : folder_(std::filesystem::temp_directory_path() / "hocket-integration" / name) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }

  plan load(const std::string& yaml, std::vector<std::string> sets = {}) {
    diagnostics findings;
    load_options how;
    how.sets = std::move(sets);
    auto made = load_plan("configs/graphs/test.yaml", yaml, types_, how, findings);
    INFO(findings.to_string());
    REQUIRE(made);
    return *made;
  }

  host::run_summary run(const std::string& yaml, std::vector<std::string> sets = {},
                        host::runtime_options options = {.virtual_time = true}) {
    const auto graph = load(yaml, std::move(sets));
    options.output_dir = folder_.string();
    auto running = host::runtime::start(graph, types_, options);
    if (!running) {
      failed_to_start = running.error();
      return {};
    }
    auto done = (*running)->wait();
    CHECK(done.last.law_holds());
    for (const auto& link : done.last.links) CHECK(link.in_flight == 0);
    return done;
  }

  registry& types() { return types_; }
  std::string path(const std::string& file) const { return (folder_ / file).string(); }
  std::string text(const std::string& file) const {
    std::ifstream in(folder_ / file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::vector<nlohmann::json> lines(const std::string& file, const std::string& kind = "") const {
    std::istringstream in(text(file));
    std::vector<nlohmann::json> out;
    for (std::string line; std::getline(in, line);) {
      auto parsed = nlohmann::json::parse(line);
      if (kind.empty() || parsed["kind"] == kind) out.push_back(std::move(parsed));
    }
    return out;
  }
  static std::string file_text(const std::string& path) {
    std::ifstream in(std::string(HOCKET_SOURCE_DIR) + "/" + path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static std::int64_t counter(const host::run_summary& done, const std::string& actor,
                              const std::string& name) {
    std::int64_t sum = 0;
    for (const auto& a : done.last.actors)
      if (a.name == actor || a.name.starts_with(actor + "#"))
        for (const auto& [n, v] : a.counters)
          if (n == name) sum += v;
    return sum;
  }

  error failed_to_start;

 private:
  registry types_ = all_types();
  std::filesystem::path folder_;
};

/// Samples of one channel of a 16-bit WAV file of the run.
inline std::vector<std::int16_t> channel_of(const std::string& wav, int channel, int channels) {
  std::vector<std::int16_t> out;
  const auto* pcm = reinterpret_cast<const std::int16_t*>(wav.data() + 44);
  const auto n = wav.size() < 44 ? 0 : (wav.size() - 44) / 2;
  for (auto i = static_cast<std::size_t>(channel); i < n; i += static_cast<std::size_t>(channels))
    out.push_back(pcm[i]);
  return out;
}

}  // namespace hocket::testing
