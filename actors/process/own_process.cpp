#include "actors/process/own_process.hpp"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/core/assert.hpp"
#include "graph/spec/spec.hpp"
#include "graph/trust/capability.hpp"
#include "graph/trust/trial.hpp"

namespace hocket::process {

void living::add(const std::string& actor, session_id session, std::shared_ptr<child> c) {
  std::lock_guard lock(mutex_);
  all_[{actor, session}] = std::move(c);
}

void living::remove(const std::string& actor, session_id session, const child* c) {
  std::lock_guard lock(mutex_);
  const auto found = all_.find({actor, session});
  if (found != all_.end() && found->second.get() == c) all_.erase(found);
}

std::shared_ptr<child> living::find(const std::string& actor, session_id session) {
  std::lock_guard lock(mutex_);
  const auto found = all_.find({actor, session});
  return found == all_.end() ? nullptr : found->second;
}

/// Work under way in the child: as many tokens here as it says it has. What it says may come on two
/// ways, so each has a number, and an older one changes nothing.
struct own_process::hold_book {
  std::mutex mutex;
  std::function<std::shared_ptr<const void>()> hold;
  std::uint32_t version = 0;
  std::vector<std::shared_ptr<const void>> tokens;

  void set(std::uint32_t newer, std::uint32_t count) {
    std::vector<std::shared_ptr<const void>> gone;  // outside the lock: a token wakes the actor
    std::lock_guard lock(mutex);
    if (newer <= version) return;
    version = newer;
    while (tokens.size() < std::min<std::uint32_t>(count, 4096)) tokens.push_back(hold());
    while (tokens.size() > count) {
      gone.push_back(std::move(tokens.back()));
      tokens.pop_back();
    }
  }
  void clear() {
    std::vector<std::shared_ptr<const void>> gone;
    std::lock_guard lock(mutex);
    gone.swap(tokens);
    version = UINT32_MAX;
  }
};

own_process::~own_process() {
  closing_.store(true);
  if (!child_) return;
  children_->remove(setup_.actor.name, context_.session, child_.get());
  child_->end(0);
  holds_->clear();
}

std::string own_process::title() const {
  return setup_.plugin.empty()
             ? fmt::format("{} ({})", setup_.actor.name, setup_.actor.type->info.type)
             : fmt::format("{} ({} of {})", setup_.actor.name, setup_.actor.type->info.type,
                           setup_.plugin);
}

child_events own_process::events() {
  child_events e;
  // Copies: what the context offers may be called after the actor is gone.
  e.log = context_.log;
  e.count = context_.count;
  e.at_work = context_.still_at_work;
  e.wake = [this] { wake(); };
  // Between two calls nobody would find that it died: the actor is told to look.
  e.closed = [this] {
    if (!closing_.load()) wake();
  };
  e.holds = [book = holds_](std::uint32_t version, std::uint32_t count) {
    book->set(version, count);
  };
  return e;
}

void own_process::wake() {
  context_.self->run([this](emitter& out) {
    bytes_.clear();
    append_frame(bytes_, head_of(say::resume), "");
    // A task has no other way to say that it failed.
    if (auto done = call(say::resume, &out); !done)
      throw std::runtime_error(fmt::format("{} [{}]", done.error().message, done.error().code));
  });
}

/// What every output is called, by actor and port: the child has no plan to ask.
static nlohmann::json all_outputs(const graph_view& graph) {
  auto out = nlohmann::json::array();
  for (actor_index actor = 0; actor < spec::max_actors; ++actor) {
    auto ports = nlohmann::json::array();
    packet_header h;
    h.way.push({.actor = actor});
    for (auto name = graph.output_of(h); !name.empty(); name = graph.output_of(h)) {
      ports.push_back(name);
      ++h.stream;
    }
    out.push_back(std::move(ports));
  }
  while (!out.empty() && out.back().empty()) out.erase(out.size() - 1);
  return out;
}

std::string own_process::opening_text() const {
  nlohmann::json j = {{"protocol", protocol},
                      {"type", setup_.actor.type->info.type},
                      {"plugins", setup_.plugins},
                      {"settings", setup_.settings},
                      {"actor", context_.actor},
                      {"session", static_cast<std::uint64_t>(context_.session)},
                      {"micro_turn_ns", context_.grid.length.count()},
                      {"virtual", context_.time != nullptr && context_.time->is_virtual()},
                      {"output_dir", context_.output_dir},
                      {"restarts", context_.restarts},
                      {"began_ns", context_.began.ns()},
                      {"on_trial", trust::on_trial()}};
  if (!setup_.python_class.empty()) {
    j["file"] = setup_.plugin;
    j["class"] = setup_.python_class;
  }
  if (context_.graph != nullptr)
    j["graph"] = {{"name", context_.graph->name()},
                  {"hash", context_.graph->hash()},
                  {"yaml", context_.graph->expanded_yaml()},
                  {"outputs", all_outputs(*context_.graph)}};
  if (context_.may) {
    const auto& p = context_.may->allowed();
    j["may"] = {{"level", trust::to_string(p.who)},
                {"components", p.components},
                {"elements", p.elements},
                {"folders", p.folders},
                {"addresses", p.addresses},
                {"environment", p.environment},
                {"words", context_.may->keeps(trust::data_class::word)}};
  }
  return j.dump();
}

result<void> own_process::open(const context& c) {
  if (!setup_.cannot.code.empty()) return tl::unexpected<error>(setup_.cannot);
  context_ = c;
  holds_ = std::make_shared<hold_book>();
  holds_->hold = c.hold;
  auto started = child::start({title(), setup_.command, setup_.rules, events()});
  if (!started) return fail(started);
  child_ = std::move(*started);
  if (!child_->gaps().empty()) {
    std::string all;
    for (const auto& gap : child_->gaps()) all += (all.empty() ? "" : "; ") + gap.what;
    c.log("its process is confined less than the graph asks: " + all);
  }
  // Opening may load weights from a slow disk: six times the limit of a call, as the host gives.
  limit_ms_ = std::int64_t{setup_.actor.watchdog_ms} * 6;
  if (trust::on_trial()) trust::when_kept([kept = kept_] { kept->store(true); });
  bytes_.clear();
  append_frame(bytes_, head_of(say::open), opening_text());
  const auto done = call(say::open, nullptr);
  limit_ms_ = setup_.actor.watchdog_ms;
  if (!done) return fail(done);
  children_->add(setup_.actor.name, c.session, child_);
  return {};
}

frame_head own_process::head_of(say what) const {
  frame_head h;
  h.what = what;
  h.now_ns = context_.time != nullptr ? context_.time->now().ns() : 0;
  h.monotonic_ns = monotonic_ns();
  return h;
}

result<void> own_process::take(const frame& f, emitter* out) {
  if (out == nullptr) return fail("process.malformed", "it emits before it is open");
  switch (f.head.what) {
    case say::emit: {
      auto p = child_->packets().take(f);
      if (!p && p.error().code == "process.malformed") return fail(p);
      // What is no packet is counted where all bad packets are.
      if (!p && !std::exchange(told_bad_, true))
        context_.log(fmt::format("its process emitted what is no packet: {}", p.error().message));
      packet bad;
      bad.header.ts = timestamp(f.head.ts_ns);
      out->emit(f.head.port, p ? std::move(*p) : std::move(bad));
      return {};
    }
    case say::interrupt: out->interrupt(); return {};
    case say::for_session: out->for_session(session_id{f.head.session}); return {};
    default: break;
  }
  return fail("process.malformed", "its process says what no child says");
}

result<frame_head> own_process::call(say what, emitter* out) {
  if (!child_) return fail("process.died", title() + ": it is not open");
  const auto taken = [&](const frame& f) { return take(f, out); };
  const auto settle = [&](const frame_head& done) {
    if (done.epoch != 0) holds_->set(done.epoch, done.stream);
    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(done.count, 65536); ++i) wake();
  };
  if (what != say::open && kept_->exchange(false)) {
    auto head = head_of(say::resume);
    head.count = 1;  // no task: the files that it opened are the run's
    std::string told;
    append_frame(told, head, "");
    const auto done = child_->call(say::resume, told, limit_ms_, taken);
    if (!done) return done;
    settle(*done);
  }
  auto done = child_->call(what, bytes_, limit_ms_, taken);
  if (done) settle(*done);
  return done;
}

result<void> own_process::simple(say what, emitter& out) {
  const auto done = call(what, &out);
  return done ? result<void>() : fail(done);
}

/// False: it cannot cross, and was counted.
bool own_process::add_packet(say what, std::size_t port, const packet& p) {
  auto h = head_of(what);
  h.port = static_cast<std::uint16_t>(port);
  const auto added = child_->packets().append(bytes_, h, p);
  if (!added) {
    context_.count("packets_that_cannot_cross", 1);
    context_.log(fmt::format("a packet cannot cross to its process: {}", added.error().message));
  }
  return added.has_value();
}

result<void> own_process::process(std::size_t port, const packet& p, emitter& out) {
  bytes_.clear();
  return add_packet(say::process, port, p) ? simple(say::process, out) : result<void>();
}

result<void> own_process::process_sets(std::span<const bundle> sets, emitter& out) {
  bytes_.clear();
  auto begin = head_of(say::sets);
  begin.count = static_cast<std::uint32_t>(sets.size());
  append_frame(bytes_, begin, "");
  for (const auto& s : sets) {
    std::string parts;
    std::size_t at_head = bytes_.size();
    std::uint32_t members = 0;
    bytes_.swap(parts);  // the members first: some may not be able to cross
    bytes_.clear();
    for (std::size_t port = 0; port < s.inputs.size(); ++port)
      for (const auto& p : s.inputs[port])
        if (add_packet(say::member, port, p)) ++members;
    bytes_.swap(parts);
    HOCKET_ASSERT(bytes_.size() == at_head);
    frame_head h;
    h.what = say::set;
    h.session = static_cast<std::uint64_t>(s.session);
    h.micro_turn = s.micro_turn;
    h.ts_ns = s.from.ns();
    h.origin_ts_ns = s.to.ns();
    h.epoch = s.epoch;
    h.count = members;
    std::string missing;
    for (std::size_t i = 0; i < s.inputs.size(); ++i)
      missing += i < s.missing.size() && s.missing[i] ? '\1' : '\0';
    append_frame(bytes_, h, missing);
    bytes_ += parts;
  }
  return simple(say::sets, out);
}

result<source_state> own_process::produce(timestamp until, emitter& out) {
  bytes_.clear();
  auto h = head_of(say::produce);
  h.ts_ns = until.ns();
  append_frame(bytes_, h, "");
  const auto done = call(say::produce, &out);
  if (!done) return fail(done);
  return done->seq == 0 ? source_state::more : source_state::end_of_stream;
}

result<void> own_process::tick(std::int64_t micro_turn, emitter& out) {
  bytes_.clear();
  auto h = head_of(say::tick);
  h.micro_turn = micro_turn;
  append_frame(bytes_, h, "");
  return simple(say::tick, out);
}

result<void> own_process::on_control(std::size_t port, const packet& p, emitter& out) {
  bytes_.clear();
  return add_packet(say::control, port, p) ? simple(say::control, out) : result<void>();
}

result<void> own_process::close(emitter& out) {
  closing_.store(true);
  bytes_.clear();
  append_frame(bytes_, head_of(say::close), "");
  const auto done = simple(say::close, out);
  children_->remove(setup_.actor.name, context_.session, child_.get());
  child_->end(done ? 1000 : 0);
  holds_->clear();
  return done;
}

}  // namespace hocket::process
