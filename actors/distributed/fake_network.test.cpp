#include "actors/distributed/fake_network.test.hpp"

#include <algorithm>
#include <utility>

namespace hocket::testing {

void fake_network::begin(const std::string& name) {
  std::lock_guard lock(mutex_);
  auto& me = hosts_.at(name);
  me.begun = true;
  for (const auto& p : me.options.peers) {
    const auto it = hosts_.find(p.name);
    if (it == hosts_.end() || !it->second.begun) continue;
    tell_up(name, p.name);
    tell_up(p.name, name);
  }
}

void fake_network::tell_up(const std::string& who, const std::string& peer) {
  post(who, peer + ">" + who + ".control", [this, peer, who](wire::node_events& e) {
    e.peer_changed(peer, wire::peer_state::up, "", true);
    std::vector<std::uint32_t> waiting;
    {
      std::lock_guard lock(mutex_);
      const auto it = hosts_.find(who);
      if (it == hosts_.end()) return;
      for (auto& [id, l] : it->second.links) {
        if (l.books.peer != peer || !l.books.outgoing) continue;
        for (const auto& p : l.unconfirmed) {
          ++l.books.sent_again;
          carry(who, id, l, p, false);
        }
        if (std::exchange(l.refused, false)) waiting.push_back(id);
      }
    }
    for (const auto id : waiting) e.room_again(id);
  });
}

fake_network::host_state* fake_network::alive(const std::string& name, std::uint64_t id) {
  const auto it = hosts_.find(name);
  return it == hosts_.end() || it->second.id != id ? nullptr : &it->second;
}

result<void> fake_network::add_link(const std::string& name, std::uint64_t id,
                                    const wire::remote_link& l) {
  std::lock_guard lock(mutex_);
  auto* me = alive(name, id);
  if (me == nullptr) return {};
  if (refuses_ == name) return fail("wire.bad_option", "the network takes no links");
  const bool fresh = !me->links.contains(l.id);
  auto& mine = me->links[l.id];
  mine.know(l);
  if (fresh) mine.open = l.outgoing;
  return {};
}

void fake_network::open_link(const std::string& name, std::uint64_t id, std::uint32_t link) {
  std::lock_guard lock(mutex_);
  auto* me = alive(name, id);
  if (me == nullptr) return;
  auto& mine = me->links.at(link);
  mine.open = true;
  // As with the real one: who grants may rely on it that the sender knows the link.
  const auto sender = hosts_.find(mine.books.peer);
  if (sender == hosts_.end()) return;
  if (!sender->second.links.contains(link)) unknown_ = true;
  tell_room(mine.books.peer, name, link);
}

void fake_network::change_link(const std::string& name, std::uint64_t id,
                               const wire::remote_link& l) {
  std::lock_guard lock(mutex_);
  auto* me = alive(name, id);
  if (me == nullptr) return;
  auto& mine = me->links.at(l.id);
  mine.know(l);
  if (l.outgoing && l.how != wire::delivery::lossless) mine.unconfirmed.clear();
  if (!l.outgoing) tell_room(mine.books.peer, name, l.id);
}

void fake_network::retire_link(const std::string& name, std::uint64_t id, std::uint32_t link) {
  std::lock_guard lock(mutex_);
  if (auto* me = alive(name, id)) me->links.at(link).retired = true;
}

void fake_network::tell_room(const std::string& sender, const std::string& by, std::uint32_t link) {
  post(sender, by + ">" + sender + ".credit", [this, sender, link](wire::node_events& e) {
    {
      std::lock_guard lock(mutex_);
      const auto it = hosts_.find(sender);
      if (it == hosts_.end() || !std::exchange(it->second.links[link].refused, false)) return;
    }
    e.room_again(link);
  });
}

wire::sent_how fake_network::send(const std::string& from, std::uint64_t id, std::uint32_t link,
                                  const packet& p) {
  std::lock_guard lock(mutex_);
  const auto me = hosts_.find(from);
  if (me == hosts_.end() || me->second.id != id) return wire::sent_how::no_peer;
  if (const auto* t = p.get_if<text>();
      t && !conditions_.unfit.empty() && t->value == conditions_.unfit)
    return wire::sent_how::unsendable;
  auto& mine = me->second.links.at(link);
  const auto peer = hosts_.find(mine.books.peer);
  if (peer == hosts_.end() || !peer->second.begun) {
    mine.refused = true;
    return wire::sent_how::no_peer;
  }
  std::uint64_t credit = 0;
  if (const auto theirs = peer->second.links.find(link);
      theirs != peer->second.links.end() && theirs->second.open)
    credit = theirs->second.credit;
  if (mine.books.in_flight >= credit) {
    ++mine.books.no_credit;
    mine.refused = true;
    return wire::sent_how::no_credit;
  }
  ++mine.books.sent;
  ++mine.books.in_flight;
  const bool lost = mine.books.how != wire::delivery::lossless &&
                    std::uniform_real_distribution<>(0, 1)(random_) < conditions_.loss;
  if (mine.books.how == wire::delivery::lossless) mine.unconfirmed.push_back(p);
  carry(from, link, mine, p, lost);
  return wire::sent_how::sent;
}

void fake_network::carry(const std::string& from, std::uint32_t link, const account& mine,
                         const packet& p, bool lost) {
  const auto lane = from + ">" + mine.books.peer + "." + std::to_string(link);
  post(mine.books.peer, lane, [this, link, p, lost, from, to = mine.books.peer](auto& e) {
    if (lost) {
      settle(from, link, 1, true);
      e.gap(link, p.header.session, p.header.seq, p.header.seq);
      return;
    }
    {
      std::lock_guard inner(mutex_);
      const auto it = hosts_.find(to);
      if (it == hosts_.end()) return;
      ++it->second.links.at(link).books.sent;
      ++it->second.links.at(link).books.in_flight;
    }
    auto arriving = p;
    if (conditions_.forged) conditions_.forged(arriving);
    e.packet_arrived(link, std::move(arriving));
  });
}

bool fake_network::send_control(const std::string& from, std::uint64_t id, const std::string& to,
                                wire::host_message m) {
  std::lock_guard lock(mutex_);
  const auto me = hosts_.find(from);
  if (me == hosts_.end() || me->second.id != id || !hosts_.contains(to)) return false;
  const auto lane = from + ">" + to + "." + (m.after_packets ? std::to_string(m.link) : "control");
  post(to, lane, [from, m](wire::node_events& e) { e.control_arrived(from, m); });
  return true;
}

void fake_network::consumed(const std::string& by, std::uint64_t id, std::uint32_t link,
                            std::uint32_t n) {
  std::lock_guard lock(mutex_);
  const auto it = hosts_.find(by);
  if (it == hosts_.end() || it->second.id != id) return;
  auto& books = it->second.links.at(link).books;
  books.in_flight -= n;
  books.delivered += n;
  const auto sender = books.peer;
  post(sender, by + ">" + sender + ".credit", [this, sender, link, n](auto& e) {
    if (settle(sender, link, n, false)) e.room_again(link);
  });
}

bool fake_network::settle(const std::string& sender, std::uint32_t link, std::uint32_t n,
                          bool dropped) {
  std::lock_guard lock(mutex_);
  const auto it = hosts_.find(sender);
  if (it == hosts_.end()) return false;
  auto& l = it->second.links.at(link);
  l.books.in_flight -= n;
  for (std::uint32_t i = 0; i < n && !l.unconfirmed.empty(); ++i) l.unconfirmed.pop_front();
  if (dropped)
    l.books.dropped[static_cast<int>(wire::wire_drop::disconnected)] += n;
  else
    l.books.delivered += n;
  return std::exchange(l.refused, false);
}

void fake_network::remove(std::uint64_t id, const std::string& why) {
  const auto gone =
      std::find_if(hosts_.begin(), hosts_.end(), [&](const auto& h) { return h.second.id == id; });
  if (gone == hosts_.end()) return;
  const auto name = gone->first;
  hosts_.erase(gone);
  for (auto& [other, h] : hosts_) {
    for (auto& [link, l] : h.links) {
      if (l.books.peer != name || !l.books.outgoing) continue;
      if (l.books.how == wire::delivery::lossless && !l.retired) continue;  // sent again
      l.unconfirmed.clear();
      l.books.dropped[static_cast<int>(wire::wire_drop::disconnected)] += l.books.in_flight;
      l.books.in_flight = 0;
    }
    bool knows = false;
    for (const auto& p : h.options.peers) knows = knows || p.name == name;
    if (!knows || !h.begun) continue;
    post(other, name + ">" + other + ".control", [name, why](wire::node_events& e) {
      e.peer_changed(name, wire::peer_state::lost, why, false);
    });
  }
}

void fake_network::post(const std::string& to, const std::string& lane,
                        std::function<void(wire::node_events&)> f) {
  auto due = clock::now();
  if (conditions_.delay_us > 0)
    due += std::chrono::microseconds(
        std::uniform_int_distribution<int>(0, conditions_.delay_us)(random_));
  const bool control = lane.ends_with(".control"), credit = lane.ends_with(".credit");
  if (to == conditions_.slow_for && (conditions_.slow_packets ? !control && !credit : control) &&
      (conditions_.slow_from.empty() || lane.starts_with(conditions_.slow_from + ">")))
    due += std::chrono::microseconds(conditions_.slow_us);
  auto& last = lanes_[lane];
  last = due = std::max(due, last);
  const auto host = hosts_.find(to);
  if (host == hosts_.end()) return;
  queue_.push({due, numbers_++, to, host->second.id, std::move(f)});
  changed_.notify_all();
}

void fake_network::run() {
  std::unique_lock lock(mutex_);
  while (!over_) {
    if (queue_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto due = queue_.top().due;
    if (clock::now() < due) {
      changed_.wait_until(lock, due);
      continue;
    }
    auto m = queue_.top();
    queue_.pop();
    const auto it = hosts_.find(m.to);
    if (it == hosts_.end() || it->second.id != m.to_id) continue;
    calling_ = m.to_id;
    auto* events = it->second.events;
    lock.unlock();
    m.deliver(*events);
    lock.lock();
    calling_ = 0;
    changed_.notify_all();
  }
}

}  // namespace hocket::testing
