// What is kept for who comes back, and how he goes on: the voice above all, in messages or over a track.
#include <algorithm>
#include <cmath>
#include <utility>

#include "actors/gateway/own/machine.hpp"

namespace hocket::gateway::own {
namespace {

constexpr std::int64_t longest_hush_ms = 2'000;

std::vector<std::int16_t> to_pcm16(const std::vector<float>& samples) {
  std::vector<std::int16_t> out(samples.size());
  std::ranges::transform(samples, out.begin(), [](float s) {
    return static_cast<std::int16_t>(std::lround(std::clamp(s, -1.0f, 1.0f) * 32'767.0f));
  });
  return out;
}

std::vector<float> to_floats(const std::vector<std::int16_t>& samples) {
  std::vector<float> out(samples.size());
  std::ranges::transform(samples, out.begin(),
                         [](std::int16_t s) { return static_cast<float>(s) / 32'767.0f; });
  return out;
}

}  // namespace

void machine::keep_event(kept_event k) {
  if (settings_.resume_key.empty() || forgotten_) return;
  kept_bytes_ += k.bytes();
  kept_.push_back(std::move(k));
  while (!kept_.empty() &&
         (kept_bytes_ > settings_.kept_bytes || kept_.size() > settings_.kept_events))
    drop_oldest();
}

void machine::drop_oldest() {
  kept_bytes_ -= kept_.front().bytes();
  evicted_ = kept_.front().seq;
  kept_.pop_front();
}

std::string machine::of_open(const std::string& key) const {
  return started_ && !over_ && !forgotten_ ? key : std::string();
}

void machine::resume(std::string_view message, const next_line& by, std::int64_t now_ms,
                     output& out) {
  step s{now_ms, out};
  const auto e = parse_object(message);
  if (!e || over_) return;
  odd_byte_.clear();
  if (!read_start(*e, s)) return;
  // Where it shows the earlier one its client has not heard of the one between: that is what goes.
  const auto shown = text_of(member(*e, "resume"), "key");
  const auto before = std::exchange(key_, by.resume_key);
  if (shown.empty() || shown != earlier_key_) earlier_key_ = before;
  writer_ = sound_writer(inner_rate_hz);
  reader_ = sound_reader(inner_rate_hz);
  // What the track before had not said yet was seen, and not heard.
  const bool is_again = std::exchange(has_track_, by.has_track) && by.has_track;
  const auto left_ms = std::exchange(track_left_ms_, 0);
  track_ms_ = 0;
  const auto after = static_cast<std::uint64_t>(
      number_of(member(*e, "resume"), "after", 0, 0, static_cast<double>(seq_)));
  hello(true, evicted_ > after ? evicted_ : 0, s);
  for (auto& k : kept_) {
    const auto to_ms = std::exchange(k.track_to_ms, 0);
    if (k.seq > after || (is_again && to_ms > left_ms)) say_again(k, k.seq > after, s);
  }
}

void machine::say_again(kept_event& k, bool is_unseen, step& s) {
  if (k.samples.empty() || has_track_) {
    if (!k.samples.empty()) say_on_track(&k, to_floats(k.samples), s);
    if (is_unseen) s.out.messages.push_back(k.text);
    return;
  }
  auto fields = parse_object(k.text);
  if (!fields) return;
  if (auto bytes = writer_.write(to_floats(k.samples), format_))
    (*fields)["audio"] = encode_base64(*bytes);
  s.out.messages.push_back(line_of(*fields));
}

/// The client has the events to there, and the key of the `hello` before it.
void machine::seen(const json& e, step& s) {
  const auto& seq = member(e, "seq");
  if (!seq.is_number_unsigned() || seq > seq_)
    return complain("bad_value", "seq is the number of an event", e, s);
  earlier_key_.clear();
  while (!kept_.empty() && kept_.front().seq <= seq.get<std::uint64_t>() &&
         kept_.front().track_to_ms <= track_left_ms_)
    drop_oldest();
}

/// Of no number: it is not of the conversation.
void machine::let_go(std::string_view reason, std::int64_t now_ms, output& out) {
  out.messages.push_back(
      line_of({{"type", "bye"}, {"seq", 0}, {"at_ms", now_ms}, {"reason", std::string(reason)}}));
}

void machine::told(const voice& v, step& s) {
  const auto length_ms = static_cast<std::int64_t>(v.samples.size()) * 1000 / inner_rate_hz;
  if (hushed_since_ms_ && (!v.is_open || s.now_ms - *hushed_since_ms_ > longest_hush_ms))
    hushed_since_ms_.reset();
  const bool is_open = v.is_open && !hushed_since_ms_;
  json fields = {{"start_ms", v.start_ms}, {"end_ms", v.start_ms + length_ms}, {"open", is_open}};
  number("voice", fields, s);
  if (is_open) keep_event({seq_, line_of(fields), to_pcm16(v.samples)});
  if (has_track_) {
    auto* kept = is_open && !kept_.empty() ? &kept_.back() : nullptr;
    if (is_open) say_on_track(kept, v.samples, s);
  } else if (auto bytes = writer_.write(v.samples, format_); bytes && is_open) {
    // The resampler hears silence too, so that no click is left where the voice closes.
    fields["audio"] = encode_base64(*bytes);
  }
  s.out.messages.push_back(line_of(fields));
}

void machine::say_on_track(kept_event* kept, std::vector<float> samples, step& s) {
  track_ms_ += static_cast<std::int64_t>(samples.size()) * 1000 / inner_rate_hz;
  if (kept != nullptr) kept->track_to_ms = track_ms_;
  s.out.add(play_sound{std::move(samples)});
}

}  // namespace hocket::gateway::own
