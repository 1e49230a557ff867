#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hocket::report {

/// Loudness of one voice in one micro-turn: peak and root mean square of 20 equal cells, 0 to 1.
struct level_cells {
  static constexpr int count = 20;
  std::array<float, count> peak{};
  std::array<float, count> rms{};

  bool silent() const;    ///< nothing above -60 dBFS
  float loudest() const;  ///< largest rms
};

/// One thing that happened in a run, on the stream's time axis: a line of events.jsonl.
///
/// The live view, the event log and the picture know only facts, so the picture can also be drawn
/// from the log of a run that was killed.
struct fact {
  enum class kind : std::uint8_t {
    start,        ///< the run: text = graph name, detail = file
    turn,         ///< one micro-turn's levels and compute time, when it is complete
    text,         ///< words: role, text
    delegation,   ///< text = task; detail = start or cancel
    tool_call,    ///< role = tool, text = arguments
    tool_result,  ///< role = tool, text = result, detail = outcome
    event,        ///< life cycle: role = what, text = detail
    end,          ///< the run's last words: role = why
    forgotten,  ///< its person wants the conversation forgotten: its words before are gone, none follow
  };
  kind what = kind::event;
  std::uint64_t session = 0;
  double t_ms = 0;
  std::string actor;
  std::string role;
  std::string text;  ///< words of people and models; `pii.text` in the log
  std::string detail;
  std::uint64_t request = 0;
  // kind turn
  std::int64_t turn = 0;
  double micro_turn_ms = 200;  ///< also kind start
  level_cells person;
  level_cells model;
  std::optional<double> compute_ms;
};

/// Whether a fact's text is what somebody said, asked, was answered; else it is about the run.
bool holds_words(fact::kind what);

/// Whose words a text is, by its role: "user" and "heard" are the person's, "model" and none the
/// model's. Any other is nobody's: events of a detector, signs between components, results of the
/// background.
enum class speaker : std::uint8_t { person, model, nobody };
speaker speaker_of(std::string_view role);

/// One line without a newline. `with_words` false leaves `pii.*` out.
std::string to_json_line(const fact& f, bool with_words);
/// Empty where the line is no fact (such as the torn last line after a kill).
std::optional<fact> fact_from_json(const std::string& line);

/// Where facts go as they happen. Calls come one at a time, from any thread, and must be quick.
class fact_sink {
 public:
  virtual ~fact_sink() = default;
  virtual void take(const fact& f) = 0;
};

/// Reads a log, sealed or not; lines that are no facts are skipped and counted. Nothing where it cannot
/// be read.
std::vector<fact> read_facts(const std::string& path, int& skipped);

}  // namespace hocket::report
