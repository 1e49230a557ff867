#include "tools/scenarios/person_voice.hpp"

#include <dlfcn.h>
#include <espeak-ng/speak_lib.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <numbers>
#include <span>

#include "engine/text/vocabulary.hpp"
#include "tools/scenarios/flite_voice.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

namespace hocket::scenarios {
namespace {

std::mutex one_session;  // the library is not thread-safe

constexpr std::string_view flite_prefix = "flite:";

/// While it lives, LeakSanitizer does not follow what this thread allocates: espeak-ng keeps tables
/// of voices (some 10 KB a copy) that espeak_Terminate does not free, and once the copy is unloaded
/// no suppression can name it.
struct library_memory {
#ifdef __SANITIZE_ADDRESS__
  library_memory() { __lsan_disable(); }
  ~library_memory() { __lsan_enable(); }
#else
  library_memory() {}
#endif
  library_memory(const library_memory&) = delete;
};

struct collected {
  std::vector<short> samples;
  std::vector<std::int64_t> word_starts;
  std::vector<int> text_positions;  // of each word, from 1
};
collected* collecting = nullptr;  // guarded by one_session

int collect(short* wave, int count, espeak_EVENT* event) {
  if (wave && count > 0) collecting->samples.insert(collecting->samples.end(), wave, wave + count);
  for (; event->type != espeakEVENT_LIST_TERMINATED; ++event)
    // An empty word at the end is an artefact of the library.
    if (event->type == espeakEVENT_WORD && event->length > 0) {
      collecting->word_starts.push_back(event->sample);
      collecting->text_positions.push_back(event->text_position);
    }
  return 0;
}

// One start per word of `text`. The library speaks some words as one ("of the"): those that have no
// event of their own share the time up to the next event by their letters.
std::vector<std::int64_t> starts_of(const std::string& text, const collected& raw) {
  struct place {
    int from, letters;
  };
  std::vector<place> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (end > at) words.push_back({static_cast<int>(at), static_cast<int>(end - at)});
    at = end + 1;
  }
  std::vector<std::int64_t> starts;
  std::size_t word = 0;
  for (std::size_t e = 0; e < raw.word_starts.size(); ++e) {
    const bool last = e + 1 == raw.word_starts.size();
    const int next = last ? static_cast<int>(text.size()) + 1 : raw.text_positions[e + 1] - 1;
    const std::int64_t from = raw.word_starts[e];
    const std::int64_t to =
        last ? static_cast<std::int64_t>(raw.samples.size()) : raw.word_starts[e + 1];
    int letters = 0, before = 0;
    std::size_t end = word;
    for (; end < words.size() && words[end].from < next; ++end) letters += words[end].letters;
    for (; word < end; before += words[word++].letters)
      starts.push_back(from + (to - from) * before / std::max(1, letters));
  }
  return starts;
}

// First and one past the last sample that is louder than -34 dB below the loudest 5 ms.
std::pair<std::size_t, std::size_t> sounding(const std::vector<float>& x, std::size_t from,
                                             std::size_t to, double threshold) {
  constexpr std::size_t block = 110;
  std::size_t first = to, last = from;
  for (std::size_t at = from; at < to; at += block) {
    double power = 0;
    const std::size_t stop = std::min(at + block, to);
    for (std::size_t i = at; i < stop; ++i) power += double(x[i]) * double(x[i]);
    if (power / double(stop - at) < threshold) continue;
    first = std::min(first, at);
    last = stop;
  }
  return {first, last};
}

double loudest_block(const std::vector<float>& x) {
  constexpr std::size_t block = 110;
  double best = 0;
  for (std::size_t at = 0; at + block <= x.size(); at += block) {
    double power = 0;
    for (std::size_t i = at; i < at + block; ++i) power += double(x[i]) * double(x[i]);
    best = std::max(best, power / block);
  }
  return best;
}

// A peaking filter one octave wide (after R. Bristow-Johnson's audio EQ cookbook).
void raise(std::span<float> x, const spectral_peak& peak, double rate_hz) {
  if (peak.gain_db == 0) return;
  const double w = 2 * std::numbers::pi * peak.hz / rate_hz;
  const double alpha = std::sin(w) * std::sinh(std::numbers::ln2 / 2 * w / std::sin(w));
  const double a = std::pow(10.0, peak.gain_db / 40.0), a0 = 1 + alpha / a;
  const double b0 = (1 + alpha * a) / a0, b1 = -2 * std::cos(w) / a0, b2 = (1 - alpha * a) / a0;
  const double a2 = (1 - alpha / a) / a0;
  double x1 = 0, x2 = 0, y1 = 0, y2 = 0;
  for (float& v : x) {
    const double y = b0 * v + b1 * (x1 - y1) + b2 * x2 - a2 * y2;
    x2 = x1, x1 = v, y2 = y1, y1 = y;
    v = static_cast<float>(y);
  }
}

double power_of(std::span<const float> x) {
  double sum = 1e-12;
  for (const float v : x) sum += double(v) * double(v);
  return sum;
}

}  // namespace

const std::vector<std::string>& voices_of(split which) {
  static const std::vector<std::string> heldout{
      "en-us+m3", "en-us+m7", "en-us+f3",          "en+m3",
      "en+f3",    "en+m7",    "en-gb-scotland+m7", "en-029+f3"};
  static const std::vector<std::string> train = [] {
    std::vector<std::string> all;
    for (const char* accent : {"en-us", "en", "en-gb-scotland", "en-029"})
      for (const char* variant :
           {"", "+m1", "+m2", "+m4", "+m5", "+m6", "+m8", "+f1", "+f2", "+f4", "+f5", "+Andy",
            "+Annie", "+adam", "+edward", "+linda", "+belinda", "+steph", "+michael"})
        all.push_back(std::string(accent) + variant);
    return all;
  }();
  return which == split::train ? train : heldout;
}

struct person_voice::library {
  std::unique_lock<std::mutex> lock{one_session};
  void* handle = nullptr;
  decltype(&espeak_Initialize) initialize = nullptr;
  decltype(&espeak_SetSynthCallback) set_callback = nullptr;
  decltype(&espeak_SetVoiceByName) set_voice = nullptr;
  decltype(&espeak_SetParameter) set_parameter = nullptr;
  decltype(&espeak_Synth) synth = nullptr;
  decltype(&espeak_Terminate) terminate = nullptr;
  std::string voice;  // the one that is set

  template <class F>
  bool find(F& function, const char* name) {
    function = reinterpret_cast<F>(dlsym(handle, name));
    return function != nullptr;
  }
  bool load() {
    const library_memory not_ours;
    handle = dlopen("libespeak-ng.so.1", RTLD_NOW | RTLD_LOCAL);
    return handle && find(initialize, "espeak_Initialize") &&
           find(set_callback, "espeak_SetSynthCallback") &&
           find(set_voice, "espeak_SetVoiceByName") && find(set_parameter, "espeak_SetParameter") &&
           find(synth, "espeak_Synth") && find(terminate, "espeak_Terminate") &&
           initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, nullptr, 0) > 0;
  }
  ~library() {
    if (terminate) terminate();
    if (handle) dlclose(handle);
  }
};

person_voice::person_voice() : library_(std::make_unique<library>()) {}
person_voice::~person_voice() = default;

result<std::unique_ptr<person_voice>> person_voice::open() {
  std::unique_ptr<person_voice> voice(new person_voice);
  if (!voice->library_->load())
    return fail("scenarios.voice",
                "cannot load libespeak-ng.so.1: install libespeak-ng1 and "
                "espeak-ng-data");
  voice->library_->set_callback(collect);
  return voice;
}

const std::vector<std::string>& flite_voices_of(split which) {
  static const std::vector<std::string> train{"flite:awb", "flite:kal16", "flite:slt"},
      heldout{"flite:rms"};
  return which == split::train ? train : heldout;
}

result<raw_speech> person_voice::by_flite(const std::string& text, const person& who) {
  const flite_speech said = flite_say(who.voice.substr(flite_prefix.size()), text,
                                      160.0 / who.rate_wpm, 0.85 + 0.003 * who.pitch);
  if (said.samples.empty())
    return fail("scenarios.voice", "flite has no voice `" + who.voice + "`");
  raw_speech raw{said.samples, {}, 16000};
  for (const auto& w : said.words)
    raw.word_starts.push_back(static_cast<std::int64_t>(w.start_s * 16000));
  return raw;
}

result<raw_speech> person_voice::by_espeak(const std::string& text, const person& who) {
  const library_memory not_ours;
  library& lib = *library_;
  collected raw;
  collecting = &raw;
  if (lib.voice != who.voice && lib.set_voice(who.voice.c_str()) != EE_OK)
    return fail("scenarios.voice", "espeak-ng has no voice `" + who.voice + "`");
  lib.voice = who.voice;
  lib.set_parameter(espeakRATE, who.rate_wpm, 0);
  lib.set_parameter(espeakPITCH, std::clamp(who.pitch, 0, 99), 0);
  std::srand(1);  // breathy voices draw from it
  lib.synth(text.c_str(), text.size() + 1, 0, POS_CHARACTER, 0, espeakCHARS_UTF8, nullptr, nullptr);
  collecting = nullptr;
  raw_speech out{std::vector<float>(raw.samples.size()), starts_of(text, raw), 22050};
  for (std::size_t i = 0; i < raw.samples.size(); ++i)
    out.samples[i] = static_cast<float>(raw.samples[i]) / 32768.0f;
  return out;
}

result<utterance> person_voice::say(const std::string& text, const person& who) {
  auto made = who.voice.starts_with(flite_prefix) ? by_flite(text, who) : by_espeak(text, who);
  if (!made) return fail(made);
  const raw_speech& raw = *made;
  const std::vector<std::string> words = engine::words_of(text);
  if (raw.word_starts.size() != words.size() || raw.samples.empty())
    return fail("scenarios.voice", "`" + text + "` by " + who.voice + " has " +
                                       std::to_string(raw.word_starts.size()) + " word events");
  utterance out;
  const std::vector<float>& x = raw.samples;
  const double threshold = loudest_block(x) * 4e-4;  // -34 dB
  const auto [first, last] = sounding(x, 0, x.size(), threshold);
  double power = 0;
  std::size_t counted = 0;
  for (std::size_t i = first; i < last; ++i) power += double(x[i]) * double(x[i]), ++counted;
  const double gain = 0.1 / std::sqrt(power / double(std::max<std::size_t>(counted, 1)) + 1e-12) *
                      std::pow(10.0, who.gain_db / 20.0);
  for (std::size_t w = 0; w < words.size(); ++w) {
    const auto begin = std::max<std::size_t>(static_cast<std::size_t>(raw.word_starts[w]), first);
    const auto limit =
        w + 1 < words.size() ? static_cast<std::size_t>(raw.word_starts[w + 1]) : last;
    auto [s, e] = sounding(x, begin, std::min(limit, last), threshold);
    if (s >= e) s = begin, e = std::min(limit, last);
    out.words.push_back(
        {words[w], static_cast<std::int64_t>(s - first), static_cast<std::int64_t>(e - first)});
  }
  out.samples.assign(x.begin() + static_cast<std::ptrdiff_t>(first),
                     x.begin() + static_cast<std::ptrdiff_t>(last));
  const double before_peaks = power_of(out.samples);
  for (const spectral_peak& peak : who.peaks) raise(out.samples, peak, raw.rate_hz);
  const double level =
      gain / std::sqrt(1.0 + who.tilt * who.tilt) * std::sqrt(before_peaks / power_of(out.samples));
  float before = 0;
  for (float& v : out.samples) {
    const float now = v;
    v = static_cast<float>(level * (now + who.tilt * before));
    v = std::clamp(v, -1.0f, 1.0f);
    before = now;
  }
  out.rate_hz = raw.rate_hz * who.warp;
  return out;
}

}  // namespace hocket::scenarios
