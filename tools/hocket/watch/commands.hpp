// The commands that look at runs, and at the machine.
#pragma once

#include <cstdint>
#include <string>

#include "tools/hocket/commands.hpp"

namespace hocket::cli {

struct top_options {
  watch_options where;  ///< nothing given: out/
  bool once = false;
  bool json = false;
  double every_s = 1;
};
int run_top(const top_options&);

struct doctor_options {
  std::string graph;  ///< "": the machine only
  graph_options how;
  watch_options where;  ///< running graphs; nothing else is looked at then
  std::string models = "configs/models";
  bool security = false;  ///< look at what is weak, and at nothing else
  bool json = false;
};
int run_doctor(const doctor_options&);

struct picture_options {
  std::string events;         ///< events.jsonl of a run
  std::string out;            ///< .svg or .png; "": both, beside the events
  std::uint64_t session = 0;  ///< 0: the first in the log
};
int run_picture(const picture_options&);

}  // namespace hocket::cli
