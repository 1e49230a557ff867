#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <queue>
#include <random>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "actors/host/transport.hpp"

namespace hocket::testing {

/// Stands in for `actors/wire` within one process: as many hosts as are opened, with the same
/// promises (order per link, credit, ends behind the packets they close, two lanes), a delay that
/// differs from message to message, and loss on links that are not lossless. A host can be cut off
/// and begin anew under its name: lossless links then send again what was not consumed. Every seed
/// gives other interleavings. It knows no sockets and no keys.
class fake_network {
 public:
  struct weather {
    unsigned seed = 1;
    int delay_us = 0;            ///< each message takes up to this long
    double loss = 0;             ///< of packets on links that may lose
    std::string slow_for = "";   ///< this host's control lanes are behind everything else,
    int slow_us = 0;             ///< by this much;
    std::string slow_from = "";  ///< only that from this host, where one is named
  };

  explicit fake_network(weather w) : weather_(w), random_(w.seed) {
    thread_ = std::thread([this] { run(); });
  }
  ~fake_network() {
    {
      std::lock_guard lock(mutex_);
      over_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  host::open_transport opener() {
    return [this](wire::node_options o,
                  wire::node_events& e) -> result<std::unique_ptr<host::transport>> {
      return std::make_unique<end>(*this, std::move(o), e);
    };
  }
  /// Cuts a host off as if its process had died: the others are told.
  void cut(const std::string& name) {
    std::lock_guard lock(mutex_);
    if (const auto it = hosts_.find(name); it != hosts_.end()) remove(it->second.id, "cut");
  }
  /// Everybody loses a host and finds it again as it was: nothing of it is gone.
  void blip(const std::string& name) {
    std::lock_guard lock(mutex_);
    const auto tell = [&](const std::string& who, const std::string& peer) {
      for (const auto s : {wire::peer_state::lost, wire::peer_state::up})
        post(who, peer + ">" + who + ".control",
             [peer, s](wire::node_events& e) { e.peer_changed(peer, s, "a blip", false); });
    };
    for (const auto& p : hosts_.at(name).options.peers) {
      const auto it = hosts_.find(p.name);
      if (it == hosts_.end() || !it->second.begun) continue;
      tell(name, p.name);
      tell(p.name, name);
    }
  }
  /// No link can be added on this host from now on; "": on all again.
  void refuse_links(const std::string& name) {
    std::lock_guard lock(mutex_);
    refuses_ = name;
  }
  /// Somebody was granted credit for a link that it did not know.
  bool granted_too_early() const {
    std::lock_guard lock(mutex_);
    return unknown_;
  }
  /// Nothing is on its way, and nobody is being told anything.
  bool idle() const {
    std::lock_guard lock(mutex_);
    return queue_.empty() && calling_ == 0;
  }

 private:
  struct account {
    wire::wire_account books;
    bool refused = false;
    bool open = true;  ///< receiver: grants credit
    bool retired = false;
    std::uint64_t credit = 0;        ///< receiver
    std::deque<packet> unconfirmed;  ///< sender, lossless
    void know(const wire::remote_link& l) {
      books.id = l.id;
      books.name = l.name;
      books.peer = l.peer;
      books.outgoing = l.outgoing;
      books.how = l.how;
      credit = l.credit_packets;
      retired = false;
    }
  };
  struct host_state {
    std::uint64_t id = 0;
    wire::node_options options;
    wire::node_events* events = nullptr;
    std::map<std::uint32_t, account> links;
    bool begun = false;
  };
  using clock = std::chrono::steady_clock;
  struct message {
    clock::time_point due;
    std::uint64_t number;
    std::string to;
    std::uint64_t to_id;
    std::function<void(wire::node_events&)> deliver;
    bool operator>(const message& o) const {
      return std::tie(due, number) > std::tie(o.due, o.number);
    }
  };

  class end final : public host::transport {
   public:
    end(fake_network& net, wire::node_options o, wire::node_events& events)
        : net_(net), name_(o.name) {
      std::lock_guard lock(net_.mutex_);
      auto& h = net_.hosts_[name_];
      h = {};
      id_ = h.id = ++net_.ids_;
      h.events = &events;
      for (const auto& l : o.links) {
        h.links[l.id].know(l);
      }
      h.options = std::move(o);
    }
    ~end() override {
      std::unique_lock lock(net_.mutex_);
      net_.remove(id_, "closed");
      net_.changed_.wait(lock, [&] { return net_.calling_ != id_; });
    }
    void begin() override { net_.begin(name_); }
    wire::sent_how send(std::uint32_t link, const packet& p) override {
      return net_.send(name_, id_, link, p);
    }
    bool send_control(const std::string& peer, wire::host_message m) override {
      return net_.send_control(name_, id_, peer, std::move(m));
    }
    void consumed(std::uint32_t link, std::uint32_t n) override {
      net_.consumed(name_, id_, link, n);
    }
    result<void> add_link(const wire::remote_link& l) override {
      return net_.add_link(name_, id_, l);
    }
    void open_link(std::uint32_t link) override { net_.open_link(name_, id_, link); }
    void change_link(const wire::remote_link& l) override { net_.change_link(name_, id_, l); }
    void retire_link(std::uint32_t link) override { net_.retire_link(name_, id_, link); }
    bool flush(int) override { return true; }
    void set_graph(const std::string&, const std::string&) override {}
    wire::node_status status() const override {
      std::lock_guard lock(net_.mutex_);
      wire::node_status s;
      const auto it = net_.hosts_.find(name_);
      if (it == net_.hosts_.end() || it->second.id != id_) return s;
      for (const auto& [id, l] : it->second.links) s.links.push_back(l.books);
      for (const auto& p : it->second.options.peers) {
        wire::peer_status one;
        one.name = p.name;
        const auto other = net_.hosts_.find(p.name);
        one.state = other != net_.hosts_.end() ? wire::peer_state::up : wire::peer_state::lost;
        if (other != net_.hosts_.end())
          one.incarnation = other->second.id;
        else
          one.reason = "cut";
        one.clock.samples = 1;
        s.peers.push_back(std::move(one));
      }
      return s;
    }
    std::string listening() const override { return "fake://" + name_; }

   private:
    fake_network& net_;
    const std::string name_;
    std::uint64_t id_ = 0;
  };

  void begin(const std::string& name) {
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
  void tell_up(const std::string& who, const std::string& peer) {
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

  // mutex_ held; nullptr: that process is no more.
  host_state* alive(const std::string& name, std::uint64_t id) {
    const auto it = hosts_.find(name);
    return it == hosts_.end() || it->second.id != id ? nullptr : &it->second;
  }
  result<void> add_link(const std::string& name, std::uint64_t id, const wire::remote_link& l) {
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
  void open_link(const std::string& name, std::uint64_t id, std::uint32_t link) {
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
  void change_link(const std::string& name, std::uint64_t id, const wire::remote_link& l) {
    std::lock_guard lock(mutex_);
    auto* me = alive(name, id);
    if (me == nullptr) return;
    auto& mine = me->links.at(l.id);
    mine.know(l);
    if (l.outgoing && l.how != wire::delivery::lossless) mine.unconfirmed.clear();
    if (!l.outgoing) tell_room(mine.books.peer, name, l.id);
  }
  void retire_link(const std::string& name, std::uint64_t id, std::uint32_t link) {
    std::lock_guard lock(mutex_);
    if (auto* me = alive(name, id)) me->links.at(link).retired = true;
  }
  // mutex_ held.
  void tell_room(const std::string& sender, const std::string& by, std::uint32_t link) {
    post(sender, by + ">" + sender + ".credit", [this, sender, link](wire::node_events& e) {
      {
        std::lock_guard lock(mutex_);
        const auto it = hosts_.find(sender);
        if (it == hosts_.end() || !std::exchange(it->second.links[link].refused, false)) return;
      }
      e.room_again(link);
    });
  }

  wire::sent_how send(const std::string& from, std::uint64_t id, std::uint32_t link,
                      const packet& p) {
    std::lock_guard lock(mutex_);
    const auto me = hosts_.find(from);
    if (me == hosts_.end() || me->second.id != id) return wire::sent_how::no_peer;
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
                      std::uniform_real_distribution<>(0, 1)(random_) < weather_.loss;
    if (mine.books.how == wire::delivery::lossless) mine.unconfirmed.push_back(p);
    carry(from, link, mine, p, lost);
    return wire::sent_how::sent;
  }

  // mutex_ held.
  void carry(const std::string& from, std::uint32_t link, const account& mine, const packet& p,
             bool lost) {
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
      e.packet_arrived(link, packet(p));
    });
  }

  bool send_control(const std::string& from, std::uint64_t id, const std::string& to,
                    wire::host_message m) {
    std::lock_guard lock(mutex_);
    const auto me = hosts_.find(from);
    if (me == hosts_.end() || me->second.id != id || !hosts_.contains(to)) return false;
    const auto lane =
        from + ">" + to + "." + (m.after_packets ? std::to_string(m.link) : "control");
    post(to, lane, [from, m](wire::node_events& e) { e.control_arrived(from, m); });
    return true;
  }

  void consumed(const std::string& by, std::uint64_t id, std::uint32_t link, std::uint32_t n) {
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
  // True where the sender waits for it.
  bool settle(const std::string& sender, std::uint32_t link, std::uint32_t n, bool dropped) {
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

  // mutex_ held.
  void remove(std::uint64_t id, const std::string& why) {
    const auto gone = std::find_if(hosts_.begin(), hosts_.end(),
                                   [&](const auto& h) { return h.second.id == id; });
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
  // mutex_ held.
  void post(const std::string& to, const std::string& lane,
            std::function<void(wire::node_events&)> f) {
    auto due = clock::now();
    if (weather_.delay_us > 0)
      due += std::chrono::microseconds(
          std::uniform_int_distribution<int>(0, weather_.delay_us)(random_));
    if (to == weather_.slow_for && lane.ends_with(".control") &&
        (weather_.slow_from.empty() || lane.starts_with(weather_.slow_from + ">")))
      due += std::chrono::microseconds(weather_.slow_us);
    auto& last = lanes_[lane];
    last = due = std::max(due, last);
    const auto host = hosts_.find(to);
    if (host == hosts_.end()) return;
    queue_.push({due, numbers_++, to, host->second.id, std::move(f)});
    changed_.notify_all();
  }

  void run() {
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

  const weather weather_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::mt19937 random_;
  std::map<std::string, host_state> hosts_;
  std::map<std::string, clock::time_point> lanes_;
  std::priority_queue<message, std::vector<message>, std::greater<>> queue_;
  std::uint64_t numbers_ = 0;
  std::uint64_t ids_ = 0;
  std::uint64_t calling_ = 0;
  bool over_ = false;
  std::string refuses_;
  bool unknown_ = false;
  std::thread thread_;
};

}  // namespace hocket::testing
