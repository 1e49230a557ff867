// How hosts begin a run together.
#include "actors/host/team.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hocket::host {

using wire::host_event;
using wire::host_message;

team::team(world& w) : world_(w), place_(w.place()), edge_(*w.edge), party_(w) {
  for (const auto& p : place_.peers) others_[p];
}

std::size_t team::host_index(const std::string& name) const { return place_.host_index(name); }

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
  const auto all_there = [this] {
    return std::all_of(others_.begin(), others_.end(),
                       [](const auto& o) { return o.second.greeted && !o.second.lost; });
  };
  if (!wait_until(all_there)) return give_up();
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
  std::int64_t leader_began = 0;
  {
    std::lock_guard lock(mutex_);
    leader_began = leader_began_ns_;
  }
  const auto began = world_.is_virtual() ? monotonic_ns() : here_from(place_.leader, leader_began);
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
  if (world_.is_virtual()) {
    {
      std::lock_guard lock(mutex_);
      going_ = true;
    }
    // The first round may have been ordered since the loop reported itself idle.
    return begin_round_if_complete();
  }
  // What came before us, in its order; more may come while we hand it over.
  for (;;) {
    std::vector<arrival> early;
    {
      std::lock_guard lock(mutex_);
      early = early_.take();
      if (early.empty()) {
        going_ = true;
        break;
      }
    }
    for (auto& a : early) edge_.deliver(std::move(a));
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

}  // namespace hocket::host
