#include "actors/gateway/tinker/engine/request_link.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/gateway/tinker/engine/life.hpp"

namespace hocket::tinker {

request_link::request_link(settings s, std::function<void(std::string)> send, judge judges,
                           std::function<void(std::string)> tell, clock::time_point now)
    : settings_(std::move(s)),
      send_(std::move(send)),
      judges_(std::move(judges)),
      tell_(std::move(tell)),
      server_(new_life()),
      heard_(now),
      asked_(now - settings_.hello_every),
      ticked_(now),
      message_(first_number()) {}

void request_link::submit(request r) {
  ends over;
  begun now_begun;
  {
    const std::lock_guard lock(mutex_);
    auto& of_owner = waiting_[r.owner];
    if (stopped_)
      over.emplace_back(std::move(r), fail("tinker.stopped", "the server is stopping"));
    else if (const auto fits = can_cross(r.work); !fits)
      over.emplace_back(std::move(r), fail(fits));
    else
      of_owner.insert(r.is_first ? of_owner.begin() : of_owner.end(), std::move(r));
    std::erase_if(waiting_, [](const auto& e) { return e.second.empty(); });
    dispatch(over, now_begun);
  }
  finish(std::move(over), std::move(now_begun));
}

std::size_t request_link::queued(const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(owner);
  return found == waiting_.end() ? 0 : found->second.size();
}

std::int64_t request_link::bad() const {
  const std::lock_guard lock(mutex_);
  return bad_;
}

/// What is too large for the wire ends here.
void request_link::send(std::uint64_t number, std::variant<hello, cancel, std::string> what,
                        ends* over) {
  const auto pieces = pieces_of(pack(to_worker{server_, number, std::move(what)}), ++message_);
  if (pieces) {
    for (const auto& p : *pieces) send_(p);
    return;
  }
  const auto found = sent_.find(number);
  if (over == nullptr || found == sent_.end()) return;
  over->emplace_back(std::move(found->second.what), tl::unexpected(pieces.error()));
  sent_.erase(found);
}

void request_link::dispatch(ends& over, begun& now_begun) {
  while (may_send() && !waiting_.empty() && sent_.size() < settings_.window) {
    auto next = waiting_.upper_bound(last_owner_);
    if (next == waiting_.end()) next = waiting_.begin();
    last_owner_ = next->first;
    auto r = std::move(next->second.front());
    next->second.pop_front();
    if (next->second.empty()) waiting_.erase(next);
    if (r.begins) now_begun.push_back(r.begins);
    const auto number = ++number_;
    const auto& kept = sent_.emplace(number, sent{std::move(r), hello_}).first->second;
    send(number, kept.what.work, &over);
  }
}

tl::unexpected<error> request_link::out_of_reach() const {
  return fail("tinker.unreachable",
              (not_judged_.empty() ? settings_.what + " is out of reach" : not_judged_) +
                  ": ask again later");
}

void request_link::finish(ends&& over, begun&& now_begun) {
  for (const auto& b : now_begun) b();
  for (auto& [r, what] : over) r.done(std::move(what));
}

bool request_link::arrived(std::string_view piece, clock::time_point now) {
  ends over;
  begun now_begun;
  {
    const std::lock_guard lock(mutex_);
    const auto message = assembler_.take(piece);
    if (message && message->empty()) return false;
    auto m = message ? unpack_from_worker(*message) : result<from_worker>(fail(message));
    if (!m) {
      ++bad_;
      return false;
    }
    if (stopped_ || m->server != server_) return false;  // to a life of ours before this one
    if (const auto* r = std::get_if<ready>(&m->what)) {
      is_ready(*m, *r, now, over);
    } else if (m->worker == worker_) {
      heard_ = now;
      if (const auto found = sent_.find(m->number); found != sent_.end()) {
        auto what = std::move(found->second.what);
        sent_.erase(found);
        if (auto* e = std::get_if<error>(&m->what))
          over.emplace_back(std::move(what), tl::unexpected(std::move(*e)));
        else
          over.emplace_back(std::move(what), std::move(std::get<std::string>(m->what)));
      }
    }
    dispatch(over, now_begun);
  }
  finish(std::move(over), std::move(now_begun));
  return true;
}

void request_link::is_ready(const from_worker& m, const ready& r, clock::time_point now,
                            ends& over) {
  auto no = judges_(r.identity);
  not_judged_ = no && no->code == "tinker.unreachable" ? no->message : "";
  if (!not_judged_.empty()) return;
  heard_ = now;
  if (no && (!refused_ || refused_->message != no->message))
    tell_(fmt::format("{} is refused: {}", settings_.what, no->message));
  if (m.worker != worker_) {
    if (!no) tell_(settings_.what + " is there");
    worker_ = m.worker;
    another_life(over);
  }
  refused_ = std::move(no);
  if (refused_) {
    for (auto& [number, s] : sent_) over.emplace_back(std::move(s.what), tl::unexpected(*refused_));
    sent_.clear();
    return;
  }
  std::vector<std::uint64_t> lacking;
  for (const auto& [number, s] : sent_)
    if (s.hello < r.hello && std::ranges::find(r.in_work, number) == r.in_work.end())
      lacking.push_back(number);
  for (const auto number : lacking) {
    auto& s = sent_.at(number);
    s.hello = hello_, s.cancel_sent = false;
    send(number, s.what.work, &over);
  }
}

/// Of what was asked of the life before this one.
void request_link::another_life(ends& over) {
  for (auto it = sent_.begin(); it != sent_.end();) {
    auto& s = it->second;
    if (s.what.needs_no_model && !s.is_second) {
      s.is_second = true, s.hello = 0;  // sent below, as it is not in its work
      ++it;
      continue;
    }
    over.emplace_back(
        std::move(s.what),
        s.what.needs_no_model
            ? fail("tinker.unreachable",
                   settings_.what + " was started again while it worked on this, twice")
            : fail("tinker.model_lost",
                   settings_.what + " was started again: load a checkpoint of this model"));
    it = sent_.erase(it);
  }
}

void request_link::tick(clock::time_point now) {
  ends over;
  begun now_begun;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    // Where this process stood still, what came meanwhile is not read yet: that is nobody's silence.
    if (now - ticked_ > 3 * settings_.hello_every) heard_ += now - ticked_;
    ticked_ = now;
    if (now - asked_ >= settings_.hello_every) {
      asked_ = now;
      send(0, hello{++hello_}, nullptr);
    }
    const bool silent = now - heard_ > settings_.gone_after;
    if (silent && !worker_.empty()) tell_(settings_.what + " is out of reach");
    if (silent) worker_.clear();
    for (auto it = sent_.begin(); it != sent_.end();) {
      auto& s = it->second;
      const bool cancelled = s.what.is_cancelled && s.what.is_cancelled();
      if (silent && s.what.outlasts_silence) {
        waiting_[s.what.owner].push_back(std::move(s.what));
        it = sent_.erase(it);
        continue;
      }
      if (silent) {
        over.emplace_back(
            std::move(s.what),
            s.what.needs_no_model
                ? out_of_reach()
                : fail("tinker.model_lost",
                       settings_.what +
                           " is out of reach, and may have done this or not: load a checkpoint "
                           "of this model once it is back"));
        it = sent_.erase(it);
        continue;
      }
      if (cancelled && !s.cancel_sent) {
        s.cancel_sent = true;
        send(it->first, cancel{}, nullptr);
      }
      ++it;
    }
    for (auto& [owner, all] : waiting_)
      for (auto it = all.begin(); it != all.end();) {
        const bool cancelled = it->is_cancelled && it->is_cancelled();
        if (!cancelled && (!silent || it->outlasts_silence) && !refused_) {
          ++it;
          continue;
        }
        over.emplace_back(std::move(*it),
                          cancelled  ? fail("tinker.cancelled", "the request was cancelled")
                          : refused_ ? tl::unexpected(*refused_)
                                     : out_of_reach());
        it = all.erase(it);
      }
    std::erase_if(waiting_, [](const auto& e) { return e.second.empty(); });
    dispatch(over, now_begun);
  }
  finish(std::move(over), std::move(now_begun));
}

void request_link::stop() {
  ends over;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    const auto end = [&](request& r) {
      over.emplace_back(std::move(r), fail("tinker.stopped", "the server is stopping"));
    };
    for (auto& [number, s] : sent_) end(s.what);
    for (auto& [owner, all] : waiting_)
      for (auto& r : all) end(r);
    sent_.clear(), waiting_.clear();
  }
  finish(std::move(over));
}

}  // namespace hocket::tinker
