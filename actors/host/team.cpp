// How hosts begin a run together; what they tell each other on the way.
#include "actors/host/team.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hocket::host {

using wire::host_event;
using wire::host_message;
using wire::peer_state;

team::team(world& w) : world_(w), place_(w.place), edge_(*w.edge) {
  for (const auto& p : place_.peers) others_[p];
}

std::size_t team::host_index(const std::string& name) const {
  const auto& hosts = place_.whole.hosts;
  const auto it =
      std::find_if(hosts.begin(), hosts.end(), [&](const auto& h) { return h.name == name; });
  return static_cast<std::size_t>(it - hosts.begin());
}

// ---------------------------------------------------------------------------- start

void team::join() {
  if (place_.leads())
    lead();
  else
    follow();
}

/// False where the run was stopped meanwhile.
bool team::wait_until(const std::function<bool()>& holds) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return world_.stopping() || holds(); });
  return !world_.stopping();
}

void team::stop_waiting() {
  std::lock_guard lock(mutex_);
  changed_.notify_all();
}

void team::give_up() {
  world_.undo();
  edge_.wire().flush(500);
  world_.finish();
}

bool team::open(const std::vector<world::session_start>& sessions) {
  auto opened = world_.open_all(sessions);
  if (!opened) world_.stop(end_reason::failed, opened.error().message);
  return opened.has_value();
}

void team::lead() {
  world_.event("", "waiting", fmt::format("for {}", fmt::join(place_.peers, ", ")));
  const auto all = [this](bool companion::*what) {
    return std::all_of(others_.begin(), others_.end(),
                       [&](const auto& o) { return o.second.*what; });
  };
  if (!wait_until([&] { return all(&companion::greeted); })) return give_up();
  std::vector<world::session_start> sessions;
  std::vector<std::string> tell;
  bool running = false;
  {
    std::lock_guard lock(mutex_);
    running = agreed_.has_value();
    if (!running) agreed_ = agreement{world_.first_sessions(), "", 0};
    sessions = agreed_->sessions;
    opening_ = true;
    for (auto& [name, o] : others_)
      if (!o.running) tell.push_back(name);
  }
  std::int64_t began = 0;
  if (running && !world_.is_virtual()) {
    began = here_from(agreed_->from, agreed_->began_ns);
    world_.resume(began);
    std::lock_guard lock(mutex_);
    agreed_->began_ns = began;
  }
  for (const auto& name : tell) tell_agreement(name);
  if (!open(sessions)) return give_up();
  const auto ready = [&] {
    return std::all_of(others_.begin(), others_.end(), [](const auto& o) {
      return o.second.opened || o.second.running || (o.second.lost && !o.second.up);
    });
  };
  if (!wait_until(ready)) return give_up();
  if (began == 0) began = monotonic_ns();
  {
    std::lock_guard lock(mutex_);
    agreed_->began_ns = began;
  }
  send_orders(order::go, {began});
  go(began);
}

void team::follow() {
  world_.event("", "waiting", fmt::format("for {}", place_.leader));
  if (!wait_until([&] { return agreed_.has_value(); })) return give_up();
  agreement agreed;
  {
    std::lock_guard lock(mutex_);
    agreed = *agreed_;
  }
  if (agreed.began_ns != 0 && !world_.is_virtual())
    world_.resume(here_from(place_.leader, agreed.began_ns));
  if (!open(agreed.sessions)) return give_up();
  // Nobody sends before those that it sends to are there.
  const auto reached = [this] {
    return std::all_of(others_.begin(), others_.end(),
                       [](const auto& o) { return o.second.up || o.second.lost; });
  };
  if (!wait_until(reached)) return give_up();
  host_message m;
  m.what = host_event::ready;
  m.value = static_cast<std::int64_t>(greeting::opened);
  edge_.wire().send_control(place_.leader, std::move(m));
  if (!wait_until([&] { return go_wanted_; })) return give_up();
  const auto began =
      world_.is_virtual() ? monotonic_ns() : here_from(place_.leader, leader_began_ns_);
  {
    std::lock_guard lock(mutex_);
    agreed_->began_ns = began;
  }
  go(began);
}

// A time of the peer's monotonic clock on ours.
std::int64_t team::here_from(const std::string& peer, std::int64_t their_ns) {
  for (int tries = 0; tries < 200; ++tries) {
    for (const auto& p : edge_.wire().status().peers)
      if (p.name == peer && p.clock.samples > 0) return their_ns - p.clock.offset_ns;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return their_ns;
}

void team::go(std::int64_t began_ns) {
  world_.go(began_ns);
  std::vector<std::pair<std::string, arrival>> early;
  {
    std::lock_guard lock(mutex_);
    if (world_.is_virtual()) {
      going_ = true;
      return;
    }
  }
  // What came before us, in its order; more may come while we hand it over.
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      early.swap(inbox_);
      if (early.empty()) {
        going_ = true;
        break;
      }
    }
    for (auto& [peer, a] : early) edge_.deliver(std::move(a));
    early.clear();
  }
}

void team::greet_leader() {
  host_message m;
  m.what = host_event::ready;
  m.values = {world_.is_virtual() ? 1 : 0};
  {
    std::lock_guard lock(mutex_);
    m.value = static_cast<std::int64_t>(going_ ? greeting::running : greeting::here);
    // On our clock: the leader maps it to its own.
    if (going_) m.values.push_back(agreed_->began_ns);
  }
  if (m.values.size() > 1)
    for (const auto id : world_.open_sessions())
      if (const auto s = world_.find_session(id)) {
        m.values.push_back(static_cast<std::int64_t>(id));
        m.values.push_back(s->epoch.load());
      }
  edge_.wire().send_control(place_.leader, std::move(m));
}

void team::tell_agreement(const std::string& peer) {
  std::lock_guard lock(mutex_);
  // When stream time began on our clock, where it runs already; then the conversations.
  std::vector<std::int64_t> values = {agreed_->began_ns};
  for (const auto& s : agreed_->sessions) {
    const auto now = world_.find_session(s.id);
    if (going_ && (!now || now->closing.load())) continue;
    values.push_back(static_cast<std::int64_t>(s.id));
    values.push_back(now ? now->epoch.load() : s.epoch);
  }
  send_order(peer, order::open, std::move(values));
}

void team::take_greeting(const std::string& peer, const host_message& m) {
  if (!place_.leads()) return;
  const auto kind = static_cast<greeting>(m.value);
  if (kind == greeting::session) return take_session(peer, m);
  if (kind != greeting::opened && (m.values.empty() || (m.values[0] != 0) != world_.is_virtual()))
    return world_.stop(
        end_reason::failed,
        fmt::format("`{}` runs in {} time and `{}` in {} time: start both the same way",
                    place_.host, world_.is_virtual() ? "virtual" : "real", peer,
                    world_.is_virtual() ? "real" : "virtual"));
  std::int64_t began = 0;
  bool tell = false, start = false;
  {
    std::lock_guard lock(mutex_);
    auto& o = others_.at(peer);
    o.greeted = true;
    o.running = kind == greeting::running;
    o.opened = kind == greeting::opened;
    if (o.running && !agreed_ && m.values.size() > 1) {
      agreed_ = agreement{{}, peer, m.values[1]};
      for (std::size_t i = 2; i + 1 < m.values.size(); i += 2)
        agreed_->sessions.push_back(
            {static_cast<session_id>(m.values[i]), static_cast<epoch_number>(m.values[i + 1])});
    }
    tell = kind == greeting::here && opening_;
    start = kind == greeting::opened && going_;
    if (start) began = agreed_->began_ns;
    changed_.notify_all();
  }
  if (tell) tell_agreement(peer);
  if (start) send_order(peer, order::go, {began});
}

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
      agreed_.emplace();
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
      if (v.size() != 5 + place_.whole.hosts.size()) return;
      {
        std::lock_guard lock(mutex_);
        wanted_ =
            round_order{v[0], static_cast<step>(v[1]), v[2], v[3], v[4], {v.begin() + 5, v.end()}};
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
  m.value = by ? std::int64_t{*by} : -1;
  for (const auto& p : place_.peers) {
    edge_.count_sent(p);
    edge_.wire().send_control(p, m);
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

// To its queue; before we go, and in virtual time until the round begins, into the inbox.
void team::accept(const std::string& peer, arrival&& a) {
  {
    std::lock_guard lock(mutex_);
    ++others_.at(peer).received;
    if (world_.is_virtual() || !going_) {
      inbox_.emplace_back(peer, std::move(a));
      if (!world_.is_virtual()) return;
    }
  }
  if (world_.is_virtual()) return begin_round_if_complete();
  edge_.deliver(std::move(a));
}

bool team::packet_arrived(std::uint32_t link, packet&& p) {
  const auto crossing = edge_.find(link);
  if (!crossing) return false;
  accept(place_.crossings[*crossing].peer, {*crossing, std::move(p), {}});
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
      if (world_.is_virtual()) return accept(peer, {place_.crossings.size(), {}, m});
      return world_.interrupt_elsewhere(
          m.session, m.epoch,
          m.value < 0 ? std::nullopt : std::optional(static_cast<actor_index>(m.value)));
    case host_event::bound:
    case host_event::end_of_stream:
    case host_event::input_lost:
    case host_event::input_recovered:
      if (const auto crossing = edge_.find(m.link)) accept(peer, {*crossing, {}, m});
      return;
    case host_event::session_opened: return take_session(peer, m);
    case host_event::session_closed: return world_.close_session(m.session, true);
    case host_event::rewire: return;
  }
}

void team::room_again(std::uint32_t link) { edge_.room_again(link); }

void team::gap(std::uint32_t link, session_id session, std::uint64_t from_seq,
               std::uint64_t to_seq) {
  const auto crossing = edge_.find(link);
  world_.event("", "gap",
               fmt::format("{}: packets {} to {} of session {}",
                           crossing ? place_.crossings[*crossing].name : "?", from_seq, to_seq,
                           static_cast<std::uint64_t>(session)));
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
    if (s == peer_state::lost || (s == peer_state::up && restarted)) {
      o.greeted = o.opened = o.running = false;
      o.last.reset();
    }
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
  if (going && restarted) edge_.repeat_ends(peer);
  if (going && was_lost) edge_.tell_receivers(peer, control::kind::input_recovered, "");
}

}  // namespace hocket::host
