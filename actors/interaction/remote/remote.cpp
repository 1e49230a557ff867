// The conversation: what the person and the background say goes out, what the model does comes in.
// Connections: connections.cpp.
#include "actors/interaction/remote/remote.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "graph/contract/answer_pieces.hpp"
#include "graph/core/samples.hpp"
#include "graph/text/clean.hpp"

namespace hocket::remote {
namespace {

enum input : std::size_t { audio_in, text_in, keyboard_in };
enum out_port : std::size_t { audio_out, text_out, heard_out, delegations_out, state_out };

constexpr std::int64_t piece_ms = 25;
constexpr std::size_t piece_samples = piece_ms * rate_hz / 1000;
constexpr std::int64_t gate_samples = 50 * rate_hz / 1000;
constexpr std::int64_t word_ms = 250;  ///< of voice for each word of an answer that came at once
constexpr std::int64_t longest_gap_ms =
    250;  ///< then the person is silent, and the model is told so
constexpr std::int64_t longest_skip_ms = 2'000;
constexpr std::int64_t end_quiet_ms = 1'500, longest_end_ms = 15'000;
constexpr std::size_t most_open = 64;
constexpr std::size_t most_words = 4096, longest_word = 200;
constexpr std::size_t most_notices = 16;
constexpr std::size_t longest_result = 16'000;
constexpr std::size_t transcript_words = 200, longest_line = 1'000;

double rms_of(std::span<const float> samples) {
  double power = 0;
  for (const float s : samples) power += static_cast<double>(s) * s;
  return samples.empty() ? 0 : std::sqrt(power / static_cast<double>(samples.size()));
}

float dbfs_of(double rms) {
  return static_cast<float>(std::max(-100.0, 20 * std::log10(rms + 1e-5)));
}

}  // namespace

std::int64_t remote_model::now_ms() const {
  return (context_.time->now() - timestamp()) / std::chrono::milliseconds(1);
}

result<void> remote_model::process(std::size_t port, const packet& p, emitter& out) {
  if (const auto* a = p.get_if<audio_chunk>(); a != nullptr && port == audio_in)
    hear(a->samples.as<float>(), out);
  const auto* t = p.get_if<text>();
  if (t == nullptr) return {};
  if (port == text_in && (t->request != 0 || is_result(t->role))) {
    if (is_notice(*t))
      take_notice(*t, out);
    else
      take_result(*t, out);
    return {};
  }
  if (typed_.size() < longest_result) typed_ += (typed_.empty() ? "" : " ") + t->value;
  if (!t->final || typed_.empty()) return {};
  output o;
  machine_->type(std::exchange(typed_, {}), o);
  give(std::move(o), out);
  return {};
}

/// What the person says goes on as it comes; what has no connection is not heard.
void remote_model::hear(std::span<const float> samples, emitter& out) {
  last_heard_ms_ = now_ms();
  person_level_ = std::max(person_level_, rms_of(samples));
  const auto ms = static_cast<std::int64_t>(samples.size()) * 1000 / rate_hz;
  if (!machine_->is_ready()) return context_.count("unheard_ms", ms);
  sent_ms_ += ms;
  if (sent_ms_ >= 1000) {
    context_.count("seconds", sent_ms_ / 1000);
    sent_ms_ %= 1000;
  }
  output o;
  machine_->hear(samples, o);
  give(std::move(o), out);
}

/// The graph's own words, which answer nothing that the model asked: what a policy says, say.
bool remote_model::is_notice(const text& t) const {
  if (t.request == 0 || notice_parts_.count(t.request) > 0) return true;
  return t.role == failure_role && t.request >= next_request_;
}

void remote_model::take_notice(const text& t, emitter& out) {
  if (notice_parts_.size() >= most_notices && notice_parts_.count(t.request) == 0)
    return context_.count("dropped_notices", 1);
  auto& words = notice_parts_[t.request];
  if (replaces(t)) words.clear();
  if (words.size() < longest_result) words += (words.empty() ? "" : " ") + t.value;
  if (!t.final) return;
  if (!words.empty()) {
    notices_.push_back(std::move(words));
    context_.count("notices", 1);
  }
  notice_parts_.erase(t.request);
  if (notices_.size() > most_notices) {
    notices_.pop_front();
    context_.count("dropped_notices", 1);
  }
  give({}, out);
}

void remote_model::take_result(const text& t, emitter& out) {
  if (t.role == left_role) return;  // its answer comes from the app, if it comes
  const auto asked = requests_.find(t.request);
  if (asked == requests_.end()) {
    if (t.final && t.role != over_role) context_.count("late_results", 1);
    return;
  }
  auto& words = results_[t.request];
  if (replaces(t) || t.role == over_role) words.clear();
  if (words.size() < longest_result) words += (words.empty() ? "" : " ") + t.value;
  if (!t.final) return;
  finished_.emplace_back(std::move(asked->second), std::move(words));
  requests_.erase(asked);
  results_.erase(t.request);
  give({}, out);
}

/// Messages go out; results and notices wait for a connection that takes them, and go once. What a connection had
/// taken when it broke counts as told: no protocol here says what arrived.
void remote_model::give(output o, emitter& out) {
  for (const auto& e : o.events) on(e, out);
  send(o.messages);
  if (!machine_->is_ready()) return;
  while (!notices_.empty()) {
    output told;
    machine_->say(notices_.front(), told);
    if (!send(told.messages)) return;
    notices_.pop_front();
  }
  while (!finished_.empty()) {
    output told;
    const auto& [id, words] = finished_.front();
    machine_->result(id, words, told);
    if (!send(told.messages)) return machine_->not_told(id);
    finished_.pop_front();
  }
}

// --- what the model does --------------------------------------------------------------------------

void remote_model::on(const event& e, emitter& out) {
  if (const auto* s = std::get_if<sound>(&e)) {
    is_answering_ = !machine_->is_continuous();  // of others the gates tell
    if (const auto lost = voice_->put(s->samples, s->item, now_ms()); lost > 0)
      context_.count("dropped_ms", lost);
  } else if (const auto* w = std::get_if<said>(&e)) {
    queue_words(w->text);
  } else if (const auto* h = std::get_if<heard>(&e)) {
    tell_heard(heard_.add(h->text, h->is_final, now_ms()), h->is_final, out);
  } else if (std::get_if<barge_in>(&e) != nullptr) {
    cut_short(true, out);
  } else if (std::get_if<answered>(&e) != nullptr) {
    is_answering_ = false;
    voice_->finish();
    if (!part_.empty()) words_.push_back(std::exchange(part_, {}));
  } else if (const auto* c = std::get_if<call>(&e)) {
    on_call(*c, out);
  } else if (const auto* o = std::get_if<call_over>(&e)) {
    const auto found =
        std::ranges::find_if(requests_, [&](const auto& r) { return r.second == o->id; });
    if (found == requests_.end()) return;
    out.emit(delegations_out, context_.time->now(),
             delegation{found->first, delegation::action::cancel, "", "", 0, 0, 0});
    results_.erase(found->first);
    requests_.erase(found);
  } else if (const auto* m = std::get_if<cost>(&e)) {
    if (m->tokens_in > 0) context_.count("tokens_in", m->tokens_in);
    if (m->tokens_out > 0) context_.count("tokens_out", m->tokens_out);
  } else {
    on_line(e);
  }
}

void remote_model::on_call(const call& c, emitter& out) {
  if (requests_.size() >= most_open) return context_.count("too_many_calls", 1);
  context_.count("delegations", 1);
  tell_heard(heard_.rest(), false, out);  // what led to it
  delegation d;
  d.request = next_request_++;
  d.task = c.task;
  for (const auto& line : transcript_) d.transcript += line + "\n";
  d.to_micro_turn = context_.grid.index_of(context_.time->now());
  d.from_micro_turn = std::max<std::int64_t>(0, d.to_micro_turn - 50);
  requests_[d.request] = c.id;
  out.emit(delegations_out, context_.time->now(), std::move(d));
}

bool remote_model::is_speaking() const {
  const bool sounds =
      std::any_of(std::begin(gates_), std::end(gates_), [](float g) { return g > 0; });
  if (machine_->is_continuous()) return sounds;
  return is_answering_ || !voice_->is_empty() || !words_.empty();
}

/// The person speaks over it: what was not heard yet will not be, and the model is told how much was.
void remote_model::cut_short(bool raises_epoch, emitter& out) {
  if (!is_speaking()) return;
  context_.count("barge_ins", 1);
  output o;
  machine_->cut(voice_->item(), voice_->taken_ms(), o);
  voice_->clear();
  words_.clear();
  part_.clear();
  is_answering_ = false;
  if (raises_epoch) out.interrupt();
  give(std::move(o), out);
}

/// Pieces of words come together here; a word is whole where a blank follows it.
void remote_model::queue_words(const std::string& text) {
  for (const char c : text) {
    const bool is_blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!is_blank && part_.size() < longest_word) part_ += c;
    if (is_blank && !part_.empty()) words_.push_back(std::exchange(part_, {}));
  }
  while (words_.size() > most_words) words_.pop_front();
}

/// The words of a voice that runs all the time are said as they come, those of an answer that came at once
/// with its sound: what is cut off was not said.
void remote_model::say_words(std::int64_t played_ms, emitter& out) {
  word_credit_ms_ = std::min(word_credit_ms_ + played_ms, word_ms);
  const bool at_once = machine_->is_continuous() || (voice_->is_empty() && !is_answering_);
  while (!words_.empty() && (at_once || word_credit_ms_ >= word_ms)) {
    word_credit_ms_ = 0;
    auto word = std::move(words_.front());
    words_.pop_front();
    remember("model", word);
    out.emit(text_out, context_.time->now(), text{std::move(word), "model", 0, true});
  }
}

void remote_model::tell_heard(std::string words, bool is_final, emitter& out) {
  if (words.empty()) return;
  remember("user", words);
  out.emit(heard_out, context_.time->now(), text{std::move(words), "heard", 0, is_final});
}

void remote_model::remember(const char* who, const std::string& word) {
  transcript_.push_back(fmt::format("{}: {}", who, cut_text(word, longest_line)));
  if (transcript_.size() > transcript_words) transcript_.pop_front();
}

// --- time -----------------------------------------------------------------------------------------

/// The model's voice, without a hole, at the pace of the clock.
result<source_state> remote_model::produce(timestamp until, emitter& out) {
  if (refused_) return fail(refused_->code, refused_->message);
  const auto due = sample_index(until, rate_hz);
  const auto skip = longest_skip_ms * rate_hz / 1000;
  if (next_out_ < 0 || due - next_out_ > skip)
    next_out_ = due - due % static_cast<std::int64_t>(piece_samples);
  // A piece leaves when its time is over: by then all of it is there, however it came.
  for (; next_out_ < due; next_out_ += static_cast<std::int64_t>(piece_samples)) {
    const auto had = voice_->waiting_ms();
    auto samples = voice_->take(piece_samples, now_ms());
    const auto rms = rms_of(samples);
    model_dbfs_ = std::max(model_dbfs_, dbfs_of(rms));
    auto& gate = gates_[next_out_ / gate_samples % 4];
    const bool is_first_of_gate = next_out_ % gate_samples == 0;
    gate = rms > 1e-3 || (gate > 0 && !is_first_of_gate) ? 1.0f : 0.0f;
    out.emit(audio_out, timestamp::of_samples(next_out_, rate_hz),
             audio_chunk{rate_hz, 1, next_out_, buffer::take(std::move(samples))});
    say_words(std::min(piece_ms, had - voice_->waiting_ms()), out);
  }
  if (!is_over_) return source_state::more;
  // The person's sound has ended: the model may finish what it says.
  const auto since = now_ms() - over_since_ms_;
  const bool is_busy = is_speaking() || !requests_.empty() || !notices_.empty();
  if (machine_->is_ready() && is_busy && since < longest_end_ms) return source_state::more;
  return since < end_quiet_ms ? source_state::more : source_state::end_of_stream;
}

result<void> remote_model::tick(std::int64_t micro_turn, emitter& out) {
  const auto now = now_ms();
  // A server that finds the ends of turns needs to hear silence, too.
  if (!is_over_ && machine_->is_ready() && now - last_heard_ms_ >= longest_gap_ms)
    hear(std::vector<float>(static_cast<std::size_t>(std::min<std::int64_t>(
                                now - std::max<std::int64_t>(last_heard_ms_, now - 1000), 1000)) *
                            rate_hz / 1000),
         out);
  tell_heard(heard_.settled(now), false, out);
  output o;
  machine_->advance(now, o);
  machine_->played(voice_->item(), voice_->taken_ms(), o);
  give(std::move(o), out);
  watch_line(now);
  if (const auto more = voice_->holes() - told_holes_; more > 0) {
    context_.count("holes", more);
    told_holes_ += more;
  }
  std::vector<float> state{
      static_cast<float>(std::clamp((dbfs_of(person_level_) + 60.0) / 60.0, 0.0, 1.0)),
      model_dbfs_,
      gates_[0],
      gates_[1],
      gates_[2],
      gates_[3],
      static_cast<float>(voice_->waiting_ms()),
      1.0f};
  person_level_ = 0;
  model_dbfs_ = -100;
  out.emit(state_out, context_.grid.end_of(micro_turn),
           tensor{dtype::f32, {8}, buffer::take(std::move(state))});
  return {};
}

result<void> remote_model::on_control(std::size_t port, const packet& p, emitter& out) {
  const auto* c = p.get_if<control>();
  if (c == nullptr) return {};
  if (c->what == control::kind::interrupt) cut_short(false, out);
  if (c->what == control::kind::end_of_stream && port == audio_in && !std::exchange(is_over_, true))
    over_since_ms_ = now_ms();
  return {};
}

}  // namespace hocket::remote
