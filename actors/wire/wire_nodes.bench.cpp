// The ends of `hocket bench wire` that use what graphs use: two nodes.
#include <unistd.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <sstream>

#include "actors/wire/keys.hpp"
#include "actors/wire/node.hpp"
#include "actors/wire/wire_bench_parts.hpp"
#include "graph/core/assert.hpp"
#include "graph/core/clock.hpp"

namespace hocket::wire::bench {
namespace {

/// What a packet carries, and how long it took to fill it while a clock ran.
struct load {
  buffer content;
  std::int64_t made_ns = 0;
};

/// A host that is nothing but a function called with each packet.
class end final : public node_events {
 public:
  std::unique_ptr<node> wire;
  std::uint32_t out = 0;

  using handler = std::function<void(packet&&)>;
  /// Waits until the old one has returned: what it refers to may go then.
  void on_packet(handler h) {
    std::lock_guard lock(handling_);
    handler_ = std::move(h);
  }
  bool packet_arrived(std::uint32_t link, packet&& p) override {
    std::lock_guard lock(handling_);
    if (handler_) handler_(std::move(p));
    wire->consumed(link);
    return true;
  }
  void control_arrived(const std::string&, const host_message&) override {}
  void room_again(std::uint32_t) override {
    tell([this] { ++rooms_; });
  }
  void peer_changed(const std::string&, peer_state s, const std::string&, bool) override {
    tell([&] { state_ = s; });
  }
  void gap(std::uint32_t, session_id, std::uint64_t, std::uint64_t) override {}

  /// A new payload, where it will be sent from.
  load make(std::size_t size_bytes) {
    auto room = wire->allocate(out, size_bytes);
    if (!room) room = writable_buffer::on_heap(size_bytes);
    const auto began = monotonic_ns();
    std::memset(room->bytes().data(), static_cast<int>(++made_ & 0xff), size_bytes);
    const auto took = monotonic_ns() - began;
    return {std::move(*room).seal(), took};
  }

  void send(order o, const load& l) {
    const auto& b = l.content;
    auto p = make_packet(timestamp(0),
                         tensor{dtype::u8, {static_cast<std::int64_t>(b.size_bytes())}, b});
    p.header.stream = static_cast<std::uint32_t>(o);
    p.header.origin_ts = timestamp(l.made_ns);
    for (;;) {
      std::uint64_t rooms = 0;
      {
        std::lock_guard lock(mutex_);
        rooms = rooms_;
      }
      p.header.origin_ns = monotonic_ns();
      const auto how = wire->send(out, p);
      if (how == sent_how::sent) return;
      HOCKET_ASSERT(how == sent_how::no_credit || how == sent_how::no_peer);
      std::unique_lock lock(mutex_);
      news_.wait(lock, [&] { return rooms_ != rooms; });
    }
  }
  template <class Change>
  void tell(Change change) {
    std::lock_guard lock(mutex_);
    change();
    news_.notify_all();
  }
  template <class Condition>
  void wait(Condition c) {
    std::unique_lock lock(mutex_);
    news_.wait(lock, c);
  }
  peer_state state() const { return state_; }

 private:
  std::mutex handling_, mutex_;
  handler handler_;
  std::condition_variable news_;
  std::uint64_t rooms_ = 0;
  std::uint64_t made_ = 0;
  peer_state state_ = peer_state::connecting;
};

node_options options_of(wire_kind k, bool parent) {
  node_options o;
  o.name = parent ? "near" : "far";
  o.graph_hash = o.schema_hash = "bench";
  o.shared_memory = shares_memory(k);
  o.peers = {{parent ? "far" : "near", "", ""}};
  for (const std::uint32_t id : {1u, 2u}) {
    remote_link l;
    l.id = id;
    l.name = id == 1 ? "there" : "back";
    l.peer = o.peers[0].name;
    l.outgoing = parent == (id == 1);
    l.how = delivery::lossless;
    l.credit_packets = 512;
    l.credit_bytes = 32u << 20;
    o.links.push_back(l);
  }
  return o;
}

class node_pair final : public wire_pair {
 public:
  explicit node_pair(wire_kind k) : kind_(k) {}
  ~node_pair() override {
    end_.wire.reset();
    if (child_ != 0) wait_for(child_);
  }

  result<void> start() {
    auto o = options_of(kind_, true);
    o.listen = "tcp://127.0.0.1:0";
    std::string keys;
    if (kind_ == wire_kind::tcp_curve) {
      const auto near = make_keys(), far = make_keys();
      if (!near) return fail(near);
      o.secret_key = near->secret_key;
      o.peers[0].public_key = far->public_key;
      keys = " " + std::string(far->secret_key.exposed()) + " " + near->public_key;
    }
    auto n = node::open(o, end_);
    if (!n) return fail(n);
    end_.wire = std::move(*n);
    end_.out = 1;
    end_.wire->begin();
    const auto child =
        spawn_end(std::string(to_string(kind_)) + " " + end_.wire->listening() + keys);
    if (!child) return fail(child);
    child_ = *child;
    end_.wait([this] { return end_.state() == peer_state::up; });
    return {};
  }

  wire_result measure(std::size_t size, double seconds) override {
    contents prepared(size);
    const loads next = [&] {
      return kind_ == wire_kind::shm ? end_.make(size) : load{prepared.next()};
    };
    if (shares_memory(kind_)) await_shared_memory();
    wire_result r;
    const auto before = end_.wire->status().peers[0];
    ping(next, seconds, r);
    end_.send(order::reset, next());
    pace(seconds, size, [&] { end_.send(order::time, next()); });
    r.paced = ask().times;
    end_.send(order::reset, next());
    const auto cpu = cpu_ns(), began = monotonic_ns();
    while (static_cast<double>(monotonic_ns() - began) < seconds * 1e9)
      end_.send(order::count, next());
    const auto found = ask();
    const auto n = static_cast<double>(found.count);
    r.packets_per_s = n * 1e9 / static_cast<double>(monotonic_ns() - began);
    r.cpu_us_per_packet = static_cast<double>(cpu_ns() - cpu + found.cpu_ns) / n / 1e3;
    const auto after = end_.wire->status().peers[0];
    r.fallbacks = after.shm_fallbacks - before.shm_fallbacks;
    r.in_place = after.shm_in_place - before.shm_in_place;
    return r;
  }

 private:
  /// The socket carries packets until both have mapped the arenas.
  void await_shared_memory() {
    for (int i = 0; i < 1000 && !end_.wire->status().peers[0].shared_memory; ++i) ask();
    HOCKET_ASSERT(end_.wire->status().peers[0].shared_memory);
    for (int i = 0; i < 100; ++i) ask();  // the other direction follows at once
  }

  using loads = std::function<load()>;

  void ping(const loads& next, double seconds, wire_result& r) {
    std::vector<std::int64_t> ns, made;
    ns.reserve(1'000'000);
    made.reserve(1'000'000);
    bool done = false;
    const auto began = monotonic_ns();
    std::int64_t sent = 0;
    const auto throw_one = [&] {
      sent = monotonic_ns();
      const auto l = next();
      made.push_back(l.made_ns);
      end_.send(order::echo, l);
    };
    end_.on_packet([&](packet&& p) {
      const auto made_there_ns = p.header.origin_ts.ns();
      p = {};  // gives its lease back
      const auto now = monotonic_ns();
      ns.push_back((now - sent - made.back() - made_there_ns) / 2);
      if (static_cast<double>(now - began) > seconds * 1e9) return end_.tell([&] { done = true; });
      throw_one();
    });
    throw_one();
    end_.wait([&] { return done; });
    end_.on_packet({});
    r.ping = wire_times::of(std::move(ns));
    if (kind_ == wire_kind::shm) r.make = wire_times::of(std::move(made));
  }

  report ask() {
    report got;
    bool done = false;
    end_.on_packet([&](packet&& p) {
      const auto bytes = p.get_if<tensor>()->data.bytes();
      HOCKET_ASSERT(bytes.size() == sizeof got);
      end_.tell([&] {
        std::memcpy(&got, bytes.data(), sizeof got);
        done = true;
      });
    });
    end_.send(order::report, {});
    end_.wait([&] { return done; });
    end_.on_packet({});
    return got;
  }

  wire_kind kind_;
  end end_;
  pid_t child_ = 0;
};

}  // namespace

result<std::unique_ptr<wire_pair>> start_nodes(wire_kind k) {
  auto pair = std::make_unique<node_pair>(k);
  HOCKET_TRY(pair->start());
  return pair;
}

int serve_node(wire_kind k, const std::string& where) {
  auto o = options_of(k, false);
  std::istringstream words(where);
  std::string secret;
  words >> o.peers[0].address >> secret >> o.peers[0].public_key;
  o.secret_key = secret;
  end e;
  notes noted;
  e.out = 2;
  e.on_packet([&](packet&& p) {
    const auto what = static_cast<order>(p.header.stream);
    noted.take(what, p.header.origin_ns);
    if (what == order::echo) {
      const auto& came = p.get_if<tensor>()->data;
      e.send(order::echo, k == wire_kind::shm ? e.make(came.size_bytes()) : load{came});
    }
    if (what == order::report) {
      const auto r = noted.close();
      e.send(order::echo, {buffer::copy_of(std::as_bytes(std::span(&r, 1)))});
    }
  });
  auto n = node::open(o, e);
  if (!n) return 1;
  e.wire = std::move(*n);
  e.wire->begin();
  e.wait([&] { return e.state() == peer_state::up; });
  e.wait([&] { return e.state() == peer_state::lost; });
  e.wire.reset();
  return 0;
}

}  // namespace hocket::wire::bench
