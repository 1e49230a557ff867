#include "actors/rewire/coordinator.hpp"

#include <algorithm>
#include <random>
#include <vector>

#include <fmt/format.h>

#include "actors/distributed/membership.hpp"
#include "actors/rewire/messages.hpp"
#include "actors/rewire/rewirer.hpp"
#include "actors/host/graph_run.hpp"

namespace hocket::rewire {
namespace {

using clock = std::chrono::steady_clock;
constexpr auto look_again = std::chrono::milliseconds(50);
/// How long a message to all hosts may be under way before the boundary that it names.
constexpr std::int64_t notice_ns = 300'000'000;
constexpr int settle_limit_s = 30;
/// What one peer may have this host do at a time, and remember.
constexpr std::ptrdiff_t at_once_max = 4;
constexpr std::size_t kept_max = 64;

bool there(const wire::peer_status& p) {
  return p.state == wire::peer_state::up || p.state == wire::peer_state::suspect;
}

rewire_outcome refused(std::string host, std::string code, std::string why) {
  rewire_outcome out;
  out.host = std::move(host);
  out.code = std::move(code);
  out.why = std::move(why);
  return out;
}

}  // namespace

coordinator::~coordinator() { finish(); }

void coordinator::finish() {
  std::list<std::pair<std::thread, std::unique_ptr<errand>>> all;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
    all.swap(threads_);
  }
  for (auto& t : all) t.first.join();
}

std::uint64_t coordinator::first_number() {
  return static_cast<std::uint64_t>(std::random_device{}()) << 24;
}

bool coordinator::spawn_for(const std::string& peer, std::function<void()> f) {
  std::lock_guard lock(mutex_);
  for (auto it = threads_.begin(); it != threads_.end();) {
    if (!it->second->over.load()) {
      ++it;
      continue;
    }
    it->first.join();
    it = threads_.erase(it);
  }
  const auto busy = std::count_if(threads_.begin(), threads_.end(),
                                  [&](const auto& t) { return t.second->peer == peer; });
  if (closed_ || busy >= at_once_max) return false;
  auto about = std::make_unique<errand>();
  about->peer = peer;
  auto* of = about.get();
  threads_.emplace_back(std::thread([f = std::move(f), of] {
                          f();
                          of->over.store(true);
                        }),
                        std::move(about));
  return true;
}

bool coordinator::run_over() const { return closed_ || run_.stopping() || run_.finished(); }

bool coordinator::send(const std::string& to, wire::host_event event) {
  return hosts_.links().wire().send_control(to, {std::move(event)});
}

void coordinator::send_all(const wire::host_event& event) {
  for (const auto& p : run_.local().peers) send(p, event);
}

bool coordinator::is_gone(const std::string& host, const incarnations& before) const {
  const auto was = before.find(host);
  for (const auto& p : hosts_.links().wire().status().peers)
    if (p.name == host) return !there(p) || was == before.end() || was->second != p.incarnation;
  return true;
}

bool coordinator::is_there(const std::string& host) const {
  for (const auto& p : hosts_.links().wire().status().peers)
    if (p.name == host) return there(p);
  return false;
}

std::optional<std::string> coordinator::missing_host() const {
  for (const auto& p : run_.local().peers)
    if (!is_there(p)) return p;
  return {};
}

// ---------------------------------------------------------------------------- asking

rewire_outcome coordinator::run(const rewire_request& request) {
  return run_.local().leads() ? lead(request) : ask(request);
}

rewire_outcome coordinator::ask(const rewire_request& request) {
  // Read here first: files that it includes are on this machine, and so is the asking program.
  auto mine = rewirer_.draft(request);
  if (mine->out.state == rewire_state::refused || mine->out.state == rewire_state::unchanged)
    return mine->out;
  const auto& leader = run_.local().leader;
  const auto number = [&] {
    std::lock_guard lock(mutex_);
    asked_for_ = mine->request.graph.text;
    return asked_ = ++last_;
  }();
  mine->request.hash = mine->what.next.hash;
  const auto before = who_is_there();
  if (!is_there(leader) || !send(leader, wire::rewire_ask{number, to_message(mine->request)}))
    return refused(leader, "rewire.no_leader",
                   "host " + leader +
                       " leads this run and is not there, or the file is longer than "
                       "256 KiB");
  const auto until =
      clock::now() + std::chrono::seconds(request.prepare_limit_s + 2 * settle_limit_s);
  for (;;) {
    const bool gone = is_gone(leader, before);  // asked first: its answer may have come before
    std::unique_lock lock(mutex_);
    if (const auto it = answers_.find(number); it != answers_.end()) {
      auto out = std::move(it->second);
      answers_.erase(it);
      return out;
    }
    if (run_over()) return refused("", "rewire.run-ended", "the run is about to end");
    if (clock::now() > until)
      return refused(leader, "rewire.no_answer",
                     "host " + leader + " did not say what became of it");
    if (gone)
      return refused(leader, "rewire.leader_lost",
                     "host " + leader +
                         " leads this run and was lost before it said what became of it; "
                         "`hocket apply --history` says which revision this host has");
    changed_.wait_for(lock, look_again);
  }
}

void coordinator::take(const std::string& peer, const wire::host_event& m) {
  std::visit(
      [&](const auto& event) {
        if constexpr (requires { on(peer, event); }) on(peer, event);
      },
      m);
}

void coordinator::on(const std::string& peer, const wire::rewire_ask& m) {
  if (!run_.local().leads()) return;
  const bool taken = spawn_for(peer, [this, peer, m] {
    auto request = from_message(*m.request);
    request.graph.from = peer;
    send(peer, wire::rewire_answer{m.number, to_message(lead(std::move(request)))});
  });
  if (!taken)
    send(peer, wire::rewire_answer{
                   m.number, to_message(refused("", "rewire.busy",
                                                "this host deals with what was asked before; try "
                                                "again when it has"))});
}

void coordinator::on(const std::string& peer, const wire::rewire_prepare& m) {
  if (peer != run_.local().leader) return;
  spawn_for(peer, [this, peer, m] { participate(peer, m.number, from_message(*m.request)); });
}

void coordinator::on(const std::string& peer, const wire::rewire_commit& m) {
  if (peer != run_.local().leader) return;
  std::lock_guard lock(mutex_);
  if (decisions_.size() >= kept_max) decisions_.erase(decisions_.begin());
  decisions_[m.number] = {true, m.micro_turn};
  changed_.notify_all();
}

void coordinator::on(const std::string& peer, const wire::rewire_abort& m) {
  if (peer != run_.local().leader) return;
  std::lock_guard lock(mutex_);
  if (decisions_.size() >= kept_max) decisions_.erase(decisions_.begin());
  decisions_[m.number] = {false, 0};
  changed_.notify_all();
}

void coordinator::on(const std::string& peer, const wire::rewire_answer& m) {
  auto out = from_message(*m.outcome);
  if (out.host.empty()) out.host = peer;
  std::lock_guard lock(mutex_);
  // Only what was asked is answered, and by whom it was asked.
  if (peer == run_.local().leader && m.number == asked_) answers_[m.number] = std::move(out);
  changed_.notify_all();
}

void coordinator::on(const std::string& peer, const wire::rewire_vote& m) {
  auto out = from_message(*m.outcome);
  if (out.host.empty()) out.host = peer;
  std::lock_guard lock(mutex_);
  if (const auto it = replies_.find(m.number); it != replies_.end())
    it->second.votes[peer] = std::move(out);
  changed_.notify_all();
}

void coordinator::on(const std::string& peer, const wire::rewire_done& m) {
  auto out = from_message(*m.outcome);
  if (out.host.empty()) out.host = peer;
  std::lock_guard lock(mutex_);
  if (const auto it = replies_.find(m.number); it != replies_.end())
    it->second.done[peer] = std::move(out);
  changed_.notify_all();
}

// ---------------------------------------------------------------------------- the leader

rewire_outcome coordinator::lead(rewire_request request) {
  std::unique_lock one(leading_, std::try_to_lock);
  if (!one)
    return refused("", "rewire.under-way",
                   "another rewire of this run is under way; try again when it is done");
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
  const auto before = who_is_there();
  auto& asked = c->request;
  asked.hash = c->what.next.hash;
  asked.revision = c->out.revision + 1;
  const auto text = to_message(asked);
  for (const auto& p : run_.local().peers)
    if (!send(p, wire::rewire_prepare{number, text})) {
      send_all(wire::rewire_abort{number});
      return refused(p, "rewire.too-large", "the file, with what it includes, is over 256 KiB");
    }
  if (!asked.dry_run) rewirer_.prepare(c);
  rewire_outcome why = c->out;
  auto host = std::optional(run_.local().host);
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
  const auto& grid = run_.graph().grid;
  // The end of the micro-turn before `not_before`, which may be the least of all times.
  const auto soon = std::max(run_.now() + duration(notice_ns + 1), asked.not_before);
  const auto k = grid.index_of(soon - duration(1));
  // Kept first: the others commit within microseconds, and a file takes milliseconds.
  rewirer_.record_decision(*c);
  send_all(wire::rewire_commit{number, k});
  rewirer_.commit_at(c, k);
  collect_done(number, before, c->out);
  return c->out;
}

std::optional<std::string> coordinator::first_refusal(std::uint64_t number, int limit_s,
                                                      const incarnations& before,
                                                      rewire_outcome& why) {
  const auto until = clock::now() + std::chrono::seconds(limit_s + 5);
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      const auto& votes = replies_[number].votes;
      for (const auto& [host, vote] : votes)
        if (vote.state != rewire_state::planned) {
          why = vote;
          return host;
        }
      if (votes.size() == run_.local().peers.size()) return {};
      if (run_over()) {
        why = refused("", "rewire.run-ended", "the run is about to end");
        return run_.local().host;
      }
      changed_.wait_for(lock, look_again);
    }
    for (const auto& p : run_.local().peers)
      if (is_gone(p, before)) {
        why = refused(p, "rewire.host_lost", "it was lost while it prepared");
        return p;
      }
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
  const auto until = clock::now() + std::chrono::seconds(settle_limit_s);
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
  replies_.erase(number);
}

// ---------------------------------------------------------------------------- the others

void coordinator::participate(std::string leader, std::uint64_t number, rewire_request request) {
  const auto before = who_is_there();
  {
    // What somebody on this machine asked the leader for comes back as it went.
    std::lock_guard lock(mutex_);
    if (asked_for_.empty() || request.graph.text != asked_for_) request.graph.from = leader;
  }
  auto c = rewirer_.draft(request);
  if (c->out.state == rewire_state::planned && !request.dry_run) rewirer_.prepare(c);
  if (c->out.state == rewire_state::unchanged) {
    c->out.state = rewire_state::refused;
    c->out.why = "this host runs that graph already";
  }
  auto vote = c->out;
  vote.host = run_.local().host;
  send(leader, wire::rewire_vote{number, to_message(vote)});
  const auto until = clock::now() + std::chrono::seconds(request.prepare_limit_s + 10);
  decision what;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (const auto it = decisions_.find(number); it != decisions_.end()) {
        what = it->second;
        decisions_.erase(it);
        break;
      }
      if (run_over()) break;
      changed_.wait_for(lock, look_again);
    }
    if (is_gone(leader, before) || clock::now() > until) break;
  }
  if (request.dry_run || c->out.state == rewire_state::refused) return;
  if (!what.commit || c->out.state != rewire_state::planned) {
    const auto why =
        c->out.why.empty() ? "another host could not do it, or the leader was lost" : c->out.why;
    rewirer_.abort(*c, c->out.why.empty() ? leader : "",
                   c->out.code.empty() ? "rewire.called_off" : c->out.code, why);
  } else {
    rewirer_.commit_at(c, what.micro_turn);
  }
  auto done = c->out;
  done.host = run_.local().host;
  done.actors.clear();  // the leader knows
  done.links.clear();
  send(leader, wire::rewire_done{number, to_message(done)});
}

}  // namespace hocket::rewire
