#pragma once

#include <span>
#include <string>
#include <vector>

#include "actors/gateway/edit/bounded_json.hpp"
#include "graph/core/result.hpp"

namespace hocket::gateway::edit {

/// One change of a graph file, by keys from its root: `["actors", "mic", "rate_hz"]`. A number names an
/// item of a list.
struct change {
  enum class kind : std::uint8_t {
    set,  ///< an entry gets this value; one that is not there, also in maps that are not, is made
    remove,        ///< an entry goes
    remove_actor,  ///< the actor of that name, and what other actors' inputs get from it
  };
  kind what = kind::set;
  std::vector<std::string> path;
  json to;  ///< set
};

/// `{"op": "set", "path": […], "value": …}`, or `remove` with a path, or `remove_actor` with `actor`.
/// Errors: edit.bad_request.
result<change> read_change(const json& j);

/// The text with these changes, one after the other. All else stays as it is, byte for byte: comments,
/// order, line breaks, the way in which something is written. The outcome is parsed and compared with
/// what was wanted, so that it says that and nothing else.
/// Errors: edit.bad_text (it cannot be parsed, with all findings), edit.no_place (a path leads through
/// what is no map, or what is to go is not there), edit.cannot (written in a way that this cannot
/// change: an alias, a key with `?`).
result<std::string> changed(const std::string& text, std::span<const change> changes);

}  // namespace hocket::gateway::edit
