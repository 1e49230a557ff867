#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "actors/distributed/remote_links.hpp"
#include "actors/host/peer_hosts.hpp"
#include "actors/host/run/graph_run.hpp"

namespace hocket::distributed {

/// One host among those that run a plan together. There is no coordinator process: the host of the
/// first source (`host_plan::leader`) opens sessions and says when the run begins and ends; every
/// host goes on alone as long as nothing begins or ends.
///
/// Start: each host listens and greets the leader; when all are there the leader names the
/// sessions, every host opens its actors, and when all are open the sources go. A process that
/// comes back later takes the same steps alone, and stream time goes on. When the leader comes
/// back, the others tell it the sessions and the time.
///
/// End: when no source is left anywhere the leader says so; packets and ends of streams then close
/// actor after actor. Those whose back edges may still bring something are closed upstream first
/// over all hosts, when all are idle and nothing is on the wire. When all actors have closed all
/// hosts end.
///
/// Virtual time goes in rounds. In each, every host takes in what was sent to it in the round
/// before (no more, though a quick host may have sent it: the leader tells how much; and in an
/// order that does not depend on the wire), runs its timers that the leader lets go, works until
/// nothing is left to do, and reports. When nothing is on the way the leader lets the timers of the
/// next instant and rank go. So the result is the same every time, and that of one process.
///
/// Threads: any. Locks: `mutex_` is never held while the run or a cell is called.
class membership final : public peer_hosts, public wire::node_events {
 public:
  using session_answer = std::function<bool(const result<session_id>&)>;
  membership(graph_run& run, host_options mine);

  remote_links& links() { return links_; }
  /// Called with each message about a rewire, until close(). Set before begin().
  std::function<void(const std::string& peer, const wire::host_event&)> on_rewire_message;

  // peer_hosts
  result<void> listen() override { return links_.open(*this); }
  void begin() override;
  void join() override;
  void close() override { links_.close(); }
  void detach_all() override { links_.detach_all(); }
  remote_end* end_of(actor_index actor) override { return links_.knows(actor) ? &links_ : nullptr; }
  bool leads() const override { return local_.leads(); }
  void ask_session(session_answer told) override;
  void session_opened(session_id id, const std::string& owner) override;
  void session_started(session_id id) override;
  void session_closing(session_id id) override;
  void session_removed(session_id id) override { links_.remove_session(id); }
  void interrupted(session_id id, epoch_number epoch, std::optional<actor_index> by) override;
  void stopped(end_reason why, const std::string& detail, bool from_peer) override;
  void check() override;
  bool idle_virtual() override;
  void add_status(snapshot& s) const override { links_.add_status(s); }

  // wire::node_events
  bool packet_arrived(std::uint32_t link, packet&& p) override;
  void control_arrived(const std::string& peer, const wire::host_message& m) override;
  void room_again(std::uint32_t link) override;
  void peer_changed(const std::string& peer, wire::peer_state s, const std::string& reason,
                    bool restarted) override;
  void gap(std::uint32_t link, session_id session, std::uint64_t from_seq,
           std::uint64_t to_seq) override;

 private:
  /// What the others agreed on: conversations and the monotonic time of stream time zero.
  struct run_start {
    std::vector<session_start> sessions;
    std::string from;           ///< leader that came back: the host that said so, by its clock
    std::int64_t began_ns = 0;  ///< 0: not yet
  };
  /// A round that the leader wants.
  struct wanted_round {
    wire::round_order order;
    channel_counts expected;  ///< of it: what must have come before, and what it takes in
  };
  struct peer_progress {
    bool up = false, greeted = false, running = false, opened = false, lost = false;
    std::optional<wire::host_report> last;
    std::int64_t last_ns = 0;
  };
  struct waiting {
    ordered_channel from;
    std::uint64_t number = 0;  ///< in its channel, from 1
    received what;
  };

  // Start: shared_start.cpp
  /// On a thread of its own: from the first greeting until the sources go, or the end.
  void take_part();
  void stop_waiting();
  void lead();
  void follow();
  bool wait_until(const std::function<bool()>& holds);
  void wait_for_who_lives(const std::function<bool()>& reached);
  bool open(const std::vector<session_start>& sessions);
  void start(std::int64_t began_ns);
  void abort();
  void tell_it_is_gone(const std::string& peer);
  void greet_leader();
  void send_run_start(const std::string& peer);
  std::int64_t to_our_clock(const std::string& peer, std::int64_t their_ns);
  void on(const std::string& peer, const wire::host_present& m);
  void on(const std::string& peer, const wire::actors_open& m);
  void on(const std::string& peer, const wire::open_actors& m);
  void on(const std::string& peer, const wire::start_sources& m);
  void on(const std::string& peer, const wire::session_open& m);
  void on(const std::string& peer, const wire::session_ready& m);
  void on(const std::string& peer, const wire::session_start& m);
  void on(const std::string& peer, const wire::session_close& m);
  void on(const std::string& peer, const wire::session_ask& m);
  void on(const std::string& peer, const wire::session_answer& m);
  void on(const std::string& peer, const wire::stop_run& m);
  /// Whether a host may end the run for all; where not, that is noted and told.
  bool may_stop(const std::string& peer, const std::string& why);
  void on(const std::string& peer, const wire::begin_ending& m);
  void on(const std::string& peer, const wire::close_next& m);
  void on(const std::string& peer, const wire::finish_run& m);
  void on(const std::string& peer, const wire::host_report& m);
  void on(const std::string& peer, const wire::round_order& m);
  void send(const std::string& peer, wire::host_event event);
  void send_all(const wire::host_event& event);
  void not_told(const std::string& peer);
  // Sessions: shared_sessions.cpp
  /// In virtual time it takes its place in the rounds.
  void tell(const std::string& peer, wire::host_event event);
  void tell_all(const wire::host_event& event);
  void prepare_session(const wire::session_open& m);
  /// Nobody waits for this host: it is gone, or begins anew.
  void do_not_wait_for(const std::string& peer);
  void refuse_asks(const std::string& code, const std::string& why);
  void take_early_sessions();
  bool is_leader(const std::string& peer) const { return peer == local_.leader; }
  bool may_interrupt(const std::string& peer, const wire::epoch_raised& m);
  void accept(const std::string& peer, received&& a);
  void follow_clock(std::int64_t now_ns);

  // End and rounds: virtual_rounds.cpp
  wire::host_report report_now(std::int64_t now_ns);
  void lead_end(std::int64_t now_ns);
  void finish_when_told(std::int64_t now_ns);
  void close_next(std::size_t host, const wire::host_report& r);
  /// All reports, by the number of the host; none where one is missing.
  std::vector<std::pair<std::size_t, wire::host_report>> all_reports(
      const wire::host_report& own) const;
  void lead_round();
  wire::round_order next_round(const std::vector<std::pair<std::size_t, wire::host_report>>& all);
  void begin_round_if_complete();
  void take_in(const std::string& peer, const wire::host_event& about_session);
  void run_round(const wire::round_order& o, std::vector<waiting> items);
  void report_round();
  bool end_alone();
  std::size_t host_index(const std::string& name) const;

  graph_run& run_;
  const host_plan& local_;
  const host_options mine_;
  remote_links links_;
  std::thread joining_;
  mutable std::mutex mutex_;
  std::string deaf_;  ///< a host that could not be told what it had to be; check() ends the run
  /// Virtual time: a host is gone, and there are no more rounds. Each ends by itself.
  std::atomic<bool> rounds_over_{false};
  std::condition_variable changed_;
  std::map<std::string, peer_progress> peers_;  ///< the peers
  std::optional<run_start> run_start_;
  bool opening_ = false;  ///< leader: sessions were named
  bool started_ = false;
  bool start_wanted_ = false;
  bool finish_wanted_ = false;
  bool finished_ = false;
  bool end_sent_ = false;
  std::vector<waiting> waiting_;      ///< virtual time: until the round
  channel_counts received_;           ///< all that was put into waiting_
  std::int64_t leader_began_ns_ = 0;  ///< on the leader's clock
  std::int64_t next_report_ns_ = 0, next_clock_ns_ = 0, closed_ns_ = 0, closed_since_ns_ = 0;
  int closed_again_ = 0;  ///< how often the same actor was released
  std::optional<wire::close_candidate> last_closed_;

  std::map<session_id, std::set<std::string>>
      announced_;                                 ///< leader: hosts that have not opened it
  std::map<std::uint64_t, session_answer> asks_;  ///< of our components, to the leader
  std::uint64_t next_ask_ = 1;
  /// Real time: sessions that were opened or closed before we go.
  std::deque<std::variant<wire::session_open, wire::session_close>> early_sessions_;

  // Rounds.
  std::optional<wanted_round> wanted_;
  std::int64_t round_ = 0;      ///< begun here
  std::int64_t led_round_ = 0;  ///< leader: ordered
  /// Leader: by host, what it had sent when the last round was ordered.
  std::map<std::size_t, channel_counts> known_sent_;
  std::optional<wire::host_report> own_;  ///< leader: of the round
  bool report_due_ = true;
  std::uint64_t reported_activity_ = 0;
  wire::timer_due allowed_until_{-1, -1};  ///< driver's thread only
};

}  // namespace hocket::distributed
