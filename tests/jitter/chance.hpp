#pragma once

#include <cstdint>

namespace hocket::jitter {

/// Whether something with odds 1 : `one_in` happens now, for the calling thread. The same seed gives
/// the same answers to the same thread of the same process: a thread's chances come from the seed, the
/// process's words (paths and numbers aside) and which child of which thread it is.
bool happens(unsigned one_in);

/// Lets the calling thread sleep with odds 1 : `one_in`, mostly a fraction of `up_to_ms`, seldom ten
/// times as long; a slow thread far more often. errno stays as it is.
/// Threads: any, also in a child between fork and exec; no memory is taken.
void nap(unsigned one_in, double up_to_ms);

/// A number in [0, below).
std::uint64_t below(std::uint64_t bound);

/// Of which a thread that the calling one starts now takes its chances.
std::uint64_t of_a_child();
void begin_thread(std::uint64_t child);

}  // namespace hocket::jitter
