#include "plugins/audio_parts/selector.hpp"

#include <algorithm>
#include <utility>

#include "plugins/audio_parts/common.hpp"

namespace hocket::audio_parts {
namespace {

enum input : std::size_t { a_in, b_in, choice_in };
constexpr duration patience = std::chrono::milliseconds(100);  ///< of sound, at least

}  // namespace

void selector::config::visit(config_visitor& v) {
  v.field({.name = "first", .doc = "which one is on until somebody chooses", .choices = {"a", "b"}},
          first);
  v.field({.name = "fade_ms",
           .doc = "ramp out of the old one, then into the new one",
           .unit = "ms",
           .min = 0,
           .max = 1000},
          fade_ms);
}

component_info selector::info() {
  return {.type = "audio.switch",
          .summary = "Passes one of two sounds on, whichever was chosen last.",
          .inputs = {{"a", any_audio(), "any rate and number of channels"},
                     {"b", any_audio(), "another one"},
                     {"choice", {.kind = payload_kind::text}, "`a` or `b`"}},
          .outputs = {{"audio", any_audio(), "chunks of the one that is on"}}};
}

result<void> selector::open(const context& where) {
  context_ = where;
  return {};
}

result<void> selector::process(std::size_t port, const packet& p, emitter& out) {
  if (port == choice_in) {
    const auto* word = p.get_if<text>();
    if (!word) return {};
    if (word->value != "a" && word->value != "b") {
      context_.count("unknown_choices", 1);
      return {};
    }
    context_.count("switched", 1);
    choice_.change(p.header.ts, word->value == "b" ? 1 : 0);
    return {};
  }
  const auto* chunk = p.get_if<audio_chunk>();
  if (chunk && p.header.epoch > epoch_) {
    // Somebody barged in. What lies before the interruption goes on as it was; what was made anew
    // may begin anywhere.
    epoch_ = p.header.epoch;
    const auto begins = timestamp::of_samples(chunk->first_sample, chunk->rate_hz);
    if (begins < sent_until_) sent_until_ = timestamp::min();
  }
  if (chunk && chunk->frames() > 0) pass(*chunk, port == b_in ? 1 : 0, out);
  return {};
}

void selector::pass(const audio_chunk& chunk, std::size_t from, emitter& out) {
  const auto end = timestamp::of_samples(chunk.first_sample + chunk.frames(), chunk.rate_hz);
  longest_ = std::max(longest_, end - timestamp::of_samples(chunk.first_sample, chunk.rate_hz));
  heard_until_.at(from) = std::max(heard_until_.at(from), end);
  auto heard = audible(chunk, ramps_.at(from).over(chunk, choice_));
  if (heard.frames() == 0) {
    // nothing of it
  } else if (!held_.empty() && held_of_ != from) {
    send_now(std::move(heard), out);  // the end that was awaited
  } else {
    held_.push_back(std::move(heard));
    held_of_ = from;
  }
  send_held(out);
}

// At once, but where the other one was on and has not come as far yet.
void selector::send_held(emitter& out) {
  if (held_.empty()) return;
  const auto other = 1 - held_of_;
  const auto& first = held_.front();
  const auto begins = timestamp::of_samples(first.first_sample, first.rate_hz);
  const bool may_come = sent_until_ > timestamp::min() && begins > sent_until_ &&
                        heard_until_.at(other) == sent_until_ && !ended_.at(other);
  if (may_come && heard_until_.at(held_of_) - begins < std::max(patience, 2 * longest_)) return;
  for (auto& chunk : std::exchange(held_, {})) send_now(std::move(chunk), out);
}

void selector::send_now(audio_chunk chunk, emitter& out) {
  const auto end = chunk.first_sample + chunk.frames();
  auto from = chunk.first_sample;
  if (sent_until_ > timestamp::min()) {
    const auto free = sample_at(sent_until_, chunk.rate_hz);
    if (const auto overlap = std::min(end, free) - from; overlap > 0) {
      context_.count("overlapping_samples", overlap);
      from += overlap;
    }
  }
  if (from >= end) return;
  sent_until_ = timestamp::of_samples(end, chunk.rate_hz);
  send(0, part_of(chunk, from, end), out);
}

result<void> selector::on_control(std::size_t port, const packet& p, emitter& out) {
  const auto* c = p.get_if<control>();
  if (c && c->what == control::kind::interrupt) cut_ahead(held_, p.header.ts);
  if (c && c->what == control::kind::end_of_stream && port <= b_in) {
    ended_.at(port) = true;
    send_held(out);
  }
  return {};
}

result<void> selector::close(emitter& out) {
  for (auto& chunk : std::exchange(held_, {})) send_now(std::move(chunk), out);
  return {};
}

}  // namespace hocket::audio_parts
