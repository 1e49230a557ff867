#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "actors/gateway/json.hpp"
#include "actors/gateway/sound.hpp"
#include "graph/core/result.hpp"

/// The client's side of the protocols that duplex models speak. A machine is pure: the server's message,
/// what the graph says or the passing of time goes in; messages to the server and events for the graph
/// come out. It has no socket, no thread and no clock of its own, and trusts the server in nothing.
namespace hocket::remote {

using gateway::json;

inline constexpr int rate_hz = 16'000;  ///< of sound in both directions, mono

// --- what the remote model does -------------------------------------------------------------------

struct sound {
  std::vector<float> samples;
  std::string item;  ///< of the answer that it belongs to; "" where there are none
};
/// Words that it says, in pieces of any size.
struct said {
  std::string text;
};
/// Words that it heard.
struct heard {
  std::string text;
  bool is_final = false;
};
/// It found that the person speaks over it: what was not heard yet will not be.
struct barge_in {};
/// It has said what it wanted to say.
struct answered {};
/// It hands work over. Each `id` comes once: a server's own counts again in each of its conversations.
struct call {
  std::string id;
  std::string task;
};
/// Nobody waits for the result any more.
struct call_over {
  std::string id;
};
struct cost {
  double seconds = 0;
  std::int64_t tokens_in = 0, tokens_out = 0;
};
/// It will end the connection then.
struct expiring {
  std::int64_t in_ms = 0;
};
/// It listens. `again`: it remembers the conversation before the connection broke.
struct ready {
  bool again = false;
};
/// Something that it should not have sent; `counter` says which kind.
struct odd {
  std::string counter;
};
/// It complains. `is_final`: another connection would get the same.
struct trouble {
  std::string code;
  std::string message;
  bool is_final = false;
};
/// It says goodbye: this connection is of no more use.
struct goodbye {
  std::string reason;
};

using event = std::variant<sound, said, heard, barge_in, answered, call, call_over, cost, expiring,
                           ready, odd, trouble, goodbye>;

struct output {
  std::vector<std::string> messages;  ///< to the server, in order
  std::vector<event> events;          ///< to the graph, in order

  void add(event e) { events.push_back(std::move(e)); }
  void send(const json& message) { messages.push_back(gateway::line_of(message)); }
};

// --- what it is told ------------------------------------------------------------------------------

struct settings {
  std::string model = "hocket";
  std::string instructions;
  std::string voice;
  std::string function = "background";  ///< by which it hands work over
  std::string function_summary;
};

/// Where a protocol connects, and how it proves who it is.
struct place {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string subprotocol;
};

/// One conversation with a remote model, over any number of connections. `now_ms` never runs backwards.
class machine {
 public:
  explicit machine(settings s) : settings_(std::move(s)) {}
  virtual ~machine() = default;

  /// `base`: as the graph gives it, with or without the protocol's own path.
  virtual place where(const std::string& base, const std::string& key) const = 0;
  /// Its sound runs all the time, at the pace of the clock: nothing of it may be old.
  virtual bool is_continuous() const = 0;

  /// A connection stands, the first or another one.
  virtual void begin(std::int64_t now_ms, output& out) = 0;
  void receive(std::string_view message, std::int64_t now_ms, output& out);
  /// The connection broke.
  virtual void lost() { is_ready_ = false; }

  virtual void hear(std::span<const float> samples, output& out) = 0;
  virtual void type(const std::string& text, output& out) = 0;
  /// Words of the graph's own, for the model to say; they are told as nobody's, never as the person's.
  void say(const std::string& text, output& out);
  /// What came of a call; of one that is over or was answered, nothing is sent.
  void result(const std::string& id, const std::string& text, output& out);
  /// The messages of its result could not leave: it may be told again.
  void not_told(const std::string& id);
  /// The person was heard to speak: of the answer `item`, `heard_ms` were heard, of later ones nothing.
  virtual void cut(const std::string& item, std::int64_t heard_ms, output& out) = 0;
  /// So much of the answer `item` was heard by now.
  virtual void played(const std::string& /*item*/, std::int64_t /*heard_ms*/, output& /*out*/) {}
  virtual void advance(std::int64_t /*now_ms*/, output& /*out*/) {}
  virtual void end(output& /*out*/) {}

  bool is_ready() const { return is_ready_; }
  std::size_t open_calls() const { return calls_.size(); }

 protected:
  static constexpr std::size_t most_calls = 64;
  static constexpr std::size_t most_sound_bytes = 2 << 20;  ///< of one message

  virtual void take(const json& e, std::int64_t now_ms, output& out) = 0;
  /// To a call of this conversation; `id` as the server says it.
  virtual void send_result(const std::string& id, const std::string& text, output& out) = 0;
  /// To a conversation that does not know the call.
  virtual void send_as_words(const std::string& text, output& out) { type(text, out); }

  /// It listens. Where it does not remember the conversation, ids of calls begin anew.
  void listens(bool again, output& out);

  /// Its call, if it is new: a server that says it three times means one.
  void called(const std::string& id, const std::string& name, const std::string& arguments,
              output& out);
  void over(const std::string& id, output& out);
  /// Sound in base64; nothing where it is none.
  std::optional<std::vector<float>> decoded(const json& base64, const gateway::sound_format& f,
                                            output& out);
  json function() const;

  const settings settings_;
  bool is_ready_ = false;
  gateway::sound_reader reader_{rate_hz};
  gateway::sound_writer writer_{rate_hz};

 private:
  struct asked {
    std::string id;  ///< as the server says it
    int conversation = 0;
  };
  std::string key_of(const std::string& id) const;
  void close_call(std::map<std::string, asked>::iterator at);

  int conversation_ = 0;                                ///< 0: none yet
  std::map<std::string, asked> calls_;                  ///< without a result, by key
  std::deque<std::pair<std::string, asked>> answered_;  ///< the newest, so that none is made twice
};

enum class protocol_kind : std::uint8_t { realtime, live, gemini, vllm_duplex, hocket };
std::optional<protocol_kind> protocol_named(std::string_view name);
std::unique_ptr<machine> make_machine(protocol_kind k, settings s);

/// `base` with `path` behind it, unless it ends so already; http becomes ws.
std::string address(const std::string& base, std::string_view path, std::string_view query = "");

}  // namespace hocket::remote
