#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "actors/host/runtime.hpp"
#include "tools/report/facts.hpp"

namespace hocket::cli {

/// Whose voice an actor's audio is.
enum class voice_of : std::uint8_t { nobody, person, model };

/// Who is who, by actor; from the wiring alone, no component is known by name.
struct cast {
  std::vector<voice_of> voices;  ///< sources carry the person; the last that puts sound out, the
                                 ///< model: after a playout, what was really played
  std::vector<bool> thinks;      ///< its compute time counts: it hears and puts sound or words out
  /// Outputs (actor, port) whose words are to be said by a voice that tells them when they sound.
  std::set<std::pair<std::size_t, std::size_t>> scripts = {};
};
cast cast_of(const plan& graph);

/// Names of a graph, its hosts, actors, components and ports stay in messages where words are kept out.
void note_names(const plan& graph);

/// Watches a run and turns packets into facts: levels and compute per micro-turn, words,
/// delegations, tool calls and results, life-cycle events.
///
/// Threads: as for host::observer; facts reach the sinks one at a time, turns in order.
class recorder final : public host::observer {
 public:
  recorder(const plan& graph, std::vector<report::fact_sink*> sinks);

  void packet_emitted(const plan&, actor_index actor, std::size_t port, const packet& p) override;
  void event(timestamp at, std::string_view actor, std::string_view what,
             std::string_view detail) override;
  void session_closed(session_id id) override;
  void rewired(const host::graph_revision& r) override;
  /// Hands over the micro-turns that are still open (as session_closed those of one), then the run's last words.
  void finish(std::string_view why, std::string_view detail);

 private:
  struct cell_sum {
    double squares = 0;
    float peak = 0;
    std::int64_t samples = 0;
  };
  using cells = std::array<cell_sum, report::level_cells::count>;
  struct open_turn {
    cells person{}, model{};
    std::optional<double> compute_ms;
  };
  struct session_state {
    std::map<std::int64_t, open_turn> open;
    double heard_until_ms = 0;            ///< end of the newest audio of the person
    std::uint64_t recent_superseded = 0;  ///< newest request that was told to be replaced
    bool is_forgotten = false;            ///< none of its words is told any more
    std::deque<std::string> recent;       ///< words seen lately, to tell relays from speakers
  };

  void take_audio(session_state& s, const audio_chunk& a, timestamp ts, voice_of who);
  void take_words(session_state& s, actor_index actor, std::size_t port, const packet& p);
  void take_compute(session_state& s, actor_index actor, const packet& p);
  void close_turns(std::uint64_t session, session_state& s, double until_ms);
  void send(const report::fact& f);

  const plan* graph_;
  std::vector<report::fact_sink*> sinks_;
  cast cast_;
  double turn_ms_;
  bool has_person_ = false;
  std::mutex lock_;
  std::map<std::uint64_t, session_state> sessions_;
  double last_ms_ = 0;
};

}  // namespace hocket::cli
