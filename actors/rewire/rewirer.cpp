// A rewire from its request to its report. Its steps: prepare.cpp, commit.cpp, settle.cpp.
#include "actors/rewire/rewirer.hpp"

#include "graph/trust/trial.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "actors/host/run/graph_run.hpp"

namespace hocket::rewire {
namespace {

/// Virtual time: behind everything else that is due at a boundary.
constexpr int prepare_rank = 1'000'000;
constexpr int commit_rank = 1'000'001;
/// Real time: how long before a boundary it may still be chosen.
constexpr std::int64_t notice_ns = 5'000'000;
}  // namespace

rewirer::rewirer(graph_run& run, const options& how, distributed::remote_links* links)
    : run_(run),
      how_(how),
      links_(links),
      revision_(how.revision),
      follows_(!how.planned_rewires.empty()),
      pause_next_ns_(shutdown::no_pause) {}

void rewirer::fail(change& c, std::string code, std::string why) {
  c.out.state = rewire_state::rolled_back;
  c.out.code = std::move(code);
  c.out.why = std::move(why);
}

bool rewirer::may_begin(rewire_outcome& out) const {
  out.graph = run_.graph().name;
  out.revision = revision();
  out.hash_before = out.hash_after = run_.local().whole.hash;
  const auto refuse = [&](const char* code, std::string why) {
    out.code = code;
    out.why = std::move(why);
    return false;
  };
  if (!how_.load)
    return refuse("rewire.not-here", "this run was started by a program that reads no graph files");
  if (run_.peers && run_.is_virtual())
    return refuse("rewire.virtual-hosts",
                  "several hosts in virtual time cannot be rewired: run in real time, or stop the "
                  "run and start it with the new file on all of them");
  // In virtual time the loop takes what is asked of it in order, and the start was asked first.
  if (!run_.started.load() && !run_.is_virtual())
    return refuse("rewire.not-running", "the run has not begun: its actors still open; try again");
  {
    std::lock_guard lock(mutex_);
    for (const auto& [one, pair] : retiring_)
      if (pair.first)
        return refuse("rewire.under-way", pair.first->id().name +
                                              " of the last rewire still closes; "
                                              "try again when it has");
    if (!arriving_.empty())
      return refuse(
          "rewire.under-way",
          fmt::format("{} of the last rewire waits for host {}; try again when it has begun",
                      arriving_.front().second->id().name, arriving_.front().first));
  }
  if (run_.end.ending() || run_.end.stopping() || run_.end.finished())
    return refuse("rewire.not-running", "the run is about to end");
  return true;
}

result<void> rewirer::plan_change(change& c) {
  c.request.graph.only_looked_at = c.request.dry_run;
  auto wanted = how_.load(c.request.graph);
  if (!wanted) return hocket::fail(wanted.error().code, wanted.error().message);
  if (!c.request.hash.empty() && wanted->hash != c.request.hash)
    return hocket::fail(
        "rewire.reads_otherwise",
        fmt::format("the new file reads as graph {} here and as {} where the rewire "
                    "was asked for: parameters, --set or environment differ",
                    wanted->hash, c.request.hash));
  diagnostics findings;
  auto what = plan_rewire(run_.local().whole, *wanted, findings);
  if (!what) return hocket::fail("rewire.refused", findings.to_string());
  auto local = partition(what->next, run_.local().host);
  if (!local) return hocket::fail(local);
  c.next = std::make_unique<const plan_revision>(std::move(*local), &run_.current(),
                                                 c.request.graph.types);
  c.target = c.next.get();
  const auto& next = *c.target;
  for (std::size_t a = 0; a < next.graph.actors.size(); ++a) {
    const auto fate = a < what->actors.size() ? what->actors[a] : actor_fate::untouched;
    const auto& before = run_.local().roles;
    const auto stands = next.local.roles[a];
    if (stands == actor_role::local)
      c.fresh.push_back(fate == actor_fate::added || fate == actor_fate::replaced);
    else
      c.fresh.push_back(stands != actor_role::absent &&
                        (a >= before.size() || before[a] == actor_role::absent));
  }
  for (std::size_t a = 0; a < what->takes_over.size(); ++a) {
    if (!what->takes_over[a]) continue;
    const auto& from = run_.local().whole.actors[*what->takes_over[a]].host;
    if (from == what->next.actors[a].host) continue;
    c.moves = true;
    if (what->next.actors[a].host == run_.local().host)
      c.comes_from[static_cast<actor_index>(a)] = from;
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
  if (std::unique_lock one(running_, std::try_to_lock); one) {
    if (auto late = outdated(request); late && !request.dry_run) return *late;
    request.revision = 0;  // compared; from here on it would say that a leader gave it
    return run_one(std::move(request));
  }
  out.why = "another rewire of this run is under way; try again when it is done";
  return out;
}

std::optional<rewire_outcome> rewirer::outdated(const rewire_request& request) const {
  if (request.revision == 0 || request.revision == revision() + 1) return {};
  rewire_outcome out;
  out.graph = run_.graph().name;
  out.revision = revision();
  out.hash_before = out.hash_after = run_.local().whole.hash;
  out.code = "rewire.changed_meanwhile";
  out.why = fmt::format(
      "it is a change of revision {}, and revision {} runs by now: look at that before you change "
      "it",
      request.revision - 1, revision());
  return out;
}

void rewirer::follow() {
  const auto& planned = how_.planned_rewires;
  while (!run_.started.load() && !run_.is_virtual() && !run_.end.finished())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  for (auto it = planned.begin(); it != planned.end(); ++it) {
    pause_next_ns_.store(it + 1 == planned.end() ? shutdown::no_pause : (it + 1)->at.ns());
    rewire_request request{{it->file, ""}};
    request.not_before = it->at;
    const auto out = run_one(request);
    // A refused one was not reported, and time was not let go on.
    if (out.state == rewire_state::refused && how_.rewired) how_.rewired(request, out);
    run_.end.pause_time_before(pause_next_ns_.load());
  }
  follows_.store(false);
}

rewire_outcome rewirer::run_one(rewire_request request) {
  const auto c = draft(std::move(request));
  if (c->out.state != rewire_state::planned || c->request.dry_run) return c->out;
  if (run_.is_virtual()) {
    run_virtual(c);
    if (c->out.state != rewire_state::committed) roll_back(*c);
    report(*c);
    return c->out;
  }
  prepare(c);
  if (c->out.state == rewire_state::planned)
    commit_at(c, run_.graph().grid.index_of(next_boundary(c->request.not_before)) - 1);
  else
    abort(*c, "", c->out.code, c->out.why);
  return c->out;
}

void rewirer::report(change& c) {
  if (c.out.state == rewire_state::rolled_back) {
    c.out.hash_after = c.out.hash_before;
    run_.observers.event("", "rewire_rolled_back", c.out.why);
  }
  if (how_.rewired) how_.rewired(c.request, c.out);
}

void rewirer::record_vote(change& c) {
  if (!how_.voted) return;
  auto out = c.out;
  out.revision = number_of(c);
  if (const auto kept = how_.voted(c.request, out); !kept)
    fail(
        c, "rewire.cannot_keep",
        fmt::format("it cannot keep what it agrees to, and would not know it if it were killed: {} "
                    "[{}]",
                    kept.error().message, kept.error().code));
}

void rewirer::record_decision(change& c) const {
  if (std::exchange(c.decided, true)) return;
  auto out = c.out;
  out.revision = number_of(c);
  if (how_.decided) how_.decided(c.request, out);
  // A host that was killed with its vote may ask before the boundary; told when it is kept, since
  // what others heard must outlive this process.
  if (links_ && c.out.state != rewire_state::committed) links_->set_next_graph(c.what.next.hash);
}

int rewirer::number_of(const change& c) const {
  return c.request.revision > 0 ? c.request.revision : revision() + 1;
}

timestamp rewirer::next_boundary(timestamp not_before) const {
  const auto& grid = run_.graph().grid;
  const auto soon = run_.now() + duration(run_.is_virtual() ? 0 : notice_ns);
  const auto next = grid.end_of(grid.index_of(soon));
  return not_before <= next ? next : grid.end_of(grid.index_of(not_before - duration(1)));
}

// Others first: opening a model may take seconds, and sources begin where the present is.
void rewirer::prepare(const std::shared_ptr<change>& c) {
  run_.observers.event("", "rewire_prepares", c->what.next.hash);
  const auto began_ns = monotonic_ns();
  trust::begin_change(&run_);
  const auto deadline = began_ns + c->request.prepare_limit_s * std::int64_t{1'000'000'000};
  if (links_)
    if (auto known = links_->prepare(c->target->local); !known)
      return fail(*c, known.error().code, known.error().message);
  prepare_actors(*c, false, next_boundary(c->request.not_before));
  if (!all_opened(*c, deadline)) return;
  prepare_actors(*c, true, next_boundary(c->request.not_before));
  if (!all_opened(*c, deadline)) return;
  c->out.prepared_ms = static_cast<double>(monotonic_ns() - began_ns) / 1e6;
}

void rewirer::commit_at(const std::shared_ptr<change>& c, std::int64_t k) {
  if (!c->leads) record_decision(*c);
  const auto before = run_.status();
  c->at = run_.graph().grid.end_of(k);
  const auto change_over = [this, c] { commit(*c); };
  at_boundary(c, 5, change_over, true);
  const bool done = wait_until_over(*c);
  record_decision(*c);
  if (done) wait_until_settled(*c, before, monotonic_ns());
  if (c->out.state != rewire_state::committed) roll_back(*c);
  report(*c);
}

void rewirer::abort(change& c, std::string host, std::string code, std::string why) {
  fail(c, std::move(code), std::move(why));
  c.out.host = std::move(host);
  roll_back(c);
  report(c);
}

// Time stands still from the boundary on until the new actors have opened: the same every time.
void rewirer::run_virtual(const std::shared_ptr<change>& c) {
  auto before = std::make_shared<snapshot>();
  trust::begin_change(&run_);
  run_.executor->inside([this, c, before] {
    c->at = next_boundary(c->request.not_before);
    const auto open = [this, c] {
      prepare_actors(*c, false, c->at);
      prepare_actors(*c, true, c->at);
    };
    const auto change_over = [this, c, before] {
      if (all_opened(*c, 0)) {
        *before = run_.status();
        commit(*c);
      } else {
        for (const auto& [where, one] : c->prepared) one->request_close(true);
      }
    };
    at_boundary(c, prepare_rank, open, false);
    at_boundary(c, commit_rank, change_over, true);
    run_.end.pause_time_before(pause_next_ns_.load());
  });
  run_.observers.event("", "rewire_prepares", c->what.next.hash);
  if (wait_until_over(*c) && c->out.state == rewire_state::committed) {
    record_decision(*c);
    wait_until_settled(*c, *before, monotonic_ns());
  } else {
    (void)trust::end_change(&run_, false);
  }
}

void rewirer::at_boundary(const std::shared_ptr<change>& c, int rank, std::function<void()> step,
                          bool last) {
  run_.at(c->at, rank, [this, c, step = std::move(step), last] {
    {
      std::lock_guard lock(mutex_);
      if (c->given_up) return;
      c->at_work = true;
    }
    step();
    std::lock_guard lock(mutex_);
    c->at_work = false;
    c->over = last;
    changed_.notify_all();
  });
}

bool rewirer::wait_until_over(change& c) {
  std::unique_lock lock(mutex_);
  while (!c.over) {
    changed_.wait_for(lock, std::chrono::milliseconds(20));
    if (c.over || c.at_work || !run_.end.finished()) continue;
    c.given_up = true;
    fail(c, "rewire.run-ended", "the run ended before the boundary");
    return false;
  }
  return true;
}

}  // namespace hocket::rewire
