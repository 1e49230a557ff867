// A rewire up to its commit: plan, prepare, roll back.
#include "actors/host/rewirer.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "actors/host/border.hpp"
#include "actors/host/cell.hpp"
#include "actors/host/world.hpp"

namespace hocket::host {
namespace {
/// Virtual time: behind everything else that is due at a boundary.
constexpr int prepare_rank = 1'000'000;
constexpr int commit_rank = 1'000'001;
/// Real time: how long before a boundary it may still be chosen.
constexpr std::int64_t notice_ns = 5'000'000;
}  // namespace

rewirer::rewirer(world& w)
    : world_(w),
      revision_(w.options.revision),
      follows_(!w.options.agenda.empty()),
      hold_next_ns_(world::no_hold) {}

void rewirer::fail(change& c, std::string code, std::string why) {
  c.out.state = rewire_state::rolled_back;
  c.out.code = std::move(code);
  c.out.why = std::move(why);
}

bool rewirer::may_begin(rewire_outcome& out) const {
  out.graph = world_.graph().name;
  out.revision = revision();
  out.hash_before = out.hash_after = world_.place().whole.hash;
  const auto refuse = [&](const char* code, std::string why) {
    out.code = code;
    out.why = std::move(why);
    return false;
  };
  if (!world_.options.load)
    return refuse("rewire.not-here", "this run was started by a program that reads no graph files");
  if (world_.others && world_.is_virtual())
    return refuse("rewire.virtual-hosts",
                  "several hosts in virtual time cannot be rewired: run in real time, or stop the "
                  "run and start it with the new file on all of them");
  // In virtual time the loop takes what is asked of it in order, and the start was asked first.
  if (!world_.gone.load() && !world_.is_virtual())
    return refuse("rewire.not-running", "the run has not begun: its actors still open; try again");
  {
    std::lock_guard lock(mutex_);
    for (const auto& [one, pair] : leaving_)
      if (pair.first)
        return refuse("rewire.under-way", pair.first->name() +
                                              " of the last rewire still closes; "
                                              "try again when it has");
  }
  if (world_.ending() || world_.stopping() || world_.finished())
    return refuse("rewire.not-running", "the run is about to end");
  return true;
}

result<void> rewirer::plan_change(change& c) {
  auto wanted = world_.options.load(c.request.graph);
  if (!wanted) return hocket::fail(wanted.error().code, wanted.error().message);
  if (!c.request.hash.empty() && wanted->hash != c.request.hash)
    return hocket::fail(
        "rewire.reads_otherwise",
        fmt::format("the new file reads as graph {} here and as {} where the rewire "
                    "was asked for: parameters, --set or environment differ",
                    wanted->hash, c.request.hash));
  diagnostics findings;
  auto what = plan_rewire(world_.place().whole, *wanted, findings);
  if (!what) return hocket::fail("rewire.refused", findings.to_string());
  auto place = partition(what->next, world_.place().host);
  if (!place) return hocket::fail(place);
  c.next = std::make_unique<const wiring>(std::move(*place), &world_.wired());
  c.wired = c.next.get();
  const auto& next = *c.wired;
  for (std::size_t a = 0; a < next.graph.actors.size(); ++a) {
    const auto fate = a < what->actors.size() ? what->actors[a] : actor_fate::untouched;
    const auto& before = world_.place().standings;
    const auto stands = next.place.standings[a];
    if (stands == standing::here)
      c.fresh.push_back(fate == actor_fate::added || fate == actor_fate::replaced);
    else
      c.fresh.push_back(stands != standing::elsewhere &&
                        (a >= before.size() || before[a] == standing::elsewhere));
  }
  what->takes_over.resize(next.graph.actors.size());
  c.what = std::move(*what);
  c.wanted = std::move(*wanted);
  return {};
}

std::shared_ptr<rewirer::change> rewirer::draft(rewire_request request) {
  auto made = std::make_shared<change>();
  auto& c = *made;
  c.request = std::move(request);
  if (!may_begin(c.out)) return made;
  if (auto planned = plan_change(c); !planned) {
    c.out.code = planned.error().code;
    c.out.why = planned.error().message;
    return made;
  }
  c.out.actors = c.what.actor_changes;
  c.out.links = c.what.link_changes;
  c.out.others = c.what.other_changes;
  c.out.actors_kept = c.what.actors_kept;
  c.out.links_kept = c.what.links_kept;
  c.out.hash_after = c.what.next.hash;
  c.out.state = c.what.changes_nothing() ? rewire_state::unchanged : rewire_state::planned;
  return made;
}

rewire_outcome rewirer::run(rewire_request request) {
  rewire_outcome out;
  out.code = "rewire.under-way";
  if (follows_.load()) {
    out.why =
        "this run goes through rewires that were planned before it began; try again after that";
    return out;
  }
  if (std::unique_lock one(running_, std::try_to_lock); one) return run_one(std::move(request));
  out.why = "another rewire of this run is under way; try again when it is done";
  return out;
}

void rewirer::follow(const std::vector<planned_rewire>& agenda) {
  while (!world_.gone.load() && !world_.is_virtual() && !world_.finished())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  for (auto it = agenda.begin(); it != agenda.end(); ++it) {
    hold_next_ns_.store(it + 1 == agenda.end() ? world::no_hold : (it + 1)->at.ns());
    rewire_request request{{it->file, ""}};
    request.not_before = it->at;
    const auto out = run_one(request);
    // Who was refused was not told of, and nobody let time go on.
    if (out.state == rewire_state::refused && world_.options.rewired)
      world_.options.rewired(request, out);
    world_.hold(hold_next_ns_.load());
  }
  follows_.store(false);
}

rewire_outcome rewirer::run_one(rewire_request request) {
  const auto c = draft(std::move(request));
  if (c->out.state != rewire_state::planned || c->request.dry_run) return c->out;
  if (world_.is_virtual()) {
    run_virtual(c);
    if (c->out.state != rewire_state::committed) roll_back(*c);
    tell_host(*c);
    return c->out;
  }
  prepare(c);
  if (c->out.state == rewire_state::planned)
    commit_at(c, world_.graph().grid.index_of(next_boundary(c->request.not_before)) - 1);
  else
    give_up(*c, "", c->out.code, c->out.why);
  return c->out;
}

void rewirer::tell_host(change& c) {
  if (c.out.state == rewire_state::rolled_back) {
    c.out.hash_after = c.out.hash_before;
    world_.event("", "rewire_rolled_back", c.out.why);
  }
  if (world_.options.rewired) world_.options.rewired(c.request, c.out);
}

void rewirer::decide(change& c) const {
  if (std::exchange(c.decided, true) || !world_.options.decided) return;
  auto out = c.out;
  out.revision = number_of(c);
  world_.options.decided(c.request, out);
}

int rewirer::number_of(const change& c) const {
  return c.request.revision > 0 ? c.request.revision : revision() + 1;
}

timestamp rewirer::next_boundary(timestamp not_before) const {
  const auto& grid = world_.graph().grid;
  const auto soon = world_.now() + duration(world_.is_virtual() ? 0 : notice_ns);
  const auto next = grid.end_of(grid.index_of(soon));
  return not_before <= next ? next : grid.end_of(grid.index_of(not_before - duration(1)));
}

// Others first: opening a model may take seconds, and sources begin where the present is.
void rewirer::prepare(const std::shared_ptr<change>& c) {
  world_.event("", "rewire_prepares", c->what.next.hash);
  const auto began_ns = monotonic_ns();
  const auto deadline = began_ns + c->request.prepare_limit_s * std::int64_t{1'000'000'000};
  if (world_.edge)
    if (auto known = world_.edge->prepare(c->wired->place); !known)
      return fail(*c, known.error().code, known.error().message);
  stand_by(*c, false, next_boundary(c->request.not_before));
  if (!all_opened(*c, deadline)) return;
  stand_by(*c, true, next_boundary(c->request.not_before));
  if (!all_opened(*c, deadline)) return;
  c->out.prepared_ms = static_cast<double>(monotonic_ns() - began_ns) / 1e6;
}

void rewirer::commit_at(const std::shared_ptr<change>& c, std::int64_t k) {
  const auto before = world_.status();
  decide(*c);
  c->at = world_.graph().grid.end_of(k);
  world_.at(c->at, 5, [this, c] {
    commit(*c);
    std::lock_guard lock(mutex_);
    c->over = true;
    changed_.notify_all();
  });
  if (wait_until_over(*c)) settle(*c, before, monotonic_ns());
  if (c->out.state != rewire_state::committed) roll_back(*c);
  tell_host(*c);
}

void rewirer::give_up(change& c, std::string host, std::string code, std::string why) {
  fail(c, std::move(code), std::move(why));
  c.out.host = std::move(host);
  roll_back(c);
  tell_host(c);
}

// Time stands still from the boundary on until the new actors have opened: the same every time.
void rewirer::run_virtual(const std::shared_ptr<change>& c) {
  auto before = std::make_shared<snapshot>();
  world_.exec->inside([this, c, before] {
    c->at = next_boundary(c->request.not_before);
    world_.at(c->at, prepare_rank, [this, c] {
      stand_by(*c, false, c->at);
      stand_by(*c, true, c->at);
    });
    world_.at(c->at, commit_rank, [this, c, before] {
      if (all_opened(*c, 0)) {
        *before = world_.status();
        commit(*c);
      } else {
        for (const auto& [where, one] : c->trial) one->request_release(true);
      }
      std::lock_guard lock(mutex_);
      c->over = true;
      changed_.notify_all();
    });
    world_.hold(hold_next_ns_.load());
  });
  world_.event("", "rewire_prepares", c->what.next.hash);
  if (wait_until_over(*c) && c->out.state == rewire_state::committed) {
    decide(*c);
    settle(*c, *before, monotonic_ns());
  }
}

bool rewirer::wait_until_over(change& c) {
  std::unique_lock lock(mutex_);
  while (!c.over) {
    changed_.wait_for(lock, std::chrono::milliseconds(20));
    if (c.over || !world_.finished()) continue;
    fail(c, "rewire.run-ended", "the run ended before the boundary");
    return false;
  }
  return true;
}

// ---------------------------------------------------------------------------- prepare

void rewirer::stand_by(change& c, bool sources, timestamp begins) {
  const auto& next = *c.wired;
  std::vector<session_id> sessions = world_.open_sessions();
  std::vector<std::shared_ptr<cell>> made;
  for (const auto a : next.shape.upstream_first) {
    const auto& info = next.graph.actors[a].type->info;
    const bool replaces = c.what.takes_over[a].has_value();
    // What waits for devices, files or the network may hold one that only one can: it opens when
    // the instance before it has closed.
    if (!c.fresh[a] || info.source != sources || (info.blocking && replaces)) continue;
    if (next.place.standings[a] != standing::here) continue;  // proxies cannot fail
    const bool shared = info.scope == instance_scope::shared;
    for (const auto id : shared ? std::vector{session_id::none} : sessions) {
      std::shared_ptr<cell> before;
      {
        std::lock_guard lock(world_.topology_);
        if (replaces) before = world_.cell_of(*c.what.takes_over[a], id);
      }
      auto heir = std::make_shared<cell>(world_.shared_from_this(), next, a, id);
      auto home = std::make_shared<outlet>();
      home->session = world_.find_session(id);
      if (!shared && !home->session) continue;
      home->routes.resize(info.outputs.size());
      home->streams.resize(info.outputs.size());
      heir->add_outlet(std::move(home));
      world_.exec->attach(*heir);
      heir->stand_by(before.get(), begins);
      c.trial[{a, id}] = heir;
      made.push_back(std::move(heir));
    }
  }
  {
    std::lock_guard lock(mutex_);
    standing_by_ = c.trial;
  }
  (void)world_.open_cells(made, false);
}

bool rewirer::all_opened(change& c, std::int64_t deadline_ns) {
  std::unique_lock lock(world_.end_mutex_);
  for (const auto& [where, one] : c.trial) {
    auto& opening = world_.openings_[one.get()];
    const auto who = fmt::format("{} ({})", one->name(), one->info().type);
    while (!opening.done && monotonic_ns() < deadline_ns && !world_.stopping_.load())
      world_.end_.wait_for(lock, std::chrono::milliseconds(20));
    if (!opening.done)
      fail(c, "rewire.too-slow", who + " did not open in time");
    else if (!opening.how)
      fail(c, "rewire.open_failed",
           fmt::format("{} did not open: {} [{}]", who, opening.how.error().message,
                       opening.how.error().code));
    else
      continue;
    return false;
  }
  return true;
}

void rewirer::roll_back(change& c) {
  std::vector<std::shared_ptr<cell>> trial;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [where, one] : standing_by_) trial.push_back(one);
  }
  for (const auto& one : trial) one->request_release(true);
  // In good order where they answer; one that hangs is left behind, like any other.
  const auto until = monotonic_ns() + 2'000'000'000;
  for (const auto& one : trial)
    while (!one->is_over() && monotonic_ns() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  for (const auto& one : trial) world_.exec->detach(*one);
  if (world_.edge) world_.edge->call_off();
  {
    std::lock_guard lock(mutex_);
    standing_by_.clear();
  }
  std::lock_guard lock(world_.topology_);
  // Cells that are left behind hold on to it.
  if (c.next) world_.wirings_.insert(world_.wirings_.begin(), std::move(c.next));
}

void rewirer::add_standing_by(std::vector<std::shared_ptr<cell>>& cells) const {
  std::lock_guard lock(mutex_);
  for (const auto& [where, one] : standing_by_) cells.push_back(one);
}

}  // namespace hocket::host
