// How hosts begin a run together.
#include "actors/distributed/membership.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hocket::distributed {

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

void membership::take_part() {
  if (local_.leads())
    lead();
  else
    follow();
}

/// False where the run was stopped meanwhile.
bool membership::wait_until(const std::function<bool()>& holds) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return run_.end.stopping() || holds(); });
  return !run_.end.stopping();
}

void membership::stop_waiting() {
  std::lock_guard lock(mutex_);
  changed_.notify_all();
}

void membership::abort() {
  run_.sessions.close_all_opened();
  links_.wire().flush(500);
  run_.end.finish();
}

bool membership::open(const std::vector<session_start>& sessions) {
  auto opened = run_.sessions.open_all(sessions);
  if (!opened) run_.end.stop(end_reason::failed, opened.error().message);
  return opened.has_value();
}

void membership::lead() {
  run_.observers.event("", "waiting", fmt::format("for {}", fmt::join(local_.peers, ", ")));
  const auto all_there = [this] {
    return std::all_of(peers_.begin(), peers_.end(),
                       [](const auto& o) { return o.second.greeted && !o.second.lost; });
  };
  if (!wait_until(all_there)) return abort();
  std::vector<session_start> sessions;
  std::vector<std::string> tell;
  bool running = false;
  {
    std::lock_guard lock(mutex_);
    running = run_start_.has_value();
    if (!running) run_start_ = run_start{run_.sessions.first(), "", 0};
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
  send_all(wire::start_sources{began});
  start(began);
}

void membership::follow() {
  run_.observers.event("", "waiting", fmt::format("for {}", local_.leader));
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
  if (run_start.began_ns != 0 && !run_.is_virtual())
    wait_for_who_lives(reached);
  else if (!wait_until(reached))
    return abort();
  send(local_.leader, wire::actors_open{});
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

// Of a run that goes on a host may be gone that this one has never seen: it would wait for it, and all new
// conversations for this one.
void membership::wait_for_who_lives(const std::function<bool()>& reached) {
  constexpr auto longest = std::chrono::seconds(5);
  std::vector<std::string> gone;
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest, [&] { return run_.end.stopping() || reached(); });
    for (auto& [name, o] : peers_)
      if (!o.up && !std::exchange(o.lost, true)) gone.push_back(name);
  }
  for (const auto& name : gone) {
    links_.peer_is_there(name, false);
    bool is_up = false;  // it may have come meanwhile, and been told so before this
    {
      std::lock_guard lock(mutex_);
      is_up = peers_.at(name).up;
    }
    if (is_up) links_.peer_is_there(name, true);
  }
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
  links_.start_all();  // what came before us, in the order of its link
  std::vector<std::string> gone;
  {
    std::lock_guard lock(mutex_);
    started_ = true;
    for (const auto& [name, o] : peers_)
      if (o.lost) gone.push_back(name);
  }
  for (const auto& name : gone) tell_it_is_gone(name);
  take_early_sessions();
}

// Nobody of this process was there to be told when it went.
void membership::tell_it_is_gone(const std::string& peer) {
  links_.notify_receivers(peer, control::kind::input_lost, "it was gone when this host came");
  {
    std::lock_guard lock(mutex_);
    if (peers_.at(peer).lost) return;
  }
  links_.notify_receivers(peer, control::kind::input_recovered, "");
}

void membership::greet_leader() {
  wire::host_present m{run_.is_virtual(), {}};
  {
    std::lock_guard lock(mutex_);
    // On our clock: the leader maps it to its own.
    if (started_) m.running = wire::run_state{run_start_->began_ns, {}};
  }
  if (m.running)
    for (const auto id : run_.topology.open_sessions())
      if (const auto s = run_.topology.find_session(id))
        m.running->sessions.push_back({id, s->epoch.load()});
  send(local_.leader, std::move(m));
}

// Who comes back opens the conversations that there are now, not those that the run began with.
void membership::send_run_start(const std::string& peer) {
  std::vector<session_start> sessions;
  wire::open_actors m;
  bool started = false;
  {
    std::lock_guard lock(mutex_);
    m.run.began_ns = run_start_->began_ns;
    started = started_;
    if (!started) sessions = run_start_->sessions;
  }
  if (started)
    for (const auto id : run_.topology.open_sessions()) sessions.push_back({id, 0});
  for (const auto& s : sessions) {
    const auto now = run_.topology.find_session(s.id);
    if (now || !started) m.run.sessions.push_back({s.id, now ? now->epoch.load() : s.epoch});
  }
  send(peer, std::move(m));
}

void membership::on(const std::string& peer, const wire::host_present& m) {
  if (!local_.leads()) return;
  if (m.virtual_time != run_.is_virtual() && !may_stop(peer, "it runs in another kind of time"))
    return;
  if (m.virtual_time != run_.is_virtual())
    return run_.end.stop(
        end_reason::failed,
        fmt::format("`{}` runs in {} time and `{}` in {} time: start both the same way",
                    local_.host, run_.is_virtual() ? "virtual" : "real", peer,
                    run_.is_virtual() ? "real" : "virtual"));
  bool tell = false;
  {
    std::lock_guard lock(mutex_);
    auto& o = peers_.at(peer);
    o.greeted = true;
    o.running = m.running.has_value();
    o.opened = false;
    if (m.running && !run_start_) {
      run_start_ = run_start{{}, peer, m.running->began_ns};
      for (const auto& s : m.running->sessions)
        run_start_->sessions.push_back({s.session, s.epoch});
    }
    tell = !m.running && opening_;
    changed_.notify_all();
  }
  if (tell) send_run_start(peer);
}

void membership::on(const std::string& peer, const wire::actors_open&) {
  if (!local_.leads()) return;
  std::int64_t began = 0;
  bool start = false;
  {
    std::lock_guard lock(mutex_);
    auto& o = peers_.at(peer);
    o.greeted = o.opened = true;
    o.running = false;
    start = started_;
    if (start) began = run_start_->began_ns;
    changed_.notify_all();
  }
  if (start) send(peer, wire::start_sources{began});
}

}  // namespace hocket::distributed
