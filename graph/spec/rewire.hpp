#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/spec/plan.hpp"

namespace hocket {

/// What a rewire does to an actor of the running graph, or of the new one.
enum class actor_fate : std::uint8_t {
  untouched,  ///< it notices nothing
  rewired,    ///< its instance and state live on; links or queues around it change
  adjusted,   ///< the same, and its supervision (restart, watchdog_ms) is another
  replaced,   ///< a new instance takes its place: another component, config, policy or host
  added,
  removed,  ///< drains, says its last words, closes
};
std::string_view to_string(actor_fate fate);

enum class link_fate : std::uint8_t {
  untouched,
  requeued,  ///< other size, policy or age; what is queued stays
  added,
  removed,
};
std::string_view to_string(link_fate fate);

/// One line of a report about an actor that something happens to.
struct actor_change {
  std::string name;
  std::string component;
  std::string host;
  actor_fate fate = actor_fate::untouched;
  std::vector<std::string> why;  ///< "rate_hz: 16000 -> 8000", "component: a -> b", …
};

struct link_change {
  std::string name;  ///< "mic.audio > ears.audio"
  link_fate fate = link_fate::untouched;
  std::string why;  ///< the queue, or the old and the new one
};

/// The way from one plan to another.
struct rewire_plan {
  /// What runs afterwards. Actors and links that stay keep their numbers, what is new gets numbers
  /// behind the last one, and what goes stays in the list as `removed`: a number means one thing
  /// for the whole run, in traces, recordings and on the wire.
  plan next;
  std::vector<actor_fate> actors;  ///< by number in `next`
  std::vector<link_fate> links;    ///< by number in `next`
  /// By number in `next`: whose place a replaced actor takes: its own number, or, where component
  /// or host change, another one. None: nobody's.
  std::vector<std::optional<actor_index>> takes_over;

  std::vector<actor_change> actor_changes;  ///< what changes, in the order of the new file
  std::vector<link_change> link_changes;
  std::vector<std::string> other_changes;  ///< budgets
  std::size_t actors_kept = 0, links_kept = 0;

  bool changes_nothing() const {
    return actor_changes.empty() && link_changes.empty() && other_changes.empty();
  }
};

/// Compares by name: pure, and the same on every host that took the same steps before.
///
/// What a running graph cannot become is refused, all of it at once, with the place in the new file:
/// codes `rewire.*` (graph/spec/codes.cpp). `running` may be the `next` of an earlier rewire.
std::optional<rewire_plan> plan_rewire(const plan& running, const plan& wanted,
                                       diagnostics& findings);

/// For people: what changes, what is lost on the way, what stays.
std::string to_text(const rewire_plan& r);

}  // namespace hocket
