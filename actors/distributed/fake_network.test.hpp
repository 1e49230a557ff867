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

#include "actors/distributed/transport.hpp"

namespace hocket::testing {

/// Stands in for `actors/wire` within one process: as many hosts as are opened, with the same
/// promises (order per link, credit, ends behind the packets they close, two lanes), a delay that
/// differs from message to message, and loss on links that are not lossless. A host can be cut off
/// and begin anew under its name: lossless links then send again what was not consumed. Every seed
/// gives other interleavings. It knows no sockets and no keys.
class fake_network {
 public:
  struct conditions {
    unsigned seed = 1;
    int delay_us = 0;            ///< each message takes up to this long
    double loss = 0;             ///< of packets on links that may lose
    std::string slow_for = "";   ///< this host's control lanes are behind everything else,
    int slow_us = 0;             ///< by this much;
    std::string slow_from = "";  ///< only that from this host, where one is named
    bool slow_packets = false;   ///< not those: packets, and what is said behind them
    int slow_status_us = 0;      ///< who asks there how things stand is told this late
    std::string unfit = "";      ///< a text that the wire cannot carry
    std::function<void(packet&)> forged = {};  ///< what a host that plays foul makes of its packets
  };

  explicit fake_network(conditions w) : conditions_(w), random_(w.seed) {
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

  distributed::open_transport opener() {
    return [this](wire::node_options o,
                  wire::node_events& e) -> result<std::unique_ptr<distributed::transport>> {
      return std::make_unique<end>(*this, std::move(o), e);
    };
  }
  /// Cuts a host off as if its process had died: the others are told.
  void cut(const std::string& name) {
    std::lock_guard lock(mutex_);
    if (const auto it = hosts_.find(name); it != hosts_.end()) remove(it->second.id, "cut");
  }
  /// Everybody loses a host and finds it again as it was: nothing of it is gone.
  void reconnect(const std::string& name) {
    tell_both_sides(name, {wire::peer_state::lost, wire::peer_state::up}, "a blip");
  }
  /// The way between a host and the others is gone: all live on, and each side loses the other.
  void part(const std::string& name) { tell_both_sides(name, {wire::peer_state::lost}, "parted"); }
  /// What who asks this host is told of its next graph.
  std::string next_graph(const std::string& name) const {
    std::lock_guard lock(mutex_);
    const auto it = next_graphs_.find(name);
    return it == next_graphs_.end() ? "" : it->second;
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

  class end final : public distributed::transport {
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
    void set_graph(const std::string&, const std::string&) override {
      net_.tell_next_graph(name_, "");
    }
    void set_next_graph(const std::string& hash) override { net_.tell_next_graph(name_, hash); }
    wire::node_status status() const override {
      if (const auto& w = net_.conditions_; name_ == w.slow_for)
        std::this_thread::sleep_for(std::chrono::microseconds(w.slow_status_us));
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

  void begin(const std::string& name);
  void tell_both_sides(const std::string& name, const std::vector<wire::peer_state>& states,
                       const std::string& why) {
    std::lock_guard lock(mutex_);
    const auto tell = [&](const std::string& who, const std::string& peer) {
      for (const auto s : states)
        post(who, peer + ">" + who + ".control",
             [peer, s, why](wire::node_events& e) { e.peer_changed(peer, s, why, false); });
    };
    for (const auto& p : hosts_.at(name).options.peers) {
      const auto it = hosts_.find(p.name);
      if (it == hosts_.end() || !it->second.begun) continue;
      tell(name, p.name);
      tell(p.name, name);
    }
  }
  void tell_up(const std::string& who, const std::string& peer);
  // mutex_ held; nullptr: that process is no more.
  host_state* alive(const std::string& name, std::uint64_t id);
  result<void> add_link(const std::string& name, std::uint64_t id, const wire::remote_link& l);
  void open_link(const std::string& name, std::uint64_t id, std::uint32_t link);
  void change_link(const std::string& name, std::uint64_t id, const wire::remote_link& l);
  void retire_link(const std::string& name, std::uint64_t id, std::uint32_t link);
  // mutex_ held.
  void tell_room(const std::string& sender, const std::string& by, std::uint32_t link);
  wire::sent_how send(const std::string& from, std::uint64_t id, std::uint32_t link,
                      const packet& p);
  // mutex_ held.
  void carry(const std::string& from, std::uint32_t link, const account& mine, const packet& p,
             bool lost);
  bool send_control(const std::string& from, std::uint64_t id, const std::string& to,
                    wire::host_message m);
  void tell_next_graph(const std::string& name, const std::string& hash) {
    std::lock_guard lock(mutex_);
    next_graphs_[name] = hash;
  }
  void consumed(const std::string& by, std::uint64_t id, std::uint32_t link, std::uint32_t n);
  // True where the sender waits for it.
  bool settle(const std::string& sender, std::uint32_t link, std::uint32_t n, bool dropped);
  // mutex_ held.
  void remove(std::uint64_t id, const std::string& why);
  // mutex_ held.
  void post(const std::string& to, const std::string& lane,
            std::function<void(wire::node_events&)> f);
  void run();

  const conditions conditions_;
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
  std::map<std::string, std::string> next_graphs_;
  bool unknown_ = false;
  std::thread thread_;
};

}  // namespace hocket::testing
