#include "plugins/tts_flite/tts_flite.hpp"

#include <algorithm>

#include "graph/contract/plugin.hpp"
#include "graph/core/samples.hpp"

namespace hocket::tts_flite {
namespace {

enum input : std::size_t { text_in, events_in };
enum output : std::size_t { audio_out, words_out };
constexpr std::int32_t rate_hz = 16000;
constexpr std::int64_t per_ms = rate_hz / 1000;
constexpr std::int64_t between = rate_hz / 10;  ///< silence between two texts

timestamp time_of(std::int64_t sample) { return timestamp::of_samples(sample, rate_hz); }

}  // namespace

void tts::config::visit(config_visitor& v) {
  v.field({.name = "voice", .doc = "flite's", .choices = {"slt", "rms", "awb", "kal16"}}, voice);
  v.field(
      {.name = "playout_delay_ms",
       .doc = "the playout's delay_ms: what an interruption finds already sounding is told by it",
       .unit = "ms",
       .min = 0,
       .max = 2000},
      playout_delay_ms);
  v.field({.name = "spelling", .doc = "`word=as an English voice has to read it`"}, spelling);
}

component_info tts::info() {
  const media_type words{.kind = payload_kind::text};
  const auto queue = default_queue(payload_kind::text);
  return {.type = "tts.flite",
          .summary = "Says text with flite on stream time, until somebody barges in.",
          .inputs = {{"text", words, "what to say (role `model`), or `resume`", true, queue},
                     {"events", words, "`barge_in` breaks off", false, queue}},
          .outputs = {{"audio",
                       {.kind = payload_kind::audio, .rate_hz = rate_hz, .channels = 1},
                       "its voice, up to 200 ms a packet, ts = when it is to be heard"},
                      {"words", words, "words as they begin to sound, role `model`"}},
          .blocking = true,
          .ticks = true,
          .latency_ms = 30};
}

result<void> tts::open(const context& where) {
  context_ = where;
  std::map<std::string, std::string> spelling;
  for (const auto& pair : config_.spelling) {
    const auto sign = pair.find('=');
    if (sign == pair.npos || sign == 0 || sign + 1 == pair.size())
      return fail("tts.bad_spelling", "`" + pair + "` is not `word=spelling`");
    spelling[pair.substr(0, sign)] = pair.substr(sign + 1);
  }
  voice_ = std::make_unique<flite_voice>(config_.voice, std::move(spelling));
  return {};
}

std::int64_t tts::now() const { return sample_index(context_.time->now(), rate_hz); }

result<void> tts::process(std::size_t port, const packet& p, emitter& out) {
  const auto* t = p.get_if<text>();
  if (!t) return {};
  if (port == events_in) {
    if (t->value == "barge_in" && !break_off(out, true)) context_.count("barge_ins", 1);
    return {};
  }
  if (t->role != "resume") {
    rest_.clear();
    return say(t->value, p.header.ts, out);
  }
  if (rest_.empty()) return {};
  context_.count("resumed", 1);
  return say(std::exchange(rest_, ""), p.header.ts, out);
}

result<void> tts::say(const std::string& words, timestamp at, emitter& out) {
  auto made = voice_->say(words);
  if (!made) return fail(made);
  if (made->samples.empty()) return {};
  context_.count("said", 1);
  utterance next{std::move(*made)};
  // The clock is asked after the voice was made: a slow machine begins later, not with a hole.
  next.begin = std::max(sample_index(at, rate_hz), now());
  if (!queue_.empty()) next.begin = std::max(next.begin, queue_.back().end() + between);
  // Behind an interruption: packets that went out early must not be followed by earlier ones.
  next.begin = std::max(next.begin, last_sent_);
  queue_.push_back(std::move(next));
  const auto turn = context_.grid.index_of(context_.time->now());
  send(sample_index(context_.grid.end_of(turn + 1), rate_hz), out);
  return {};
}

// Hands over what is to be heard before `until`, cut at micro-turns.
void tts::send(std::int64_t until, emitter& out) {
  for (auto& u : queue_) {
    while (u.begin + u.sent < std::min(until, u.end())) {
      const auto from = u.begin + u.sent;
      const auto turn_end =
          sample_index(context_.grid.end_of(context_.grid.index_of(time_of(from))), rate_hz);
      const auto to = std::min({until, u.end(), turn_end});
      const auto at = u.what.samples.begin() + static_cast<std::ptrdiff_t>(u.sent);
      std::vector<float> part(at, at + (to - from));
      out.emit(audio_out, time_of(from),
               audio_chunk{rate_hz, 1, from, buffer::take(std::move(part))});
      u.sent = to - u.begin;
      last_sent_ = from;
    }
  }
}

// Reports the words that began before `heard_until` and forgets what has sounded.
void tts::report(std::int64_t heard_until, emitter& out) {
  for (auto& u : queue_)
    for (; u.reported < u.what.words.size(); ++u.reported) {
      const auto& w = u.what.words[u.reported];
      if (u.begin + w.begin >= heard_until) break;
      out.emit(words_out, time_of(u.begin + w.begin), text{w.word, "model"});
    }
  while (!queue_.empty() && queue_.front().end() <= heard_until) queue_.pop_front();
}

result<void> tts::tick(std::int64_t micro_turn, emitter& out) {
  send(sample_index(context_.grid.end_of(micro_turn + 2), rate_hz), out);
  report(now() - config_.playout_delay_ms * per_ms, out);
  return {};
}

// Breaks off what sounds or waits; false where there is nothing. What the playout has not played
// yet will not sound: its delay is the difference between our clock and what is heard.
bool tts::break_off(emitter& out, bool raise) {
  const auto heard_until = now() - config_.playout_delay_ms * per_ms;
  while (!queue_.empty() && queue_.front().end() <= heard_until) {
    report(queue_.front().end(), out);
  }
  if (queue_.empty()) return false;
  if (raise) out.interrupt();  // before the words: they are heard, the sound behind them is not
  report(heard_until, out);
  rest_.clear();
  for (const auto& u : queue_)
    for (const auto& w : u.what.words)
      if (u.begin + w.end > heard_until) rest_ += (rest_.empty() ? "" : " ") + w.written;
  queue_.clear();
  context_.count("interrupted", 1);
  return true;
}

result<void> tts::on_control(std::size_t, const packet& p, emitter& out) {
  const auto* c = p.get_if<control>();
  if (c && c->what == control::kind::interrupt) break_off(out, false);
  return {};
}

// What was begun is said to its end: the playout behind plays what it gets.
result<void> tts::close(emitter& out) {
  send(INT64_MAX, out);
  report(INT64_MAX, out);
  queue_.clear();
  voice_.reset();
  return {};
}

}  // namespace hocket::tts_flite

HOCKET_PLUGIN(tts_flite) { return into.add(hocket::type_of<hocket::tts_flite::tts>()); }
