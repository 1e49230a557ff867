#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/host/fwd.hpp"
#include "graph/contract/component.hpp"

namespace hocket::host {

/// Conversations that begin while the run goes on: each is prepared, begins when every actor of it
/// has opened, on all hosts, and is refused where one does not. What components ask for
/// (`context.sessions`) comes here; so does `runtime::open_session`.
///
/// A conversation belongs to the instance that asked for it. It ends when that instance does (it
/// closes, fails, hangs, is replaced) and when the run ends; then the instance is not drained before
/// it was told.
///
/// Threads: any. Its mutex is a leaf: nothing is called under it.
class session_requests {
 public:
  /// Told once: from when on the conversation takes packets, or why there is none. False: nobody
  /// waits for it any more, and it ends.
  using answer = std::function<bool(const result<session_id>&)>;
  /// Whom a conversation belongs to.
  struct owner {
    std::string host;        ///< "": this process
    std::uint64_t life = 0;  ///< its instance, in this process; 0: none
    /// Keeps the instance from being drained.
    std::function<std::shared_ptr<const void>()> hold = {};
  };

  explicit session_requests(graph_run& run) : run_(run) {}

  /// Asks for a conversation: here where this host leads, else the leader.
  void ask(owner by, answer told);
  /// Opens one on the host that leads; none: refused, and `told` knows why.
  session_id open(owner by, answer told);
  /// The host that leads opens one: `ready` is told when the actors of this host have opened. It
  /// does not begin before session_table::start().
  void prepare(session_id id, owner by, answer ready);
  /// All other hosts have opened it, or one refuses.
  void peers_opened(session_id id, const result<void>& how);
  /// What waited for the sources to go may be opened.
  void run_started();

  /// One of its cells has opened, or will not. May be called under a cell's token.
  void cell_opened(session_id id);
  /// It waits for its actors.
  bool is_opening(session_id id) const;
  /// It drains from now on.
  void closing(session_id id);
  /// It is over here: its components are told.
  void ended(session_id id);
  /// Called for each conversation that is over, while the instance lives.
  using listener = std::function<void(session_id, std::shared_ptr<const void> keep)>;
  void on_end(std::uint64_t life, listener told);
  /// An instance is gone: its conversations end, and it is told no more.
  void owner_gone(std::uint64_t life);
  /// A process is gone: so are its components.
  void host_gone(const std::string& host);
  /// The run ends: all that belong to components of this process end.
  void close_owned();
  /// By a timer that is due at once.
  void later(std::function<void()> f);

 private:
  struct opening {
    owner by;
    answer told;
    bool leads = false;       ///< it begins here when all have opened
    bool peers_open = false;  ///< leads: the others have
  };
  void settle(session_id id);
  void refuse(session_id id, const std::string& why);
  /// How its actors here opened; false: not all have.
  bool all_opened(session_id id, std::string& refused) const;
  void close_if(const std::function<bool(const owner&)>& concerns);

  graph_run& run_;
  mutable std::mutex mutex_;
  std::map<session_id, opening> opening_;
  std::map<session_id, owner> owners_;
  /// Of conversations that drain: their owners' holds.
  std::map<session_id, std::shared_ptr<const void>> draining_;
  std::vector<std::pair<std::uint64_t, listener>> listeners_;
  std::vector<std::pair<owner, answer>> waiting_;  ///< for the sources to go
};

/// What one instance of a component sees of them. Everything that it asks for happens after the
/// call that asks: by a timer that is due at once, so that virtual time is the same every time and
/// no lock of the asking actor is held.
std::shared_ptr<session_control> make_session_control(std::weak_ptr<graph_run> run,
                                                      std::uint64_t life, const context& of);

}  // namespace hocket::host
