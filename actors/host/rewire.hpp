#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/core/timestamp.hpp"
#include "graph/spec/rewire.hpp"

namespace hocket::host {

/// A graph file as text, with the files that it includes, by path: so it can travel.
struct graph_text {
  std::string file;
  std::string text;
  std::map<std::string, std::string> includes = {};
};

struct rewire_request {
  graph_text graph;
  /// Commit at the first micro-turn boundary at or after this stream time.
  timestamp not_before = timestamp::min();
  bool dry_run = false;       ///< say what would change; touch nothing
  int prepare_limit_s = 120;  ///< how long opening the new actors may take
  /// Between hosts: what the text must read as, and the number that it gets. "", 0: whatever.
  std::string hash = {};
  int revision = 0;
};

/// As JSON, and back; none where the text is no request.
std::string to_json(const rewire_request& r);
std::optional<rewire_request> read_request(const std::string& text);

enum class rewire_state : std::uint8_t {
  refused,      ///< the new file is wrong, or the run cannot become it: nothing was touched
  unchanged,    ///< the new graph is the one that runs
  planned,      ///< dry run: it could be done
  rolled_back,  ///< something failed while preparing; the old graph went on all the time
  committed,
};
std::string_view to_string(rewire_state s);

/// What became of the packets that were queued on one link.
struct rewire_link_report {
  std::string link;
  std::uint64_t handed_over = 0;  ///< to the queue in front of the new instance
  std::uint64_t dropped = 0;      ///< reason `rewired`
};

/// What a rewire did, for a person and for the history.
struct rewire_outcome {
  rewire_state state = rewire_state::refused;
  std::string graph;
  int revision = 0;  ///< that runs now; the one a run starts with is 1
  std::string hash_before, hash_after;
  timestamp at;  ///< the boundary
  double prepared_ms = 0;
  double settled_ms = 0;  ///< from the boundary until all that left had closed
  std::string host;       ///< where it failed; "" = here, or nowhere
  std::string code, why;  ///< refused, rolled back
  std::vector<actor_change> actors;
  std::vector<link_change> links;
  std::vector<std::string> others;
  std::size_t actors_kept = 0, links_kept = 0;
  std::vector<rewire_link_report> packets;
  std::vector<std::string> notes;
};

std::string to_text(const rewire_outcome& o);
/// One line of JSON, and back; what is not there keeps its default. None where it is no JSON object.
std::string to_json(const rewire_outcome& o);
std::optional<rewire_outcome> read_outcome(const std::string& text);

}  // namespace hocket::host
