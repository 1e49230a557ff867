#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tools/report/facts.hpp"

namespace hocket::report {

struct turn_record {
  level_cells person;
  level_cells model;
  std::optional<double> compute_ms;
};

struct word_record {
  double t_ms = 0;
  std::string role;  ///< user, heard, model, background
  std::string text;
};

struct delegation_record {
  std::uint64_t request = 0;
  double asked_ms = 0;
  std::string task;
  std::optional<double> answered_ms;  ///< first result
  std::optional<double> ended_ms;     ///< where it was cancelled or superseded
  std::string answer;
  std::string outcome;             ///< ok, failed, cancelled, timed_out, superseded; "" = open
  std::vector<std::string> tools;  ///< tools that were called for it
};

struct event_record {
  double t_ms = 0;
  std::string actor;
  std::string what;
  std::string detail;
};

/// A stretch of somebody's voice.
struct voiced {
  double from_ms = 0;
  double to_ms = 0;
};

/// The person ended, the model began: `answered_ms - ended_ms` is the response latency.
struct response {
  double ended_ms = 0;
  double answered_ms = 0;
};

/// One conversation put together from facts, in any order of arrival.
class conversation {
 public:
  void apply(const fact& f);

  std::string graph;
  std::uint64_t session = 0;
  double micro_turn_ms = 200;
  std::map<std::int64_t, turn_record> turns;
  std::vector<word_record> words;
  std::vector<delegation_record> delegations;
  std::vector<event_record> events;

  double length_ms() const;
  /// Voice activity from the levels, with gaps under 300 ms closed.
  std::vector<voiced> person_voice() const { return voice(&turn_record::person); }
  std::vector<voiced> model_voice() const { return voice(&turn_record::model); }
  /// Every model utterance that answers the person's, for latency marks: the first that begins
  /// after the end of a stretch of the person's voice, while the person is silent, within 4 s.
  std::vector<response> responses() const;

 private:
  std::vector<voiced> voice(level_cells turn_record::*who) const;
  delegation_record& delegated(std::uint64_t request, double t_ms);
};

/// Which conversations a log holds, and one of them: what is about all of them is in each.
std::set<std::uint64_t> sessions_of(const std::vector<fact>& facts);
conversation conversation_of(const std::vector<fact>& facts, std::uint64_t session);
/// All conversations of a log, by session.
std::map<std::uint64_t, conversation> conversations_of(const std::vector<fact>& facts);

/// The q-quantile (0 to 1) of some numbers; 0 where there are none.
double quantile(std::vector<double> values, double q);

}  // namespace hocket::report
