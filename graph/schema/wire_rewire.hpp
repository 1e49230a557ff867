#pragma once

#include <memory>
#include <string>

#include "graph/schema/host.pb.h"
#include "graph/schema/host_message.hpp"

/// What hosts tell each other about a rewire, to its protobuf form and back; for `wire_host` alone.
namespace hocket::wire {

// Ours counts from 0, the wire's from 1: there, 0 is unspecified.
template <class Theirs, class Ours>
Theirs out_of(Ours v) {
  return static_cast<Theirs>(static_cast<int>(v) + 1);
}

/// Reads one message; the first thing that is wrong with it stays in `wrong`.
struct event_reader {
  std::string wrong;

  template <class Ours>
  Ours as(int theirs, Ours last) {
    if (theirs < 1 || theirs > static_cast<int>(last) + 1) {
      if (wrong.empty())
        wrong = "a host message with the value " + std::to_string(theirs) + " in an enum";
      return Ours{};
    }
    return static_cast<Ours>(theirs - 1);
  }
};

void write(const rewire_request& r, RewireRequest& out);
void write(const rewire_outcome& o, RewireOutcome& out);
std::shared_ptr<const rewire_request> read(const RewireRequest& r);
std::shared_ptr<const rewire_outcome> read(event_reader& r, const RewireOutcome& o);

}  // namespace hocket::wire
