#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <set>

namespace hocket::wire {

/// How many connections of strangers a listening socket holds: those that have said nothing yet which
/// their key allowed them to say. Beyond that the one that has been silent for longest is shut down,
/// so that a flood takes neither this process's descriptors nor a peer's place: a peer speaks within
/// milliseconds.
///
/// ZeroMQ owns the descriptors; a shut-down connection is closed by it. Threads: any.
class door {
 public:
  /// `is_ours`: shuts only what is connected to `port`, since a number may be another file by now.
  explicit door(int port, std::size_t strangers_max = 64)
      : port_(port), strangers_max_(strangers_max) {}

  void accepted(int fd);
  void closed(int fd);
  void spoke(int fd);
  std::size_t strangers() const;

 private:
  void shut(int fd) const;

  const int port_;
  const std::size_t strangers_max_;
  mutable std::mutex mutex_;
  std::deque<int> silent_;  ///< in the order in which they came
  std::set<int> known_;
};

/// Whether so many files could be opened now: asked before a socket is made, whose library ends the
/// process where it gets none.
bool descriptors_left(int count);

/// Lets the process open as many files as the system allows it.
void raise_descriptor_limit();

}  // namespace hocket::wire
