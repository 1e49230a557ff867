// How hosts begin a run together.
#include "actors/distributed/membership.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hocket::distributed {

using wire::host_event;
using wire::host_message;

membership::membership(graph_run& run, host_options mine)
    : run_(run), local_(run.local()), mine_(std::move(mine)), links_(run, mine_) {
  for (const auto& p : local_.peers) peers_[p];
}

std::size_t membership::host_index(const std::string& name) const {
  return local_.host_index(name);
}

// ---------------------------------------------------------------------------- start

void join_hosts(host::runtime_options& run, host_options mine) {
  run.host_name = mine.name;
  run.peers = [mine = std::move(mine)](graph_run& r) {
    return std::make_unique<membership>(r, mine);
  };
}

void membership::begin() {
  links_.begin();
  joining_ = std::thread([this] { take_part(); });
}

void membership::join() {
  if (joining_.joinable()) joining_.join();
}

bool membership::may_open_session() const { return local_.leads() && !run_.is_virtual(); }

void membership::take_part() {
  if (local_.leads())
    lead();
  else
    follow();
}

/// False where the run was stopped meanwhile.
bool membership::wait_until(const std::function<bool()>& holds) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return run_.stopping() || holds(); });
  return !run_.stopping();
}

void membership::stop_waiting() {
  std::lock_guard lock(mutex_);
  changed_.notify_all();
}

void membership::abort() {
  run_.close_all_opened();
  links_.wire().flush(500);
  run_.finish();
}

bool membership::open(const std::vector<graph_run::session_start>& sessions) {
  auto opened = run_.open_all(sessions);
  if (!opened) run_.stop(end_reason::failed, opened.error().message);
  return opened.has_value();
}

void membership::lead() {
  run_.event("", "waiting", fmt::format("for {}", fmt::join(local_.peers, ", ")));
  const auto all_there = [this] {
    return std::all_of(peers_.begin(), peers_.end(),
                       [](const auto& o) { return o.second.greeted && !o.second.lost; });
  };
  if (!wait_until(all_there)) return abort();
  std::vector<graph_run::session_start> sessions;
  std::vector<std::string> tell;
  bool running = false;
  {
    std::lock_guard lock(mutex_);
    running = run_start_.has_value();
    if (!running) run_start_ = run_start{run_.first_sessions(), "", 0};
    sessions = run_start_->sessions;
    opening_ = true;
    for (auto& [name, o] : peers_)
      if (!o.running) tell.push_back(name);
  }
  std::int64_t began = 0;
  if (running && !run_.is_virtual()) {
    began = to_our_clock(run_start_->from, run_start_->began_ns);
    run_.resume(began);
    std::lock_guard lock(mutex_);
    run_start_->began_ns = began;
  }
  for (const auto& name : tell) send_run_start(name);
  if (!open(sessions)) return abort();
  const auto ready = [&] {
    return std::all_of(peers_.begin(), peers_.end(), [](const auto& o) {
      return o.second.opened || o.second.running || (o.second.lost && !o.second.up);
    });
  };
  if (!wait_until(ready)) return abort();
  if (began == 0) began = monotonic_ns();
  {
    std::lock_guard lock(mutex_);
    run_start_->began_ns = began;
  }
  send_orders(order::start, {began});
  start(began);
}

void membership::follow() {
  run_.event("", "waiting", fmt::format("for {}", local_.leader));
  if (!wait_until([&] { return run_start_.has_value(); })) return abort();
  run_start run_start;
  {
    std::lock_guard lock(mutex_);
    run_start = *run_start_;
  }
  if (run_start.began_ns != 0 && !run_.is_virtual())
    run_.resume(to_our_clock(local_.leader, run_start.began_ns));
  if (!open(run_start.sessions)) return abort();
  // No host sends before its receivers are there.
  const auto reached = [this] {
    return std::all_of(peers_.begin(), peers_.end(),
                       [](const auto& o) { return o.second.up || o.second.lost; });
  };
  if (!wait_until(reached)) return abort();
  host_message m;
  m.what = host_event::ready;
  m.value = static_cast<std::int64_t>(greeting::opened);
  links_.wire().send_control(local_.leader, std::move(m));
  if (!wait_until([&] { return start_wanted_; })) return abort();
  std::int64_t leader_began = 0;
  {
    std::lock_guard lock(mutex_);
    leader_began = leader_began_ns_;
  }
  const auto began = run_.is_virtual() ? monotonic_ns() : to_our_clock(local_.leader, leader_began);
  {
    std::lock_guard lock(mutex_);
    run_start_->began_ns = began;
  }
  start(began);
}

// A time of the peer's monotonic clock on ours.
std::int64_t membership::to_our_clock(const std::string& peer, std::int64_t their_ns) {
  for (int tries = 0; tries < 200; ++tries) {
    for (const auto& p : links_.wire().status().peers)
      if (p.name == peer && p.clock.samples > 0) return their_ns - p.clock.offset_ns;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return their_ns;
}

void membership::start(std::int64_t began_ns) {
  run_.start(began_ns);
  if (run_.is_virtual()) {
    {
      std::lock_guard lock(mutex_);
      started_ = true;
    }
    // The first round may have been ordered since the loop reported itself idle.
    return begin_round_if_complete();
  }
  // What came before us, in its order; more may come while we hand it over.
  for (;;) {
    std::vector<received> early;
    {
      std::lock_guard lock(mutex_);
      early = early_.take();
      if (early.empty()) {
        started_ = true;
        break;
      }
    }
    for (auto& a : early) links_.deliver(std::move(a));
  }
}

void membership::greet_leader() {
  host_message m;
  m.what = host_event::ready;
  m.values = {run_.is_virtual() ? 1 : 0};
  {
    std::lock_guard lock(mutex_);
    m.value = static_cast<std::int64_t>(started_ ? greeting::running : greeting::here);
    // On our clock: the leader maps it to its own.
    if (started_) m.values.push_back(run_start_->began_ns);
  }
  if (m.values.size() > 1)
    for (const auto id : run_.open_sessions())
      if (const auto s = run_.find_session(id)) {
        m.values.push_back(static_cast<std::int64_t>(id));
        m.values.push_back(s->epoch.load());
      }
  links_.wire().send_control(local_.leader, std::move(m));
}

void membership::send_run_start(const std::string& peer) {
  std::lock_guard lock(mutex_);
  // When stream time began on our clock, where it runs already; then the conversations.
  std::vector<std::int64_t> values = {run_start_->began_ns};
  for (const auto& s : run_start_->sessions) {
    const auto now = run_.find_session(s.id);
    if (started_ && (!now || now->closing.load())) continue;
    values.push_back(static_cast<std::int64_t>(s.id));
    values.push_back(now ? now->epoch.load() : s.epoch);
  }
  send_order(peer, order::open, std::move(values));
}

void membership::take_greeting(const std::string& peer, const host_message& m) {
  if (!local_.leads()) return;
  const auto kind = static_cast<greeting>(m.value);
  if (kind == greeting::session) return take_session(peer, m);
  if (kind != greeting::opened && (m.values.empty() || (m.values[0] != 0) != run_.is_virtual()))
    return run_.stop(
        end_reason::failed,
        fmt::format("`{}` runs in {} time and `{}` in {} time: start both the same way",
                    local_.host, run_.is_virtual() ? "virtual" : "real", peer,
                    run_.is_virtual() ? "real" : "virtual"));
  std::int64_t began = 0;
  bool tell = false, start = false;
  {
    std::lock_guard lock(mutex_);
    auto& o = peers_.at(peer);
    o.greeted = true;
    o.running = kind == greeting::running;
    o.opened = kind == greeting::opened;
    if (o.running && !run_start_ && m.values.size() > 1) {
      run_start_ = run_start{{}, peer, m.values[1]};
      for (std::size_t i = 2; i + 1 < m.values.size(); i += 2)
        run_start_->sessions.push_back(
            {static_cast<session_id>(m.values[i]), static_cast<epoch_number>(m.values[i + 1])});
    }
    tell = kind == greeting::here && opening_;
    start = kind == greeting::opened && started_;
    if (start) began = run_start_->began_ns;
    changed_.notify_all();
  }
  if (tell) send_run_start(peer);
  if (start) send_order(peer, order::start, {began});
}

}  // namespace hocket::distributed
