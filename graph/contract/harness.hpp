#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "graph/contract/component.hpp"
#include "graph/contract/registry.hpp"

namespace hocket {

/// How a harness drives its component. Everything has a default that suits a unit test.
struct harness_options {
  value config = value(value::map{});       ///< as in a graph file; see `settings`
  std::optional<input_policy> policy = {};  ///< the type's own by default
  micro_turn_grid grid = {};
  /// Names of the connected inputs; by default all are. Others are never missing in a bundle.
  std::optional<std::vector<std::string>> connected = {};
  std::vector<session_id> sessions = {session_id{1}};
  const registry* types = nullptr;  ///< for components that ask tools
  /// What opening another session says, instead of opening one.
  std::optional<error> no_more_sessions = {};
  std::string output_dir = "out";
  std::shared_ptr<const trust::capability> may = nullptr;  ///< see context
};

/// A config map from pairs: `settings({{"rate_hz", 16000}, {"mode", "fast"}})`. Integers, doubles,
/// booleans and strings.
struct setting {
  std::string key;
  value item;
  setting(std::string k, bool v) : key(std::move(k)), item(v) {}
  setting(std::string k, int v) : key(std::move(k)), item(std::int64_t{v}) {}
  setting(std::string k, std::int64_t v) : key(std::move(k)), item(v) {}
  setting(std::string k, double v) : key(std::move(k)), item(v) {}
  setting(std::string k, const char* v) : key(std::move(k)), item(std::string(v)) {}
  setting(std::string k, std::string v) : key(std::move(k)), item(std::move(v)) {}
  setting(std::string k, value v) : key(std::move(k)), item(std::move(v)) {}
};
value settings(std::vector<setting> pairs);

/// Runs one component without host, threads and time: a manual clock, packets pushed by hand,
/// everything it emits kept and checked against its declaration.
///
///     harness h(type_of<gain>(), {.config = settings({{"gain_db", 6.0}})});
///     REQUIRE(h.open());
///     REQUIRE(h.push("audio", timestamp::of_ms(0), chunk));
///     CHECK(h.outputs("audio").size() == 1);
///     REQUIRE(h.close());
///     CHECK(h.violations().empty());
///
/// Threads: one, except that the component's own threads may use its mailbox_handle.
class harness {
 public:
  explicit harness(component_type type, harness_options options = {});
  ~harness();
  harness(const harness&) = delete;
  harness& operator=(const harness&) = delete;

  /// Reads the config, makes the component and opens it.
  /// Errors: harness.config (the findings as text), or what open() reports.
  result<void> open();

  /// Hands a packet over at once (policies immediate, latest), or keeps it for its set, which
  /// `advance_to` (micro_turn) or the last missing bound (aligned) hands over.
  result<void> push(std::string_view port, packet p);
  template <class T>
  result<void> push(std::string_view port, timestamp ts, T content) {
    return push(port, make_packet(ts, std::move(content)));
  }
  /// Promises that no packet before `ts` comes on the input any more (policy aligned).
  result<void> settle(std::string_view port, timestamp ts);
  /// Control for the component: input_lost, end_of_stream, ... `port` may be "" where none applies.
  result<void> control_packet(std::string_view port, control c);
  /// The following pushes belong to this session.
  void use_session(session_id session) { session_ = session; }

  /// Lets stream time pass: sources produce, sets are handed over, ticks come, posted work runs;
  /// all in order of time. Stops at the first error.
  result<void> advance_to(timestamp until);
  result<void> advance(duration d) { return advance_to(time_.now() + d); }
  /// Advances until the source ended. Errors: harness.endless where it has not by `limit`.
  result<void> run_to_end(timestamp limit);

  /// Waits for work that the component's threads post, and runs it. False after `limit`.
  bool run_posted(duration limit = std::chrono::seconds(5));

  /// Last words; also done by the destructor.
  result<void> close();

  timestamp now() const { return time_.now(); }
  bool ended() const { return ended_; }
  component& subject() { return *component_; }

  /// Everything that came out of a port so far, in order.
  const std::vector<packet>& outputs(std::string_view port) const;
  /// The same, and forgets it.
  std::vector<packet> take(std::string_view port);
  /// The payloads of a port that are a T.
  template <class T>
  std::vector<T> values(std::string_view port) const {
    std::vector<T> out;
    for (const auto& p : outputs(port))
      if (const auto* v = p.get_if<T>()) out.push_back(*v);
    return out;
  }

  /// What the component did against its declaration: wrong payloads, time running backwards.
  const std::vector<std::string>& violations() const { return violations_; }
  const std::vector<std::string>& logs() const { return logs_; }
  std::int64_t counter(const std::string& name) const;
  std::uint64_t interrupts() const { return interrupts_; }
  /// Conversations that are open now; a component opens and closes them by `context.sessions`.
  const std::vector<session_id>& sessions() const { return options_.sessions; }
  epoch_number epoch(session_id session) const;
  std::uint64_t late() const { return late_; }  ///< packets of a micro-turn already handed over

 private:
  class sink;
  class mailbox;
  class session_keeper;
  struct input_state {
    bool connected = true;
    std::map<session_id, std::vector<packet>> pending;
    std::map<session_id, timestamp> bound;  ///< aligned: nothing before it comes any more
  };

  std::size_t input_index(std::string_view port) const;
  std::size_t output_index(std::string_view port) const;
  result<void> guarded(const std::function<result<void>(emitter&)>& call, session_id session,
                       epoch_number epoch);
  result<void> hand_over_micro_turn(std::int64_t k);
  result<void> hand_over_aligned();
  std::optional<timestamp> next_settled(session_id session) const;
  bundle take_bundle(session_id session, timestamp from, timestamp to);
  void drop_old_epochs(session_id session);
  result<void> step(timestamp t);
  void run_due_posts();
  std::shared_ptr<session_control> make_sessions();

  component_type type_;
  harness_options options_;
  std::unique_ptr<config_base> config_;
  std::unique_ptr<component> component_;
  context context_;
  manual_clock time_;
  input_policy policy_ = input_policy::immediate;
  session_id session_ = session_id{1};
  std::vector<input_state> inputs_;
  std::vector<std::vector<packet>> outputs_;
  std::map<std::pair<std::size_t, session_id>, std::uint64_t> next_seq_;
  std::map<std::pair<std::size_t, session_id>, timestamp> last_ts_;
  std::map<session_id, std::uint64_t> pushed_;
  std::map<session_id, epoch_number> epochs_;
  std::vector<std::string> violations_;
  std::vector<std::string> logs_;
  std::map<std::string, std::int64_t> counters_;
  mutable std::mutex notes_mutex_;  ///< log() and count() may come from the component's threads
  std::shared_ptr<mailbox> mailbox_;
  std::uint64_t interrupts_ = 0;
  std::uint64_t late_ = 0;
  std::int64_t next_micro_turn_ = 0;
  timestamp next_produce_;
  bool ended_ = false;
  bool opened_ = false;
};

}  // namespace hocket
