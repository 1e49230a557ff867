#include "actors/host/budget.hpp"

#include <algorithm>

namespace hocket::host {

budget_check::budget_check(const plan& graph, const budget_check* before)
    : graph_(graph), ends_(graph.actors.size(), false), lines_(graph.budgets.size()) {
  for (std::size_t i = 0; i < graph.budgets.size(); ++i) {
    for (const auto a : graph.budgets[i].path) {
      if (!lines_[i].text.empty()) lines_[i].text += " > ";
      lines_[i].text += graph.actors[a].name;
    }
    if (!graph.budgets[i].path.empty()) ends_[graph.budgets[i].path.back()] = true;
  }
  if (before != nullptr) take_over(*before);
}

void budget_check::take_over(const budget_check& before) {
  std::lock_guard lock(before.mutex_);
  for (std::size_t i = 0; i < lines_.size(); ++i)
    for (std::size_t k = 0; k < before.lines_.size(); ++k) {
      if (before.lines_[k].text != lines_[i].text ||
          before.graph_.budgets[k].limit_ms != graph_.budgets[i].limit_ms)
        continue;
      const auto& was = before.lines_[k];
      auto& is = lines_[i];
      is.open = was.open;
      is.checked = was.checked;
      is.missed = was.missed;
      is.times.take(was.times);
      is.sum_ms = was.sum_ms;
      is.blamed = was.blamed;
    }
}

namespace {
// The trace keeps the last hops: what is still there must end with the path's end.
bool went(const trace& way, const std::vector<actor_index>& path) {
  auto at = path.size() - 1;  // the last actor is the receiver and not in the trace yet
  for (std::size_t i = way.count; i-- > 0 && at > 0;)
    if (way.hops[i].actor == path[at - 1]) --at;
  return at == 0 || (way.count == trace::capacity && at + trace::capacity < path.size() + 1);
}
}  // namespace

int budget_check::note(actor_index actor, const packet& p, std::int64_t queued_ns,
                       std::int64_t now_ns) {
  int broken = -1;
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const auto& b = graph_.budgets[i];
    if (b.path.empty() || b.path.back() != actor || !went(p.header.way, b.path)) continue;
    auto& l = lines_[i];
    auto& t = l.open[p.header.session];
    if (t.k != p.header.micro_turn) {
      if (t.k >= 0) finish(l, t);
      t = {};
      t.k = p.header.micro_turn;
    }
    const auto ms = static_cast<double>(now_ns - p.header.origin_ns) / 1e6;
    if (ms <= t.worst_ms) continue;
    t.worst_ms = ms;
    if (ms <= b.limit_ms) continue;
    t.missed = true;
    t.blame = blame(b, p, queued_ns, now_ns);
    if (b.on_miss == plan_budget::action::stop) broken = static_cast<int>(i);
  }
  return broken;
}

void budget_check::forget(session_id id) {
  std::lock_guard lock(mutex_);
  for (auto& l : lines_) {
    const auto at = l.open.find(id);
    if (at == l.open.end()) continue;
    if (at->second.k >= 0) finish(l, at->second);
    l.open.erase(at);
  }
}

void budget_check::finish(line& l, const turn& t) {
  ++l.checked;
  l.times.add(static_cast<std::int64_t>(t.worst_ms * 1e6));
  l.sum_ms += t.worst_ms;
  if (!t.missed) return;
  ++l.missed;
  ++l.blamed[t.blame];
}

// The hop with the largest share over what was to be expected: a declared latency for computing, a
// micro-turn for the waiting of an actor that is handed micro-turns, nothing for other queues.
std::string budget_check::blame(const plan_budget& b, const packet& p, std::int64_t queued_ns,
                                std::int64_t now_ns) const {
  std::string who = graph_.actors[b.path.back()].name + " (queue)";
  const auto expected_wait = [&](actor_index a) {
    return graph_.actors[a].policy == input_policy::micro_turn ? graph_.grid.length.count() : 0;
  };
  auto worst = now_ns - queued_ns - expected_wait(b.path.back());
  for (std::size_t i = 0; i < p.header.way.count; ++i) {
    const auto& h = p.header.way.hops[i];
    if (h.actor >= graph_.actors.size()) continue;  // another host wrote it
    const auto& a = graph_.actors[h.actor];
    const auto wait = h.started_ns - h.queued_ns - expected_wait(h.actor);
    const auto work =
        h.emitted_ns - h.started_ns - static_cast<std::int64_t>(a.type->info.latency_ms * 1e6);
    if (wait > worst) {
      worst = wait;
      who = a.name + " (queue)";
    }
    if (work > worst) {
      worst = work;
      who = a.name + " (compute)";
    }
  }
  return who;
}

std::vector<budget_status> budget_check::status() const {
  std::vector<budget_status> all;
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const auto& l = lines_[i];
    budget_status s;
    s.path = l.text;
    s.limit_ms = graph_.budgets[i].limit_ms;
    s.checked = l.checked;
    s.missed = l.missed;
    auto blamed = l.blamed;
    for (const auto& [session, t] : l.open) {
      if (t.k < 0) continue;
      ++s.checked;
      if (!t.missed) continue;
      ++s.missed;
      ++blamed[t.blame];
    }
    histogram::counts c{};
    l.times.add_to(c);
    s.p50_ms = histogram::quantile_ms(c, .5);
    s.p99_ms = histogram::quantile_ms(c, .99);
    s.latencies = histogram::buckets_of(c, l.sum_ms / 1e3);
    s.blamed.assign(blamed.begin(), blamed.end());
    all.push_back(std::move(s));
  }
  return all;
}

}  // namespace hocket::host
