#include "actors/distributed/remote_sender.hpp"

#include <utility>
#include <vector>

#include "actors/host/run/graph_run.hpp"

namespace hocket::distributed {

remote_sender::remote_sender(graph_run& run, counted_wire& wire, const host_link& link)
    : run_(run), wire_(wire), link_(link), peer_(run.local().host_index(link.peer)) {}

// The mutex is held.
bool remote_sender::try_send(const packet& p) {
  switch (wire_.send(peer_, link_.wire_id, p)) {
    case wire::sent_how::sent: return true;
    case wire::sent_how::unsendable: ++unsendable_; return true;
    case wire::sent_how::no_credit:
    case wire::sent_how::no_peer: break;
  }
  return false;
}

void remote_sender::send(session_id from, const packet& p) {
  std::shared_ptr<actor_cell> unblocked;
  {
    std::lock_guard lock(mutex_);
    if (!try_send(p)) {
      const auto it = proxies_.find(from);
      const auto proxy = it == proxies_.end() ? nullptr : it->second.proxy.lock();
      if (!proxy) return;
      proxy->close_gate();
      // Room may have come in between, and its news before we were on the list.
      if (try_send(p))
        unblocked = proxy;
      else
        it->second.kept = p;
    }
  }
  if (unblocked) unblocked->open_gate();
  tell_unsendable();
}

// Once per link, and not under its mutex: an observer may open a session, which needs it.
void remote_sender::tell_unsendable() {
  {
    std::lock_guard lock(mutex_);
    if (unsendable_ == 0 || std::exchange(unsendable_told_, true)) return;
  }
  run_.observers.event("", "unfit_packet", link_.name);
}

void remote_sender::send_event(wire::host_event event, bool after_packets) {
  if (const auto* end = std::get_if<wire::stream_end>(&event)) {
    std::lock_guard lock(mutex_);
    ended_[end->session] = true;
  }
  send_message({std::move(event), link_.wire_id, after_packets});
}

void remote_sender::send_bound(session_id session, timestamp bound) {
  send_message({wire::stream_bound{session, bound}, link_.wire_id, true});
}

// In real time a peer that is not there learns what matters when it is back (repeat_ends, the next
// bound). Virtual time waits for every message.
void remote_sender::send_message(wire::host_message m) {
  {
    std::lock_guard lock(mutex_);
    if (wire_.send_message(peer_, link_.peer, std::move(m))) return;
  }
  if (run_.is_virtual())
    run_.end.stop(end_reason::failed,
                  "host " + link_.peer + " takes no more messages about " + link_.name);
}

std::optional<writable_buffer> remote_sender::allocate(std::size_t size_bytes) {
  return wire_.wire().allocate(link_.wire_id, size_bytes);
}

void remote_sender::attach(const std::shared_ptr<actor_cell>& proxy) {
  std::lock_guard lock(mutex_);
  proxies_[proxy->id().session] = {proxy, std::nullopt};
}

void remote_sender::detach(session_id of_proxy) {
  {
    std::lock_guard lock(mutex_);
    proxies_.erase(of_proxy);
  }
  finish_if_drained();
}

void remote_sender::remove_session(session_id session) {
  {
    std::lock_guard lock(mutex_);
    proxies_.erase(session);
    ended_.erase(session);
  }
  finish_if_drained();
}

void remote_sender::detach_all() {
  std::lock_guard lock(mutex_);
  proxies_.clear();
}

void remote_sender::room_again() {
  std::vector<std::shared_ptr<actor_cell>> unblocked;
  {
    std::lock_guard lock(mutex_);
    for (auto& [session, o] : proxies_) {
      if (!o.kept) continue;
      if (!try_send(*o.kept)) break;
      o.kept.reset();
      if (auto proxy = o.proxy.lock()) unblocked.push_back(std::move(proxy));
    }
  }
  for (auto& proxy : unblocked) proxy->open_gate();
  tell_unsendable();
}

// Who finds a queue full from here on asks, and who did before is found waiting.
void remote_sender::peer_is_there(bool is_there) {
  is_peer_lost_.store(!is_there, std::memory_order_release);
  if (is_there) return;
  std::vector<std::shared_ptr<actor_cell>> proxies;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [session, o] : proxies_)
      if (auto proxy = o.proxy.lock()) proxies.push_back(std::move(proxy));
  }
  for (const auto& proxy : proxies) proxy->release_senders();
}

bool remote_sender::has_kept() const {
  std::lock_guard lock(mutex_);
  for (const auto& [session, o] : proxies_)
    if (o.kept) return true;
  return false;
}

void remote_sender::repeat_ends() {
  std::vector<session_id> ended;
  {
    std::lock_guard lock(mutex_);
    if (retired_ != 0) return;
    for (const auto& [session, sent_before] : ended_) ended.push_back(session);
  }
  for (const auto session : ended) send_event(wire::stream_end{session}, true);
}

bool remote_sender::in_use() const {
  std::lock_guard lock(mutex_);
  return retired_ == 0;
}

void remote_sender::retire(int revision) {
  {
    std::lock_guard lock(mutex_);
    retired_ = revision;
  }
  finish_if_drained();
}

// Once, when the last proxy has closed.
void remote_sender::finish_if_drained() {
  std::lock_guard lock(mutex_);
  if (retired_ == 0 || over_ || !proxies_.empty()) return;
  over_ = true;
  wire_.send_message(peer_, link_.peer,
                     {wire::link_ended{static_cast<std::uint32_t>(retired_)}, link_.wire_id, true});
}

void remote_sender::forget_retired() {
  std::vector<std::shared_ptr<actor_cell>> open;
  {
    std::lock_guard lock(mutex_);
    if (retired_ == 0 || over_) return;
    for (const auto& [session, o] : proxies_)
      if (auto proxy = o.proxy.lock()) open.push_back(std::move(proxy));
  }
  for (const auto& proxy : open) proxy->request_close(true);
}

}  // namespace hocket::distributed
