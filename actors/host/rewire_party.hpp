#pragma once

#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "actors/host/fwd.hpp"
#include "actors/host/rewire.hpp"
#include "graph/schema/host_message.hpp"

namespace hocket::host {

/// A rewire over several hosts, by messages of the control lane. Whoever is asked passes the new file
/// on to the leader of the run (`part::leader`). The leader sends it to all; each host validates it,
/// opens its new actors on trial and votes. All in favour: the leader names the micro-turn at whose
/// end everybody changes over. One against, lost, or too late: everybody rolls back.
///
/// Each keeps what was decided before the boundary (`runtime_options::decided`).
/// A host that has voted and loses the leader before it hears of the outcome rolls back; if the leader
/// had just decided otherwise, their graph hashes differ, and they refuse each other by name.
///
/// Threads: any; what takes long runs on threads of its own.
class rewire_party {
 public:
  explicit rewire_party(world& w) : world_(w) {}
  ~rewire_party();

  /// Asks for a rewire, on whatever host; waits until it is done.
  rewire_outcome run(const rewire_request& request);
  void take(const std::string& peer, const wire::host_message& m);
  /// The run is over: waits for what is under way, which ends.
  void finish();

 private:
  enum class step : std::int64_t { ask, answer, prepare, vote, commit, give_up, done };
  struct ballot {
    std::map<std::string, rewire_outcome> votes;  ///< by host; state `planned` = in favour
    std::map<std::string, rewire_outcome> done;
  };
  /// Which processes the others were: who is another one later has died.
  using incarnations = std::map<std::string, std::uint64_t>;
  struct decision {
    bool commit = false;
    std::int64_t micro_turn = 0;
  };

  rewire_outcome lead(rewire_request request);
  rewire_outcome ask(const rewire_request& request);
  void take_part(std::string leader, std::int64_t number, std::string text);
  /// The host that is against, or none; waits for all votes.
  std::optional<std::string> against(std::int64_t number, int limit_s, const incarnations& before,
                                     rewire_outcome& why);
  /// Waits for what the others say of their commit, but for nobody who was lost since `before`.
  void gather(std::int64_t number, const incarnations& before, rewire_outcome& out);
  incarnations who_is_there() const;
  /// What is known of a host that has not said whether it changed over; `none`: it is still there.
  std::optional<std::string> fate_of(const std::string& host, const incarnations& before,
                                     const rewire_outcome& out) const;
  std::optional<std::string> missing_host() const;
  static std::int64_t first_number();
  bool is_there(const std::string& host) const;
  /// Whether it is lost, or another process than it was before.
  bool is_gone(const std::string& host, const incarnations& before) const;
  bool over() const;
  bool tell(const std::string& to, step what, std::vector<std::int64_t> values,
            std::string detail = {});
  void tell_all(step what, const std::vector<std::int64_t>& values, const std::string& detail = {});
  void spawn(std::function<void()> f);

  world& world_;
  std::mutex leading_;  ///< one rewire at a time
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  /// Not from one on: a leader that began anew must not seem to go on with the votes of the one before.
  std::int64_t last_ = first_number();
  std::map<std::int64_t, ballot> ballots_;
  std::map<std::int64_t, decision> decisions_;  ///< as a follower
  std::map<std::int64_t, rewire_outcome> answers_;
  std::list<std::thread> threads_;
};

}  // namespace hocket::host
