// What is judged: a graph, and where its ears and mouth are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/contract/registry.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::duplex {

/// An output of an actor.
struct port_of {
  actor_index actor = 0;
  std::size_t port = 0;
  bool operator==(const port_of&) const = default;
};

struct subject_options {
  std::string input;               ///< "actor.port" of the person's sound; "": found
  std::string audio;               ///< of the model's sound
  std::vector<std::string> texts;  ///< of the model's words
};

/// A graph with its ports. `graph` points into `types`.
struct subject {
  plan graph;
  const registry* types = nullptr;
  port_of person;                 ///< replaced by the item's sound
  std::optional<port_of> camera;  ///< replaced by the item's pictures; none: the graph cannot see
  port_of audio;                  ///< what is heard
  /// `audio` is a playout's: told when it has sounded. Known by its other output, `played`.
  bool tells_what_sounded = false;
  std::vector<port_of> texts;  ///< what it says, role `model`
  bool has_tools = false;      ///< some output carries tool calls
};

/// Finds the ports: the person is the one source with an audio output that is linked, the camera the
/// one with a linked video output; the model's sound is the last audio output behind a source's;
/// its words are the text outputs of the actor nearest to that sound, upstream.
/// *Errors*: duplex.port, which names the candidates.
result<subject> make_subject(const plan& graph, const registry& types, const subject_options& how);

/// "speaker.heard"
std::string name_of(const plan& graph, const port_of& p);

}  // namespace hocket::duplex
