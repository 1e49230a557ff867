#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "actors/foxglove/channels.hpp"
#include "actors/gateway/door/key_ring.hpp"
#include "actors/host/observer.hpp"
#include "actors/http/routes.hpp"
#include "actors/http/server.hpp"

namespace hocket::foxglove {

struct bridge_options {
  std::string address;  ///< tcp://127.0.0.1:8765; port 0 = any that is free
  /// Text of a file of hashed keys, as `hocket keys --api` writes it; "": processes of this machine need
  /// none. A key lets its holder see everything: the file is the list of who may.
  std::string keys = {};
  /// Pages that may connect besides those of this machine and the public viewer's.
  std::vector<std::string> origins = {};
  std::string version = {};  ///< of the program
  std::string host = {};     ///< of a graph with hosts: the one that this process is
  bool with_pii = true;      ///< false: only outputs that carry figures alone
  std::size_t viewers = 16;
  std::size_t queue_packets = 4096;
  std::size_t queue_bytes = 32u << 20;  ///< of packets that wait to be written as messages
  std::size_t viewer_bytes = 1u << 20;  ///< that wait for one viewer; beyond: lost
  int viewer_ms = 10'000;               ///< in which it reads one message; beyond: it is cut
  std::size_t advertisement_bytes = 16u
                                    << 20;  ///< of channels that wait for one; beyond: it is cut
};

/// Shows a run while it lasts to whoever speaks the Foxglove WebSocket protocol: each output as a topic
/// with the schema of our recordings, the run's events, the graph as a connection graph.
///
/// The graph never waits: packets go into a bounded queue (payloads are shared, not copied), a thread
/// of its own writes them for those who subscribe. What a slow viewer has no room for is lost to it
/// alone, counted, and told to it as a status; one that reads nothing at all is cut. Without a viewer
/// a packet costs one look at a flag.
///
/// Who may look: processes of this machine, with `keys` those that show one; pages of this machine and of
/// app.foxglove.dev. Nobody can say anything to the graph. Beyond loopback it does not listen.
/// Errors: foxglove.not_loopback, gateway.bad_keys, gateway.no_keys, http.*.
/// Threads: as for host::observer; two of its own.
class bridge final : public host::observer {
 public:
  static result<std::unique_ptr<bridge>> start(bridge_options o, const plan& graph);
  ~bridge() override;

  void started(const plan&, const clock& stream_time) override;
  void rewired(const host::graph_revision& r) override;
  void packet_emitted(const plan&, actor_index actor, std::size_t port, const packet& p) override;
  void event(timestamp at, std::string_view actor, std::string_view what,
             std::string_view detail) override;

  /// "ws://127.0.0.1:8765", with the port that it really has.
  const std::string& url() const { return url_; }
  /// The first page that was refused; "" while none was.
  std::string refused_page() const;

  struct figures {
    std::uint64_t viewers = 0;  ///< that came
    std::uint64_t sent = 0;     ///< messages, to each viewer
    std::uint64_t lost = 0;  ///< no room at a viewer, or in the queue; no form outside the process
  };
  figures now() const;
  /// Sends what waits, says goodbye, listens no more.
  figures finish();

 private:
  struct viewer {
    explicit viewer(machine::limits l) : rules(l) {}
    std::shared_ptr<http::websocket> socket;
    machine rules;
    std::deque<std::string> texts;  ///< what it must be told
    std::size_t text_bytes = 0;
    std::uint64_t lost = 0, told_lost = 0;
    std::int64_t told_ns = 0;
    bool is_gone = false;
  };
  using viewer_ptr = std::shared_ptr<viewer>;
  struct item {
    std::uint32_t packets = 0, payloads = 0;  ///< channels; 0: not wanted
    timestamp at;
    packet what;
    std::string event;  ///< instead of a packet
    std::size_t size_bytes = 0;
  };
  struct message {
    std::uint32_t channel = 0;
    std::uint64_t log_time_ns = 0;
    std::optional<std::string> bytes;  ///< none: it has no form outside the process
  };

  bridge(bridge_options o, const plan& graph);
  result<void> listen();
  std::variant<http::response, http::websocket_accept> admit(const http::request& r);
  http::websocket_events welcome(const std::shared_ptr<http::websocket>& socket);
  void heard(const viewer_ptr& v, std::string_view message, bool is_text);
  // With the lock held:
  void leave(const viewer_ptr& v);
  void tell(viewer& v, std::string text);
  void tell(viewer& v, machine::output out);
  void flush(viewer& v);
  void tell_of_losses(viewer& v);
  void count_wanted();
  bool is_wanted(std::uint32_t channel) const;
  void lose(std::uint32_t channel);
  void put(item i);
  void send(const message& m, std::unique_lock<std::mutex>& lock);

  void work();
  std::vector<message> messages_of(const item& i) const;

  const bridge_options options_;
  gateway::key_ring keys_;
  const http::host_rules hosts_;
  http::route_table routes_;
  server_facts facts_;
  std::string url_, bound_host_;
  std::atomic<bool> is_watched_{false};  ///< somebody subscribes to something

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  channel_table table_;
  connection_graph connections_;
  std::vector<std::string> advertisements_;  ///< of all channels, for who comes
  const clock* time_ = nullptr;
  std::int64_t unix_zero_ns_ = 0;
  std::vector<viewer_ptr> viewers_;
  std::map<std::uint32_t, int> wanted_;  ///< subscriptions by channel
  std::deque<item> queue_;
  std::size_t queued_bytes_ = 0;
  std::string refused_page_;
  figures figures_;
  bool over_ = false;
  std::unique_ptr<http::server> server_;
  std::thread worker_;
};

}  // namespace hocket::foxglove
