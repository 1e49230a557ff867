// What a recorder does once a conversation is to be forgotten (policy.guard's and gateway.door's output `forgets`).
#pragma once

#include <cstdint>
#include <string>

#include "graph/contract/component.hpp"

namespace hocket::record {

/// Of a recorder's inputs and outputs for it.
input_port forgets_input();
output_port forgotten_output();

/// What was there, and is not any more.
struct forgotten_files {
  std::int64_t files = 0, bytes = 0;
  std::string failed;  ///< why one could not be removed; empty: none is left
};

/// Removes a file that is closed, with its pieces (where it has some: others are of a run before) and what a turn
/// left beside it. Free blocks of a disk and copies are not covered.
forgotten_files remove_recorded(const std::string& path, bool has_pieces);

/// Says so: a line of the log, a counter (`forgotten`, `not_forgotten`), and the word for a ledger (policy.incidents).
void tell_forgotten(const context& where, const forgotten_files& what, std::size_t port,
                    timestamp at, emitter& out);

}  // namespace hocket::record
