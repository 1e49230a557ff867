// guarded.yaml for tests: changed as text, with a policy of its own.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "actors/components.hpp"
#include "graph/spec/plan.hpp"
#include "plugins/plugins.hpp"
#include "tools/safety/judge.hpp"
#include "tools/safety/red_team.hpp"

namespace hocket::safety {

inline policy::rules rules_of(const std::string& yaml) {
  auto r = policy::read_rules("policy.yaml", yaml);
  REQUIRE_MESSAGE(r, r.error().message);
  return std::move(*r);
}

inline const registry& types() {
  static const registry all = [] {
    registry r;
    REQUIRE(register_components(r));
    REQUIRE(plugins::register_all_plugins(r));
    return r;
  }();
  return all;
}

/// guarded.yaml, changed as text, with a policy of its own.
class guarded {
 public:
  explicit guarded(const std::string& policy,
                   const std::vector<std::pair<std::string, std::string>>& changes = {}) {
    folder_ =
        std::filesystem::temp_directory_path() / ("hocket_safety_test." + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    rules_ = rules_of(policy);
    const auto file = (folder_ / "policy.yaml").string();
    std::ofstream(file) << policy;
    const std::string graph = std::string(HOCKET_SOURCE_DIR) + "/configs/graphs/guarded.yaml";
    std::ostringstream text;
    text << std::ifstream(graph).rdbuf();
    auto yaml = text.str();
    for (const auto& [from, to] : changes) {
      const auto at = yaml.find(from);
      REQUIRE_MESSAGE(at != yaml.npos, from);
      yaml.replace(at, from.size(), to);
    }
    diagnostics findings;
    graph_ = load_plan(graph, yaml, types(), {}, findings);
    REQUIRE_MESSAGE(graph_, findings.to_string());
    auto where = arena_of(*graph_, types());
    REQUIRE_MESSAGE(where, where.error().message);
    where_ = std::move(*where);
    use_policy(where_, file);
  }
  ~guarded() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  findings run(const std::vector<script>& scripts) {
    play_options how;
    how.at_once = 16;
    how.work_dir = (folder_ / "out").string();
    const auto did = play(where_, scripts, how);
    REQUIRE_MESSAGE(did, did.error().message);
    return found_in(scripts, *did, rules_, "");
  }
  red_team_report attacked(const case_set& goals) {
    red_team_options how;
    how.hours = 0.1, how.talk_min = 2;
    how.play.at_once = 4;
    how.play.work_dir = (folder_ / "out").string();
    auto found = attack_graph(where_, goals, rules_, how);
    REQUIRE_MESSAGE(found, found.error().message);
    return std::move(*found);
  }
  const policy::rules& rules() const { return rules_; }
  const arena& where() const { return where_; }
  std::string work_dir() const { return (folder_ / "out").string(); }

 private:
  std::filesystem::path folder_;
  policy::rules rules_;
  std::optional<plan> graph_;
  arena where_;
};

}  // namespace hocket::safety
