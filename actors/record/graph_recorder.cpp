#include "actors/record/graph_recorder.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/host/plan_view.hpp"
#include "actors/record/call_line.hpp"
#include "actors/record/cut.hpp"
#include "graph/contract/plugin.hpp"
#include "graph/contract/sink.hpp"
#include "graph/schema/codec.hpp"
#include "graph/spec/to_yaml.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::record {
namespace {

/// Types that the graph is made of: what a later program must know to run it again.
std::string component_names(const plan& graph) {
  std::vector<std::string> names;
  for (const auto& a : graph.actors) names.push_back(a.type->info.type);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return fmt::format("{}", fmt::join(names, ","));
}

std::int64_t unix_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

mcap_map facts_of(const plan& graph, const registry& types, const graph_recorder_options& o) {
  mcap_map out = {
      {"graph_name", graph.name},
      {"graph_file", graph.file},
      {"graph_hash", graph.hash},
      {"graph_revision", fmt::to_string(o.revision)},
      {"micro_turn_ms", fmt::to_string(graph.grid.length / std::chrono::milliseconds(1))},
      {"schema_hash", std::string(wire::schema_hash())},
      {"hocket_version", o.version},
      {"plugin_abi", HOCKET_PLUGIN_ABI},
      {"components", component_names(graph)},
      {"tools", fmt::format("{}", fmt::join(types.tool_names(), ","))},
      {"plugins", fmt::format("{}", fmt::join(graph.plugins, ","))},
      {"clock", o.virtual_time ? "virtual" : "real"},
      {"sessions", fmt::to_string(o.sessions)},
      {"edges", o.edges.empty() ? "*" : fmt::format("{}", fmt::join(o.edges, ","))},
      {"recorder", "run"}};
  if (!o.host.empty()) out["host"] = o.host;
  return out;
}

}  // namespace

bool matches_glob(std::string_view glob, std::string_view name) {
  // The last `*` is the only one to come back to.
  std::size_t g = 0, n = 0, star = glob.npos, from = 0;
  while (n < name.size()) {
    if (g < glob.size() && (glob[g] == '?' || glob[g] == name[n]) && glob[g] != '*') {
      ++g, ++n;
    } else if (g < glob.size() && glob[g] == '*') {
      star = g++;
      from = n;
    } else if (star != glob.npos) {
      g = star + 1;
      n = ++from;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

result<std::vector<std::vector<bool>>> choose_outputs(const plan& graph,
                                                      const std::vector<std::string>& globs,
                                                      bool all_must_match) {
  std::vector<std::vector<bool>> out;
  for (const auto& a : graph.actors)
    out.emplace_back(a.type->info.outputs.size(), globs.empty() && !a.removed);
  std::vector<std::string> names;
  for (const auto& glob : globs) {
    bool any = false;
    const auto offer = [&](std::size_t actor, std::size_t port, const std::string& name) {
      names.push_back(name);
      if (!matches_glob(glob, name)) return;
      any = out[actor][port] = true;
    };
    for (std::size_t a = 0; a < out.size(); ++a)
      for (std::size_t port = 0; port < out[a].size() && !graph.actors[a].removed; ++port)
        offer(a, port, host::output_name(graph, static_cast<actor_index>(a), port));
    for (const auto& l : graph.links)
      if (!l.removed)
        offer(l.from, l.from_port,
              graph.actors[l.to].name + "." + graph.actors[l.to].type->info.inputs[l.to_port].name);
    if (!any && all_must_match) {
      const auto near = nearest(glob, names);
      return fail("record.no_such_edge",
                  fmt::format("no output or connected input of {} matches `{}`{}", graph.name, glob,
                              near.empty() ? "" : fmt::format("; did you mean `{}`?", near)));
    }
  }
  return out;
}

result<std::unique_ptr<graph_recorder>> graph_recorder::create(const plan& graph,
                                                               const registry& types,
                                                               graph_recorder_options options) {
  // A wrong glob must not empty a file that is there.
  if (const auto chosen = choose_outputs(graph, options.edges); !chosen) return fail(chosen);
  auto to = open_sink(options.path);
  if (!to) return fail(to);
  return create(graph, types, std::move(options), std::move(*to));
}

result<std::unique_ptr<graph_recorder>> graph_recorder::create(const plan& graph,
                                                               const registry& types,
                                                               graph_recorder_options options,
                                                               std::unique_ptr<byte_sink> to) {
  recording_writer_options how;
  how.path = options.path;
  how.facts = facts_of(graph, types, options);
  how.payloads = payload_schemas(graph);
  if (options.with_pii) how.graph_yaml = trust::graph_without_secrets(spec::to_yaml(graph));
  how.unix_zero_ns = options.virtual_time ? 0 : unix_ns();
  how.compress = options.compress;
  how.rotate = options.rotate;
  auto file = recording_writer::create(std::move(how), std::move(to));
  if (!file) return fail(file);
  std::unique_ptr<graph_recorder> made(new graph_recorder(std::move(options), std::move(*file)));
  HOCKET_TRY(made->choose(graph));
  made->writer_ = std::thread([self = made.get()] { self->write_all(); });
  return made;
}

graph_recorder::graph_recorder(graph_recorder_options options,
                               std::unique_ptr<recording_writer> file)
    : options_(std::move(options)), file_(std::move(file)) {}

graph_recorder::~graph_recorder() { (void)finish(); }

// All channels are made before the run, so that a file of a killed run names them too.
result<void> graph_recorder::choose(const plan& graph) {
  const auto chosen = choose_outputs(graph, options_.edges);
  if (!chosen) return fail(chosen);
  for (std::size_t a = 0; a < chosen->size(); ++a) {
    const auto& actor = graph.actors[a];
    auto& row = channels_.emplace_back((*chosen)[a].size(), std::uint16_t{0});
    for (std::size_t port = 0; port < row.size(); ++port) {
      if (!(*chosen)[a][port] || !runs_here(actor) || !may_keep(actor, port)) continue;
      const auto made = file_->channel(host::output_name(graph, static_cast<actor_index>(a), port),
                                       about_output(actor, port));
      if (!made) return fail(made);
      row[port] = last_channel_ = *made;
    }
    ran_.push_back(true);
  }
  std::vector<std::pair<std::string, mcap_map>> more;
  add_arrivals(graph, more);
  for (const auto& [output, what] : more) HOCKET_TRY(file_->channel(output, what));
  dropped_.resize(last_channel_ + 1u);
  return {};
}

void graph_recorder::add_arrivals(const plan& graph,
                                  std::vector<std::pair<std::string, mcap_map>>& channels) {
  if (options_.virtual_time || options_.host.empty()) return;
  for (const auto& l : graph.links) {
    const auto& from = graph.actors[l.from];
    if (l.removed || runs_here(from) || !runs_here(graph.actors[l.to])) continue;
    if (!may_keep(from, l.from_port)) continue;
    auto& channel = arrivals_[{l.from, l.from_port}];
    if (channel != 0 || last_channel_ >= UINT16_MAX - 1) continue;
    channel = ++last_channel_;
    auto what = about_output(from, l.from_port);
    what["arrived"] = "true";
    channels.emplace_back(host::output_name(graph, l.from, l.from_port), std::move(what));
  }
}

// What another host sent is taken by one or several actors here: it is kept when the first does.
void graph_recorder::keep_arrival(const plan& graph, const packet& p) {
  constexpr std::size_t remembered = 4096;
  const auto& way = p.header.way;
  if (way.count == 0) return;
  const auto from = way.hops[way.count - 1u].actor;
  if (from >= graph.actors.size() || runs_here(graph.actors[from])) return;
  const auto channel = arrivals_.find({from, p.header.stream});
  if (channel == arrivals_.end() || channel->second == 0) return;
  auto& seen = arrived_[{channel->second, p.header.session}];
  if (!seen.insert(p.header.seq).second) return;
  if (seen.size() > remembered) seen.erase(seen.begin());
  put({channel->second, time_->now(), p, "", "", nullptr, 256 + size_bytes(*p.body)}, false);
}

void graph_recorder::called(const plan& graph, const host::call_record& r) {
  const auto& actor = graph.actors[r.actor];
  // A source is played: when it was called says nothing that its packets do not say. What one that
  // listens, too, was given does.
  const auto& info = actor.type->info;
  if (info.source && (info.inputs.empty() || r.what == host::call_kind::produce)) return;
  if (time_ == nullptr || !runs_here(actor)) return;
  if (!options_.host.empty()) {
    if (r.message != nullptr && r.message->body) keep_arrival(graph, *r.message);
    for (const auto& set : r.sets)
      for (const auto& input : set.inputs)
        for (const auto& p : input) keep_arrival(graph, p);
  }
  auto line = to_json(r, actor.name, [&](const packet_header& h) {
    packet_name name{"", h.session, h.seq};
    if (h.way.count > 0)
      name.output = host::output_name(graph, h.way.hops[h.way.count - 1u].actor, h.stream);
    return name;
  });
  const auto n = 256 + line.size();
  put({0, r.at, {}, "", std::move(line), nullptr, n}, false);
}

void graph_recorder::started(const plan&, const clock& stream_time) { time_ = &stream_time; }

// Called like all observers: never beside packet_emitted(). An actor that comes, or comes back, counts
// its packets from zero: its outputs get channels of their own, also under a name that was there.
void graph_recorder::rewired(const host::graph_revision& r) {
  auto next =
      std::make_shared<new_graph>(new_graph{r.file, r.number, r.from, {}, payload_schemas(r.file)});
  const auto& actors = r.whole.actors;
  const auto chosen = choose_outputs(r.whole, options_.edges, false).value();
  channels_.resize(std::max(channels_.size(), actors.size()));
  ran_.resize(channels_.size());
  bool full = false;
  for (std::size_t a = 0; a < actors.size(); ++a) {
    auto& row = channels_[a];
    if (!ran_[a]) row.assign(actors[a].type->info.outputs.size(), 0);
    ran_[a] = !actors[a].removed;
    for (std::size_t port = 0; port < row.size(); ++port) {
      if (!chosen[a][port] || row[port] != 0 || !runs_here(actors[a]) || !may_keep(actors[a], port))
        continue;
      full = full || last_channel_ >= UINT16_MAX - 1;
      if (full) continue;
      row[port] = ++last_channel_;
      auto what = about_output(actors[a], port);
      what["revision"] = fmt::to_string(r.number);
      next->channels.emplace_back(host::output_name(r.whole, static_cast<actor_index>(a), port),
                                  std::move(what));
    }
  }
  add_arrivals(r.whole, next->channels);
  std::lock_guard lock(mutex_);
  if (over_) return;
  if (full && trouble_.empty())
    trouble_ = options_.path + " holds no more outputs: those of revision " +
               fmt::to_string(r.number) + " are missing";
  dropped_.resize(last_channel_ + 1u);
  // Whether or not there is room: without it what follows means nothing.
  queue_.push_back({0, r.from, {}, "", "", std::move(next), 0});
  if (queue_.size() == 1) filled_.notify_one();
}

void graph_recorder::packet_emitted(const plan& graph, actor_index actor, std::size_t port,
                                    const packet& p) {
  if (p.kind() == payload_kind::delegation &&
      graph.actors[actor].type->info.outputs[port].name == forgets_port) {
    const std::lock_guard lock(mutex_);
    forgotten_.insert(p.header.session);
  }
  const auto channel = channels_[actor][port];
  if (channel == 0 || time_ == nullptr) return;
  put({channel, time_->now(), p, "", "", nullptr, 256 + size_bytes(*p.body)}, time_->is_virtual());
}

void graph_recorder::marked(const plan&, actor_index actor, std::size_t port, const packet& p) {
  const auto& row = channels_[actor];
  auto channel = row[port];
  // An interruption belongs to the actor, not to an output: the first that is recorded carries it.
  const auto* what = p.get_if<control>();
  if (what != nullptr && what->what == control::kind::interrupt)
    for (auto it = row.rbegin(); it != row.rend(); ++it)
      if (*it != 0) channel = *it;
  if (channel == 0 || time_ == nullptr) return;
  put({channel, time_->now(), p, "", "", nullptr, 256}, time_->is_virtual());
}

void graph_recorder::event(timestamp at, std::string_view actor, std::string_view what,
                           std::string_view detail) {
  auto text = event_line(actor, what, detail);
  const auto n = 256 + text.size();
  put({0, at, {}, std::move(text), "", nullptr, n}, false);
}

void graph_recorder::put(item i, bool may_wait) {
  // The watchdog of the calling actor runs on: a disk that hangs longer than this costs packets.
  constexpr auto patience = std::chrono::seconds(2);
  std::unique_lock lock(mutex_);
  const auto has_room = [&] {
    return over_ || (queue_.size() < options_.queue_packets &&
                     (queue_.empty() || queued_bytes_ + i.size_bytes <= options_.queue_bytes));
  };
  if (may_wait && !has_room()) emptied_.wait_for(lock, patience, has_room);
  if (over_) return;
  if (!has_room()) {
    ++dropped_[i.channel];
    if (trouble_.empty())
      trouble_ = "the recorder does not keep up: packets are missing in " + options_.path;
    return;
  }
  queued_bytes_ += i.size_bytes;
  queue_.push_back(std::move(i));
  // A writer that is woken for each packet would cost more than it writes.
  if (queue_.size() == 1) filled_.notify_one();
}

void graph_recorder::write_all() {
  std::unique_lock lock(mutex_);
  while (!over_ || !queue_.empty()) {
    filled_.wait_for(lock, std::chrono::milliseconds(100),
                     [&] { return over_ || !queue_.empty(); });
    std::vector<item> batch(std::make_move_iterator(queue_.begin()),
                            std::make_move_iterator(queue_.end()));
    queue_.clear();
    const auto dropped = std::exchange(dropped_, std::vector<std::uint64_t>(dropped_.size()));
    lock.unlock();
    take(batch);
    for (std::size_t c = 0; c < dropped.size(); ++c)
      file_->add_lost(static_cast<std::uint16_t>(c), dropped[c], "recorder_too_slow");
    file_->tick(monotonic_ns());
    lock.lock();
    // Bytes count until they are written: the batch in hand is part of the bound.
    for (const auto& i : batch) queued_bytes_ -= i.size_bytes;
    if (trouble_.empty() && !file_->trouble().empty())
      trouble_ = file_->trouble() + ": the recording has a gap";
    if (trouble_.empty() && !file_->turn_trouble().empty())
      trouble_ = file_->turn_trouble() + ": the recording goes on in the same file";
    emptied_.notify_all();
  }
}

void graph_recorder::take(std::vector<item>& batch) {
  for (auto& i : batch) {
    if (i.graph) {
      const auto k = i.graph->file.grid.index_of(i.graph->from);
      file_->add_revision(
          {i.graph->number, i.graph->from, k, i.graph->file.hash,
           options_.with_pii ? trust::graph_without_secrets(spec::to_yaml(i.graph->file)) : ""});
      for (const auto& s : i.graph->payloads) file_->add_payload(s);
      for (const auto& [output, what] : i.graph->channels) file_->add_channel(output, what);
    } else if (!i.event.empty())
      file_->add_event(i.at, i.event);
    else if (!i.call.empty())
      file_->add_call(i.at, i.call);
    else
      file_->add(i.channel, i.at, i.what);
    i.what = {};
  }
}

verdict graph_recorder::finish() {
  if (!writer_.joinable()) return {};
  {
    std::lock_guard lock(mutex_);
    over_ = true;
    filled_.notify_all();
    emptied_.notify_all();
  }
  writer_.join();
  for (std::size_t c = 0; c < dropped_.size(); ++c)
    file_->add_lost(static_cast<std::uint16_t>(c), dropped_[c], "recorder_too_slow");
  const auto end = file_->close("");
  if (forgotten_.empty()) return end;
  if (const auto done = forget_in_recording(options_.path, forgotten_); !done)
    not_forgotten_ = options_.path + ": conversations that were to be forgotten are still in it: " +
                     done.error().message;
  return end;
}

std::string graph_recorder::trouble() const {
  std::lock_guard lock(mutex_);
  return trouble_;
}

}  // namespace hocket::record
