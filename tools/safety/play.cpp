#include "tools/safety/play.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>

#include <fmt/format.h>

#include "actors/host/runtime.hpp"
#include "graph/contract/sink.hpp"
#include "tools/safety/broken_part.hpp"

namespace hocket::safety {
namespace {

/// Takes everything and does nothing: in the place of recorders.
struct nothing final : component {};

/// In the place of who records incidents: freezes nobody, and says so.
struct no_desk final : component {
  result<void> open(const context& where) override {
    time = where.time;
    return {};
  }
  result<void> tick(std::int64_t, emitter& out) override {
    out.emit(0, make_packet(time->now(), text{"free", "policy"}));
    return {};
  }
  const clock* time = nullptr;
};

struct empty_config final : config_base {
  void visit(config_visitor&) override {}
};

/// Texts of a config by name.
struct read_texts final : config_visitor {
  std::map<std::string, std::string> values;
  void field(const field_info&, bool&) override {}
  void field(const field_info&, std::int64_t&) override {}
  void field(const field_info&, double&) override {}
  void field(const field_info& i, std::string& v) override { values[i.name] = v; }
  void field(const field_info&, std::vector<std::string>&) override {}
  void field(const field_info&, std::vector<double>&) override {}
};

/// Sets one text of a config.
struct set_text final : config_visitor {
  std::string name, value;
  void field(const field_info&, bool&) override {}
  void field(const field_info&, std::int64_t&) override {}
  void field(const field_info&, double&) override {}
  void field(const field_info& i, std::string& v) override {
    if (i.name == name) v = value;
  }
  void field(const field_info&, std::vector<std::string>&) override {}
  void field(const field_info&, std::vector<double>&) override {}
};

std::ptrdiff_t input_named(const plan& graph, actor_index actor, const char* name) {
  const auto& inputs = graph.actors[actor].type->info.inputs;
  const auto at = std::ranges::find(inputs, std::string_view(name), &input_port::name);
  return at == inputs.end() ? -1 : at - inputs.begin();
}

std::ptrdiff_t output_named(const plan& graph, actor_index actor, const char* name) {
  const auto& outputs = graph.actors[actor].type->info.outputs;
  const auto at = std::ranges::find(outputs, std::string_view(name), &output_port::name);
  return at == outputs.end() ? -1 : at - outputs.begin();
}

/// What leads to an input of the guard.
const plan_link* into_guard(const plan& graph, actor_index guard, const char* port) {
  const auto wanted = input_named(graph, guard, port);
  for (const auto& l : graph.links)
    if (!l.removed && l.to == guard && static_cast<std::ptrdiff_t>(l.to_port) == wanted) return &l;
  return nullptr;
}

void add(std::vector<actor_index>& to, actor_index what) {
  if (std::ranges::find(to, what) == to.end()) to.push_back(what);
}

/// The types that a changed plan points to; lives as long as the run.
class stand_ins {
 public:
  /// Breaks a part that otherwise is what it was.
  void spoil(plan_actor& actor, const fault& how, const std::shared_ptr<fault_log>& log) {
    auto t = std::make_unique<component_type>(*actor.type);
    t->info.ticks = true;
    t->make = [inner = actor.type, how, log](config_base& c) {
      return std::make_unique<broken_part>(inner->make(c), how, log);
    };
    actor.type = t.get();
    types_.push_back(std::move(t));
  }

  void put(plan_actor& actor, std::function<std::unique_ptr<component>()> make, bool ticks) {
    auto t = std::make_unique<component_type>();
    t->info = actor.type->info;
    t->info.policy = input_policy::immediate;
    t->info.scope = instance_scope::session;
    t->info.blocking = false;
    t->info.ticks = ticks;
    t->info.latency_ms = 0;
    if (t->info.source) t->info.period_ms = 200;
    t->make_config = [] { return std::make_unique<empty_config>(); };
    t->make = [make = std::move(make)](config_base&) { return make(); };
    actor.type = t.get();
    actor.config = nullptr;
    actor.policy = input_policy::immediate;
    types_.push_back(std::move(t));
  }

 private:
  std::vector<std::unique_ptr<component_type>> types_;
};

model_ports model_ports_of(const arena& where, actor_index model) {
  const auto port = [&](const char* name) -> std::ptrdiff_t {
    const auto* l = into_guard(where.graph, where.guard, name);
    return l != nullptr && l->from == model ? static_cast<std::ptrdiff_t>(l->from_port) : -1;
  };
  return {port("heard"), port("said"), port("requests"), port("audio")};
}

background_ports background_ports_of(const arena& where, actor_index background) {
  background_ports out;
  const auto takes = [&](const char* name) -> std::ptrdiff_t {
    const auto* l = into_guard(where.graph, where.guard, name);
    return l != nullptr && l->from == background ? static_cast<std::ptrdiff_t>(l->from_port) : -1;
  };
  out.results = takes("results");
  out.evidence = takes("evidence");
  // Results that lead around the guard come to the model all the same.
  if (out.results < 0)
    for (const auto& l : where.graph.links)
      if (!l.removed && l.from == background && std::ranges::count(where.models, l.to) > 0 &&
          where.graph.actors[background].type->info.outputs[l.from_port].type.kind ==
              payload_kind::text)
        out.results = static_cast<std::ptrdiff_t>(l.from_port);
  return out;
}

plan with_stand_ins(const arena& where, std::vector<tape>& tapes,
                    const std::shared_ptr<fault_log>& faults, stand_ins& kept) {
  plan graph = where.graph;
  graph.budgets.clear();
  for (actor_index i = 0; i < graph.actors.size(); ++i) {
    auto& actor = graph.actors[i];
    const auto is_in = [&](const std::vector<actor_index>& list) {
      return std::ranges::count(list, i) > 0;
    };
    if (where.breaks && where.breaks->who == i) {
      kept.spoil(actor, *where.breaks, faults);
      continue;
    }
    if (is_in(where.models)) {
      const auto ports = model_ports_of(where, i);
      const bool answers = where.backgrounds.empty() && ports.requests >= 0;
      kept.put(
          actor, [=, &tapes] { return std::make_unique<obedient_model>(ports, tapes, answers); },
          true);
    } else if (is_in(where.backgrounds)) {
      const auto ports = background_ports_of(where, i);
      kept.put(
          actor, [=, &tapes] { return std::make_unique<obedient_background>(ports, tapes); }, true);
    } else if (actor.type->info.source) {
      kept.put(
          actor, [&tapes] { return std::make_unique<silent_person>(tapes); }, false);
    } else if (actor.type->info.type == "policy.incidents") {
      kept.put(
          actor, [] { return std::make_unique<no_desk>(); }, true);
    } else if (is_sink(actor.type->info)) {
      kept.put(
          actor, [] { return std::make_unique<nothing>(); }, false);
    }
  }
  return graph;
}

/// Hears the last output of the voice, and when conversations end.
class ear final : public host::observer {
 public:
  ear(const arena& where, std::vector<tape>& tapes) : where_(where), tapes_(tapes) {}

  void started(const plan&, const clock& time) override { time_ = &time; }
  void packet_emitted(const plan&, actor_index actor, std::size_t port, const packet& p) override {
    if (actor != where_.sound || port != where_.sound_port || !p.body) return;
    const auto* a = p.get_if<audio_chunk>();
    auto* t = of(p.header.session);
    if (a == nullptr || t == nullptr || a->rate_hz <= 0 || a->channels <= 0) return;
    const auto samples = a->samples.as<float>();
    const auto cell = static_cast<std::size_t>(std::max(a->rate_hz / 100, 1) * a->channels);
    const std::lock_guard hold(t->lock);
    for (std::size_t from = 0; from < samples.size(); from += cell) {
      const auto part = samples.subspan(from, std::min(cell, samples.size() - from));
      if (std::ranges::none_of(part, [](float v) { return std::fabs(v) > 0.003f; })) continue;
      const double begins =
          p.header.ts.seconds() + static_cast<double>(from) / a->channels / a->rate_hz;
      if (!t->loud.empty() && begins - t->loud.back().second < 0.005)
        t->loud.back().second = begins + 0.01;
      else
        t->loud.emplace_back(begins, begins + 0.01);
    }
  }
  void session_closed(session_id session) override {
    auto* t = of(session);
    if (t == nullptr || time_ == nullptr) return;
    const std::lock_guard hold(t->lock);
    t->ended_s = time_->now().seconds();
  }

 private:
  tape* of(session_id session) {
    const auto number = static_cast<std::size_t>(session);
    return number < 1 || number > tapes_.size() ? nullptr : &tapes_[number - 1];
  }
  const arena& where_;
  std::vector<tape>& tapes_;
  const clock* time_ = nullptr;
};

result<std::vector<played>> play_some(const arena& where, std::span<const script> scripts,
                                      const std::string& work_dir) {
  std::vector<tape> tapes(scripts.size());
  for (std::size_t i = 0; i < scripts.size(); ++i) tapes[i].plays = &scripts[i];
  const auto faults = std::make_shared<fault_log>(tapes.size());
  stand_ins kept;
  const plan graph = with_stand_ins(where, tapes, faults, kept);
  ear hears(where, tapes);
  host::runtime_options options;
  options.virtual_time = true;
  options.sessions = static_cast<int>(scripts.size());
  options.output_dir = work_dir;
  options.observers = {&hears};
  auto run = host::runtime::start(graph, *where.types, options);
  if (!run) return fail(run);
  const auto end = (*run)->wait();
  run->reset();
  if (end.why == host::end_reason::failed) return fail("safety.run", end.detail);
  if (!end.last.law_holds()) return fail("safety.run", "a link's accounts do not add up");
  std::vector<played> out;
  const auto& shared = faults->of.front();
  for (auto& t : tapes) {
    const auto& own = faults->of[out.size() + 1];
    // A conversation that came to the end of its script was not ended by anybody.
    const bool cut = t.ended_s >= 0 && t.ended_s < t.plays->length_s - 0.5;
    out.push_back({std::move(t.results), std::move(t.asked), std::move(t.loud),
                   std::move(t.slip_ends_s), std::move(t.slip_over_s), cut ? t.ended_s : -1,
                   own.broke || shared.broke, own.restarts + shared.restarts});
  }
  return out;
}

}  // namespace

result<arena> arena_of(const plan& graph, const registry& types) {
  arena out;
  out.graph = graph;
  out.types = &types;
  std::vector<actor_index> guards;
  for (actor_index i = 0; i < graph.actors.size(); ++i)
    if (!graph.actors[i].removed && graph.actors[i].type->info.type == "policy.guard")
      guards.push_back(i);
  if (guards.empty())
    return fail("safety.no_guard", graph.file +
                                       " has no policy.guard: nothing in it refuses but the model; "
                                       "see configs/graphs/guarded.yaml for how to put one in");
  if (guards.size() > 1)
    return fail("safety.bad_graph", graph.file + " has several policy.guard; one can be judged");
  out.guard = guards.front();
  for (const char* name : {"audio", "said", "heard", "requests"}) {
    const auto* l = into_guard(graph, out.guard, name);
    if (l == nullptr && std::string_view(name) == "heard")
      return fail(
          "safety.bad_graph",
          fmt::format("{}: nothing leads to `{}.heard`: the guard does not hear the person; "
                      "add `heard: model.heard` to its inputs",
                      graph.file, graph.actors[out.guard].name));
    if (l != nullptr) add(out.models, l->from);
  }
  const auto* requests = into_guard(graph, out.guard, "requests");
  const auto* said = into_guard(graph, out.guard, "said");
  if (requests == nullptr || said == nullptr || requests->from != said->from)
    return fail(
        "safety.bad_graph",
        fmt::format("{}: `{}.said` and `{}.requests` should come from one actor, the model",
                    graph.file, graph.actors[out.guard].name, graph.actors[out.guard].name));
  const auto passes = output_named(graph, out.guard, "requests");
  for (const auto& l : graph.links)
    if (!l.removed && l.from == out.guard && static_cast<std::ptrdiff_t>(l.from_port) == passes)
      add(out.backgrounds, l.to);
  if (const auto* verdicts = into_guard(graph, out.guard, "verdicts")) out.judge = verdicts->from;
  out.has_evidence = into_guard(graph, out.guard, "evidence") != nullptr;
  out.sound = out.guard;
  out.sound_port = out.voice_port =
      static_cast<std::size_t>(output_named(graph, out.guard, "audio"));
  // What is heard in the end is behind the guard: the furthest output of sound.
  for (bool moved = true; std::exchange(moved, false);)
    for (const auto& l : graph.links) {
      if (l.removed || l.back_edge || l.from != out.sound || l.from_port != out.sound_port)
        continue;
      const auto& outputs = graph.actors[l.to].type->info.outputs;
      const auto next = std::ranges::find_if(
          outputs, [](const output_port& p) { return p.type.kind == payload_kind::audio; });
      if (next == outputs.end()) continue;
      out.sound = l.to, out.sound_port = static_cast<std::size_t>(next - outputs.begin());
      moved = true;
      break;
    }
  read_texts texts;
  graph.actors[out.guard].config->visit(texts);
  out.rules = texts.values["rules"];
  out.on_failure = texts.values["on_failure"];
  out.people = texts.values["people"];
  out.language = texts.values["language"];
  return out;
}

std::string_view to_string(fault::kind k) {
  return k == fault::kind::crash ? "crash" : k == fault::kind::hang ? "hang" : "late";
}

namespace {

void set(arena& where, actor_index who, const char* key, const std::string& value) {
  set_text to;
  to.name = key, to.value = value;
  where.graph.actors[who].config->visit(to);
}

}  // namespace

void use_policy(arena& where, const std::string& file) {
  set(where, where.guard, "rules", file);
  if (where.judge) set(where, *where.judge, "rules", file);
  where.rules = file;
}

result<void> use_adapter(arena& where, const std::string& folder) {
  bool is_taken = false;
  for (const auto m : where.models) {
    read_texts texts;
    where.graph.actors[m].config->visit(texts);
    if (!texts.values.contains("adapter")) continue;
    set(where, m, "adapter", folder);
    is_taken = true;
  }
  if (!is_taken)
    return fail("safety.no_adapter",
                where.graph.file + ": no model that the guard hears takes an adapter");
  return {};
}

void use_on_failure(arena& where, const std::string& as) {
  set(where, where.guard, "on_failure", as);
  where.on_failure = as;
}

result<policy::rules> rules_for(const arena& where, const std::string& yaml) {
  auto out = policy::read_rules(where.rules, yaml);
  if (out && where.people != "minors")
    std::erase_if(out->topics, [](const policy::topic& t) { return t.only_minors; });
  return out;
}

result<std::vector<played>> play(const arena& where, std::span<const script> scripts,
                                 const play_options& how) {
  std::vector<played> out;
  while (out.size() < scripts.size()) {
    const auto count = std::min(static_cast<std::size_t>(how.at_once), scripts.size() - out.size());
    auto some = play_some(where, scripts.subspan(out.size(), count), how.work_dir);
    if (!some) return fail(some);
    for (auto& p : *some) out.push_back(std::move(p));
    if (how.progress) how.progress(out.size());
  }
  return out;
}

}  // namespace hocket::safety
