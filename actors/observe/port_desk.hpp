#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "actors/host/observer.hpp"
#include "actors/host/actor/send.hpp"
#include "actors/observe/port_meter.hpp"

namespace hocket::payloads {
class payload_schema;
}
namespace hocket::observe {

/// Shows what an output says, and says something in its place, over the status socket of a run:
///
///     echo {"output": "model.text"}             ->  {"echo": 1, "kind": "text"}
///     echoed 1                                  ->  {"packets": […], "total": 12, "missed": 0}
///     echo_end 1                                ->  {"ended": 1}
///     hz {"output": "model.text"}               ->  {"hz": 3, "outputs": ["model.text"], "is": "output"}
///     hz {"input": "guard.audio"}               ->  {"hz": 4, "outputs": ["model.audio"], "is": "input"}
///     hz_of 3                                   ->  {"packets": 9, "per_s": 4.9, "jitter_ms": 1.2, …}
///     hz_end 3                                  ->  {"ended": 3}
///     send {"output": "keys.text", "session": 1, "payload": "hello"}  ->  {"send": 2}
///     sent 2                                    ->  {"state": "waiting"}, {"state": "sent", …} or an error
///
/// Of a port that is an output and an input, `output` means the output, and the answer of `hz` has
/// `"also": "input"`. Nobody who looks holds up the graph: packets are put into words without the lock;
/// of each echo `kept_max` packets, `kept_bytes_max` of text, wait to be fetched, what comes beyond is
/// counted as missed. An echo that nobody fetches for `forgotten_s` is
/// over, a meter after three of its periods (`"every_s": 60` beside `output`) where these are longer;
/// while there is none a packet costs one load.
///
/// Threads: any.
class port_desk final : public host::observer {
 public:
  static constexpr std::size_t kept_bytes_max = 4u << 20;
  static constexpr std::size_t kept_max = 512, shown_max = 65'536, echoes_max = 16, sends_max = 256;
  /// `host`: which one this is, "" = the only one; `with_words`: as `--no-pii` says.
  explicit port_desk(std::string host, bool with_words, int forgotten_s = 10)
      : host_(std::move(host)), with_words_(with_words), forgotten_s_(forgotten_s) {}

  /// As host::send.
  using sayer =
      std::function<void(const std::string& output, session_id to, payload, host::sent_told)>;
  /// "" where the line is none of ours.
  std::string answer(const std::string& line, const sayer& say);

  void started(const plan& graph, const clock& time) override;
  void rewired(const host::graph_revision& now) override;
  void packet_emitted(const plan& graph, actor_index actor, std::size_t port,
                      const packet& p) override;

 private:
  struct echo {
    std::string output;
    std::uint64_t session = 0;  ///< 0: all
    std::deque<std::string> packets;
    std::size_t bytes = 0;  ///< of the packets
    std::uint64_t total = 0, missed = 0;
    std::int64_t asked_ns = 0;
    bool is_gone = false;  ///< the graph has no such output now
    bool has_room() const { return packets.size() < kept_max && bytes < kept_bytes_max; }
  };
  /// What `hz` measures: an output, or the outputs that feed an input.
  struct meter {
    std::string port;
    std::vector<std::string> outputs;
    std::uint64_t session = 0;  ///< 0: all
    std::int64_t asked_ns = 0, kept_ns = 0;
    port_meter figures{0};
  };
  struct sending {
    std::string answer;  ///< "": still waits
  };

  std::string begin_echo(const std::string& request);
  std::string fetch(const std::string& number);
  std::string end_echo(const std::string& number);
  std::string begin_hz(const std::string& request);
  std::string figures(const std::string& number);
  std::string end_hz(const std::string& number);
  std::string begin_send(const std::string& request, const sayer& say);
  std::string outcome(const std::string& number);
  void drop_forgotten();  ///< lock held
  /// Meters count a packet; the echoes that want to see it. Lock held.
  std::vector<std::uint64_t> take(const std::string& name, const packet& p);
  std::string line_of(const plan& graph, actor_index actor, std::size_t port, const packet& p,
                      const clock* time) const;
  /// A payload of a named schema, as what it says.
  void show(const payloads::payload_schema& schema, const payload& what,
            nlohmann::ordered_json& into) const;

  const std::string host_;
  const bool with_words_;
  const int forgotten_s_;
  std::atomic<int> open_{0};  ///< echoes and meters
  std::mutex mutex_;
  const plan* graph_ = nullptr;
  const clock* time_ = nullptr;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, echo> echoes_;
  std::map<std::uint64_t, meter> meters_;
  struct outbox {
    std::mutex mutex;
    std::map<std::uint64_t, sending> all;
  };
  /// Whoever tells may outlive us.
  const std::shared_ptr<outbox> outbox_ = std::make_shared<outbox>();
};

}  // namespace hocket::observe
