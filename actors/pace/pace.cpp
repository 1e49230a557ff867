#include "actors/pace/pace.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "graph/core/samples.hpp"

namespace hocket::pace {
namespace {

constexpr double slowest = 0.5;
/// The person's own last words are heard late.
constexpr std::chrono::milliseconds falls_silent{200};
/// Who falls silent within `takes_notice` of a word of the person, for `stops`, was interrupted by it.
constexpr std::chrono::milliseconds takes_notice{1500}, stops{400};
/// What SoundTouch takes; it throws at more. Below, there is no voice.
constexpr std::int32_t lowest_hz = 8000, highest_hz = 192000, most_channels = 16;
/// A chunk that is late is no pause of the voice: so many micro-turns without any are one.
constexpr int late_turns = 2;
/// Further ahead of the clock than this is a clock that was set anew.
constexpr std::chrono::seconds furthest_ahead{60};
/// Through loudspeaker and microphone.
constexpr std::chrono::seconds echo_takes{2};

std::optional<double> pace_of(const std::string& words) {
  double v = 0;
  const auto end = words.data() + words.size();
  const auto [stopped, problem] = std::from_chars(words.data(), end, v);
  if (problem != std::errc() || stopped != end || !(v >= slowest && v <= 1)) return std::nullopt;
  return v;
}

/// Its words, as recognisers with capitals and marks and those without them mean the same.
std::vector<std::string> bare_words(const std::string& said) {
  std::vector<std::string> out(1);
  for (const char c : said) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalnum(u) != 0 || u >= 0x80 || c == '\'')
      out.back() += static_cast<char>(std::tolower(u));
    else if (!out.back().empty())
      out.emplace_back();
  }
  if (out.back().empty()) out.pop_back();
  return out;
}

}  // namespace

void pace::config::visit(config_visitor& v) {
  v.field({.name = "pace",
           .doc = "of its own tempo, until somebody asks for another one",
           .min = slowest,
           .max = 1},
          pace);
  v.field({.name = "pause_ms",
           .doc = "of a longer silence the rest makes room for what waits",
           .unit = "ms",
           .min = 0,
           .max = 5000},
          pause_ms);
  v.field({.name = "behind_ms",
           .doc = "further behind, it speaks at its own tempo until it is half as far",
           .unit = "ms",
           .min = 500,
           .max = 60000},
          behind_ms);
  v.field({.name = "agreement", .doc = "words of the person that interrupt nobody"}, agreement);
}

component_info pace::info() {
  const media_type voice{.kind = payload_kind::audio}, words{.kind = payload_kind::text};
  const auto in = [](const char* name, payload_kind kind, const char* what, bool required) {
    return input_port{name, {.kind = kind}, what, required, default_queue(kind)};
  };
  return {.type = "audio.pace",
          .summary = "Says what it is given more slowly, at the same pitch, for who asks for it.",
          .inputs =
              {in("audio", payload_kind::audio, "the voice", true),
               in("pace", payload_kind::text,
                  "a number, 0.5 to 1: from now on so much of its pace until then; 1: as it began",
                  false),
               in("heard", payload_kind::text,
                  "the person's words: they interrupt what waits once the model is silent", false),
               in("said", payload_kind::text,
                  "the model's words, which are no interruption where they are heard", false)},
          .outputs = {{"audio", voice, "as much sound as came in, at the same times"}},
          .ticks = true};
}

pace::pace(config c) : config_(std::move(c)) {}
pace::~pace() = default;

result<void> pace::open(const context& where) {
  context_ = where;
  pace_ = config_.pace;
  return {};
}

result<void> pace::process(std::size_t port, const packet& p, emitter& out) {
  const auto* t = p.get_if<text>();
  if (port == audio_in)
    take_voice(p, out);
  else if (t != nullptr && port == pace_in)
    take_pace(*t);
  else if (t != nullptr && port == heard_in)
    take_heard(*t, p.header.ts);
  else if (t != nullptr && port == said_in)
    take_said(*t, p.header.ts);
  count_changes();
  return {};
}

void pace::take_voice(const packet& p, emitter& out) {
  const auto* chunk = p.get_if<audio_chunk>();
  if (chunk == nullptr) return;
  if (chunk->rate_hz < lowest_hz || chunk->rate_hz > highest_hz || chunk->channels < 1 ||
      chunk->channels > most_channels) {
    context_.count("wrong_format", 1);
    return out.emit(0, p);
  }
  turns_without_ = 0;
  if (chunk->rate_hz != rate_hz_ || chunk->channels != channels_) {
    if (voice_) voice_->drop();
    count_changes();
    told_dropped_ = told_hurried_ = 0;
    rate_hz_ = chunk->rate_hz, channels_ = chunk->channels;
    voice_ =
        std::make_unique<paced_voice>(rate_hz_, channels_,
                                      paced_voice::limits{config_.pause_ms * rate_hz_ / 1000,
                                                          config_.behind_ms * rate_hz_ / 1000});
    next_ = chunk->first_sample;
  }
  voice_->set_pace(pace_);
  const auto samples = chunk->samples.as<float>();
  const auto until = chunk->first_sample + chunk->frames();
  if (has_voice(samples)) model_spoke_until_ = timestamp::of_samples(until, rate_hz_);
  if (voice_->is_plain()) {
    next_ = until;
    return out.emit(0, p);
  }
  voice_->put(samples);
  stop_where_it_stopped(timestamp::of_samples(until, rate_hz_));
  // What waited may have been said in its place already, where it came late.
  const auto from = std::max({chunk->first_sample, next_, sample_index(ticked_until_, rate_hz_)});
  if (until > from) say(from, until, out);
}

void pace::say(std::int64_t from, std::int64_t until, emitter& out) {
  next_ = until;
  out.emit(0, timestamp::of_samples(from, rate_hz_),
           audio_chunk{rate_hz_, channels_, from, buffer::take(voice_->take(until - from))});
}

void pace::take_pace(const text& t) {
  const auto wanted = pace_of(t.value);
  if (!wanted) {
    context_.count("bad_paces", 1);
    return context_.log("a pace that is none, from 0.5 to 1: left as it is");
  }
  const auto next = *wanted >= 1 ? config_.pace : std::max(slowest, pace_ * *wanted);
  if (next != pace_) context_.count("paces", 1);
  pace_ = next;
}

void pace::take_said(const text& t, timestamp at) {
  const auto still_sounds = std::chrono::milliseconds(config_.behind_ms) + echo_takes;
  std::erase_if(said_, [&](const auto& s) { return at - s.second > still_sounds; });
  for (auto& word : bare_words(t.value)) said_.insert_or_assign(std::move(word), at);
}

void pace::take_heard(const text& t, timestamp at) {
  if (!voice_ || voice_->is_plain()) return;
  const bool is_speaking =
      model_spoke_until_ != timestamp::min() && at < model_spoke_until_ + falls_silent;
  for (const auto& one : bare_words(t.value)) {
    const bool is_agreement = std::ranges::find(config_.agreement, one) != config_.agreement.end();
    if (is_agreement || said_.contains(one)) continue;
    if (!is_speaking) return voice_->drop();
    spoken_over_ = at;  // it is the model's to go on, or to stop
  }
}

// A model that stops since somebody speaks need not raise the epoch: interaction.model falls silent.
void pace::stop_where_it_stopped(timestamp now) {
  if (!spoken_over_) return;
  if (model_spoke_until_ - *spoken_over_ > takes_notice) return spoken_over_.reset();
  if (now - model_spoke_until_ < stops) return;
  voice_->drop();
  spoken_over_.reset();
}

// What waits does not wait for a model that hands over nothing while it is silent, or late: what comes late
// joins on to what waits, without silence within a word.
result<void> pace::tick(std::int64_t micro_turn, emitter& out) {
  ticked_until_ = context_.grid.end_of(micro_turn);
  if (!voice_ || voice_->is_plain()) return {};
  const auto from = sample_index(context_.grid.start_of(micro_turn), rate_hz_);
  const auto until = sample_index(context_.grid.end_of(micro_turn), rate_hz_);
  const bool was_set_anew = next_ - until > furthest_ahead.count() * rate_hz_;
  next_ = was_set_anew ? from : std::max(next_, from);
  if (next_ >= until) return {};
  if (++turns_without_ > late_turns || voice_->behind() < until - next_)
    voice_->put(std::vector<float>(static_cast<std::size_t>((until - next_) * channels_), 0.0f));
  if (turns_without_ > late_turns) stop_where_it_stopped(context_.grid.end_of(micro_turn));
  say(next_, until, out);
  count_changes();
  return {};
}

result<void> pace::on_control(std::size_t, const packet& p, emitter&) {
  const auto* c = p.get_if<control>();
  if (c != nullptr && c->what == control::kind::interrupt && voice_) voice_->drop();
  count_changes();
  return {};
}

// Last words are said to their end.
result<void> pace::close(emitter& out) {
  if (!voice_ || voice_->is_plain()) return {};
  voice_->finish();
  if (const auto rest = voice_->behind(); rest > 0) say(next_, next_ + rest, out);
  return {};
}

void pace::count_changes() {
  if (!voice_) return;
  const auto tell = [&](const char* name, std::int64_t now, std::int64_t& told) {
    if (now != told) context_.count(name, now - std::exchange(told, now));
  };
  tell("dropped_samples", voice_->dropped(), told_dropped_);
  tell("hurried_samples", voice_->hurried(), told_hurried_);
}

}  // namespace hocket::pace
