#include "tools/scenarios/voice_bank.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "engine/audio/dmel.hpp"
#include "engine/audio/speech_mel.hpp"
#include "engine/text/vocabulary.hpp"
#include "graph/core/assert.hpp"
#include "tools/scenarios/kinds.hpp"
#include "tools/scenarios/voice_texts.hpp"

namespace hocket::scenarios {
namespace {

constexpr std::int64_t lead_in = 480, tail = 800, frame_samples = 800;
constexpr std::int64_t fade_in = 160, fade_out = 400;
constexpr std::int64_t half_fade = 40;   // of a join: 5 ms in all
constexpr std::int64_t most_shift = 64;  // 4 ms: a join looks for the same place in the pitch
constexpr const char* open_place = "<open>";

bool open_word(const std::vector<std::string>& words, std::size_t i) {
  return i > 0 && kind_of(words[i]) != nullptr;
}

}  // namespace

struct voice_bank::line {
  phrase made;
  std::int64_t at = lead_in;
};

result<std::shared_ptr<const voice_bank>> voice_bank::open(const std::string& folder) {
  auto voice = read_bank_voice((std::filesystem::path(folder) / "own.json").string());
  if (!voice) return fail(voice);
  for (bank_clip& clip : voice->clips) {
    if (clip.words.size() == 2 && clip.words[0].word == "uh") continue;  // "uh huh" is a phrase
    for (spoken_word& w : clip.words)
      if (w.word == undecided_word) w.word = open_place;
  }
  std::shared_ptr<voice_bank> out(new voice_bank(std::move(*voice)));
  for (const std::string& text : voice_texts())
    for (const std::string& word :
         engine::letter_of(text).empty() ? engine::words_of(text) : std::vector<std::string>{text})
      if (!out->knows(word) && (word != undecided_word || text == "uh huh"))
        return fail("scenarios.bank", folder + ": the model's voice lacks the word `" + word +
                                          "`; tools/scenarios/bank/own_voice.py makes it again");
  return std::shared_ptr<const voice_bank>(std::move(out));
}

bool voice_bank::knows(const std::string& word) const {
  return std::ranges::any_of(voice_.clips, [&](const bank_clip& c) {
    return std::ranges::any_of(c.words, [&](const spoken_word& w) { return w.word == word; });
  });
}

voice_bank::piece voice_bank::best(const std::vector<std::string>& words, std::size_t at,
                                   std::size_t run_end) const {
  piece found;
  double best_score = 0;
  for (const bank_clip& clip : voice_.clips)
    for (std::size_t j = 0; j < clip.words.size(); ++j) {
      std::size_t n = 0;
      while (j + n < clip.words.size() && at + n < run_end &&
             clip.words[j + n].word == words[at + n])
        ++n;
      if (n == 0) continue;
      double score = static_cast<double>(n);
      if (at + n == run_end) {
        const bool ends = j + n == clip.words.size();
        const bool fits =
            run_end == words.size() ? ends : !ends && clip.words[j + n].word == open_place;
        score += fits ? 0.8 : 0;
      }
      if ((at == 0) != (j == 0)) {
        score -= 0.3;
      } else if (at > 0) {
        const std::string &before = words[at - 1], &there = clip.words[j - 1].word;
        const auto* kind = kind_of(before);
        score += before == there ? 0.5 : kind && kind == kind_of(there) ? 0.35 : 0;
      }
      if (score > best_score) best_score = score, found = {&clip, j, n};
    }
  HOCKET_ASSERT(found.clip);  // open() has looked for every word
  return found;
}

void voice_bank::append(line& to, const piece& next) const {
  const bank_clip& clip = *next.clip;
  const std::int64_t first = clip.words[next.first].start;
  const std::int64_t last = clip.words[next.first + next.count - 1].end;
  const auto sound = [&](std::int64_t i) {
    return i < clip.start || i >= clip.end
               ? 0.0f
               : static_cast<float>(voice_.samples[static_cast<std::size_t>(i)]) / 32768;
  };
  std::vector<float>& out = to.made.samples;
  const bool begins = to.made.words.empty();
  // Where two voiced sounds meet, the new one begins at the same place of its period.
  std::int64_t shift = 0;
  double best_match = 0.3;
  // Something is left of a word that is as short as that.
  const std::int64_t latest = std::min(most_shift, clip.words[next.first].end - first - 1);
  for (std::int64_t d = -most_shift; !begins && d <= latest; ++d) {
    double product = 0, a = 1e-6, b = 1e-6;
    for (std::int64_t i = -2 * half_fade; i < 2 * half_fade; ++i) {
      const float x = out[static_cast<std::size_t>(to.at + i)], y = sound(first + d + i);
      product += double(x) * double(y), a += double(x) * double(x), b += double(y) * double(y);
    }
    if (const double match = product / std::sqrt(a * b);
        match > best_match + 1e-6 * std::abs(double(d)))
      best_match = match, shift = d;
  }
  const std::int64_t from = first + shift, length = last - from;
  out.resize(static_cast<std::size_t>(to.at + length + 2 * half_fade), 0.0f);
  const std::int64_t lead = begins ? 0 : half_fade;
  for (std::int64_t i = -lead; i < length + 2 * half_fade; ++i) {
    float& sample = out[static_cast<std::size_t>(to.at + i)];
    const double share = std::clamp(
        begins ? double(i) / double(fade_in) : double(i + half_fade) / double(2 * half_fade), 0.0,
        1.0);
    // What went on after the settled part is the piece's own, up to where the other has taken over.
    const double old = begins || i >= half_fade ? 0.0 : (1 - share) * double(sample);
    sample = static_cast<float>(old + share * double(sound(from + i)));
  }
  for (std::size_t w = next.first; w < next.first + next.count; ++w) {
    const spoken_word& said = clip.words[w];
    const bool joint = w == next.first;
    to.made.words.push_back(
        {said.word, joint ? to.at : to.at + said.start - from, to.at + said.end - from});
  }
  to.at += length;
}

phrase voice_bank::say(const std::vector<std::string>& words, bool undecided) const {
  line made;
  made.made.samples.assign(static_cast<std::size_t>(lead_in), 0.0f);
  std::int64_t known = 0;
  for (std::size_t i = 0; i < words.size();) {
    if (undecided && open_word(words, i)) known = forget_what_comes(made.made, made.at, known);
    std::size_t end = i + 1;
    while (end < words.size() && !open_word(words, end)) ++end;
    while (i < end) {
      const piece next = best(words, i, end);
      append(made, next);
      i += next.count;
    }
  }
  phrase out = std::move(made.made);
  out.samples.resize(static_cast<std::size_t>(made.at), 0.0f);
  for (std::int64_t i = 0; i < std::min(fade_out, made.at); ++i)
    out.samples[static_cast<std::size_t>(made.at - 1 - i)] *=
        static_cast<float>(i) / float(fade_out);
  const std::int64_t whole = (made.at + tail + frame_samples - 1) / frame_samples * frame_samples;
  out.samples.resize(static_cast<std::size_t>(whole), 0.0f);
  std::vector<float> patches = engine::speech_patches_of(out.samples);
  std::copy_n(out.patches.begin(),
              known * static_cast<std::int64_t>(engine::speech_format::patch_size),
              patches.begin());
  out.patches = std::move(patches);
  return out;
}

std::int64_t forget_what_comes(phrase& said, std::int64_t start, std::int64_t known) {
  constexpr auto patch = static_cast<std::int64_t>(engine::speech_format::patch_size);
  constexpr auto turn = static_cast<std::int64_t>(engine::micro_turn_samples);
  const std::int64_t until = start / turn * (turn / frame_samples);
  if (until <= known) return known;
  std::vector<float> before(said.samples.begin(), said.samples.begin() + start);
  constexpr std::int64_t fade = 80;
  for (std::int64_t i = 0; i < std::min(fade, start); ++i)
    before[static_cast<std::size_t>(start - 1 - i)] *= static_cast<float>(i) / float(fade);
  before.resize(std::max(said.samples.size(), static_cast<std::size_t>(until * frame_samples)),
                0.0f);
  const std::vector<float> patches = engine::speech_patches_of(before);
  if (said.patches.size() < static_cast<std::size_t>(until * patch))
    said.patches.resize(static_cast<std::size_t>(until * patch));
  std::copy(patches.begin() + known * patch, patches.begin() + until * patch,
            said.patches.begin() + known * patch);
  return until;
}

}  // namespace hocket::scenarios
