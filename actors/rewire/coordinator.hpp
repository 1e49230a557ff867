#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "actors/host/run_changes.hpp"
#include "actors/rewire/fwd.hpp"
#include "actors/rewire/rewirer.hpp"
#include "graph/schema/host_message.hpp"
#include "graph/trust/budget.hpp"

namespace hocket::rewire {

/// A rewire over several hosts, by messages of the control lane. The host that is asked passes the
/// new file on to the leader of the run (`host_plan::leader`). The leader sends it to all; each
/// host validates it, opens its new actors beside the old ones and votes. All in favour: the leader
/// names the micro-turn at the end of which all change over. One against, lost, or too late: all
/// roll back.
///
/// Each keeps its vote before it gives it, the leader last of all (`options::voted`), and what was
/// decided: the leader when it has changed over, the others as soon as they hear of it
/// (`options::decided`); these pass it on, which counts where the leader is lost. A host that has
/// voted, loses the leader and hears of no decision within a second goes on with the old graph, and its
/// vote stays open (`undecided_code`). Whoever was killed with an open vote, the leader too, asks the
/// others when it is started again.
///
/// Threads: any; what takes long runs on threads of its own.
class coordinator {
 public:
  coordinator(graph_run& run, rewirer& changes, distributed::membership& hosts)
      : run_(run), rewirer_(changes), hosts_(hosts) {}
  ~coordinator();

  /// Asks for a rewire, on whatever host; waits until it is done.
  rewire_outcome run(const rewire_request& request);
  /// A message of another host about a rewire.
  void take(const std::string& peer, const wire::host_event& m);
  /// The run is over: waits for what is under way, which ends.
  void finish();

 private:
  struct replies {
    std::map<std::string, rewire_outcome> votes;  ///< by host; state `planned` = in favour
    std::map<std::string, rewire_outcome> done;
  };
  /// Which processes the others were: a host that is another one later has died.
  using incarnations = std::map<std::string, std::uint64_t>;
  struct decision {
    bool commit = false;
    std::int64_t micro_turn = 0;
  };

  rewire_outcome lead(rewire_request request);
  rewire_outcome ask(const rewire_request& request);
  void participate(std::string leader, std::uint64_t number, rewire_request request);
  void take_part(const std::string& leader, std::uint64_t number, rewire_request request);
  /// What the leader decided; none where it is lost, too late, or this run is over.
  std::optional<decision> wait_for_decision(const std::string& leader, std::uint64_t number,
                                            int limit_s, const incarnations& before);
  /// The host for which the request is too large, or none; then nobody prepares.
  std::optional<std::string> send_prepare(std::uint64_t number, const rewire_request& asked);
  /// The host that is against, or none; waits for all votes.
  std::optional<std::string> first_refusal(std::uint64_t number, int limit_s,
                                           const incarnations& before, rewire_outcome& why);
  /// Waits for what the others say of their commit, but not for hosts that were lost since
  /// `before`.
  void collect_done(std::uint64_t number, const incarnations& before, rewire_outcome& out);
  incarnations who_is_there() const;
  /// What is known of a host that has not said whether it changed over; `none`: it is still there.
  std::optional<std::string> outcome_of(const std::string& host, const incarnations& before,
                                        const rewire_outcome& out) const;
  std::optional<std::string> missing_host() const;
  /// Lets a change know what the other hosts say of what retires there.
  void join_moves(rewirer::change& c, std::uint64_t number, const incarnations& before);
  static std::uint64_t first_number();
  bool is_there(const std::string& host) const;
  /// Whether it is lost, or another process than it was before.
  bool is_gone(const std::string& host, const incarnations& before) const;
  bool run_over() const;
  bool send(const std::string& to, wire::host_event event);
  void send_all(const wire::host_event& event);
  void on(const std::string& peer, const wire::rewire_ask& m);
  void on(const std::string& peer, const wire::rewire_prepare& m);
  void on(const std::string& peer, const wire::rewire_commit& m);
  void on(const std::string& peer, const wire::rewire_abort& m);
  void on(const std::string& peer, const wire::rewire_answer& m);
  void on(const std::string& peer, const wire::rewire_vote& m);
  void on(const std::string& peer, const wire::rewire_done& m);
  /// Does it in a thread of its own; false where the peer has enough under way.
  bool spawn_for(const std::string& peer, std::function<void()> f);

  graph_run& run_;
  rewirer& rewirer_;
  distributed::membership& hosts_;
  std::mutex leading_;  ///< one rewire at a time
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  /// Not from one on: a leader that began anew must not seem to go on with the votes of the one
  /// before.
  std::uint64_t last_ = first_number();
  std::map<std::uint64_t, replies> replies_;
  std::map<std::uint64_t, decision> decisions_;  ///< as a follower
  std::map<std::uint64_t, decision> passed_on_;  ///< the same, as other followers heard it
  /// Hosts on which all that retired has closed, by change: actors that came from there begin.
  std::map<std::uint64_t, std::set<std::string>> left_;
  bool takes_part_ = false;  ///< as a follower: one rewire at a time
  std::map<std::uint64_t, rewire_outcome> answers_;
  std::uint64_t asked_ = 0;  ///< the newest question to the leader; nobody else's answers are kept
  std::optional<host::graph_text> asked_for_;  ///< as long as somebody waits for it
  int asked_makes_ = 0;  ///< the revision that it makes, as this host counts; 0: whatever
  struct errand {
    trust::budget::share place;
    std::atomic<bool> over{false};
  };
  /// What one peer, and all of them, may have this host do at a time.
  trust::budget budget_{std::map<trust::spends, trust::spending_limit>{
      {trust::spends::threads, {.of_each = 4, .of_all = 64}}}};
  std::list<std::pair<std::thread, std::unique_ptr<errand>>> threads_;
};

}  // namespace hocket::rewire
