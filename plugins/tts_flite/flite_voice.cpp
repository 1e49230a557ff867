#include "plugins/tts_flite/flite_voice.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <sstream>

#include "plugins/tts_flite/synthesis.hpp"

namespace hocket::tts_flite {
namespace {

constexpr double rate_hz = 16000;
constexpr double lead_in_s = 0.03, tail_s = 0.06;
constexpr double fade_in_samples = 160, fade_out_samples = 400;

// Sounds of words in samples.
std::vector<spoken::word_time> times_of(const synthesis& said) {
  std::vector<spoken::word_time> out;
  for (const auto& w : said.words)
    out.push_back({w.name, std::llround(w.begin_s * rate_hz), std::llround(w.end_s * rate_hz)});
  return out;
}

spoken cut(const std::vector<float>& samples, std::vector<spoken::word_time> words) {
  spoken out;
  if (words.empty()) return out;
  const auto from = words.front().begin - std::llround(lead_in_s * rate_hz);
  const auto to = words.back().end + std::llround(tail_s * rate_hz);
  for (auto i = from; i < to; ++i) {
    const double edge = std::min(static_cast<double>(i - from) / fade_in_samples,
                                 static_cast<double>(to - i) / fade_out_samples);
    const bool inside = i >= 0 && i < static_cast<std::int64_t>(samples.size());
    const double sample = inside ? double(samples[static_cast<std::size_t>(i)]) : 0;
    out.samples.push_back(static_cast<float>(sample * std::clamp(edge, 0.0, 1.0)));
  }
  for (auto& w : words) {
    w.begin -= from;
    w.end -= from;
  }
  out.words = std::move(words);
  return out;
}

}  // namespace

std::vector<std::string> plain_words(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) {
    std::string plain;
    for (const char c : word)
      if (std::isalnum(static_cast<unsigned char>(c)) || c == '\'' || (c & 0x80))
        plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (!plain.empty()) out.push_back(std::move(plain));
  }
  return out;
}

result<spoken> flite_voice::say(const std::string& text) const {
  const auto wanted = plain_words(text);
  if (wanted.empty()) return spoken{};
  std::string read;
  std::vector<std::string> written;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) {
    const auto plain = plain_words(word);
    if (!plain.empty()) written.push_back(word);
    const auto other = plain.empty() ? spelling_.end() : spelling_.find(plain.front());
    if (other != spelling_.end()) {
      const bool pause = std::ispunct(static_cast<unsigned char>(word.back()));
      word = other->second + (pause ? std::string(1, word.back()) : "");
    }
    read += (read.empty() ? "" : " ") + word;
  }
  synthesis said;
  const auto end = synthesise(name_, read, 1, 1, said);
  if (end == synthesis_end::no_voice) return fail("tts.no_voice", "flite has no voice " + name_);
  if (end == synthesis_end::failed) return fail("tts.failed", "flite made no 16 kHz sound");
  auto words = times_of(said);
  const bool ours = words.size() == wanted.size() && written.size() == wanted.size();
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (ours) words[i].word = wanted[i];
    words[i].written = ours ? written[i] : words[i].word;
  }
  return cut(said.samples, std::move(words));
}

}  // namespace hocket::tts_flite
