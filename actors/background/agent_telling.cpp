// What the model is told, and when.
#include <algorithm>

#include "actors/background/agent.hpp"
#include "actors/background/spoken_words.hpp"

namespace hocket::background {
namespace {

constexpr std::size_t results_port = 0;

std::chrono::milliseconds ms(std::int64_t n) { return std::chrono::milliseconds(n); }

}  // namespace

// `after_ms`: what its tools took by the wall clock, where stream time stood still meanwhile.
timestamp agent::due_of(timestamp asked, std::int64_t after_ms) const {
  return std::max(asked + ms(std::max(config_.min_delay_ms, after_ms)), context_.time->now());
}

void agent::note_progress(std::uint64_t id, timestamp asked, timestamp due) {
  const auto at = asked + ms(config_.progress_after_ms);
  if (context_.time->is_virtual() && config_.progress_after_ms > 0 && due > at)
    outbox_.note(outbox::note_kind::progress, id, at, config_.progress_words);
}

void agent::say(timestamp asked, std::int64_t after_ms, std::uint64_t id, const std::string& words,
                bool replaces) {
  const auto due = due_of(asked, after_ms);
  note_progress(id, asked, due);
  outbox_.answer(id, due, words, replaces);
}

void agent::say_failure(timestamp asked, std::int64_t after_ms, std::uint64_t id) {
  const auto due = due_of(asked, after_ms);
  note_progress(id, asked, due);
  outbox_.failure(id, due);
}

// What becomes of a request that gets no words.
void agent::tell_state(std::uint64_t id, std::string_view role, emitter& out) {
  out.emit(results_port, outbox_.stamp(context_.time->now()),
           text{"", std::string(role), id, role == over_role});
}

// Sends what is due before `until`, in order of time.
void agent::release(timestamp until, emitter& out) {
  outbox_.release(until, context_.time->now(), [&](timestamp at, text t) {
    talk_.told(t, at);
    out.emit(results_port, at, std::move(t));
  });
  note_questions();
  if (const auto cuts = outbox_.cuts(); cuts != cuts_) {
    context_.count("cut_results", cuts - cuts_);
    cuts_ = cuts;
  }
  const bool open = !outbox_.is_empty() || std::ranges::any_of(requests_, [](const auto& entry) {
    return entry.second.now == request::state::wanted;
  });
  if (!open)
    unfinished_.reset();
  else if (!unfinished_)
    unfinished_ = context_.hold();
}

result<void> agent::tick(std::int64_t micro_turn, emitter& out) {
  look_for_incidents(out);
  swap_adapter(out);
  check_limits(out);
  check_consents(out);
  const auto now = context_.grid.end_of(micro_turn);
  release(now, out);
  // What comes from now on is due from now on: nobody has to wait for a result of a past micro-turn.
  out.emit(results_port, now, control{control::kind::bound, "", 0});
  release(context_.grid.end_of(micro_turn + 1), out);
  return {};
}

bool agent::tell_more(const delegation& d) {
  const auto now = context_.time->now();
  if (!is_among(d.task, config_.more_words) ||
      !outbox_.more(d.request, now + ms(config_.min_delay_ms)))
    return false;
  context_.count("more_asked", 1);
  talk_.asked(d.request, now, d.task);
  return true;
}

}  // namespace hocket::background
