#include "plugins/audio_parts/gate.hpp"

#include <algorithm>

#include "plugins/audio_parts/common.hpp"

namespace hocket::audio_parts {
namespace {

enum input : std::size_t { audio_in, events_in };

}  // namespace

void gate::config::visit(config_visitor& v) {
  v.field({.name = "open_on", .doc = "texts of `events` that open it"}, open_on);
  v.field({.name = "close_on", .doc = "texts of `events` that close it"}, close_on);
  v.field({.name = "starts_open", .doc = "open until the first event"}, starts_open);
  v.field({.name = "keeps_time", .doc = "closed: silence goes out, else nothing"}, keeps_time);
  v.field({.name = "fade_ms",
           .doc = "ramp at both ends, so that they do not click",
           .unit = "ms",
           .min = 0,
           .max = 1000},
          fade_ms);
}

component_info gate::info() {
  return {.type = "audio.gate",
          .summary = "Lets sound through from one event to another.",
          .inputs = {{"audio", any_audio(), "any rate and number of channels"},
                     {"events", {.kind = payload_kind::text}, "what opens and closes it"}},
          .outputs = {{"audio", any_audio(), "what came, or silence"}}};
}

result<void> gate::open(const context& where) {
  context_ = where;
  if (config_.open_on.empty() && config_.close_on.empty())
    return fail("gate.no_event",
                "neither open_on nor close_on names an event: it would never move");
  return {};
}

void gate::heard(const text& event, timestamp at) {
  const auto among = [&](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), event.value) != list.end();
  };
  if (among(config_.open_on)) {
    context_.count("opened", 1);
    open_.change(at, 1);
  } else if (among(config_.close_on)) {
    context_.count("closed", 1);
    open_.change(at, 0);
  }
}

result<void> gate::process(std::size_t port, const packet& p, emitter& out) {
  if (port == events_in) {
    if (const auto* event = p.get_if<text>()) heard(*event, p.header.ts);
    return {};
  }
  const auto* chunk = p.get_if<audio_chunk>();
  if (!chunk || chunk->frames() == 0) return {};
  if (!is_usual(*chunk)) {
    context_.count("wrong_format", 1);
    return {};
  }
  const auto gains = ramp_.over(*chunk, open_);
  send(0, config_.keeps_time ? scaled(*chunk, gains) : audible(*chunk, gains), out);
  return {};
}

}  // namespace hocket::audio_parts
