#include "tools/duplex/driver.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "actors/host/runtime.hpp"
#include "engine/audio/resample.hpp"
#include "engine/text/vocabulary.hpp"
#include "tools/duplex/player.hpp"

namespace hocket::duplex {
namespace {

struct asked {
  double at_s = 0;
  bool in_force = true;
};

/// Writes down what leaves the graph's ports, by session.
class listener final : public host::observer {
 public:
  listener(const subject& what, std::vector<session_tape>& tapes) : what_(what), tapes_(tapes) {
    for (const auto& p : tapes) {
      timeline t;
      t.length_s = p.plays->length_s();
      t.has_words = !what.texts.empty();
      t.has_tools = what.has_tools;
      seen_.push_back({std::move(t), {}});
    }
  }

  void packet_emitted(const plan&, actor_index actor, std::size_t port, const packet& p) override {
    const auto number = static_cast<std::size_t>(p.header.session);
    if (!p.body || number < 1 || number > seen_.size()) return;
    auto& [did, requests] = seen_[number - 1];
    const port_of from{actor, port};
    const double at_s = p.header.ts.seconds();
    if (from == what_.audio) {
      if (const auto* a = p.get_if<audio_chunk>()) take_sound(tapes_[number - 1], *a, p.header.ts);
    } else if (std::ranges::count(what_.texts, from) > 0) {
      if (const auto* t = p.get_if<text>(); t && (t->role.empty() || t->role == "model"))
        for (const auto& word : engine::words_of(t->value)) did.words.push_back({at_s, word});
    } else if (const auto* call = p.get_if<tool_call>()) {
      did.calls.push_back({at_s, call->tool,
                           nlohmann::json::parse(call->arguments_json, nullptr, false),
                           call->request});
    } else if (const auto* d = p.get_if<delegation>()) {
      take_delegation(did, requests, *d, at_s);
    }
  }

  timeline& of(std::size_t index) {
    auto& [did, requests] = seen_[index];
    for (auto& c : did.calls)
      if (const auto r = requests.find(c.request); r != requests.end())
        c.in_force = r->second.in_force;
    std::ranges::stable_sort(did.words, {}, &said_word::at_s);
    return did;
  }

 private:
  static void take_delegation(timeline& did, std::map<std::uint64_t, asked>& requests,
                              const delegation& d, double at_s) {
    if (d.what == delegation::action::cancel) {
      requests[d.request].in_force = false;
      return;
    }
    requests[d.request].at_s = at_s;
    did.delegations_s.push_back(at_s);
    if (d.supersedes) requests[d.supersedes].in_force = false;
  }

  static void take_sound(session_tape& tape, const audio_chunk& a, timestamp at) {
    const std::lock_guard hold(tape.lock);
    tape.sound_rate_hz = a.rate_hz;
    const auto first = std::llround(at.seconds() * a.rate_hz);
    const auto samples = a.samples.as<float>();
    for (std::int64_t i = 0; i < a.frames(); ++i) {
      const auto to = first + i;
      if (to < 0) continue;
      if (tape.sound.size() <= static_cast<std::size_t>(to))
        tape.sound.resize(static_cast<std::size_t>(to) + 1);
      tape.sound[static_cast<std::size_t>(to)] =
          samples[static_cast<std::size_t>(i) * static_cast<std::size_t>(a.channels)];
    }
  }

  const subject& what_;
  std::vector<session_tape>& tapes_;
  std::vector<std::pair<timeline, std::map<std::uint64_t, asked>>> seen_;
};

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
    } else if (actor.type->info.outputs.empty()) {
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
  listener ear(what, tapes);
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
    d.did = std::move(ear.of(i));
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
