#include "tools/duplex/driver.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "actors/host/runtime.hpp"
#include "engine/audio/resample.hpp"
#include "graph/contract/sink.hpp"
#include "tools/duplex/listener.hpp"
#include "tools/duplex/player.hpp"

namespace hocket::duplex {
namespace {

/// Takes everything and does nothing: in the place of recorders.
struct nothing final : component {};

/// Integers of a config by name, such as the size of a camera's pictures.
struct read_sizes final : config_visitor {
  std::map<std::string, std::int64_t> values;
  void field(const field_info&, bool&) override {}
  void field(const field_info& i, std::int64_t& v) override { values[i.name] = v; }
  void field(const field_info&, double&) override {}
  void field(const field_info&, std::string&) override {}
  void field(const field_info&, std::vector<std::string>&) override {}
  void field(const field_info&, std::vector<double>&) override {}
};

/// The types that a changed plan points to; lives as long as the run.
struct stand_ins {
  std::vector<std::unique_ptr<component_type>> types;
  const component_type* add(const component_type& like,
                            std::function<std::unique_ptr<component>()> make) {
    struct empty final : config_base {
      void visit(config_visitor&) override {}
    };
    auto t = std::make_unique<component_type>();
    t->info = like.info;
    t->make_config = [] { return std::make_unique<empty>(); };
    t->make = [make = std::move(make)](config_base&) { return make(); };
    types.push_back(std::move(t));
    return types.back().get();
  }
};

plan with_stand_ins(const subject& what, std::vector<session_tape>& tapes, stand_ins& kept) {
  plan graph = what.graph;
  for (std::size_t i = 0; i < graph.actors.size(); ++i) {
    auto& actor = graph.actors[i];
    const bool ears = i == what.person.actor, eyes = what.camera && i == what.camera->actor;
    if (ears || eyes) {
      player::setup how;
      how.tapes = &tapes;
      if (ears) how.audio_port = static_cast<std::ptrdiff_t>(what.person.port);
      if (eyes) {
        how.video_port = static_cast<std::ptrdiff_t>(what.camera->port);
        read_sizes sizes;
        if (actor.config) actor.config->visit(sizes);
        how.width = static_cast<std::int32_t>(sizes.values["width"]);
        how.height = static_cast<std::int32_t>(sizes.values["height"]);
      }
      actor.type = kept.add(*actor.type, [how] { return std::make_unique<player>(how); });
      actor.config = nullptr;
    } else if (is_sink(actor.type->info)) {
      actor.type = kept.add(*actor.type, [] { return std::make_unique<nothing>(); });
      actor.config = nullptr;
    }
  }
  return graph;
}

std::vector<float> on_the_items_clock(session_tape& tape) {
  std::vector<float> sound = std::move(tape.sound);
  if (tape.sound_rate_hz != rate_hz)
    if (auto at_16k = engine::resample(sound, tape.sound_rate_hz, double(rate_hz)))
      sound = std::move(*at_16k);
  sound.resize(tape.plays->input.size());
  return sound;
}

// A micro-turn sounds at its time, or `delay_ms` after it where a playout says so.
std::size_t border_of(const subject& what) {
  const auto& actor = what.graph.actors[what.audio.actor];
  read_sizes sizes;
  if (actor.config) actor.config->visit(sizes);
  const auto delay_ms = std::max<std::int64_t>(0, sizes.values["delay_ms"]);
  return static_cast<std::size_t>(delay_ms * rate_hz / 1000 % (rate_hz / 5));
}

// What the clock cost the whole run; an item of `items` takes its share of the lost sound.
run_costs costs_of(const host::run_summary& end, const subject& what, std::size_t items) {
  run_costs out;
  const auto& sound = what.graph.actors[what.audio.actor].name;
  for (const auto& a : end.last.actors)
    for (const auto& [name, value] : a.counters)
      if (a.name == sound && name == "late_samples")
        out.lost_sound_s += static_cast<double>(value) / rate_hz / static_cast<double>(items);
  if (!end.last.budgets.empty()) {
    const auto& b = end.last.budgets.front();
    out.budget_checked = static_cast<std::int64_t>(b.checked);
    out.budget_missed = static_cast<std::int64_t>(b.missed);
    out.budget_p50_ms = b.p50_ms;
    out.budget_p99_ms = b.p99_ms;
  }
  return out;
}

}  // namespace

result<std::vector<driven>> drive(const subject& what, std::span<const item* const> items,
                                  const drive_options& how) {
  std::vector<session_tape> tapes(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    tapes[i].plays = items[i];
    // All of it now, so that the memory of a long session shows the graph's growth, not ours.
    tapes[i].sound.assign(items[i]->input.size() + rate_hz, 0.0f);
  }
  stand_ins kept;
  const plan graph = with_stand_ins(what, tapes, kept);
  listener ear(what, tapes, how.real_time);
  host::runtime_options options;
  options.virtual_time = !how.real_time;
  options.sessions = static_cast<int>(items.size());
  options.output_dir = how.work_dir;
  options.observers = {&ear};
  auto run = host::runtime::start(graph, *what.types, options);
  if (!run) return fail(run);
  const auto end = (*run)->wait();
  run->reset();
  if (end.why == host::end_reason::failed) return fail("duplex.run", end.detail);
  if (!end.last.law_holds()) return fail("duplex.run", "a link's accounts do not add up");
  std::vector<driven> out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    driven d;
    d.sound = on_the_items_clock(tapes[i]);
    d.first_border = border_of(what);
    d.did = ear.take(i);
    if (how.real_time) d.did.cost = costs_of(end, what, items.size());
    d.did.speech = segments_of(d.sound);
    d.did.person_db = levels_of(items[i]->input);
    d.did.model_db = levels_of(d.sound);
    d.did.minute_wall_s = tapes[i].minute_wall_s;
    d.did.minute_rss_mib = tapes[i].minute_rss_mib;
    out.push_back(std::move(d));
  }
  return out;
}

}  // namespace hocket::duplex
