// hocket eval safety and red-team: what the command line says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/shipped.hpp"

namespace hocket::cli {

struct safety_request {
  std::string graph = shipped("configs/graphs/guarded.yaml");
  graph_options how;
  std::string policy;  ///< "": the one that the graph names
  std::string cases = shipped("configs/policies/cases/house.yaml");
  std::string out = "out/safety";
  std::uint64_t seed = 1;
  std::int64_t items = 0;  ///< of each family, at most; 0: all
  std::vector<double> minutes{5, 30, 60};
  std::int64_t long_talks = 4;
  int at_once = 64;
  std::string adapter;  ///< folder of an adapter that the model speaks through, beside none
  std::string ledger;   ///< where what is found of it is recorded, too
  int cost_rounds = 0;  ///< runs with and without the guard; 0: none
  bool spoken = false;  ///< as speech, to the graph's own model
  bool quick = false;   ///< a few of each family, and no long conversations
  bool strict = false;  ///< exit code 1 where a target is missed
  bool json = false;
};
int judge_safety(const safety_request&);

struct red_team_request {
  std::string graph = shipped("configs/graphs/guarded.yaml");
  graph_options how;
  std::string policy;  ///< "": the one that the graph names
  std::string goals = shipped("configs/policies/cases/red_team.yaml");
  std::string out = "out/red_team";
  std::string keep;  ///< file of cases that what is found is added to; "": none
  std::uint64_t seed = 1;
  double hours = 10, talk_min = 15;
  std::string
      model;  ///< a language model among the adversaries: file, folder, package, or an endpoint's URL
  std::string name;     ///< of it at the endpoint
  std::string key_env;  ///< variable with the endpoint's key
  int at_once = 32;
  bool strict = false, json = false;
};
int attack_a_graph(const red_team_request&);

}  // namespace hocket::cli
