#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "graph/core/ids.hpp"
#include "graph/core/result.hpp"
#include "graph/core/timestamp.hpp"

/// What hosts of one plan tell each other beside packets, as plain structs. What each field means
/// stands in `host.proto`, under the same name.
namespace hocket::wire {

struct session_epoch {
  session_id session = session_id::none;
  epoch_number epoch = 0;
};
struct run_state {
  std::int64_t began_ns = 0;
  std::vector<session_epoch> sessions;
};
struct host_present {
  bool virtual_time = false;
  std::optional<run_state> running;
};
struct actors_open {};
struct open_actors {
  run_state run;
};
struct start_sources {
  std::int64_t began_ns = 0;
};
struct session_open {
  session_id session = session_id::none;
  std::string owner;
};
struct session_ready {
  session_id session = session_id::none;
  std::string refused;
};
struct session_start {
  session_id session = session_id::none;
};
struct session_close {
  session_id session = session_id::none;
};
struct epoch_raised {
  session_id session = session_id::none;
  epoch_number epoch = 0;
  std::string actor;
};
struct stream_bound {
  session_id session = session_id::none;
  timestamp bound;
};
struct stream_end {
  session_id session = session_id::none;
};
struct input_lost {
  session_id session = session_id::none;
  std::string reason;
};
struct input_recovered {
  session_id session = session_id::none;
};
struct link_ended {
  std::uint32_t revision = 0;
};
enum class end_reason : std::uint8_t { finished, stopped, failed };
struct stop_run {
  end_reason reason = end_reason::stopped;
  std::string detail;
};
struct begin_ending {};
struct close_next {
  bool force = false;
};
struct finish_run {};

/// In the order in which cells close: by rank, then session.
struct close_candidate {
  std::uint32_t rank = 0;
  session_id session = session_id::none;
  auto operator<=>(const close_candidate&) const = default;
};
/// In the order in which timers run.
struct timer_due {
  std::int64_t due_ns = 0;
  std::int64_t rank = 0;
  auto operator<=>(const timer_due&) const = default;
};
enum class channel_kind : std::uint8_t { packets, ends, messages };
struct channel_count {
  std::uint32_t host = 0;
  std::uint32_t link = 0;
  channel_kind kind = channel_kind::packets;
  std::uint64_t count = 0;
};
struct host_report {
  std::int64_t round = 0;
  std::uint32_t sources_open = 0;
  bool all_closed = false;
  bool wire_busy = false;
  bool active_timers = false;
  bool open_work = false;
  std::int64_t idle_ms = 0;
  std::optional<close_candidate> next_to_close;
  std::optional<timer_due> next_timer;
  std::vector<channel_count> sent;
};
enum class round_action : std::uint8_t { deliver, advance, close, force, end };
struct round_order {
  std::int64_t round = 0;
  round_action action = round_action::deliver;
  timer_due due;
  std::optional<std::uint32_t> closing_host;
  std::vector<channel_count> expected;
};

struct rewire_request {
  std::string file, text;
  std::map<std::string, std::string> includes;
  std::int64_t not_before_ns = 0;
  bool dry_run = false;
  std::uint32_t prepare_limit_s = 0;
  std::string hash;
  std::uint32_t revision = 0;
};
enum class rewire_state : std::uint8_t { refused, unchanged, planned, rolled_back, committed };
enum class actor_fate : std::uint8_t { untouched, rewired, adjusted, replaced, added, removed };
enum class link_fate : std::uint8_t { untouched, requeued, added, removed };
struct actor_change {
  std::string name, component, host;
  actor_fate fate = actor_fate::untouched;
  std::vector<std::string> why;
};
struct link_change {
  std::string name;
  link_fate fate = link_fate::untouched;
  std::string queue;
};
struct link_packets {
  std::string link;
  std::uint64_t handed_over = 0, dropped = 0;
};
struct rewire_outcome {
  rewire_state state = rewire_state::refused;
  std::string graph;
  std::uint32_t revision = 0;
  std::string hash_before, hash_after;
  std::int64_t at_ns = 0;
  double prepared_ms = 0, settled_ms = 0;
  std::string host, code, why;
  std::vector<actor_change> actors;
  std::vector<link_change> links;
  std::vector<std::string> others;
  std::uint32_t actors_kept = 0, links_kept = 0;
  std::vector<link_packets> packets;
  std::vector<std::string> notes;
};
/// Requests and outcomes are large and rare: behind a pointer, never nullptr, so that bounds, which
/// are small and frequent, stay so.
struct rewire_ask {
  std::uint64_t number = 0;
  std::shared_ptr<const rewire_request> request;
};
struct rewire_answer {
  std::uint64_t number = 0;
  std::shared_ptr<const rewire_outcome> outcome;
};
struct rewire_prepare {
  std::uint64_t number = 0;
  std::shared_ptr<const rewire_request> request;
};
struct rewire_vote {
  std::uint64_t number = 0;
  std::shared_ptr<const rewire_outcome> outcome;
};
struct rewire_commit {
  std::uint64_t number = 0;
  std::int64_t micro_turn = 0;
};
struct rewire_abort {
  std::uint64_t number = 0;
};
struct rewire_done {
  std::uint64_t number = 0;
  std::shared_ptr<const rewire_outcome> outcome;
};

struct session_ask {
  std::uint64_t number = 0;
};
struct session_answer {
  std::uint64_t number = 0;
  session_id session = session_id::none;
  std::string code, why;
};

/// In the order of `HostMessage.event`.
using host_event =
    std::variant<host_present, actors_open, open_actors, start_sources, session_open, session_ready,
                 session_start, session_close, epoch_raised, stream_bound, stream_end, input_lost,
                 input_recovered, link_ended, stop_run, begin_ending, close_next, finish_run,
                 host_report, round_order, rewire_ask, rewire_answer, rewire_prepare, rewire_vote,
                 rewire_commit, rewire_abort, rewire_done, session_ask, session_answer>;

/// One message of the control lane, as the hosts define its meaning; the wire only carries it.
struct host_message {
  host_event event = actors_open{};
  std::uint32_t link = 0;  ///< the cross-host link that it concerns; 0 = none
  /// True: the receiver hands it over only after the packets that the sender had sent on `link`
  /// before it, so that an end or a bound never overtakes what it closes.
  bool after_packets = false;
};

inline constexpr std::size_t host_message_bytes_max = 256u << 10;
inline constexpr std::size_t host_message_entries_max = 4096;  ///< of each list in it

}  // namespace hocket::wire
