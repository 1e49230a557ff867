#include "tools/scenarios/builder.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/audio/dmel.hpp"
#include "engine/audio/resample.hpp"
#include "engine/audio/speech_mel.hpp"
#include "tools/scenarios/slips.hpp"
#include "tools/scenarios/speaking.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::scenarios {
namespace {

constexpr std::int64_t frame_samples = 800;
constexpr std::string_view own_voice = "flite:slt";  // the model's

std::int64_t at_16k(std::int64_t sample, double rate_hz) {
  return std::llround(static_cast<double>(sample) * 16000.0 / rate_hz);
}

/// Makes somebody else of a synthesiser's voice.
void vary(random_stream& rng, person& who, bool flite) {
  if (flite) who.pitch = rng.integer(-30, 130);
  if (who.voice == own_voice) {
    who.warp = rng.chance(0.75) ? rng.uniform(0.74, 0.9) : rng.uniform(1.1, 1.2);
  } else if (rng.chance(0.75)) {
    who.warp = rng.uniform(0.86, 1.16);
  }
  if (rng.chance(0.75)) who.tilt = rng.uniform(-0.5, 0.5);
  if (rng.chance(0.6))
    for (spectral_peak& peak : who.peaks)
      peak = {200 * std::pow(25.0, rng.unit()), rng.uniform(-9, 9)};
}

}  // namespace

person draw_person(random_stream& rng, split which, variety sound) {
  person who;
  // Of few flite voices training hears more: the one that is held out is what it understands worst.
  const double share = which == split::train ? 0.5 : 0.3;
  const bool flite = sound == variety::rich && rng.chance(share);
  who.voice = rng.pick(flite ? flite_voices_of(which) : voices_of(which));
  who.rate_wpm = rng.integer(130, 190);
  who.pitch = rng.integer(25, 80);
  who.gain_db = rng.uniform(-12.0, 3.0);
  // Training hears more people than the synthesiser has; held-out voices stay as they are.
  if (which == split::train) vary(rng, who, flite);
  return who;
}

person as_spoken(random_stream& rng, person who, split which, variety sound) {
  who.rate_wpm += rng.integer(-8, 8);
  who.pitch += rng.integer(-4, 4);
  who.gain_db += rng.uniform(-1.0, 1.0);
  if (sound == variety::rich && which == split::train && heldout_rate(who.rate_wpm)) ++who.rate_wpm;
  return who;
}

builder::builder(person_voice& voice, std::uint64_t seed, split which, std::int64_t micro_turns,
                 variety sound, double slips)
    : rng(seed),
      total_turns(micro_turns),
      voice_(voice),
      which_(which),
      sound_(sound),
      seed_(seed),
      slips_(slips),
      tongue_(seed_of(seed, 80)) {
  speaker_ = draw_person(rng, which, sound);
  if (sound == variety::rich) heard_through_ = draw_acoustics(rng);
  noise_dbfs_ = rng.chance(0.05) ? -std::numeric_limits<double>::infinity() : rng.uniform(-75, -45);
  text_in_.resize(static_cast<std::size_t>(micro_turns));
}

void builder::cast(const person& speaker, double noise_dbfs) {
  speaker_ = speaker;
  noise_dbfs_ = noise_dbfs;
}

person builder::somebody_else() {
  person who = draw_person(rng, which_, sound_);
  while (who.voice == speaker_.voice) who = draw_person(rng, which_, sound_);
  who.gain_db = speaker_.gain_db;
  return who;
}

builder::speech builder::speak(const std::string& text, const person* other) {
  const person who = as_spoken(rng, other ? *other : speaker_, which_, sound_);
  speech out;
  if (failed_) return out;
  auto said = voice_.say(text, who);
  if (!said) {
    failed_ = said.error();
    return out;
  }
  out.sound = std::move(*said);
  if (field_ && !other) out.sound = cast_from_bank(std::move(out.sound), text, who.gain_db);
  out.length = at_16k(static_cast<std::int64_t>(out.sound.samples.size()), out.sound.rate_hz);
  return out;
}

std::int64_t builder::place(const speech& what, std::int64_t at, bool labelled) {
  for (const spoken_word& w : what.sound.words)
    made_.person_words.push_back({w.word, at + at_16k(w.start, what.sound.rate_hz),
                                  at + at_16k(w.end, what.sound.rate_hz), labelled});
  placed_.push_back({what.sound, at});
  return at + what.length;
}

std::int64_t builder::say_at(const std::string& text, std::int64_t at) {
  return place(speak(text), at);
}

std::int64_t builder::type_at(const std::string& text, std::int64_t at) {
  return text_arrives(at / turn_samples, text) * turn_samples - 1;
}

std::int64_t builder::word_end(const speech& what, std::size_t i) {
  const auto& words = what.sound.words;
  return i < words.size() ? at_16k(words[i].end, what.sound.rate_hz) : what.length;
}

std::int64_t builder::model_spells(std::int64_t k, const std::string& word) {
  constexpr std::int64_t step = 2;
  const engine::vocabulary& words = nano_vocabulary();
  for (const std::int32_t piece : words.spelling_of(word)) {
    const std::int64_t done = model_says(k, words.token_of(piece));
    k = std::max(k + step, done);
  }
  return k;
}

std::int64_t builder::model_says(std::int64_t k, const std::string& text) {
  std::optional<slip> slipped;
  if (slips_ > 0 && tongue_.chance(slips_)) slipped = slip_of(tongue_, text);
  model_voice& teacher = teacher_ ? *teacher_ : model_voice::shared();
  const phrase& what = teacher.say_undecided(slipped ? slipped->text : text);
  const int episode = static_cast<int>(made_.episodes.size()) - 1;
  phrases_.push_back({&what, k, what.frames(), episode});
  for (std::size_t i = 0; i < what.words.size(); ++i) {
    const phrase::word_time& w = what.words[i];
    tokens_.push_back({k + w.start / turn_samples,
                       {w.word, 0, heard_at(k) + w.start, heard_at(k) + w.end, true, episode},
                       slipped && slipped->word == i});
  }
  return k + what.micro_turns();
}

void builder::model_emits(std::int64_t k, const std::vector<std::string>& tokens) {
  const int episode = static_cast<int>(made_.episodes.size()) - 1;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::int64_t turn = k + static_cast<std::int64_t>(i / 2);
    // All under `k`: they take the slots from there on before any word that is said meanwhile.
    tokens_.push_back(
        {k, {tokens[i], 0, heard_at(turn), heard_at(turn + 1), false, episode}, false});
  }
}

void builder::break_off(std::int64_t k) {
  for (model_phrase& p : phrases_) p.frames = std::clamp<std::int64_t>((k - p.k) * 4, 0, p.frames);
  std::erase_if(tokens_, [&](const token_event& t) { return t.word.spoken && t.k >= k; });
  for (token_event& t : tokens_) t.word.end = std::min(t.word.end, heard_at(k));
}

std::int64_t builder::text_arrives(std::int64_t k, const std::string& words) {
  for (const std::int32_t token : nano_vocabulary().encode(words)) {
    if (k < total_turns) text_in_[static_cast<std::size_t>(k)] = nano_vocabulary().token_of(token);
    ++k;
  }
  return k;
}

void builder::delegates(std::int64_t k, const std::string& task, const std::string& result,
                        std::int64_t answered) {
  made_.delegations.push_back({task, result, k, answered});
  text_arrives(answered, result);  // an empty result never comes
}

void builder::begin_episode(const std::string& family, std::int64_t at) {
  made_.episodes.push_back({family, "", at, at});
}

void builder::end_episode(const std::string& what, std::int64_t at) {
  made_.episodes.back().what = what;
  made_.episodes.back().end = at;
  cursor = at;
}

result<void> builder::take_error() {
  if (failed_) return tl::unexpected<error>(*failed_);
  return {};
}

conversation builder::finish() {
  conversation out = std::move(made_);
  out.seed = seed_;
  out.speaker = speaker_;
  out.noise_dbfs = noise_dbfs_;
  out.micro_turns = total_turns;
  mix_model(out);
  mix_person(out);
  write_labels(out);
  if (scene) write_pictures(out.example);
  return out;
}

void builder::place_people(conversation& out) {
  const auto total = static_cast<std::size_t>(total_turns * turn_samples);
  out.person_audio.assign(total, 0.0f);
  for (const placed_speech& p : placed_) {
    const auto sound = engine::resample(p.sound.samples, p.sound.rate_hz, 16000.0);
    if (!sound) continue;  // 22.05 kHz to 16 kHz is always possible
    for (std::size_t i = 0; i < sound->size(); ++i) {
      const std::int64_t at = p.at + static_cast<std::int64_t>(i);
      if (at >= 0 && at < static_cast<std::int64_t>(total))
        out.person_audio[static_cast<std::size_t>(at)] += (*sound)[i];
    }
  }
}

void builder::mix_person(conversation& out) {
  const auto total = static_cast<std::int64_t>(total_turns * turn_samples);
  place_people(out);
  const double spoken = speech_power(out.person_audio);
  if (heard_through_) {
    apply(*heard_through_, out.person_audio, out.model_audio, seed_of(seed_, 78));
  } else if (std::isfinite(noise_dbfs_)) {
    random_stream noise(seed_of(seed_, 77));
    const auto sigma = static_cast<float>(std::pow(10.0, noise_dbfs_ / 20.0));
    for (float& x : out.person_audio) x += sigma * noise.rough_normal();
  }
  if (field_) apply(field_->heard_through, out.person_audio, spoken, seed_of(seed_, 83), which_);
  for (float& x : out.person_audio) x = std::clamp(x, -1.0f, 1.0f);
  std::erase_if(out.person_words, [&](const heard_word& w) { return w.end > total; });
  std::sort(out.person_words.begin(), out.person_words.end(),
            [](const heard_word& a, const heard_word& b) { return a.end < b.end; });
}

void builder::mix_model(conversation& out) {
  out.model_audio.assign(static_cast<std::size_t>((total_turns + 1) * turn_samples), 0.0f);
  constexpr std::int64_t fade = 160;  // a broken-off word ends within 10 ms
  for (const model_phrase& p : phrases_) {
    const std::int64_t said = p.frames * frame_samples;
    const auto length = static_cast<std::int64_t>(p.what->samples.size());
    for (std::int64_t i = 0; i < std::min(length, said + fade); ++i) {
      const std::int64_t at = heard_at(p.k) + i;
      if (at < 0 || at >= static_cast<std::int64_t>(out.model_audio.size()) || said == 0) continue;
      const float gain = i < said ? 1.0f : 1.0f - static_cast<float>(i - said) / fade;
      out.model_audio[static_cast<std::size_t>(at)] +=
          gain * p.what->samples[static_cast<std::size_t>(i)];
    }
  }
}

void builder::write_labels(conversation& out) {
  const engine::vocabulary& words = nano_vocabulary();
  engine::conversation_arrays& ex = out.example;
  const auto turns = static_cast<std::size_t>(total_turns);
  constexpr std::size_t patch = engine::speech_format::patch_size;
  ex.micro_turns = total_turns;
  ex.audio = engine::dmel_of(out.person_audio);
  if (field_) mask_bands(ex.audio);
  ex.text_in.assign(turns, engine::vocabulary::pad);
  ex.text_out.assign(turns * 2, engine::vocabulary::pad);
  ex.slipped.assign(turns * 2, 0);
  ex.spoken.assign(turns * 4, 0);
  ex.heard.assign(turns * 4, 0);
  ex.voice.assign(turns * 4, 0);
  ex.speech.assign(turns * 4 * patch, 0.0f);
  for (const episode& e : out.episodes) ex.family += (ex.family.empty() ? "" : "+") + e.family;

  for (std::size_t k = 0; k < turns; ++k)
    if (!text_in_[k].empty()) ex.text_in[k] = words.id_of(text_in_[k]);

  // Two slots per micro-turn; what does not fit waits for the next one.
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [](const token_event& a, const token_event& b) { return a.k < b.k; });
  std::int64_t slot = 0;
  for (token_event& t : tokens_) {
    slot = std::max(slot, t.k * 2);
    if (slot >= total_turns * 2) break;
    ex.text_out[static_cast<std::size_t>(slot)] = words.id_of(t.word.word);
    ex.slipped[static_cast<std::size_t>(slot)] = t.slipped;
    t.word.micro_turn = slot / 2;
    out.model_words.push_back(t.word);
    ++slot;
  }

  for (const heard_word& w : out.person_words) {
    if (!w.labelled || !words.contains(w.word)) continue;
    auto frame = static_cast<std::size_t>((w.end - 1) / frame_samples);
    while (frame < ex.heard.size() && ex.heard[frame] != 0) ++frame;
    if (frame < ex.heard.size()) ex.heard[frame] = words.id_of(w.word);
  }

  for (const model_phrase& p : phrases_)
    for (std::int64_t f = 0; f < p.frames; ++f) {
      const auto at = static_cast<std::size_t>(p.k * 4 + f);
      if (at >= ex.voice.size()) break;
      // The word at the middle of the frame; the short silence before the first belongs to it.
      for (const phrase::word_time& w : p.what->words)
        if (ex.spoken[at] == 0 || w.start <= f * frame_samples + frame_samples / 2)
          ex.spoken[at] = words.id_of(w.word);
      ex.voice[at] = 1;
      std::copy_n(p.what->patches.begin() + f * static_cast<std::int64_t>(patch), patch,
                  ex.speech.begin() + static_cast<std::ptrdiff_t>(at * patch));
    }
}

void builder::write_pictures(engine::conversation_arrays& out) const {
  constexpr std::size_t frames = video_scene::frames_per_turn, bytes = video_scene::frame_bytes;
  const auto turns = static_cast<std::size_t>(total_turns);
  out.video.resize(turns * frames * bytes);
  out.pictured.assign(turns, 1);
  random_stream lost(seed_of(seed_, 79));
  for (std::size_t k = 0; k < turns; ++k) {
    if (sound_ == variety::rich && lost.chance(0.02)) out.pictured[k] = 0;
    for (std::size_t f = 0; f < frames; ++f)
      scene->draw(static_cast<std::int64_t>(k) * turn_samples +
                      static_cast<std::int64_t>(f) * turn_samples / std::int64_t{frames},
                  std::span(out.video).subspan((k * frames + f) * bytes, bytes));
  }
}

}  // namespace hocket::scenarios
