// What a system did with an item, and the questions that scores ask of it. Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hocket::duplex {

/// A stretch of sound, seconds.
struct segment {
  double from_s = 0, to_s = 0;
  double length_s() const { return to_s - from_s; }
};

struct said_word {
  double at_s = 0;
  std::string word;
};

/// A tool call, and whether its request was taken back (cancelled, superseded) later.
struct tool_use {
  double at_s = 0;
  std::string tool;
  nlohmann::json arguments;
  std::uint64_t request = 0;
  bool in_force = true;
};

/// What a run in real time cost. The budget is the graph's first one, over all items of the run.
struct run_costs {
  double lost_sound_s = 0;  ///< per item: came after its time, the playout had gone on
  std::int64_t budget_checked = 0, budget_missed = 0;  ///< micro-turns
  double budget_p50_ms = 0, budget_p99_ms = 0;
};

/// How the model's own voice is made (own_voice.hpp), beside the teacher's rendering of the same words.
struct own_voice {
  std::vector<float> border_steps_db, inside_steps_db;  ///< of level between 10 ms that sound
  std::vector<float> teacher_steps_db;                  ///< all of them
  std::int64_t clicks = 0, teacher_clicks = 0;
  std::optional<double> longer_s;  ///< than the teacher's, from first sound to last
};

/// What a judge outside this program found in the model's speech (judged.hpp).
struct outside_judgement {
  std::int64_t said = 0, understood = 0;  ///< words
  std::optional<double> dnsmos;           ///< overall, 1 to 5
};

/// What came out. Times are the input's. `levels` are for pictures.
struct timeline {
  double length_s = 0;
  bool has_words = true;        ///< false: only sound is known, such as of a recording
  bool has_tools = true;        ///< false: tool calls were not seen
  std::vector<segment> speech;  ///< by energy, gaps under 0.1 s closed
  std::vector<said_word> words;
  bool has_heard = false;        ///< the graph says what it heard
  std::vector<said_word> heard;  ///< the words that it heard, as it wrote them down
  std::vector<tool_use> calls;
  std::vector<double> delegations_s;
  std::vector<std::int8_t> person_db, model_db;  ///< dBFS per 20 ms
  /// Words of the text stream that a recogniser was asked for, those that it understood in the
  /// sound, and those in the teacher voice's rendering of the same words; 0 where it did not listen.
  std::int64_t spoken_words = 0, understood_words = 0, teacher_words = 0;
  /// Long sessions: what each minute of stream time took of this machine.
  std::vector<double> minute_wall_s, minute_rss_mib;
  std::map<std::string, double> voice;  ///< values_of(voice_around()); empty without an overlap
  bool real_time = false;               ///< else virtual: computing took no time
  std::vector<double> word_waits_s;  ///< real time: how long after its stream time a word was there
  run_costs cost;                    ///< real time
  own_voice own;                     ///< empty where it was not listened to
  std::optional<outside_judgement> outside;  ///< never stored with an item
};

nlohmann::json json_of(const timeline& t);
/// Throws nlohmann::json::exception.
timeline timeline_of(const nlohmann::json& j);

/// Sound that is louder than -45 dBFS and than 35 dB below the loudest 10 ms; gaps under `gap_s`
/// closed, what is shorter than 40 ms left out. `samples` [n] 16 kHz.
std::vector<segment> segments_of(std::span<const float> samples, double gap_s = 0.1);
/// Gaps up to `gap_s` closed.
std::vector<segment> merged(std::vector<segment> segments, double gap_s);
/// dBFS per 20 ms, -100 to 0.
std::vector<std::int8_t> levels_of(std::span<const float> samples);

/// Full-Duplex-Bench's rule of a take-over: sound of a whole span (last end - first start) of at
/// least `span_s`, or more than `words` words. Anything shorter is a backchannel.
struct take_over_rule {
  double span_s = 1.0;
  std::int64_t words = 3;
};
/// Of everything that begins in [from_s, to_s): sound whole, words in it.
bool takes_over(const timeline& t, double from_s, double to_s, const take_over_rule& rule = {});

/// Time of the first word of `phrase` where all of its words follow each other (up to `skip` words
/// between two of them) at or after `from_s`.
std::optional<double> find_phrase(const timeline& t, const std::string& phrase, double from_s,
                                  int skip = 0);
/// The earliest of several.
std::optional<double> find_any(const timeline& t, const std::vector<std::string>& phrases,
                               double from_s, int skip = 0);

/// When the sound of a word that the text stream has at `at_s` begins: the begin of the segment
/// that is there, or that begins within [-0.3, 0.6] s of it; nothing where no sound is near.
std::optional<double> sound_of(const timeline& t, double at_s);

/// The four labels of Full-Duplex-Bench V1.5.
enum class behaviour : std::uint8_t { respond, resume, uncertain, unknown };
std::string_view to_string(behaviour b);

/// The first new thing after the overlap [from_s, to_s] decides: a wanted reply is RESPOND; two more
/// items of the enumeration that was being spoken (one where only one is left), begun more than
/// 0.6 s after the overlap, are RESUME, and so is an enumeration that, without a reply, comes to its
/// end after the overlap began; asking back is UNCERTAIN; all else, and silence, is UNKNOWN.
behaviour behaviour_of(const timeline& t, double from_s, double to_s,
                       const std::vector<std::string>& replies,
                       const std::vector<std::string>& sequence);

/// The part of [from_s, to_s), times from its begin.
timeline cropped(const timeline& t, double from_s, double to_s);

/// Seconds in which both lists sound.
double overlap_s(std::span<const segment> a, double from_s, double to_s);

}  // namespace hocket::duplex
