#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hocket::foxglove {

/// Sub-protocols, the newer first. What a server like this one says is the same in both.
inline constexpr std::string_view subprotocols[] = {"foxglove.sdk.v1", "foxglove.websocket.v1"};
/// The one to answer to what a client offers ("a, b"); empty where it offers none of them.
std::string_view subprotocol_of(std::string_view offered);

/// A topic that viewers may subscribe to.
struct channel {
  std::uint32_t id = 0;  ///< of one topic and schema for ever
  std::string topic;
  std::string encoding;         ///< of its messages: "protobuf", "json"
  std::string schema_name;      ///< "hocket.wire.RecordedPacket"
  std::string schema_encoding;  ///< "protobuf", "jsonschema"
  std::string schema;           ///< its bytes
};

/// Who sends a topic, and who takes it.
struct ends {
  std::vector<std::string> publishers, subscribers;
  bool operator==(const ends&) const = default;
};
using connection_graph = std::map<std::string, ends>;

/// What is said of the run.
struct server_facts {
  std::string name;
  std::string session;  ///< another one for each run
  std::map<std::string, std::string> metadata;
};

// Messages of the server; texts are JSON objects with `op`.
std::string server_info(const server_facts& facts);
/// Several of them where the schemas are long.
std::vector<std::string> advertisements(std::span<const channel> channels);
std::string unadvertisement(std::span<const std::uint32_t> ids);
/// Binary: [u8 opcode 1][u32 subscription][u64 log time, ns][payload], little endian.
std::string message_data(std::uint32_t subscription, std::uint64_t log_time_ns,
                         std::string_view payload);
enum class level : std::uint8_t { info, warning, error };
std::string status(level l, const std::string& message);

/// What one viewer may do, and what it is told: the Foxglove WebSocket protocol from the server's side,
/// without socket, thread or clock.
///
/// A viewer looks; it says nothing to the graph: messages, parameters, services and assets of viewers
/// are refused. What it sends is bounded in number and never comes back in an answer.
///
/// Source: github.com/foxglove/ws-protocol, docs/spec.md.
class machine {
 public:
  struct limits {
    std::size_t subscriptions = 4096;
    double messages = 1000, messages_per_s = 200;  ///< at once, and on average; beyond: the end
    double mistakes = 50, mistakes_per_s = 0.5;    ///< the same
  };
  struct output {
    std::vector<std::string> texts;
    int close = 0;  ///< a code of RFC 6455 with which the connection ends; 0: it goes on
    std::string why;
  };

  struct wish {
    std::uint32_t channel = 0, subscription = 0;
  };
  /// A message of a viewer.
  struct request {
    enum class kind : std::uint8_t { wrong, subscribe, unsubscribe, want_graph, drop_graph };
    kind what = kind::wrong;
    std::vector<wish> wanted;        ///< subscribe
    std::vector<std::uint32_t> ids;  ///< unsubscribe: subscriptions
    std::string why;                 ///< wrong: what is told
  };
  /// Takes as long as the message is, and no lock: the graph does not wait for it.
  static request read(std::string_view message, bool is_text);

  explicit machine(limits l)
      : limits_(l),
        messages_(l.messages, l.messages_per_s),
        mistakes_(l.mistakes, l.mistakes_per_s) {}

  /// There are channels more, or fewer: the messages that tell are the caller's.
  void appear(std::span<const channel> channels);
  /// Subscriptions to them end.
  void vanish(std::span<const std::uint32_t> ids);
  void rewired(const connection_graph& now, output& out);

  void receive(const request& r, std::int64_t now_ms, output& out);

  /// Under which number it wants the messages of a channel; empty: it does not.
  std::optional<std::uint32_t> subscription(std::uint32_t channel) const;
  const std::map<std::uint32_t, std::uint32_t>& subscriptions() const { return by_channel_; }

 private:
  /// So many at once, and so many more with time.
  class allowance {
   public:
    allowance(double most, double per_s) : most_(most), per_s_(per_s), left_(most) {}
    bool take(std::int64_t now_ms);

   private:
    double most_, per_s_, left_;
    std::int64_t last_ms_ = 0;
  };
  void subscribe(const std::vector<wish>& wanted, std::int64_t now_ms, output& out);
  void unsubscribe(const std::vector<std::uint32_t>& ids, std::int64_t now_ms, output& out);
  void mistake(const std::string& what, std::int64_t now_ms, output& out);
  void end(const std::string& why, output& out);

  const limits limits_;
  allowance messages_, mistakes_;
  std::set<std::uint32_t> channels_;
  std::map<std::uint32_t, std::uint32_t> by_channel_;  ///< subscription by channel
  std::map<std::uint32_t, std::uint32_t> by_id_;       ///< channel by subscription
  connection_graph graph_;
  bool wants_graph_ = false;
  bool is_over_ = false;
};

}  // namespace hocket::foxglove
