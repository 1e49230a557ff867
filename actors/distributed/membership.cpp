// What the hosts tell each other while a run goes on, and what comes off the wire.
#include <fmt/format.h>

#include "actors/distributed/membership.hpp"

namespace hocket::distributed {

using wire::host_event;
using wire::host_message;
using wire::peer_state;

// ---------------------------------------------------------------------------- orders

void membership::send_order(const std::string& peer, order what, std::vector<std::int64_t> values) {
  host_message m;
  m.what = host_event::round_advance;
  m.value = static_cast<std::int64_t>(what);
  m.values = std::move(values);
  links_.wire().send_control(peer, std::move(m));
}

void membership::send_orders(order what, const std::vector<std::int64_t>& values) {
  for (const auto& p : local_.peers) send_order(p, what, values);
}

void membership::take_order(const std::string& peer, const host_message& m) {
  if (peer != local_.leader) return;
  const auto& v = m.values;
  switch (static_cast<order>(m.value)) {
    case order::open: {
      std::lock_guard lock(mutex_);
      if (run_start_) return;
      run_start_ = run_start{};
      if (!v.empty()) run_start_->began_ns = v[0];
      for (std::size_t i = 1; i + 1 < v.size(); i += 2)
        run_start_->sessions.push_back(
            {static_cast<session_id>(v[i]), static_cast<epoch_number>(v[i + 1])});
      changed_.notify_all();
      return;
    }
    case order::start: {
      if (v.empty()) return;
      std::lock_guard lock(mutex_);
      leader_began_ns_ = v[0];
      start_wanted_ = true;
      changed_.notify_all();
      return;
    }
    case order::end: return run_.begin_ending();
    case order::close_next:
      if (const auto c = run_.next_to_close()) c->request_close(!v.empty() && v[0] != 0);
      return;
    case order::finish: {
      std::lock_guard lock(mutex_);
      finish_wanted_ = true;
      return;
    }
    case order::round: {
      if (v.size() < 5 || v.size() % 2 == 0) return;
      {
        std::lock_guard lock(mutex_);
        wanted_ = round_order{v[0], static_cast<round_action>(v[1]),       v[2], v[3],
                              v[4], unpack_counts(std::span(v).subspan(5))};
      }
      return begin_round_if_complete();
    }
  }
}

void membership::interrupted(session_id session, epoch_number epoch,
                             std::optional<actor_index> by) {
  host_message m;
  m.what = host_event::epoch_raised;
  m.session = session;
  m.epoch = epoch;
  // By name: a process that was started after a rewire may number its actors otherwise.
  if (by) m.detail = run_.graph().actors[*by].name;
  for (const auto& p : local_.peers) {
    if (links_.send_message(p, m) || !run_.is_virtual()) continue;
    return run_.stop(end_reason::failed, "host " + p + " takes no more messages");
  }
}

void membership::session_opened(session_id session) {
  {
    std::lock_guard lock(mutex_);
    std::size_t up = 0;
    for (const auto& [name, o] : peers_) up += o.up ? 1 : 0;
    announced_[session] = up;
  }
  host_message m;
  m.what = host_event::session_opened;
  m.session = session;
  for (const auto& p : local_.peers) links_.wire().send_control(p, m);
}

// value 0: open your actors for it, and say so; 1: its sources go.
void membership::take_session(const std::string& peer, const host_message& m) {
  host_message answer;
  answer.session = m.session;
  if (m.what == host_event::ready) {
    {
      std::lock_guard lock(mutex_);
      const auto it = announced_.find(m.session);
      if (it == announced_.end() || it->second == 0 || --it->second > 0) return;
      announced_.erase(it);
    }
    answer.what = host_event::session_opened;
    answer.value = 1;
    for (const auto& p : local_.peers) links_.wire().send_control(p, answer);
    return run_.start_session(m.session);
  }
  if (peer != local_.leader) return;
  if (m.value == 1) return run_.start_session(m.session);
  run_.prepare_session(m.session);
  answer.what = host_event::ready;
  answer.value = static_cast<std::int64_t>(greeting::session);
  links_.wire().send_control(peer, std::move(answer));
}

void membership::session_closing(session_id session) {
  host_message m;
  m.what = host_event::session_closed;
  m.session = session;
  for (const auto& p : local_.peers) links_.wire().send_control(p, m);
}

void membership::stopped(end_reason why, const std::string& detail, bool from_peer) {
  if (!from_peer) {
    host_message m;
    m.what = host_event::stop;
    m.value = static_cast<std::int64_t>(why);
    m.detail = detail;
    for (const auto& p : local_.peers) links_.wire().send_control(p, m);
  }
  stop_waiting();
}

// ---------------------------------------------------------------------------- arrivals

// To its queue; before we go, and in virtual time until the round begins, it waits.
void membership::accept(const std::string& peer, received&& a) {
  std::uint64_t refused = 0;
  {
    std::lock_guard lock(mutex_);
    if (!run_.is_virtual() && !started_) {
      if (early_.put(std::move(a))) return;
      refused = early_.refused();
    } else if (run_.is_virtual()) {
      const auto& m = a.message;
      const ordered_channel from =
          a.item ? ordered_channel{host_index(peer), a.link, ordered_channel::channel_kind::packets}
                 : ordered_channel{host_index(peer), m.link, ordered_channel::of(m)};
      const auto number = ++received_[from];
      waiting_.push_back({from, number, std::move(a)});
    }
  }
  if (refused > 0) {
    if (refused == 1 || refused % early_messages::messages_max == 0)
      run_.event("", "early_message_refused",
                 fmt::format("host {} speaks of more than {} streams before this host takes part; "
                             "{} messages refused",
                             peer, early_messages::messages_max, refused));
    return;
  }
  if (run_.is_virtual()) return begin_round_if_complete();
  links_.deliver(std::move(a));
}

bool membership::packet_arrived(std::uint32_t link, packet&& p) {
  const auto* known = links_.find(link);
  if (known == nullptr) return false;
  accept(known->peer, {link, std::move(p), {}});
  return true;
}

void membership::control_arrived(const std::string& peer, const host_message& m) {
  switch (m.what) {
    case host_event::ready: return take_greeting(peer, m);
    case host_event::stop:
      return run_.stop(
          m.value == static_cast<std::int64_t>(end_reason::failed) ? end_reason::failed
                                                                   : end_reason::stopped,
          fmt::format("host {}{}{}", peer, m.detail.empty() ? " stops" : ": ", m.detail), true);
    case host_event::round_advance: return take_order(peer, m);
    case host_event::round_report:
      if (auto r = host_report::unpack(m.values, local_.whole.hosts.size()))
        take_report(peer, std::move(*r));
      return;
    case host_event::epoch_raised:
      if (run_.is_virtual()) return accept(peer, {0, {}, m});
      return run_.interrupt_elsewhere(m.session, m.epoch, m.detail);
    case host_event::bound:
    case host_event::end_of_stream:
    case host_event::input_lost:
    case host_event::input_recovered:
    case host_event::link_over:
      if (links_.find(m.link) != nullptr) accept(peer, {m.link, {}, m});
      return;
    case host_event::session_opened: return take_session(peer, m);
    case host_event::session_closed: return run_.close_session(m.session, true);
    case host_event::rewire:
      if (on_rewire_message) on_rewire_message(peer, m);
      return;
  }
}

void membership::room_again(std::uint32_t link) { links_.room_again(link); }

void membership::gap(std::uint32_t link, session_id session, std::uint64_t from_seq,
                     std::uint64_t to_seq) {
  const auto* known = links_.find(link);
  run_.event("", "gap",
             fmt::format("{}: packets {} to {} of session {}", known != nullptr ? known->name : "?",
                         from_seq, to_seq, static_cast<std::uint64_t>(session)));
}

void membership::peer_changed(const std::string& peer, peer_state s, const std::string& reason,
                              bool restarted) {
  if (!peers_.contains(peer)) return;
  run_.event("", fmt::format("host_{}", wire::to_string(s)),
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
  if (over) return;
  if (s == peer_state::refused && !started)
    return run_.stop(end_reason::failed, fmt::format("host {}: {}", peer, reason));
  if (s == peer_state::lost && started) {
    if (run_.is_virtual() && !run_.all_closed())
      return run_.stop(
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
