// Sessions that begin while several hosts run: the leader gives out their numbers, and each begins
// when the actors of all hosts have opened.
#include <fmt/format.h>

#include "actors/distributed/membership.hpp"

namespace hocket::distributed {

void membership::tell(const std::string& peer, wire::host_event event) {
  if (!run_.is_virtual()) return send(peer, std::move(event));
  if (!links_.send_message(peer, {std::move(event)})) not_told(peer);
}

void membership::tell_all(const wire::host_event& event) {
  for (const auto& p : local_.peers) tell(p, event);
}

// ---------------------------------------------------------------------------- the leader

void membership::session_opened(session_id session, const std::string& owner) {
  bool alone = false;
  {
    std::lock_guard lock(mutex_);
    std::set<std::string> wait;
    for (const auto& [name, o] : peers_)
      if (o.up || run_.is_virtual()) wait.insert(name);
    alone = wait.empty();
    if (!alone) announced_[session] = std::move(wait);
  }
  tell_all(wire::session_open{session, owner.empty() ? local_.host : owner});
  if (alone) run_.requests.peers_opened(session, {});
}

void membership::on(const std::string& peer, const wire::session_ready& m) {
  if (!local_.leads()) return;
  {
    std::lock_guard lock(mutex_);
    const auto it = announced_.find(m.session);
    if (it == announced_.end() || it->second.erase(peer) == 0) return;
    if (m.refused.empty() && !it->second.empty()) return;
    announced_.erase(it);
  }
  if (m.refused.empty()) return run_.requests.peers_opened(m.session, {});
  run_.requests.peers_opened(m.session,
                             fail("sessions.refused", fmt::format("host {}: {}", peer, m.refused)));
}

void membership::session_started(session_id session) { tell_all(wire::session_start{session}); }

void membership::on(const std::string& peer, const wire::session_ask& m) {
  if (!local_.leads()) return;
  run_.requests.later([this, peer, number = m.number] {
    (void)run_.requests.open({peer}, [this, peer, number](const result<session_id>& id) {
      tell(peer, id ? wire::session_answer{number, *id, "", ""}
                    : wire::session_answer{number, session_id::none, id.error().code,
                                           id.error().message});
      return true;
    });
  });
}

// ---------------------------------------------------------------------------- the others

void membership::ask_session(session_answer told) {
  std::uint64_t number = 0;
  {
    std::lock_guard lock(mutex_);
    if (peers_.at(local_.leader).up) {
      number = next_ask_++;
      asks_[number] = std::move(told);
    }
  }
  if (number != 0) return tell(local_.leader, wire::session_ask{number});
  told(fail("sessions.refused",
            fmt::format("host {}, which opens conversations, is not there", local_.leader)));
}

void membership::on(const std::string& peer, const wire::session_answer& m) {
  if (!is_leader(peer)) return;
  session_answer told;
  {
    std::lock_guard lock(mutex_);
    const auto it = asks_.find(m.number);
    if (it != asks_.end()) {
      told = std::move(it->second);
      asks_.erase(it);
    }
  }
  if (!told) {  // refused meanwhile: nobody else would end it
    if (m.session != session_id::none) run_.sessions.close(m.session);
    return;
  }
  if (m.session == session_id::none)
    told(fail(m.code, m.why));
  else
    told(m.session);
}

void membership::on(const std::string& peer, const wire::session_open& m) {
  if (!is_leader(peer)) return;
  {
    std::lock_guard lock(mutex_);
    if (!started_ || !early_sessions_.empty()) return early_sessions_.push_back(m);
  }
  prepare_session(m);
}

void membership::prepare_session(const wire::session_open& m) {
  run_.requests.prepare(
      m.session, {m.owner}, [this, session = m.session](const result<session_id>& id) {
        tell(local_.leader, wire::session_ready{session, id ? "" : id.error().message});
        return true;
      });
}

void membership::on(const std::string& peer, const wire::session_start& m) {
  if (!is_leader(peer)) return;
  {
    // One that was opened with the run begins with it. For one that waits in `early_sessions_` the
    // leader has our word before it says this.
    std::lock_guard lock(mutex_);
    if (!started_) return;
  }
  run_.sessions.start(m.session);
}

// ---------------------------------------------------------------------------- all

void membership::session_closing(session_id session) { tell_all(wire::session_close{session}); }

void membership::on(const std::string&, const wire::session_close& m) {
  {
    std::lock_guard lock(mutex_);
    if (!started_ || !early_sessions_.empty()) {
      if (early_sessions_.size() < early_messages::messages_max) early_sessions_.push_back(m);
      return;
    }
  }
  run_.sessions.close(m.session, true);
}

void membership::take_early_sessions() {
  std::unique_lock lock(mutex_);
  while (!early_sessions_.empty()) {
    const auto e = early_sessions_.front();
    lock.unlock();
    if (const auto* open = std::get_if<wire::session_open>(&e)) prepare_session(*open);
    if (const auto* close = std::get_if<wire::session_close>(&e))
      run_.sessions.close(close->session, true);
    lock.lock();
    // Not before: what comes meanwhile waits behind it.
    early_sessions_.pop_front();
  }
}

void membership::do_not_wait_for(const std::string& peer) {
  if (is_leader(peer))
    return refuse_asks("sessions.refused", fmt::format("host {}, which opens conversations, was "
                                                       "lost",
                                                       peer));
  std::vector<session_id> complete;
  {
    std::lock_guard lock(mutex_);
    for (auto& [session, wait] : announced_)
      if (wait.erase(peer) > 0 && wait.empty()) complete.push_back(session);
    for (const auto session : complete) announced_.erase(session);
  }
  for (const auto session : complete) run_.requests.peers_opened(session, {});
}

void membership::take_in(const std::string& peer, const wire::host_event& about_session) {
  std::visit(
      [&](const auto& event) {
        if constexpr (requires { on(peer, event); }) on(peer, event);
      },
      about_session);
}

void membership::refuse_asks(const std::string& code, const std::string& why) {
  decltype(asks_) all;
  {
    std::lock_guard lock(mutex_);
    all.swap(asks_);
  }
  for (const auto& [number, told] : all) told(fail(code, why));
}

}  // namespace hocket::distributed
