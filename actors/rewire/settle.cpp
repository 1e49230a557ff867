// Behind the boundary: what retires closes, what waited for it begins, and the report is made.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "actors/host/actor/cell_change.hpp"
#include "actors/host/run/graph_run.hpp"
#include "actors/host/run/topology.hpp"
#include "actors/rewire/rewirer.hpp"

namespace hocket::rewire {

void rewirer::begin(const std::shared_ptr<actor_cell>& replacement,
                    const std::shared_ptr<actor_cell>& before) {
  cell_change(*replacement)
      .activate(at_,
                before && before->id().actor == replacement->id().actor ? before.get() : nullptr);
  if (replacement->state() == phase::fresh) replacement->request_open();
  if (replacement->id().is_source() && (run_.is_virtual() || !replacement->id().info.blocking))
    run_.turns.follow_source(replacement, replacement->next_until());
  replacement->open_gate();
}

void rewirer::retired(actor_cell& c) {
  std::shared_ptr<actor_cell> who, replacement;
  {
    std::lock_guard lock(mutex_);
    const auto it = retiring_.find(&c);
    if (it == retiring_.end() || !it->second.first) return;
    who = std::move(it->second.first);
    replacement = std::move(it->second.second);
    it->second = {};
  }
  if (replacement) begin(replacement, who);
  // Not here: this is its own thread.
  run_.after(std::chrono::milliseconds(0), [this, who] { collect_books(who); });
}

void rewirer::collect_books(const std::shared_ptr<actor_cell>& c) {
  {
    const auto still = run_.accounts.freeze();
    topology_edit edit(run_);
    cell_change(*c).collect_books(
        [&](std::size_t link, const account& books) { run_.accounts.add(link, books); });
    edit.remove(c);
  }
  run_.executor->detach(*c);
  if (auto* end = c->id().remote) end->detached(*c);
  c->outputs().break_links();
  run_.openings.forget(*c);
  std::lock_guard lock(mutex_);
  retiring_.erase(c.get());
  changed_.notify_all();
}

// What the old instance says there comes before what the new one says here: it begins when the other
// host has told that what retired there has closed, and what it sent here before has come. Its queue
// fills meanwhile, like that of any replacement; who would wait for that is refused beforehand
// (spec::check_moves).
bool rewirer::waits_for_host(const change& c, const std::shared_ptr<actor_cell>& replacement) {
  const auto it = c.comes_from.find(replacement->id().actor);
  if (it == c.comes_from.end() || !c.left) return false;
  std::lock_guard lock(mutex_);
  arriving_.emplace_back(it->second, replacement);
  return true;
}

void rewirer::begin_arrived(change& c, bool too_late) {
  std::vector<std::pair<std::string, std::shared_ptr<actor_cell>>> waiting, ready;
  {
    std::lock_guard lock(mutex_);
    waiting = arriving_;
  }
  // Unlocked: the wire is asked.
  for (const auto& one : waiting) {
    const bool left = c.left(one.first, *c.what.takes_over[one.second->id().actor]);
    if (!left && too_late)
      c.out.notes.push_back(
          fmt::format("host {} has not said that {} closed there; it began here all the same",
                      one.first, one.second->id().name));
    if (left || too_late || run_.end.stopping()) ready.push_back(one);
  }
  for (const auto& [host, one] : ready) begin(one, nullptr);
  std::lock_guard lock(mutex_);
  for (const auto& one : ready) std::erase(arriving_, one);
}

void rewirer::wait_until_settled(change& c, const snapshot& before, std::int64_t began_ns) {
  if (c.out.state != rewire_state::committed) return;
  const auto limit = std::chrono::milliseconds(
      static_cast<std::int64_t>(run_.options.drain_limit_s * 2000) + 1000);
  const auto until = std::chrono::steady_clock::now() + limit;
  bool told = false;
  for (bool late = false;; late = std::chrono::steady_clock::now() >= until) {
    const bool closed = [&] {
      std::lock_guard lock(mutex_);
      return retiring_.empty();
    }();
    if ((closed || late) && !std::exchange(told, true) && c.has_left) c.has_left();
    begin_arrived(c, late);
    std::unique_lock lock(mutex_);
    // Not before the others were told: they wait for it, and what retired here may have closed since
    // it was looked at.
    if ((told && arriving_.empty()) || run_.end.finished() || late) break;
    if (!closed && retiring_.empty()) continue;
    changed_.wait_for(lock, std::chrono::milliseconds(arriving_.empty() ? 20 : 2));
  }
  {
    std::lock_guard lock(mutex_);
    arriving_.clear();  // of a run that is over
    for (const auto& [one, pair] : retiring_)
      if (pair.first) c.out.notes.push_back(pair.first->id().name + " has not closed yet");
  }
  c.out.settled_ms = static_cast<double>(monotonic_ns() - began_ns) / 1e6;
  const auto lost = [](const snapshot& s, const std::string& name) {
    for (const auto& l : s.links)
      if (l.from + " > " + l.to == name) return l.dropped[static_cast<int>(drop_reason::rewired)];
    return std::uint64_t{0};
  };
  const auto now = run_.status();
  for (const auto& l : now.links) {
    const auto name = l.from + " > " + l.to;
    const auto n = lost(now, name) - lost(before, name);
    const auto it = std::find_if(c.out.packets.begin(), c.out.packets.end(),
                                 [&](const auto& p) { return p.link == name; });
    if (it != c.out.packets.end())
      it->dropped += n;
    else if (n > 0)
      c.out.packets.push_back({name, 0, n});
  }
}

}  // namespace hocket::rewire
