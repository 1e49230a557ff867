// The host that leads: it lets all prepare, counts votes, decides, and collects what became of it.
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "actors/distributed/membership.hpp"
#include "actors/host/run/graph_run.hpp"
#include "actors/rewire/coordination.hpp"
#include "actors/rewire/coordinator.hpp"
#include "actors/rewire/messages.hpp"
#include "actors/rewire/rewirer.hpp"

namespace hocket::rewire {
namespace {

/// How long a message to all hosts may be under way before the boundary that it names.
constexpr std::int64_t notice_ns = 300'000'000;

}  // namespace

rewire_outcome coordinator::lead(rewire_request request) {
  std::unique_lock one(leading_, std::try_to_lock);
  if (!one)
    return refused("", "rewire.under-way",
                   "another rewire of this run is under way; try again when it is done");
  if (auto late = rewirer_.outdated(request); late && !request.dry_run) return *late;
  auto c = rewirer_.draft(std::move(request));
  if (c->out.state != rewire_state::planned) return c->out;
  if (const auto gone = missing_host())
    return refused(
        *gone, "rewire.host_missing",
        "it is not there; all hosts take part in a rewire, so try again when it is back");
  const auto number = [&] {
    std::lock_guard lock(mutex_);
    replies_[++last_] = {};
    return last_;
  }();
  // Also of those that are refused: an operator may try for months.
  struct forget {
    coordinator& all;
    std::uint64_t number;
    ~forget() {
      std::lock_guard lock(all.mutex_);
      all.replies_.erase(number);
      all.left_.erase(number);
    }
  } const at_the_end{*this, number};
  const auto before = who_is_there();
  auto& asked = c->request;
  asked.hash = c->what.next.hash;
  asked.revision = c->out.revision + 1;
  if (const auto p = send_prepare(number, asked))
    return refused(*p, "rewire.too-large", "the file, with what it includes, is over 256 KiB");
  if (!asked.dry_run) rewirer_.prepare(c);
  rewire_outcome why = c->out;
  auto host = std::optional(run_.local().host);
  // From before the last look at who is there: who began anew behind it is told to ask again.
  if (!asked.dry_run) hosts_.links().set_next_graph(wire::undecided_graph);
  if (c->out.state == rewire_state::planned)
    host = first_refusal(number, asked.prepare_limit_s, before, why);
  if (asked.dry_run && !host) {
    send_all(wire::rewire_abort{number});
    return c->out;
  }
  if (host) {
    send_all(wire::rewire_abort{number});
    if (asked.dry_run) return refused(*host, why.code, why.why);
    rewirer_.abort(*c, *host, why.code, why.why);
    return c->out;
  }
  // Killed from here on it asks the others: nobody can know whether its word had left it.
  rewirer_.record_vote(*c);
  if (c->out.state != rewire_state::planned) {
    send_all(wire::rewire_abort{number});
    rewirer_.abort(*c, run_.local().host, c->out.code, c->out.why);
    return c->out;
  }
  c->leads = true;
  const auto& grid = run_.graph().grid;
  // The end of the micro-turn before `not_before`, which may be the least of all times.
  const auto soon = std::max(run_.now() + duration(notice_ns + 1), asked.not_before);
  const auto k = grid.index_of(soon - duration(1));
  send_all(wire::rewire_commit{number, k});
  join_moves(*c, number, before);
  rewirer_.commit_at(c, k);
  collect_done(number, before, c->out);
  return c->out;
}

std::optional<std::string> coordinator::send_prepare(std::uint64_t number,
                                                     const rewire_request& asked) {
  const auto text = to_message(asked);
  for (const auto& p : run_.local().peers)
    if (!send(p, wire::rewire_prepare{number, text})) {
      send_all(wire::rewire_abort{number});
      return p;
    }
  return {};
}

std::optional<std::string> coordinator::first_refusal(std::uint64_t number, int limit_s,
                                                      const incarnations& before,
                                                      rewire_outcome& why) {
  const auto until = clock::now() + std::chrono::seconds(limit_s + 5);
  for (;;) {
    bool all_agree = false;
    {
      std::unique_lock lock(mutex_);
      const auto& votes = replies_[number].votes;
      for (const auto& [host, vote] : votes)
        if (vote.state != rewire_state::planned) {
          why = vote;
          return host;
        }
      all_agree = votes.size() == run_.local().peers.size();
      if (run_over()) {
        why = refused("", "rewire.run-ended", "the run is about to end");
        return run_.local().host;
      }
      if (!all_agree) changed_.wait_for(lock, look_again);
    }
    // Also where all have agreed: who is gone by then may be told, when it asks, that nothing was
    // decided.
    for (const auto& p : run_.local().peers)
      if (is_gone(p, before)) {
        why = refused(p, "rewire.host_lost", "it was lost while it prepared");
        return p;
      }
    if (all_agree) return {};
    if (clock::now() < until) continue;
    std::lock_guard lock(mutex_);
    for (const auto& p : run_.local().peers)
      if (!replies_[number].votes.contains(p)) {
        why = refused(p, "rewire.too-slow", "it was not ready in time");
        return p;
      }
  }
}

coordinator::incarnations coordinator::who_is_there() const {
  incarnations out;
  for (const auto& p : hosts_.links().wire().status().peers) out[p.name] = p.incarnation;
  return out;
}

std::optional<std::string> coordinator::outcome_of(const std::string& host,
                                                   const incarnations& before,
                                                   const rewire_outcome& out) const {
  const auto known =
      fmt::format("it had agreed, was to change over at {:.3f} s and has not said that it did",
                  out.at.seconds());
  for (const auto& p : hosts_.links().wire().status().peers) {
    if (p.name != host) continue;
    if (!is_gone(host, before)) return {};
    if (there(p))
      return fmt::format("host {} died: {}. It came back as a new process, with this graph", host,
                         known);
    return fmt::format(
        "host {} is {} ({}), for {:.1f} s: {}. If it comes back as it was before, it is refused: "
        "start it with the file of revision {}",
        host, wire::to_string(p.state), p.reason.empty() ? "no reason known" : p.reason,
        static_cast<double>(p.state_ms) / 1e3, known, out.revision);
  }
  return {};
}

// The others' packets belong into the report; and a host that did not change over is named at once.
void coordinator::collect_done(std::uint64_t number, const incarnations& before,
                               rewire_outcome& out) {
  const auto until = clock::now() + settle_limit(run_.options.drain_limit_s);
  std::map<std::string, std::string> lost;
  std::unique_lock lock(mutex_);
  auto& replies = replies_[number];
  for (;;) {
    std::vector<std::string> silent;
    for (const auto& p : run_.local().peers)
      if (!replies.done.contains(p) && !lost.contains(p)) silent.push_back(p);
    if (silent.empty() || run_over() || clock::now() >= until) break;
    // Unlocked: the wire tells us things while it holds locks of its own.
    lock.unlock();
    for (const auto& p : silent)
      if (const auto fate = outcome_of(p, before, out)) lost[p] = *fate;
    lock.lock();
    changed_.wait_for(lock, look_again);
  }
  for (const auto& p : run_.local().peers) {
    const auto it = replies.done.find(p);
    if (it == replies.done.end()) {
      out.notes.push_back(lost.contains(p) ? lost[p]
                                           : "host " + p + " has not said that it changed over");
      continue;
    }
    if (it->second.state != rewire_state::committed)
      out.notes.push_back(fmt::format(
          "host {} did NOT change over: {}; start it anew with this file", p, it->second.why));
    for (auto& one : it->second.packets) {
      one.link += " @" + p;
      out.packets.push_back(std::move(one));
    }
    for (const auto& n : it->second.notes) out.notes.push_back("host " + p + ": " + n);
    out.settled_ms = std::max(out.settled_ms, it->second.settled_ms);
    out.prepared_ms = std::max(out.prepared_ms, it->second.prepared_ms);
  }
}

}  // namespace hocket::rewire
