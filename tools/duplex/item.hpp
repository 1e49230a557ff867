// One test of the duplex bench: what the person does, sample-exact, and what should follow.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace hocket::duplex {

inline constexpr std::int64_t rate_hz = 16000;

/// Something that is heard in `input`: samples, [start, end).
struct sounding {
  std::string who;  ///< user, other (not to the model), background (another person), sound
  std::string text;
  std::int64_t start = 0, end = 0;
  double from_s() const { return static_cast<double>(start) / rate_hz; }
  double to_s() const { return static_cast<double>(end) / rate_hz; }
};

/// A word that has to come in [from_s, to_s]; `at_s` is when it is due.
struct due_word {
  std::vector<std::string> words;  ///< any of them
  double at_s = 0, from_s = 0, to_s = 0;
};

struct wanted_call {
  std::string tool;
  nlohmann::json arguments;
};

/// What should happen, as data; which fields count is the family's rule (score.hpp).
struct expectation {
  std::string label;                            ///< RESPOND or RESUME, of the four V1.5 labels
  std::vector<std::string> replies;             ///< phrases; any of them is the wanted answer
  std::vector<std::string> wrong;               ///< phrases that show the mistake to look for
  std::vector<std::string> sequence;            ///< an enumerated answer: "one", "two", …
  std::vector<due_word> due;                    ///< words with their windows
  std::vector<due_word> silent;                 ///< moments that look alike but want nothing
  std::vector<std::vector<wanted_call>> calls;  ///< alternatives; one of them, exactly
  std::vector<double> clause_ends_s;            ///< where a listener may say mm-hm
  std::int64_t count = 0;                       ///< repetitions
  double penultimate_s = 0;                     ///< when the one before the last ends
};

/// A frame that the person shows; pixels [height, width, 3] u8.
struct picture_frame {
  double at_s = 0;
  std::int32_t width = 0, height = 0;
  std::vector<std::uint8_t> pixels;
};

/// How the input travels (conditions.hpp); all of it is data, so a run can be repeated.
struct travel {
  double echo_db = 0;       ///< 0: none; else the model's own sound comes back at this level
  double echo_delay_s = 0;  ///< from its sound to the microphone
  /// Chunks of 20 ms that come later than they should: first chunk, chunks, ms late.
  struct stall {
    std::int64_t chunk = 0, chunks = 0, late_ms = 0;
  };
  std::vector<stall> stalls;
};

struct item {
  std::string family;
  std::string id;  ///< "0007"
  std::string condition = "clean";
  std::uint64_t seed = 0;
  std::string synthesiser;  ///< espeak-ng, flite
  std::string voice;
  std::int64_t rate_wpm = 0;
  std::string context_text, current_turn_text;  ///< as in Full-Duplex-Bench's metadata.json
  /// The family's window, seconds: the pause; [end of the question, end of the file]; the overlap.
  double from_s = 0, to_s = 0;
  std::vector<sounding> sounds;  ///< in order of time
  expectation expect;
  travel way;
  std::int64_t samples = 0;
  std::vector<float> input;        ///< [samples] 16 kHz; empty where only the metadata is held
  std::vector<float> clean_input;  ///< without the overlap; empty where there is none
  std::vector<picture_frame> frames;
  /// Long sessions: shorter items one after the other, from their begin in seconds.
  std::vector<std::pair<double, item>> parts;

  double length_s() const { return static_cast<double>(samples) / rate_hz; }
  /// "pause/0007" or "pause/0007@noise10": unique in a run.
  std::string key() const;
};

/// metadata.json: everything but the samples and pictures. The names `context_text`,
/// `current_turn_text` and `timestamps` are Full-Duplex-Bench's.
nlohmann::ordered_json metadata_of(const item& of);
/// The reverse. Throws nlohmann::json::exception on a file that is none.
item item_of(const nlohmann::json& metadata);

}  // namespace hocket::duplex
