#include "actors/rewire/coordinator.hpp"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "actors/distributed/membership.hpp"
#include "actors/rewire/coordination.hpp"
#include "actors/rewire/messages.hpp"
#include "actors/rewire/rewirer.hpp"
#include "actors/host/run/graph_run.hpp"
#include "graph/trust/audit.hpp"

namespace hocket::rewire {
namespace {

/// What one peer may have this host remember.
constexpr std::size_t kept_max = 64;
/// How long one rewire waits for the end of the one before.
constexpr int turn_limit_s = 5;
/// How long the others' word is waited for where the leader was lost before it gave its own.
constexpr auto passing_on = std::chrono::seconds(1);

rewire_outcome busy() {
  return refused("", "rewire.busy",
                 "this host deals with what was asked before; try again when it has");
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
  if (closed_) return false;
  auto about = std::make_unique<errand>();
  about->place = budget_.take(peer, trust::spends::threads);
  if (!about->place) {
    trust::note_refusal({"host " + peer, "change the graph", "", "it has enough under way"});
    return false;
  }
  auto* of = about.get();
  threads_.emplace_back(std::thread([f = std::move(f), of] {
                          f();
                          of->place.give_back();
                          of->over.store(true);
                        }),
                        std::move(about));
  return true;
}

bool coordinator::run_over() const { return closed_ || run_.end.stopping() || run_.end.finished(); }

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
  if (auto late = rewirer_.outdated(request); late && !request.dry_run) return *late;
  // Read here first: files that it includes are on this machine, and so is the asking program.
  auto mine = rewirer_.draft(request);
  if (mine->out.state == rewire_state::refused || mine->out.state == rewire_state::unchanged)
    return mine->out;
  const auto& leader = run_.local().leader;
  const auto number = [&] {
    std::lock_guard lock(mutex_);
    asked_for_ = mine->request.graph;
    asked_makes_ = request.dry_run ? 0 : request.revision;
    return asked_ = ++last_;
  }();
  struct forget {
    coordinator& all;
    ~forget() {
      std::lock_guard lock(all.mutex_);
      all.asked_makes_ = 0;
      all.asked_for_.reset();
    }
  } const at_the_end{*this};
  // Each host counts for itself: looked at here, and again before this host votes.
  mine->request.revision = 0;
  mine->request.hash = mine->what.next.hash;
  const auto before = who_is_there();
  if (!is_there(leader) || !send(leader, wire::rewire_ask{number, to_message(mine->request)}))
    return refused(leader, "rewire.no_leader",
                   "host " + leader +
                       " leads this run and is not there, or the file is longer than "
                       "256 KiB");
  const auto until = clock::now() + std::chrono::seconds(request.prepare_limit_s) +
                     2 * settle_limit(run_.options.drain_limit_s);
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
  if (!taken) send(peer, wire::rewire_answer{m.number, to_message(busy())});
}

void coordinator::on(const std::string& peer, const wire::rewire_prepare& m) {
  if (peer != run_.local().leader) return;
  const bool taken =
      spawn_for(peer, [this, peer, m] { participate(peer, m.number, from_message(*m.request)); });
  if (!taken) send(peer, wire::rewire_vote{m.number, to_message(busy())});
}

void coordinator::on(const std::string& peer, const wire::rewire_commit& m) {
  const bool passed_on = peer != run_.local().leader;
  if (passed_on && !may_rewire(run_.graph(), peer)) return;
  std::lock_guard lock(mutex_);
  auto& known = passed_on ? passed_on_ : decisions_;
  if (known.size() >= kept_max) known.erase(known.begin());
  known[m.number] = {true, m.micro_turn};
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
  if (left_.size() >= kept_max && !left_.contains(m.number)) left_.erase(left_.begin());
  left_[m.number].insert(peer);
  changed_.notify_all();
}

// Where an actor comes from another host: `rewire_done` says that it has closed there. It may
// overtake packets that left that host before, but not the end of the link that they came over. A
// leader hears it when the host has settled, the others, and from the leader all, as soon as what
// retired has closed: so none waits for itself.
void coordinator::join_moves(rewirer::change& c, std::uint64_t number, const incarnations& before) {
  {
    // Words on earlier changes, which came when these were over, must not push out this one's.
    std::lock_guard lock(mutex_);
    std::erase_if(left_, [number](const auto& one) { return one.first != number; });
  }
  if (!c.moves) return;
  c.has_left = [this, number, &c] {
    rewire_outcome closed;
    closed.state = c.out.state;
    closed.host = run_.local().host;
    for (const auto& p : run_.local().peers)
      if (p != run_.local().leader) send(p, wire::rewire_done{number, to_message(closed)});
  };
  c.left = [this, number, before](const std::string& host, actor_index was) {
    if (is_gone(host, before)) return true;
    if (hosts_.links().may_still_come_from(was)) return false;
    std::lock_guard lock(mutex_);
    const auto it = left_.find(number);
    return it != left_.end() && it->second.contains(host);
  };
}

// ---------------------------------------------------------------------------- the others

void coordinator::participate(std::string leader, std::uint64_t number, rewire_request request) {
  const auto until = clock::now() + std::chrono::seconds(turn_limit_s);
  {
    // The one before may still close what it had opened: its end must not undo what this one made.
    std::unique_lock lock(mutex_);
    while (takes_part_ && !closed_ && clock::now() < until) changed_.wait_for(lock, look_again);
    if (takes_part_ || closed_) {
      lock.unlock();
      const auto no = refused(run_.local().host, "rewire.under-way",
                              "another rewire is under way there; try again when it is done");
      send(leader, wire::rewire_vote{number, to_message(no)});
      return;
    }
    // Called off before its turn came: there is nothing to undo.
    if (const auto it = decisions_.find(number); it != decisions_.end() && !it->second.commit) {
      decisions_.erase(it);
      return;
    }
    takes_part_ = true;
  }
  take_part(leader, number, std::move(request));
  std::lock_guard lock(mutex_);
  takes_part_ = false;
  changed_.notify_all();
}

std::optional<coordinator::decision> coordinator::wait_for_decision(const std::string& leader,
                                                                    std::uint64_t number,
                                                                    int limit_s,
                                                                    const incarnations& before) {
  auto until = clock::now() + std::chrono::seconds(limit_s);
  bool lost = false;
  for (;;) {
    const bool gone = is_gone(leader, before);  // asked first: its word may have come before
    std::unique_lock lock(mutex_);
    // While it is there its word alone counts.
    for (auto* known : {&decisions_, &passed_on_}) {
      const auto it = known->find(number);
      if (it == known->end() || (known == &passed_on_ && !gone)) continue;
      const auto what = it->second;
      decisions_.erase(number);
      passed_on_.erase(number);
      return what;
    }
    if (gone && !std::exchange(lost, true)) until = std::min(until, clock::now() + passing_on);
    if (run_over() || clock::now() > until) return {};
    changed_.wait_for(lock, look_again);
  }
}

void coordinator::take_part(const std::string& leader, std::uint64_t number,
                            rewire_request request) {
  const auto before = who_is_there();
  int makes = 0;
  {
    // What somebody on this machine asked the leader for is judged as it went, whatever the leader
    // says that it includes: another graph has another hash. What comes when nobody waits is the leader's.
    std::lock_guard lock(mutex_);
    if (asked_for_ && request.graph.text == asked_for_->text) {
      request.graph = *asked_for_;
      makes = asked_makes_;
    } else {
      request.graph.from = leader;
    }
  }
  auto c = rewirer_.draft(request);
  if (makes != 0 && c->out.state == rewire_state::planned) {
    auto asked = request;
    asked.revision = makes;
    if (auto late = rewirer_.outdated(asked)) c->out = *late;
  }
  if (c->out.state == rewire_state::planned && !request.dry_run) rewirer_.prepare(c);
  if (c->out.state == rewire_state::unchanged) {
    c->out.state = rewire_state::refused;
    c->out.why = "this host runs that graph already";
  }
  if (c->out.state == rewire_state::planned && !request.dry_run) {
    rewirer_.record_vote(*c);
    // The leader, killed and started again, may ask this host before it knows.
    hosts_.links().set_next_graph(wire::undecided_graph);
  }
  auto vote = c->out;
  vote.host = run_.local().host;
  send(leader, wire::rewire_vote{number, to_message(vote)});
  const auto what = wait_for_decision(leader, number, request.prepare_limit_s + 10, before);
  if (request.dry_run || c->out.state == rewire_state::refused) return;
  if (c->out.state != rewire_state::planned) {
    rewirer_.abort(*c, "", c->out.code, c->out.why);
  } else if (!what) {
    rewirer_.abort(*c, leader, undecided_code,
                   "this host had agreed and did not hear what was decided: host " + leader +
                       " was lost or too late, or the run here is over. If the others have the new "
                       "graph, start this host again: it asks them");
  } else if (!what->commit) {
    rewirer_.abort(*c, leader, "rewire.called_off", "another host could not do it");
  } else {
    // The leader may have been killed when it had told this host alone.
    for (const auto& p : run_.local().peers)
      if (p != leader) send(p, wire::rewire_commit{number, what->micro_turn});
    rewirer_.record_decision(*c);
    join_moves(*c, number, before);
    rewirer_.commit_at(c, what->micro_turn);
    std::lock_guard lock(mutex_);
    left_.erase(number);
  }
  auto done = c->out;
  done.host = run_.local().host;
  done.actors.clear();  // the leader knows
  done.links.clear();
  send(leader, wire::rewire_done{number, to_message(done)});
}

}  // namespace hocket::rewire
