// Conversations that begin while the run goes on, and those that components ask for.
#include "actors/host/run/session_requests.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "actors/host/actor/actor_cell.hpp"
#include "actors/host/run/graph_run.hpp"
#include "actors/host/peer_hosts.hpp"
#include "graph/spec/session_place.hpp"

namespace hocket::host {
namespace {

class instance_sessions final : public session_control {
 public:
  instance_sessions(std::weak_ptr<graph_run> run, std::uint64_t life, const context& of)
      : run_(std::move(run)), life_(life), self_(of.self), hold_(of.hold) {}

  // Through the mailbox: one that is open on trial asks when it takes part.
  void open(std::function<void(const result<session_id>&, emitter&)> then) override {
    const auto told = [self = self_, then = std::move(then)](const result<session_id>& r) {
      return self->run([then, r](emitter& out) { then(r, out); });
    };
    self_->run([weak = run_, by = session_requests::owner{"", life_, hold_}, told](emitter&) {
      if (const auto run = weak.lock())
        run->requests.later([run = run.get(), by, told] { run->requests.ask(by, told); });
    });
  }
  void close(session_id session) override {
    if (const auto run = run_.lock())
      run->requests.later([run = run.get(), session] { run->sessions.close(session); });
  }
  void interrupt(session_id session) override {
    if (const auto run = run_.lock())
      run->requests.later([run = run.get(), session] { run->interrupts.raise(session, nullptr); });
  }
  void on_end(std::function<void(session_id, emitter&)> told) override {
    if (const auto run = run_.lock())
      run->requests.on_end(life_, [self = self_, told = std::move(told)](
                                      session_id session, std::shared_ptr<const void> keep) {
        self->run([told, session, keep = std::move(keep)](emitter& out) { told(session, out); });
      });
  }

 private:
  std::weak_ptr<graph_run> run_;
  const std::uint64_t life_;
  std::shared_ptr<mailbox_handle> self_;
  std::function<std::shared_ptr<const void>()> hold_;
};

/// A number whose replicas are there, and of the sources the one on `asks`. Where no number has such, the
/// conversation waits for what is gone, as all of its others do.
session_id next_number(graph_run& run, const std::string& asks) {
  constexpr int most_tries = 1000;
  const auto& local = run.local();
  std::set<std::string> lost;
  if (run.peers && !run.is_virtual())
    for (const auto& l : local.host_links)
      if (const auto* end = l.outgoing ? run.peers->end_of(l.proxy) : nullptr)
        if (end->is_lost(l.proxy)) lost.insert(l.peer);
  auto id = run.topology.next_session();
  const auto is_lost = [&](const std::string& host) { return lost.contains(host); };
  for (int i = 0; i < most_tries && !suits(local.whole, id, asks, is_lost); ++i)
    id = run.topology.next_session();
  return id;
}

}  // namespace

std::shared_ptr<session_control> make_session_control(std::weak_ptr<graph_run> run,
                                                      std::uint64_t life, const context& of) {
  return std::make_shared<instance_sessions>(std::move(run), life, of);
}

// ---------------------------------------------------------------------------- begin

void session_requests::ask(owner by, answer told) {
  if (!run_.peers || run_.peers->leads()) {
    (void)open(std::move(by), std::move(told));
    return;
  }
  if (run_.end.stopping() || run_.end.ending() || run_.end.finished()) {
    told(fail("sessions.ending", "the run ends, and opens no more conversations"));
    return;
  }
  run_.peers->ask_session(
      [this, by = std::move(by), told = std::move(told)](const result<session_id>& id) {
        if (!id) return told(id);
        {
          std::lock_guard lock(mutex_);
          owners_[*id] = by;
        }
        if (!run_.topology.find_session(*id)) {
          std::lock_guard lock(mutex_);
          owners_.erase(*id);
          return told(fail("sessions.refused", "it was closed before it was known here"));
        }
        if (!told(id)) run_.sessions.close(*id);
        return true;
      });
}

session_id session_requests::open(owner by, answer told) {
  const auto refused = [&](std::string code, std::string why) {
    if (told) told(fail(std::move(code), std::move(why)));
    return session_id::none;
  };
  if (run_.end.stopping() || run_.end.ending() || run_.end.finished())
    return refused("sessions.ending", "the run ends, and opens no more conversations");
  const auto most = static_cast<std::size_t>(std::max(run_.options.max_sessions, 0));
  const auto limit = [&](std::size_t n) {
    return refused("sessions.refused",
                   fmt::format("there are {} conversations, as many as this run takes: close one "
                               "first",
                               n));
  };
  if (!run_.started.load()) {
    if (!told) return session_id::none;
    std::unique_lock lock(mutex_);
    const auto n = waiting_.size();
    if (n < most) {
      waiting_.emplace_back(std::move(by), std::move(told));
      return session_id::none;
    }
    lock.unlock();
    return limit(n);
  }
  if (const auto n = run_.topology.session_count(); n >= most) return limit(n);
  const auto id = next_number(run_, by.host.empty() && by.life != 0 ? run_.local().host : by.host);
  const auto host = by.host;
  {
    std::lock_guard lock(mutex_);
    owners_[id] = by;
    opening_[id] = {std::move(by), std::move(told), true, run_.peers == nullptr};
  }
  run_.sessions.prepare(id);
  if (run_.peers) run_.peers->session_opened(id, host);
  cell_opened(id);
  return id;
}

void session_requests::prepare(session_id id, owner by, answer ready) {
  {
    std::lock_guard lock(mutex_);
    if (!owners_.contains(id)) owners_[id] = by;
    opening_[id] = {std::move(by), std::move(ready), false, false};
  }
  run_.sessions.prepare(id);
  cell_opened(id);
}

void session_requests::run_started() {
  std::vector<std::pair<owner, answer>> waited;
  {
    std::lock_guard lock(mutex_);
    waited.swap(waiting_);
  }
  for (auto& [by, told] : waited)
    later([this, by = std::move(by), told = std::move(told)] { (void)open(by, told); });
}

// The loop of virtual time, and the host that leads it, look again: it may come from any thread.
void session_requests::later(std::function<void()> f) {
  run_.after(std::chrono::milliseconds(0), std::move(f));
  run_.activity.scheduled.fetch_add(1);
  run_.notify_loop();
}

bool session_requests::is_opening(session_id id) const {
  std::lock_guard lock(mutex_);
  return opening_.contains(id);
}

void session_requests::cell_opened(session_id id) {
  if (is_opening(id)) later([this, id] { settle(id); });
}

bool session_requests::all_opened(session_id id, std::string& refused) const {
  for (const auto& c : run_.topology.cells()) {
    if (c->id().session != id || c->id().is_shared() || c->is_retiring() || c->is_prepared())
      continue;
    const auto how = run_.openings.how(*c);
    if (!how) return false;
    if (!*how && refused.empty())
      refused = fmt::format("{} ({}) did not open: {} [{}]", c->id().name, c->id().info.type,
                            how->error().message, how->error().code);
  }
  return true;
}

// By a timer: one after the other, and no lock of a cell is held.
void session_requests::settle(session_id id) {
  std::string refused;
  const bool all = all_opened(id, refused);
  if (const auto s = run_.topology.find_session(id); !s || s->closing.load())
    refused = "it was closed before its actors had opened";
  if (!refused.empty()) return refuse(id, refused);
  if (!all) return;
  opening o;
  {
    std::lock_guard lock(mutex_);
    const auto found = opening_.find(id);
    if (found == opening_.end() || (found->second.leads && !found->second.peers_open)) return;
    o = std::move(found->second);
    opening_.erase(found);
  }
  if (o.leads) {
    if (run_.peers) run_.peers->session_started(id);
    run_.sessions.start(id);
  }
  if (o.told && !o.told(id)) run_.sessions.close(id);
}

// The host that leads closes it for all; another one only says that it will not.
void session_requests::refuse(session_id id, const std::string& why) {
  opening o;
  {
    std::lock_guard lock(mutex_);
    const auto found = opening_.find(id);
    if (found == opening_.end()) return;
    o = std::move(found->second);
    opening_.erase(found);
  }
  run_.observers.event("", "session_refused",
                       fmt::format("{}: {}", static_cast<std::uint64_t>(id), why));
  if (o.leads) run_.sessions.close(id);
  if (o.told) o.told(fail("sessions.refused", why));
}

void session_requests::peers_opened(session_id id, const result<void>& how) {
  if (!how) return refuse(id, how.error().message);
  {
    std::lock_guard lock(mutex_);
    if (const auto found = opening_.find(id); found != opening_.end())
      found->second.peers_open = true;
  }
  cell_opened(id);
}

// ---------------------------------------------------------------------------- end

void session_requests::closing(session_id id) {
  std::function<std::shared_ptr<const void>()> hold;
  {
    std::lock_guard lock(mutex_);
    const auto found = owners_.find(id);
    if (found == owners_.end() || found->second.life == 0) return;
    hold = found->second.hold;
  }
  auto held = hold();
  std::lock_guard lock(mutex_);
  draining_[id] = std::move(held);
}

void session_requests::ended(session_id id) {
  refuse(id, "it was closed before its actors had opened");
  std::shared_ptr<const void> held;
  std::vector<std::pair<std::uint64_t, listener>> all;
  std::uint64_t life = 0;
  {
    std::lock_guard lock(mutex_);
    if (auto kept = draining_.extract(id)) held = std::move(kept.mapped());
    if (const auto by = owners_.extract(id)) life = by.mapped().life;
    all = listeners_;
  }
  for (const auto& [whose, told] : all) told(id, whose == life ? held : nullptr);
}

void session_requests::on_end(std::uint64_t life, listener told) {
  std::lock_guard lock(mutex_);
  listeners_.emplace_back(life, std::move(told));
}

void session_requests::close_if(const std::function<bool(const owner&)>& concerns) {
  std::vector<session_id> gone;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, by] : owners_)
      if (concerns(by)) gone.push_back(id);
  }
  for (const auto id : gone) run_.sessions.close(id);
}

void session_requests::owner_gone(std::uint64_t life) {
  bool owns = false;
  // What a component handed over goes when the mutex is free again.
  std::map<session_id, std::shared_ptr<const void>> dropped;
  std::vector<std::pair<std::uint64_t, listener>> listened;
  std::vector<std::pair<owner, answer>> waited;
  {
    std::lock_guard lock(mutex_);
    const auto l = std::stable_partition(listeners_.begin(), listeners_.end(),
                                         [life](const auto& one) { return one.first != life; });
    listened.assign(std::make_move_iterator(l), std::make_move_iterator(listeners_.end()));
    listeners_.erase(l, listeners_.end());
    const auto w = std::stable_partition(waiting_.begin(), waiting_.end(), [life](const auto& one) {
      return one.first.life != life;
    });
    waited.assign(std::make_move_iterator(w), std::make_move_iterator(waiting_.end()));
    waiting_.erase(w, waiting_.end());
    for (const auto& [id, by] : owners_) {
      if (by.life != life) continue;
      owns = true;
      if (auto kept = draining_.extract(id)) dropped.insert(std::move(kept));
    }
  }
  // Later: the caller is the thread of a cell.
  if (owns) later([this, life] { close_if([life](const owner& by) { return by.life == life; }); });
}

void session_requests::host_gone(const std::string& host) {
  close_if([&](const owner& by) { return by.life == 0 && by.host == host && !host.empty(); });
}

void session_requests::close_owned() {
  close_if([](const owner& by) { return by.life != 0; });
}

}  // namespace hocket::host
