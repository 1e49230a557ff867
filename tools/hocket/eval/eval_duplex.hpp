// hocket eval duplex: what the command line says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/shipped.hpp"

namespace hocket::cli {

struct duplex_request {
  std::string graph = shipped("configs/graphs/talk.yaml");
  graph_options how;
  std::string input, audio;        ///< "actor.port"; "": found
  std::vector<std::string> texts;  ///< "actor.port" of the model's words
  std::string recorded;            ///< folder of stereo WAVs of another system, instead of a graph
  std::string write;               ///< only writes the test set there
  std::vector<std::string> compare;  ///< two JSON files of earlier runs; nothing is run
  std::vector<std::string> families;
  std::string out;         ///< "": out/duplex, in real time out/duplex-real-time
  std::string bank;        ///< folder of the speech bank; "": none, and no families that need one
  std::uint64_t seed = 0;  ///< 0: that of the standard test set
  std::int64_t items = 0;  ///< of each family, at most; 0: all of them, in real time 4
  double long_minutes = 60;
  int jobs = 0;                     ///< 0: 2, in real time 1
  int batch = 0;                    ///< 0: 16, in real time 1
  std::string through;              ///< gateway, remote: beside the same model behind a gateway
  std::string protocol = "hocket";  ///< of it
  bool quiet = false;               ///< the report goes into its file alone
  bool quick = false, real_time = false, fresh = false, keep_sound = false, json = false;
};
int judge_duplex(const duplex_request&);

}  // namespace hocket::cli
