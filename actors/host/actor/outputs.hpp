#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/host/fwd.hpp"
#include "actors/host/actor/link_end.hpp"
#include "actors/host/run/session_state.hpp"
#include "graph/core/timestamp.hpp"

namespace hocket::host {

/// What is known of one output stream of one session.
struct stream_state {
  std::uint64_t next_seq = 0;
  timestamp last_ts = timestamp::min();
  bool ended = false;
};

/// Where the packets of one session go from one cell. The routes change under the `emitting` of the
/// cell's instance and the outputs' mutex both: holding one of them is enough to read.
struct session_outputs {
  std::shared_ptr<session_state> session;        ///< nullptr: no session
  std::vector<std::vector<link_end>> link_ends;  ///< by output port
  std::vector<stream_state> streams;             ///< by output port
  session_id id() const { return session ? session->id : session_id::none; }
  epoch_number epoch() const {
    return session ? session->epoch.load(std::memory_order_acquire) : 0;
  }
};

/// The ways out of a cell, by session.
///
/// Threads: any; add() while nothing is emitted. Its mutex is a leaf; no cell is called under it.
class outputs {
 public:
  /// `only`: the cell belongs to this session and has no other.
  void add(std::shared_ptr<session_outputs> out, bool only);
  void remove(session_id id);
  /// nullptr: the session is over, or never came here.
  std::shared_ptr<session_outputs> find(session_id id) const;
  /// Of the one session that the cell belongs to; nullptr: it is shared.
  const std::shared_ptr<session_outputs>& only() const { return only_; }
  /// Of conversations that go on.
  std::vector<std::shared_ptr<session_outputs>> open() const;
  std::vector<session_id> sessions() const;
  void each_link(const std::function<void(const session_outputs&, const link_end&)>& f) const;
  std::vector<std::vector<link_end>> links_of(session_id id) const;
  /// The `emitting` of the cell's instance is held.
  void replace_links(session_outputs& of, std::vector<std::vector<link_end>>& with);
  /// Cells that point at each other let go.
  void break_links();
  /// The streams go on where those of the cell before it ended.
  void continue_streams(const outputs& before);

 private:
  mutable std::mutex mutex_;
  std::map<session_id, std::shared_ptr<session_outputs>> all_;
  std::shared_ptr<session_outputs> only_;
};

}  // namespace hocket::host
