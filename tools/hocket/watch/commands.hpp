// The commands that look at runs, and at the machine.
#pragma once

#include <cstdint>
#include <string>

#include "tools/hocket/commands.hpp"
#include "tools/hocket/shipped.hpp"

namespace hocket::cli {

struct top_options {
  watch_options where;  ///< nothing given: out/
  bool once = false;
  bool json = false;
  double every_s = 1;
};
int run_top(const top_options&);

struct echo_options {
  std::string output;         ///< ACTOR.PORT
  watch_options where;        ///< nothing given: out/
  std::uint64_t session = 0;  ///< 0: all
  std::uint64_t count = 0;    ///< end after so many packets; 0: with the run
  bool json = false;
};
int run_echo(const echo_options&);

struct hz_options {
  std::string port;           ///< ACTOR.PORT, an output or an input
  watch_options where;        ///< nothing given: out/
  std::uint64_t session = 0;  ///< 0: all
  std::uint64_t count = 0;    ///< end after so many lines; 0: with the run
  double every_s = 1;
  bool input = false;  ///< of a port that is both: the input
  bool json = false;
};
int run_hz(const hz_options&);

struct send_options {
  std::string output;  ///< ACTOR.PORT
  std::string payload;
  bool given = false;   ///< `payload`; else each line of standard input is one
  watch_options where;  ///< nothing given: out/
  std::uint64_t session = 1;
  double wait_s = 5;  ///< for the actor's turn
  bool json = false;
};
int run_send(const send_options&);

struct doctor_options {
  std::string graph;  ///< "": the machine only
  graph_options how;
  watch_options where;  ///< running graphs; nothing else is looked at then
  std::string models = shipped("configs/models");
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
