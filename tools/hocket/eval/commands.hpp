// The commands that judge and measure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/hocket/commands.hpp"
#include "tools/hocket/shipped.hpp"

namespace hocket::cli {

struct eval_options {
  std::string what = "closed-loop";
  std::string model = shipped("configs/models/nano");
  std::int64_t conversations = 200;
  std::uint64_t seed = 0;             ///< 0: the held-out seeds
  double seconds = 15;                ///< length of a conversation
  std::vector<std::string> families;  ///< empty: the core
  bool rich = false;                  ///< flite voices, rooms, echo, loss
  int batch = 32;
  std::string out;  ///< "": no files
  bool json = false;
};
int run_eval(const eval_options&);

struct bench_options {
  std::string model = shipped("configs/models/nano");  ///< session
  std::string language_model;    ///< lora, tinker; without one, `all` leaves it out
  double seconds = 0;            ///< about how long to measure; 0: the default
  int sessions = 0;              ///< session: batch; 0: the default sweep
  std::int64_t micro_turns = 0;  ///< session: 0 = 18000
  bool quick = false;            ///< a smoke run of a few seconds; not for reports
  std::string out;               ///< also writes the JSON there
  int processes = 2;             ///< parallel
  std::string csv;               ///< wire: also in dora-benchmark's form, to this file
  bool json = false;
  int calls = 0;  ///< gateway: only calls (WebRTC), so many at once; 0: all
};
int run_bench_gateway(const bench_options&);
int run_bench_hop(const bench_options&);
int run_bench_python(const bench_options&);
int run_bench_session(const bench_options&);
int run_bench_lora(const bench_options&);
int run_bench_parallel(const bench_options&);
int run_bench_plan(const bench_options&);
int run_bench_tinker(const bench_options&);
int run_bench_wire(const bench_options&);

using benchmark = int (*)(const bench_options&);
/// One after the other; several together give one JSON object where JSON is asked for.
int run_benchmarks(const std::vector<benchmark>& parts, const bench_options& o);

}  // namespace hocket::cli
