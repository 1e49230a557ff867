// What the hosts tell each other while a run goes on, and what comes off the wire.
#include <fmt/format.h>

#include "actors/host/team.hpp"

namespace hocket::host {

using wire::host_event;
using wire::host_message;
using wire::peer_state;

// ---------------------------------------------------------------------------- orders

void team::send_order(const std::string& peer, order what, std::vector<std::int64_t> values) {
  host_message m;
  m.what = host_event::round_advance;
  m.value = static_cast<std::int64_t>(what);
  m.values = std::move(values);
  edge_.wire().send_control(peer, std::move(m));
}

void team::send_orders(order what, const std::vector<std::int64_t>& values) {
  for (const auto& p : place_.peers) send_order(p, what, values);
}

void team::take_order(const std::string& peer, const host_message& m) {
  if (peer != place_.leader) return;
  const auto& v = m.values;
  switch (static_cast<order>(m.value)) {
    case order::open: {
      std::lock_guard lock(mutex_);
      if (agreed_) return;
      agreed_ = agreement{};
      if (!v.empty()) agreed_->began_ns = v[0];
      for (std::size_t i = 1; i + 1 < v.size(); i += 2)
        agreed_->sessions.push_back(
            {static_cast<session_id>(v[i]), static_cast<epoch_number>(v[i + 1])});
      changed_.notify_all();
      return;
    }
    case order::go: {
      if (v.empty()) return;
      std::lock_guard lock(mutex_);
      leader_began_ns_ = v[0];
      go_wanted_ = true;
      changed_.notify_all();
      return;
    }
    case order::end: return world_.begin_ending();
    case order::release:
      if (const auto c = world_.next_to_release()) c->request_release(!v.empty() && v[0] != 0);
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
        wanted_ = round_order{v[0], static_cast<step>(v[1]),
                              v[2], v[3],
                              v[4], unpack_counts(std::span(v).subspan(5))};
      }
      return begin_round_if_complete();
    }
  }
}

void team::tell_interrupt(session_id session, epoch_number epoch, std::optional<actor_index> by) {
  host_message m;
  m.what = host_event::epoch_raised;
  m.session = session;
  m.epoch = epoch;
  // By name: a process that was started after a rewire may number its actors otherwise.
  if (by) m.detail = world_.graph().actors[*by].name;
  for (const auto& p : place_.peers) {
    if (edge_.send_message(p, m) || !world_.is_virtual()) continue;
    return world_.stop(end_reason::failed, "host " + p + " takes no more messages");
  }
}

void team::announce_session(session_id session) {
  {
    std::lock_guard lock(mutex_);
    std::size_t up = 0;
    for (const auto& [name, o] : others_) up += o.up ? 1 : 0;
    announced_[session] = up;
  }
  host_message m;
  m.what = host_event::session_opened;
  m.session = session;
  for (const auto& p : place_.peers) edge_.wire().send_control(p, m);
}

// value 0: open your actors for it, and say so; 1: its sources go.
void team::take_session(const std::string& peer, const host_message& m) {
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
    for (const auto& p : place_.peers) edge_.wire().send_control(p, answer);
    return world_.start_session(m.session);
  }
  if (peer != place_.leader) return;
  if (m.value == 1) return world_.start_session(m.session);
  world_.prepare_session(m.session);
  answer.what = host_event::ready;
  answer.value = static_cast<std::int64_t>(greeting::session);
  edge_.wire().send_control(peer, std::move(answer));
}

void team::tell_closing(session_id session) {
  host_message m;
  m.what = host_event::session_closed;
  m.session = session;
  for (const auto& p : place_.peers) edge_.wire().send_control(p, m);
}

void team::tell_stop(end_reason why, const std::string& detail) {
  host_message m;
  m.what = host_event::stop;
  m.value = static_cast<std::int64_t>(why);
  m.detail = detail;
  for (const auto& p : place_.peers) edge_.wire().send_control(p, m);
  stop_waiting();
}

// ---------------------------------------------------------------------------- arrivals

// To its queue; before we go, and in virtual time until the round begins, it waits.
void team::accept(const std::string& peer, arrival&& a) {
  std::uint64_t refused = 0;
  {
    std::lock_guard lock(mutex_);
    if (!world_.is_virtual() && !going_) {
      if (early_.put(std::move(a))) return;
      refused = early_.refused();
    } else if (world_.is_virtual()) {
      const auto& m = a.message;
      const channel from = a.item ? channel{host_index(peer), a.link, channel::lane::packets}
                                  : channel{host_index(peer), m.link, channel::of(m)};
      const auto number = ++received_[from];
      inbox_.push_back({from, number, std::move(a)});
    }
  }
  if (refused > 0) {
    if (refused == 1 || refused % early_mail::messages_max == 0)
      world_.event(
          "", "early_message_refused",
          fmt::format("host {} speaks of more than {} streams before this host takes part; "
                      "{} messages refused",
                      peer, early_mail::messages_max, refused));
    return;
  }
  if (world_.is_virtual()) return begin_round_if_complete();
  edge_.deliver(std::move(a));
}

bool team::packet_arrived(std::uint32_t link, packet&& p) {
  const auto* crossing = edge_.find(link);
  if (crossing == nullptr) return false;
  accept(crossing->peer, {link, std::move(p), {}});
  return true;
}

void team::control_arrived(const std::string& peer, const host_message& m) {
  switch (m.what) {
    case host_event::ready: return take_greeting(peer, m);
    case host_event::stop:
      return world_.stop(
          m.value == static_cast<std::int64_t>(end_reason::failed) ? end_reason::failed
                                                                   : end_reason::stopped,
          fmt::format("host {}{}{}", peer, m.detail.empty() ? " stops" : ": ", m.detail), true);
    case host_event::round_advance: return take_order(peer, m);
    case host_event::round_report:
      if (auto r = host_report::unpack(m.values, place_.whole.hosts.size()))
        take_report(peer, std::move(*r));
      return;
    case host_event::epoch_raised:
      if (world_.is_virtual()) return accept(peer, {0, {}, m});
      return world_.interrupt_elsewhere(m.session, m.epoch, m.detail);
    case host_event::bound:
    case host_event::end_of_stream:
    case host_event::input_lost:
    case host_event::input_recovered:
    case host_event::link_over:
      if (edge_.find(m.link) != nullptr) accept(peer, {m.link, {}, m});
      return;
    case host_event::session_opened: return take_session(peer, m);
    case host_event::session_closed: return world_.close_session(m.session, true);
    case host_event::rewire: return party_.take(peer, m);
  }
}

void team::room_again(std::uint32_t link) { edge_.room_again(link); }

void team::gap(std::uint32_t link, session_id session, std::uint64_t from_seq,
               std::uint64_t to_seq) {
  const auto* crossing = edge_.find(link);
  world_.event(
      "", "gap",
      fmt::format("{}: packets {} to {} of session {}", crossing != nullptr ? crossing->name : "?",
                  from_seq, to_seq, static_cast<std::uint64_t>(session)));
}

void team::peer_changed(const std::string& peer, peer_state s, const std::string& reason,
                        bool restarted) {
  if (!others_.contains(peer)) return;
  world_.event("", fmt::format("host_{}", wire::to_string(s)),
               reason.empty() ? peer : fmt::format("{}: {}", peer, reason));
  bool was_lost = false, going = false, over = false;
  {
    std::lock_guard lock(mutex_);
    auto& o = others_.at(peer);
    over = finish_wanted_ || finished_;
    going = going_;
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
  if (s == peer_state::refused && !going)
    return world_.stop(end_reason::failed, fmt::format("host {}: {}", peer, reason));
  if (s == peer_state::lost && going) {
    if (world_.is_virtual() && !world_.all_closed())
      return world_.stop(
          end_reason::failed,
          fmt::format("host {} is lost, and virtual time cannot go on: {}", peer, reason), true);
    edge_.tell_receivers(peer, control::kind::input_lost, reason);
  }
  if (s != peer_state::up) return;
  if (restarted && peer == place_.leader) greet_leader();
  if (going && restarted) edge_.forget_retired(peer);
  if (going && restarted) edge_.repeat_ends(peer);
  if (going && was_lost) edge_.tell_receivers(peer, control::kind::input_recovered, "");
}

}  // namespace hocket::host
