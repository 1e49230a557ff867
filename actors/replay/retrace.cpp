#include "actors/replay/retrace.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "actors/host/actor/check_packet.hpp"
#include "actors/host/plan_view.hpp"
#include "actors/host/process_maker.hpp"
#include "actors/replay/names.hpp"
#include "actors/replay/packet_store.hpp"
#include "actors/replay/retrace_life.hpp"
#include "graph/spec/clone_config.hpp"
#include "graph/spec/process.hpp"

namespace hocket::replay {
namespace {

using host::call_kind;

/// The graphs of a run under one set of numbers: who is not in one of them is marked as removed.
std::vector<plan> merge(const plan& original, const std::vector<later_graph>& later) {
  std::vector<const plan*> graphs{&original};
  for (const auto& l : later) graphs.push_back(&l.graph);
  std::vector<plan_actor> everybody;
  std::vector<plan> out;
  for (const auto* g : graphs) {
    for (auto& a : everybody) a.removed = true;
    for (const auto& a : g->actors) {
      const auto same = std::find_if(everybody.begin(), everybody.end(), [&](const auto& e) {
        return e.name == a.name && e.type == a.type;
      });
      auto& place = same == everybody.end() ? everybody.emplace_back() : *same;
      place = a;
      place.removed = false;
    }
    auto& made = out.emplace_back();
    made.name = g->name;
    made.file = g->file;
    made.grid = g->grid;
    made.hash = g->hash;
    made.actors = everybody;
  }
  return out;
}

result<void> bad_call(const record::recorded_call& c, const std::string& why) {
  return fail("record.bad_call",
              fmt::format("{} at {:.3f} s: the recording {}", c.actor, c.at.seconds(), why));
}

/// What the host checks of a run: a component may rely on it, and anybody may have written the file.
result<void> check_input(const life& who, const component_info& info,
                         const record::recorded_call& c, std::size_t port, const packet& p) {
  const bool to_host = c.what == call_kind::control;
  if (port >= std::max<std::size_t>(info.inputs.size(), to_host ? 1 : 0))
    return bad_call(c, fmt::format("names input {} of {}", port, info.inputs.size()));
  if (p.body && p.kind() == payload_kind::control) return {};
  if (to_host) return bad_call(c, "has a control call without control");
  auto why = host::why_bad(p, info.inputs[port].type, timestamp::min(), c.at);
  if (why.empty() && who.planned != nullptr) why = host::why_other_input(p, *who.planned, port);
  return why.empty() ? result<void>()
                     : bad_call(c, fmt::format("hands over what `{}` does not take: {}",
                                               info.inputs[port].name, why));
}

result<void> check_turn(const micro_turn_grid& grid, const record::recorded_call& c,
                        std::int64_t k) {
  const auto far = INT64_MAX / 5 / grid.length.count();
  if (k <= far && k >= -far) return {};
  return bad_call(c, fmt::format("has a micro-turn {}", k));
}

const packet_header* oldest_of(const bundle& b) {
  const packet_header* out = nullptr;
  for (const auto& input : b.inputs)
    for (const auto& p : input)
      if (out == nullptr || p.header.origin_ns < out->origin_ns) out = &p.header;
  return out;
}

class nobody final : public mailbox_handle {
 public:
  bool run(std::function<void(emitter&)>) override { return false; }
};

class retracer {
 public:
  retracer(const plan& original, std::shared_ptr<const record::recording> from,
           const retrace_cast& who, const retrace_options& options,
           const std::vector<later_graph>& later)
      : from_(std::move(from)),
        options_(options),
        later_(later),
        graphs_(merge(original, later)),
        view_(original),
        live_(who.live.begin(), who.live.end()),
        sessions_(from_->sessions()),
        store_(from_),
        compare_(graphs_.front(), from_, who.live),
        streams_([this](const life& by, std::size_t port, packet p) {
          emitted(by, port, std::move(p));
        }) {
    for (const auto& a : graphs_.front().actors) out_.end.last.actors.push_back(status_of(a));
  }

  result<retraced> run();

 private:
  static host::actor_status status_of(const plan_actor& a) {
    host::actor_status s;
    s.name = a.name;
    s.component = a.type->info.type;
    s.state = host::actor_state::stopped;
    return s;
  }
  result<void> foresee();
  result<void> make(const record::recorded_call& c);
  result<void> open(const record::recorded_call& c);
  std::optional<std::size_t> graph_of(const record::recorded_call& c) const;
  void go_to(std::size_t graph);
  result<void> call(life& who, const record::recorded_call& c);
  result<packet> given(const record::recorded_call& c);
  result<std::vector<bundle>> sets(const life& who, const record::recorded_call& c);
  void emitted(const life& by, std::size_t port, packet p);
  const component_info& info_of(const life& who) const {
    return graphs_[who.graph].actors[who.index].type->info;
  }

  std::shared_ptr<const record::recording> from_;
  const retrace_options& options_;
  const std::vector<later_graph>& later_;
  const std::vector<plan> graphs_;  ///< merged
  const host::plan_view view_;
  std::set<std::string> live_;
  const std::vector<session_id> sessions_;
  packet_store store_;
  comparison compare_;
  retold_streams streams_;
  std::map<session_id, epoch_number> epochs_;
  raised_epochs raised_;
  std::map<std::uint64_t, std::unique_ptr<life>> lives_;
  std::map<std::uint64_t, bool> works_;  ///< by life: it was called for more than to open and close
  std::map<std::string, timestamp> last_call_;
  std::size_t graph_ = 0;  ///< the newest that somebody runs in
  retraced out_;
};

// Which packets are taken how often, so that none is kept longer than that.
result<void> retracer::foresee() {
  for (const auto& o : from_->outputs())
    for (const auto& i : o.items) {
      if (!i.is_mark) continue;
      const auto p = from_->read(i);
      const auto* c = p ? p->get_if<control>() : nullptr;
      if (c != nullptr && c->what == control::kind::interrupt)
        raised_[{o.actor, i.session}].push_back(static_cast<epoch_number>(c->value));
    }
  for (const auto& place : from_->calls()) {
    const auto c = from_->read(place);
    if (!c) return fail(c);
    works_[c->life] =
        works_[c->life] || (c->what != call_kind::open && c->what != call_kind::close);
    last_call_[c->actor] = c->at;
    if (live_.count(c->actor) == 0) continue;
    if (!c->given.output.empty()) store_.expect(c->given);
    for (const auto& s : c->sets)
      for (const auto& [port, name] : s.inputs) store_.expect(name);
  }
  return {};
}

// An actor that opens beside itself, or is not in the graph yet, opens for the next one.
std::optional<std::size_t> retracer::graph_of(const record::recorded_call& c) const {
  std::size_t now = 0;
  while (now < later_.size() && later_[now].from <= c.at) ++now;
  const bool beside = std::any_of(lives_.begin(), lives_.end(), [&](const auto& l) {
    return l.second->part && l.second->actor == c.actor && l.second->session == c.session;
  });
  for (std::size_t g = beside ? now + 1 : now; g < graphs_.size(); ++g)
    for (const auto& a : graphs_[g].actors)
      if (a.name == c.actor && !a.removed) return g;
  return std::nullopt;
}

void retracer::go_to(std::size_t graph) {
  for (; graph_ < graph; ++graph_) {
    const auto& before = graphs_[graph_];
    const auto& next = graphs_[graph_ + 1];
    for (std::size_t a = 0; a < next.actors.size(); ++a) {
      const bool was = a < before.actors.size() && !before.actors[a].removed;
      if (!was && !next.actors[a].removed) streams_.forget(static_cast<actor_index>(a));
      if (a >= out_.end.last.actors.size())
        out_.end.last.actors.push_back(status_of(next.actors[a]));
    }
    compare_.rewired({next, next, next, later_[graph_].number, later_[graph_].from});
  }
}

result<void> retracer::open(const record::recorded_call& c) {
  const auto graph = graph_of(c);
  // What opened for a rewire that was undone again never took part.
  if (!graph || (*graph > 0 && !works_[c.life])) return {};
  auto who = std::make_unique<life>();
  who->actor = c.actor;
  who->session = c.session;
  who->graph = *graph;
  const auto& actors = graphs_[*graph].actors;
  for (std::size_t a = 0; a < actors.size(); ++a)
    if (actors[a].name == c.actor && !actors[a].removed) who->index = static_cast<actor_index>(a);
  const auto& actor = actors[who->index];
  who->planned = &actor;
  auto& s = who->surroundings;
  s.actor = c.actor;
  s.session = c.session;
  s.time = &who->time;
  s.grid = graphs_.front().grid;
  s.self = std::make_shared<nobody>();
  s.types = options_.types;
  s.graph = &view_;
  s.output_dir = options_.output_dir;
  s.may = options_.may;
  for (const auto& [id, other] : lives_)
    if (other->actor == c.actor && other->session == c.session) ++s.restarts;
  auto config =
      actor.config ? spec::clone_config(*actor.type, *actor.config) : actor.type->make_config();
  const auto processes = spec::process_of(actor) != nullptr ? host::the_process_maker() : nullptr;
  who->part =
      processes ? processes->make(actor, *config, options_.output_dir) : actor.type->make(*config);
  who->time.begin_call(c.at, c.clock_said);
  if (const auto done = who->part->open(s); !done) {
    if (!done.error().code.ends_with("_in_virtual_time"))
      return fail("replay.failed",
                  fmt::format("{}: {} [{}]", c.actor, done.error().message, done.error().code));
    out_.notes.push_back(fmt::format("{} is played: it needs real time", c.actor));
    live_.erase(c.actor);
    return {};
  }
  lives_[c.life] = std::move(who);
  return {};
}

result<packet> retracer::given(const record::recorded_call& c) {
  if (c.given.output.empty()) {
    auto p = make_packet(c.message_ts, c.message);
    p.header.session = c.given.session;
    p.header.epoch = c.message_epoch;
    return p;
  }
  return store_.take(c.given, live_.count(actor_of(c.given.output)) > 0, c.at);
}

result<std::vector<bundle>> retracer::sets(const life& who, const record::recorded_call& c) {
  std::vector<bundle> out;
  const auto& grid = graphs_.front().grid;
  for (const auto& s : c.sets) {
    auto& b = out.emplace_back();
    HOCKET_TRY(check_turn(grid, c, s.micro_turn));
    b.session = s.session;
    b.micro_turn = s.micro_turn;
    b.epoch = s.epoch;
    b.missing = s.missing;
    b.inputs.resize(info_of(who).inputs.size());
    b.missing.resize(b.inputs.size());
    for (const auto& [port, name] : s.inputs) {
      auto p = store_.take(name, live_.count(actor_of(name.output)) > 0, c.at);
      if (!p) return fail(p);
      HOCKET_TRY(check_input(who, info_of(who), c, port, *p));
      b.inputs[port].push_back(std::move(*p));
    }
    b.from = grid.start_of(s.micro_turn);
    b.to = grid.end_of(s.micro_turn);
    if (graphs_[who.graph].actors[who.index].policy != input_policy::aligned) continue;
    for (const auto& input : b.inputs)
      if (!input.empty()) b.from = input.front().header.ts;
    b.to = b.from + duration(1);
  }
  return out;
}

result<void> retracer::call(life& who, const record::recorded_call& c) {
  go_to(who.graph);
  const auto& info = info_of(who);
  const bool shared = info.scope == instance_scope::shared;
  HOCKET_TRY(check_turn(graphs_.front().grid, c, c.micro_turn));
  retold_emitter::call how{&who, &info, who.session, c.epoch, c.at, nullptr, {}};
  packet p;
  std::vector<bundle> batch;
  if (c.what == call_kind::packet || c.what == call_kind::control) {
    auto got = given(c);
    if (!got) return fail(got);
    p = std::move(*got);
    HOCKET_TRY(check_input(who, info, c, c.port, p));
    if (shared) how.session = p.header.session;
    if (c.what == call_kind::packet) how.from = &p.header;
  } else if (c.what == call_kind::sets) {
    auto got = sets(who, c);
    if (!got) return fail(got);
    batch = std::move(*got);
    if (batch.empty()) return {};
    how.sets = batch;
    how.session = batch.front().session;
    how.epoch = batch.front().epoch;
    how.from = oldest_of(batch.front());
  }
  if (how.session != session_id::none)
    epochs_[how.session] = std::max(epochs_[how.session], how.epoch);
  retold_emitter out(streams_, epochs_, raised_, sessions_, graphs_.front().grid, how);
  who.time.begin_call(c.at, c.clock_said);
  auto& status = out_.end.last.actors[who.index];
  result<void> done;
  switch (c.what) {
    case call_kind::packet:
      ++status.packets_in;
      done = p.kind() == payload_kind::control ? who.part->on_control(c.port, p, out)
                                               : who.part->process(c.port, p, out);
      break;
    case call_kind::control: done = who.part->on_control(c.port, p, out); break;
    case call_kind::sets:
      ++status.packets_in;
      done = who.part->process_sets(batch, out);
      break;
    case call_kind::tick: done = who.part->tick(c.micro_turn, out); break;
    case call_kind::close: done = who.part->close(out); break;
    default: return {};
  }
  if (!done)
    return fail("replay.failed", fmt::format("{} at {:.3f} s: {} [{}]", c.actor, c.at.seconds(),
                                             done.error().message, done.error().code));
  return {};
}

result<void> retracer::make(const record::recorded_call& c) {
  if (live_.count(c.actor) == 0) return {};
  ++out_.calls;
  out_.end.last.now = std::max(out_.end.last.now, c.at);
  if (c.what == call_kind::open) return open(c);
  const auto it = lives_.find(c.life);
  if (it == lives_.end() || !it->second->part) return {};
  auto done = call(*it->second, c);
  if (c.what == call_kind::close) it->second->part.reset();
  return done;
}

void retracer::emitted(const life& by, std::size_t port, packet p) {
  const auto& graph = graphs_[graph_];
  ++out_.end.last.actors[by.index].packets_out;
  compare_.packet_emitted(graph, by.index, port, p);
  store_.put({host::output_name(graph, by.index, port), p.header.session, p.header.seq}, p);
}

result<retraced> retracer::run() {
  HOCKET_TRY(foresee());
  out_.end.last.sessions = sessions_.size();
  for (const auto& place : from_->calls()) {
    if (options_.stop_wanted()) {
      out_.end.why = host::end_reason::stopped;
      break;
    }
    const auto c = from_->read(place);
    if (!c) return fail(c);
    try {
      HOCKET_TRY(make(*c));
    } catch (const std::exception& e) {
      return fail("replay.failed", fmt::format("{}: {}", c->actor, e.what()));
    }
  }
  // Of a run that was killed the last calls are not in the file, only what they said.
  const bool torn = from_->ends_before_its_run();
  auto all = compare_.results([&](const std::string& output, timestamp at) {
    return torn && at >= last_call_[actor_of(output)];
  });
  for (auto& o : all)
    if (live_.count(actor_of(o.name)) > 0) out_.compared.push_back(std::move(o));
  return std::move(out_);
}

}  // namespace

result<retraced> retrace(const plan& original, std::shared_ptr<const record::recording> from,
                         const retrace_cast& who, const retrace_options& options,
                         const std::vector<later_graph>& later) {
  retracer again(original, std::move(from), who, options, later);
  return again.run();
}

}  // namespace hocket::replay
