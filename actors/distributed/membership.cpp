// What the hosts tell each other while a run goes on, and what comes off the wire.
#include <algorithm>

#include <fmt/format.h>

#include "actors/distributed/membership.hpp"
#include "graph/trust/audit.hpp"

namespace hocket::distributed {

using wire::host_message;
using wire::peer_state;

// ---------------------------------------------------------------------------- orders

// In virtual time each message is a part of a round: without it nothing would go on.
void membership::send(const std::string& peer, wire::host_event event) {
  if (!links_.wire().send_control(peer, {std::move(event)}) && run_.is_virtual()) not_told(peer);
}

// Who calls may hold a session: who is told of the end may do as he likes. check() ends the run.
void membership::not_told(const std::string& peer) {
  std::lock_guard lock(mutex_);
  const auto& o = peers_.at(peer);
  if (!started_ || o.lost || !o.up || finish_wanted_ || finished_ || !deaf_.empty()) return;
  deaf_ = peer;
  run_.notify_loop();
}

void membership::send_all(const wire::host_event& event) {
  for (const auto& p : local_.peers) send(p, event);
}

void membership::on(const std::string& peer, const wire::open_actors& m) {
  if (!is_leader(peer)) return;
  std::lock_guard lock(mutex_);
  if (run_start_) return;
  run_start_ = run_start{};
  run_start_->began_ns = m.run.began_ns;
  for (const auto& s : m.run.sessions) run_start_->sessions.push_back({s.session, s.epoch});
  changed_.notify_all();
}

void membership::on(const std::string& peer, const wire::start_sources& m) {
  if (!is_leader(peer)) return;
  std::lock_guard lock(mutex_);
  leader_began_ns_ = m.began_ns;
  start_wanted_ = true;
  changed_.notify_all();
}

void membership::on(const std::string& peer, const wire::begin_ending&) {
  if (is_leader(peer)) run_.end.begin_ending();
}

void membership::on(const std::string& peer, const wire::close_next& m) {
  if (!is_leader(peer)) return;
  if (const auto c = run_.end.next_to_close()) c->request_close(m.force);
}

void membership::on(const std::string& peer, const wire::finish_run&) {
  if (!is_leader(peer)) return;
  std::lock_guard lock(mutex_);
  finish_wanted_ = true;
}

void membership::on(const std::string& peer, const wire::round_order& m) {
  if (!is_leader(peer)) return;
  {
    std::lock_guard lock(mutex_);
    wanted_ = wanted_round{m, counts_of(m.expected)};
  }
  begin_round_if_complete();
}

void membership::interrupted(session_id session, epoch_number epoch,
                             std::optional<actor_index> by) {
  // By name: a process that was started after a rewire may number its actors otherwise.
  const wire::host_message m{
      wire::epoch_raised{session, epoch, by ? run_.graph().actors[*by].name : std::string()}};
  for (const auto& p : local_.peers) {
    if (!links_.send_message(p, m) && run_.is_virtual()) not_told(p);
  }
}

void membership::stopped(end_reason why, const std::string& detail, bool from_peer) {
  if (!from_peer) send_all(wire::stop_run{static_cast<wire::end_reason>(why), detail});
  stop_waiting();
  refuse_asks("sessions.ending", "the run ends, and opens no more conversations");
}

// Who may change the graph may end the run; another host that goes is one that is gone.
bool membership::may_stop(const std::string& peer, const std::string& why) {
  if (is_leader(peer) || may_rewire(run_.graph(), peer)) return true;
  trust::note_refusal({"host " + peer, "stop the run", why, "`rewires: true` is not its"});
  run_.observers.event(
      "", "stop_refused",
      fmt::format("host {} may not stop the run: `rewires: true` under `hosts:` names those "
                  "that may",
                  peer));
  return false;
}

void membership::on(const std::string& peer, const wire::stop_run& m) {
  if (!may_stop(peer, m.detail)) return;
  run_.end.stop(m.reason == wire::end_reason::failed ? end_reason::failed : end_reason::stopped,
                fmt::format("host {}{}{}", peer, m.detail.empty() ? " stops" : ": ", m.detail),
                true);
}

// ---------------------------------------------------------------------------- arrivals

// Virtual time: it waits until the round begins that takes it in.
void membership::accept(const std::string& peer, received&& a) {
  {
    std::lock_guard lock(mutex_);
    const auto& m = a.message;
    const ordered_channel from =
        a.item ? ordered_channel{host_index(peer), a.link, wire::channel_kind::packets}
               : ordered_channel{host_index(peer), m.link, ordered_channel::of(m)};
    const auto number = ++received_[from];
    waiting_.push_back({from, number, std::move(a)});
  }
  begin_round_if_complete();
}

// To its receiver at once: in real time no lock of ours is on a packet's way.
bool membership::packet_arrived(std::uint32_t link, packet&& p) {
  if (!run_.is_virtual()) return links_.deliver({link, std::move(p), {}});
  const auto* known = links_.find(link);
  if (known == nullptr) return false;
  accept(known->peer, {link, std::move(p), {}});
  return true;
}

/// A host speaks for its own actors, and a step at a time: a counter that one host could push to its
/// end would take every later interruption from all others.
bool membership::may_interrupt(const std::string& peer, const wire::epoch_raised& m) {
  const auto& actors = run_.local().whole.actors;
  const bool own = m.actor.empty() || std::any_of(actors.begin(), actors.end(), [&](const auto& a) {
                     return a.name == m.actor && a.host == peer;
                   });
  const auto session = run_.topology.find_session(m.session);
  if (own && (!session || m.epoch <= session->epoch.load() + epochs_ahead_max)) return true;
  run_.observers.event("", "message_refused",
                       fmt::format("host {} raises an epoch {}", peer,
                                   own ? "far ahead of its time" : "in another host's name"));
  return false;
}

void membership::control_arrived(const std::string& peer, const host_message& m) {
  if (run_.is_virtual() && is_about_session(m.event)) return accept(peer, {0, {}, m});
  std::visit(
      [&](const auto& event) {
        using kind = std::decay_t<decltype(event)>;
        if constexpr (requires { on(peer, event); }) {
          on(peer, event);
        } else if constexpr (std::is_same_v<kind, wire::epoch_raised>) {
          if (!may_interrupt(peer, event)) return;
          if (run_.is_virtual()) return accept(peer, {0, {}, m});
          run_.interrupts.raised_elsewhere(event.session, event.epoch, event.actor);
        } else if constexpr (requires { event.number; }) {  // of a rewire
          if (on_rewire_message) on_rewire_message(peer, m.event);
        } else if (!run_.is_virtual()) {
          (void)links_.deliver({m.link, {}, m});
        } else if (links_.find(m.link) != nullptr) {
          accept(peer, {m.link, {}, m});
        }
      },
      m.event);
}

void membership::room_again(std::uint32_t link) { links_.room_again(link); }

void membership::gap(std::uint32_t link, session_id session, std::uint64_t from_seq,
                     std::uint64_t to_seq) {
  const auto* known = links_.find(link);
  run_.observers.event(
      "", "gap",
      fmt::format("{}: packets {} to {} of session {}", known != nullptr ? known->name : "?",
                  from_seq, to_seq, static_cast<std::uint64_t>(session)));
}

void membership::peer_changed(const std::string& peer, peer_state s, const std::string& reason,
                              bool restarted) {
  if (!peers_.contains(peer)) return;
  run_.observers.event("", fmt::format("host_{}", wire::to_string(s)),
                       reason.empty() ? peer : fmt::format("{}: {}", peer, reason));
  bool was_lost = false, started = false, over = false;
  {
    std::lock_guard lock(mutex_);
    auto& o = peers_.at(peer);
    over = finish_wanted_ || finished_;
    started = started_;
    was_lost = o.lost;
    o.up = s == peer_state::up || s == peer_state::suspect;
    if (s == peer_state::up) o.lost = false;
    if (s == peer_state::lost) o.lost = true;
    // One that comes back as it was has told us and does not tell again.
    if (s == peer_state::up && restarted) o.greeted = o.opened = o.running = false;
    if (s == peer_state::lost || (s == peer_state::up && restarted)) o.last.reset();
    changed_.notify_all();
  }
  if (s == peer_state::up || (s == peer_state::lost && !run_.is_virtual()))
    links_.peer_is_there(peer, s == peer_state::up);
  if (over) return;
  const bool anew = s == peer_state::up && restarted;
  if (s == peer_state::lost || anew) do_not_wait_for(peer);
  if (anew) run_.requests.host_gone(peer);
  if (s == peer_state::refused && !started)
    return run_.end.stop(end_reason::failed, fmt::format("host {}: {}", peer, reason));
  if (s == peer_state::lost && started) {
    if (run_.is_virtual()) rounds_over_.store(true);
    if (run_.is_virtual() && !run_.end.all_closed())
      return run_.end.stop(
          end_reason::failed,
          fmt::format("host {} is lost, and virtual time cannot go on: {}", peer, reason), true);
    links_.notify_receivers(peer, control::kind::input_lost, reason);
  }
  if (s != peer_state::up) return;
  if (restarted && peer == local_.leader) greet_leader();
  if (started && restarted) links_.forget_retired(peer);
  if (started && restarted) links_.repeat_ends(peer);
  if (started && was_lost) links_.notify_receivers(peer, control::kind::input_recovered, "");
}

}  // namespace hocket::distributed
