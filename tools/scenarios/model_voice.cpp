#include "tools/scenarios/model_voice.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "engine/audio/dmel.hpp"
#include "engine/audio/speech_mel.hpp"
#include "engine/text/vocabulary.hpp"
#include "graph/core/assert.hpp"
#include "tools/scenarios/flite_voice.hpp"
#include "tools/scenarios/kinds.hpp"
#include "tools/scenarios/voice_bank.hpp"
#include "tools/scenarios/voice_texts.hpp"

namespace hocket::scenarios {
namespace {

constexpr double lead_in_s = 0.03, tail_s = 0.05;

// How an American voice has to read them.
std::string spelling_of(const std::string& word) {
  static const std::map<std::string, std::string> spelt{
      {"uno", "oono"},     {"dos", "dose"},   {"tres", "trace"},    {"cuatro", "kwahtro"},
      {"cinco", "seenko"}, {"seis", "sayss"}, {"siete", "syettay"}, {"ocho", "oacho"},
      {"nueve", "nuevay"}, {"diez", "dieth"}, {"uh", "uh"},         {"hocket", "hockit"},
      {"##a", "ay"},       {"##b", "bee"},    {"##c", "see"},       {"##d", "dee"},
      {"##e", "ee"},       {"##f", "eff"},    {"##g", "gee"},       {"##h", "aitch"},
      {"##i", "eye"},      {"##j", "jay"},    {"##k", "kay"},       {"##l", "ell"},
      {"##m", "em"},       {"##n", "en"},     {"##o", "oh"},        {"##p", "pea"},
      {"##q", "queue"},    {"##r", "are"},    {"##s", "ess"},       {"##t", "tea"},
      {"##u", "you"},      {"##v", "vee"},    {"##w", "doubleyou"}, {"##x", "ex"},
      {"##y", "why"},      {"##z", "zee"}};
  const auto found = spelt.find(word);
  return found == spelt.end() ? word : found->second;
}

constexpr std::int64_t frame_samples = 800;
constexpr auto patch = static_cast<std::ptrdiff_t>(engine::speech_format::patch_size);

std::vector<std::string> words_in(const std::string& text) {
  return engine::letter_of(text).empty() ? engine::words_of(text) : std::vector<std::string>{text};
}

phrase render(const std::vector<std::string>& words) {
  std::string spelt;
  for (const std::string& word : words) spelt += (spelt.empty() ? "" : " ") + spelling_of(word);
  const flite_speech speech = flite_say("slt", spelt);
  HOCKET_ASSERT(speech.words.size() == words.size());

  phrase out;
  const double from_s = speech.words.front().start_s - lead_in_s;
  const double to_s = speech.words.back().end_s + tail_s;
  const double rate = engine::sample_rate_hz;
  const auto from = static_cast<std::int64_t>(std::llround(from_s * rate));
  const auto to = std::min<std::int64_t>(std::llround(to_s * rate),
                                         static_cast<std::int64_t>(speech.samples.size()));
  const std::int64_t length = (to - from + 799) / 800 * 800;
  out.samples.assign(static_cast<std::size_t>(length), 0.0f);
  for (std::int64_t i = std::max<std::int64_t>(0, from); i < to; ++i) {
    const double edge_in = double(i - from) / 160.0, edge_out = double(to - i) / 400.0;
    const double fade = std::clamp(std::min(edge_in, edge_out), 0.0, 1.0);
    out.samples[static_cast<std::size_t>(i - from)] =
        static_cast<float>(speech.samples[static_cast<std::size_t>(i)] * fade);
  }
  for (std::size_t w = 0; w < words.size(); ++w)
    out.words.push_back({words[w], std::llround((speech.words[w].start_s - from_s) * rate),
                         std::llround((speech.words[w].end_s - from_s) * rate)});
  out.patches = engine::speech_patches_of(out.samples);
  return out;
}

// `said` up to its word `at`, from there on `next`; joined within 5 ms.
phrase joined(const phrase& said, const phrase& next, std::size_t at) {
  constexpr std::int64_t half_fade = 40;
  const std::int64_t start = said.words[at].start, shift = start - next.words[at].start;
  const std::int64_t length = shift + static_cast<std::int64_t>(next.samples.size());
  phrase out;
  out.samples.assign(
      static_cast<std::size_t>((length + frame_samples - 1) / frame_samples * frame_samples), 0.0f);
  const auto sample = [](const phrase& p, std::int64_t i) {
    const auto n = static_cast<std::int64_t>(p.samples.size());
    return i < 0 || i >= n ? 0.0f : p.samples[static_cast<std::size_t>(i)];
  };
  for (std::int64_t i = 0; i < length; ++i) {
    const auto share = static_cast<float>(
        std::clamp(double(i - start + half_fade) / double(2 * half_fade), 0.0, 1.0));
    out.samples[static_cast<std::size_t>(i)] =
        (1 - share) * sample(said, i) + share * sample(next, i - shift);
  }
  out.words = said.words;
  for (std::size_t w = at; w < out.words.size(); ++w) {
    out.words[w] = next.words[w];
    out.words[w].start += shift, out.words[w].end += shift;
  }
  return out;
}

// Each open word is said as if those after it were still undecided: up to it, the sound is that of
// the same sentence with `undecided_word` in its place.
phrase render_undecided(const std::vector<std::string>& words) {
  std::vector<std::size_t> open;
  std::vector<std::string> now = words;
  for (std::size_t i = 1; i < words.size(); ++i)
    if (kind_of(words[i])) open.push_back(i), now[i] = undecided_word;
  phrase out = render(now);
  std::int64_t known = 0;
  for (const std::size_t at : open) {
    known = forget_what_comes(out, out.words[at].start, known);
    now[at] = words[at];
    phrase next = joined(out, render(now), at);
    next.patches = engine::speech_patches_of(next.samples);
    std::copy_n(out.patches.begin(), known * patch, next.patches.begin());
    out = std::move(next);
  }
  return out;
}

}  // namespace

model_voice& model_voice::shared() {
  static model_voice voice;
  return voice;
}

result<std::shared_ptr<model_voice>> model_voice::open(const std::string& folder) {
  auto bank = voice_bank::open(folder);
  if (!bank) return fail(bank);
  std::shared_ptr<model_voice> out(new model_voice);
  out->bank_ = std::move(*bank);
  return out;
}

std::string model_voice::name() const { return bank_ ? bank_->name() : "slt"; }

const phrase& model_voice::say(const std::string& text) { return kept(phrases_, text, false); }
const phrase& model_voice::say_undecided(const std::string& text) {
  return kept(undecided_, text, true);
}

const phrase& model_voice::kept(phrases& all, const std::string& text, bool undecided) {
  {
    const std::shared_lock read(mutex_);
    if (const auto found = all.find(text); found != all.end()) return *found->second;
  }
  const std::unique_lock write(mutex_);
  std::unique_ptr<phrase>& slot = all[text];
  if (!slot) {
    const auto words = words_in(text);
    slot = std::make_unique<phrase>(bank_       ? bank_->say(words, undecided)
                                    : undecided ? render_undecided(words)
                                                : render(words));
  }
  return *slot;
}

}  // namespace hocket::scenarios
