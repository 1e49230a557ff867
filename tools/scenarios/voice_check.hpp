// The model's teacher, and the teacher through a vocoder, as sound to judge: what a model could reach at best.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/audio/learnt_vocoder.hpp"
#include "tools/scenarios/model_voice.hpp"

namespace hocket::scenarios {

/// Phrases that the model says, of every kind: answers, results, small talk, whole sentences.
std::vector<std::string> checked_phrases();

/// A phrase as a vocoder sounds it, micro-turn by micro-turn, to the last that rings out. `patches` is what
/// the model would have to draw.
std::vector<float> vocoded(const phrase& what, engine::voice_sound sound);

/// Writes NNN.wav (16 kHz; left the teacher, right through the vocoder) of every checked phrase and
/// phrases.json into `folder`, which is made: what is said in which file; level steps at borders of
/// micro-turns and elsewhere (p95, dB) and clicks of both sides; milliseconds of the vocoder per micro-turn
/// (median, p99). Returns the latter. *Errors*: those of writing files.
result<nlohmann::json> write_voice_check(const std::string& folder, model_voice& voice,
                                         std::shared_ptr<const engine::vocoder_weights> vocoder);

}  // namespace hocket::scenarios
