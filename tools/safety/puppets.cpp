#include "tools/safety/puppets.hpp"

#include <cmath>

#include "graph/contract/answer_pieces.hpp"

namespace hocket::safety {
namespace {

constexpr std::int32_t rate_hz = 16000;
/// A person's turn is over after so long without a word; the background takes as long.
constexpr std::chrono::milliseconds turn_pause{400}, work_takes{400};

timestamp at_seconds(double s) { return timestamp(std::llround(s * 1e9)); }

result<tape*> tape_of(const context& where, std::vector<tape>& all) {
  const auto number = static_cast<std::size_t>(where.session);
  if (number < 1 || number > all.size())
    return fail("safety.run", "there is no conversation for session " + std::to_string(number));
  return &all[number - 1];
}

timestamp word_at(const utterance& u, std::size_t word) {
  return at_seconds(u.at_s + word_s * static_cast<double>(word));
}

}  // namespace

result<void> silent_person::open(const context& where) {
  const auto mine = tape_of(where, *all_);
  if (!mine) return fail(mine);
  length_s_ = (*mine)->plays->length_s;
  return {};
}

result<source_state> silent_person::produce(timestamp until, emitter&) {
  return until.seconds() < length_s_ ? source_state::more : source_state::end_of_stream;
}

result<void> obedient_model::open(const context& where) {
  context_ = where;
  const auto mine = tape_of(where, *all_);
  if (!mine) return fail(mine);
  tape_ = *mine;
  return {};
}

result<void> obedient_model::process(std::size_t, const packet& p, emitter& out) {
  const auto* t = p.get_if<text>();
  if (t == nullptr || ports_.requests < 0) return {};
  const bool failed = t->role == failure_role;
  if (!is_result(t->role)) return {};
  question of;
  bool is_order = false;
  {
    const std::lock_guard hold(tape_->lock);
    tape_->results.push_back({context_.time->now().seconds(), t->request, failed, t->value});
    if (const auto asked = tape_->asked.find(t->request); asked != tape_->asked.end()) {
      of = asked->second;
      is_order = !failed && !of.obeys && !tape_->plays->says[of.utterance].returns.empty();
    }
  }
  own_answers_.erase(t->request);
  if (replaces(*t)) std::erase_if(to_say_, [](const spoken_word& w) { return !w.is_slip; });
  for (auto& w : words_of(t->value)) to_say_.push_back({std::move(w)});
  if (!is_order) return {};
  auto& order = obeyed_[t->request];
  if (replaces(*t)) order.clear();
  order += (order.empty() ? "" : " ") + t->value;
  // It does what it reads there.
  if (t->final) ask({of.utterance, true}, std::exchange(order, ""), context_.time->now(), out);
  return {};
}

void obedient_model::hear(timestamp from, timestamp to, emitter& out) {
  const auto& says = tape_->plays->says;
  while (next_utterance_ < says.size()) {
    const auto& u = says[next_utterance_];
    const auto words = words_of(u.words);
    for (; next_word_ < words.size() && word_at(u, next_word_) < to; ++next_word_) {
      if (next_word_ == 0 && ports_.requests >= 0 && !to_say_.empty() && !to_say_.front().is_slip) {
        to_say_.clear();
        out.interrupt();
      }
      if (ports_.heard >= 0)
        out.emit(static_cast<std::size_t>(ports_.heard), std::max(from, word_at(u, next_word_)),
                 text{words[next_word_], "heard", 0, true});
    }
    const bool over = next_word_ == words.size();
    const bool goes_on =
        next_utterance_ + 1 < says.size() && at_seconds(says[next_utterance_ + 1].at_s) < to;
    if (!over || (at_seconds(u.end_s()) + turn_pause > to && !goes_on)) return;
    transcript_ += "user: " + u.words + "\n";
    if (ports_.requests >= 0) ask({next_utterance_, false}, u.words, to, out);
    ++next_utterance_;
    next_word_ = 0;
  }
}

void obedient_model::ask(question of, const std::string& task, timestamp at, emitter& out) {
  delegation d;
  d.request = next_request_++;
  d.task = task;
  // A prompt holds the newest of it alone.
  if (transcript_.size() > 2000) transcript_.erase(0, transcript_.size() - 2000);
  d.transcript = transcript_;
  {
    const std::lock_guard hold(tape_->lock);
    tape_->asked[d.request] = of;
  }
  if (answers_) own_answers_[d.request] = at + work_takes;
  out.emit(static_cast<std::size_t>(ports_.requests), at, std::move(d));
}

void obedient_model::answer_itself(timestamp now) {
  for (auto it = own_answers_.begin(); it != own_answers_.end();) {
    if (it->second > now) {
      ++it;
      continue;
    }
    for (auto& w : words_of(harmless_answer)) to_say_.push_back({std::move(w)});
    const std::lock_guard hold(tape_->lock);
    tape_->results.push_back({now.seconds(), it->first, false, harmless_answer});
    it = own_answers_.erase(it);
  }
}

void obedient_model::slip(timestamp to) {
  const auto& slips = tape_->plays->slips;
  for (; next_slip_ < slips.size() && at_seconds(slips[next_slip_].at_s) < to; ++next_slip_) {
    const auto& turns = slips[next_slip_].turns;
    for (std::size_t i = 0; i < turns.size(); ++i) {
      for (auto& w : words_of(turns[i])) to_say_.push_back({std::move(w), true});
      if (i == 1) to_say_.back().ends_phrase = true;
    }
    to_say_.back().ends_slip = true;
  }
}

// A word in each micro-turn, and its sound.
void obedient_model::speak(timestamp at, emitter& out) {
  const auto samples =
      static_cast<std::int64_t>(context_.grid.length.count() / 1000 * rate_hz / 1000000);
  std::vector<float> sound(static_cast<std::size_t>(samples), 0.0f);
  const auto first = at.ns() / 1000 * rate_hz / 1000000;
  if (!to_say_.empty()) {
    for (std::int64_t i = 0; i < samples; ++i)
      sound[static_cast<std::size_t>(i)] =
          0.1f *
          static_cast<float>(std::sin(2 * M_PI * 220 * static_cast<double>(first + i) / rate_hz));
    if (ports_.said >= 0)
      out.emit(static_cast<std::size_t>(ports_.said), at,
               text{to_say_.front().text, "model", 0, true});
    const double ends_s = (at + context_.grid.length).seconds();
    if (to_say_.front().ends_phrase || to_say_.front().ends_slip) {
      const std::lock_guard hold(tape_->lock);
      if (to_say_.front().ends_phrase) tape_->slip_ends_s.push_back(ends_s);
      if (to_say_.front().ends_slip) tape_->slip_over_s.push_back(ends_s);
    }
    to_say_.pop_front();
  }
  if (ports_.audio >= 0)
    out.emit(static_cast<std::size_t>(ports_.audio), at,
             audio_chunk{rate_hz, 1, first, buffer::take(std::move(sound))});
}

result<void> obedient_model::tick(std::int64_t micro_turn, emitter& out) {
  const auto from = context_.grid.start_of(micro_turn), to = context_.grid.end_of(micro_turn);
  hear(from, to, out);
  if (ports_.requests < 0 && ports_.audio < 0) return {};
  answer_itself(to);
  slip(to);
  speak(to, out);
  return {};
}

result<void> obedient_background::open(const context& where) {
  context_ = where;
  const auto mine = tape_of(where, *all_);
  if (!mine) return fail(mine);
  tape_ = *mine;
  return {};
}

result<void> obedient_background::process(std::size_t, const packet& p, emitter&) {
  const auto* d = p.get_if<delegation>();
  if (d == nullptr) return {};
  if (d->what == delegation::action::cancel) {
    due_.erase(d->request);
    return {};
  }
  due_[d->request] = context_.time->now() + work_takes;
  return {};
}

result<void> obedient_background::tick(std::int64_t micro_turn, emitter& out) {
  const auto now = context_.grid.end_of(micro_turn);
  for (auto it = due_.begin(); it != due_.end();) {
    if (it->second > now) {
      ++it;
      continue;
    }
    std::string answer = harmless_answer;
    {
      const std::lock_guard hold(tape_->lock);
      const auto of = tape_->asked.find(it->first);
      if (of != tape_->asked.end() && !of->second.obeys &&
          !tape_->plays->says[of->second.utterance].returns.empty())
        answer = tape_->plays->says[of->second.utterance].returns;
    }
    if (ports_.evidence >= 0)
      out.emit(static_cast<std::size_t>(ports_.evidence), now,
               tool_result{it->first, it->first, "page", outcome::ok, answer});
    if (ports_.results >= 0)
      out.emit(static_cast<std::size_t>(ports_.results), now,
               text{answer, "background", it->first, true});
    it = due_.erase(it);
  }
  return {};
}

}  // namespace hocket::safety
