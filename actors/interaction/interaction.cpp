#include "actors/interaction/interaction.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "graph/contract/answer_pieces.hpp"
#include "graph/text/number_words.hpp"
#include "graph/core/samples.hpp"

namespace hocket::interaction {
namespace {

enum input : std::size_t { audio_in, text_in, keyboard_in, video_in };  // and adapters
enum output : std::size_t {
  audio_out,
  text_out,
  heard_out,
  delegations_out,
  state_out
};  // and adapter
constexpr std::int32_t rate_hz = 16000;
constexpr auto frame_length = std::chrono::milliseconds(50);
constexpr std::int64_t longest_skip = 50;  ///< micro-turns that are made up with silence
constexpr std::size_t most_closed = 64, most_pending = 64;
constexpr std::int64_t longest_pending =
    6000;                                  ///< micro-turns, 20 minutes; no background takes longer
constexpr std::int64_t longest_lost = 50;  ///< micro-turns until what is pending has no answer
constexpr std::uint64_t requests_of_a_life = 1'000'000;  ///< a later one does not use their numbers
constexpr auto lost_words = "no result";

float level_dbfs(std::span<const float> samples) {
  double sum = 0;
  for (const float s : samples) sum += static_cast<double>(s) * s;
  const double mean = samples.empty() ? 0 : sum / static_cast<double>(samples.size());
  return static_cast<float>(std::max(-100.0, 10 * std::log10(mean + 1e-10)));
}

// Loudness of the person from dMel bins: 16 levels of log10 magnitude, as a share of full scale.
float heard_level(std::span<const std::uint8_t> frames) {
  double sum = 0;
  for (const auto bin : frames) sum += bin;
  return frames.empty() ? 0 : static_cast<float>(sum / static_cast<double>(frames.size()) / 15.0);
}

}  // namespace

result<void> interaction_model::open(const context& where) {
  context_ = where;
  engine_options options;
  options.model = config_.model;
  options.device = config_.device;
  options.flow_steps = config_.flow_steps;
  options.flow_noise = config_.flow_noise;
  options.gate_threshold = config_.gate_threshold;
  options.nothing_bias = config_.nothing_bias;
  options.heard_bias = config_.heard_bias;
  options.seed = static_cast<std::uint64_t>(config_.seed);
  options.threads = static_cast<int>(config_.threads);
  auto made = make_(options);
  if (!made) return fail(made);
  engine_ = std::move(*made);
  context_.log(engine_->describe());
  refusal_ = engine_->tokens_of(config_.refusal);
  if (std::ranges::any_of(refusal_,
                          [](const auto& t) { return t == "<unk>" || t.starts_with("##"); }))
    refusal_.clear();
  return read_first_adapter();
}

result<interaction_model::conversation*> interaction_model::conversation_of(const bundle& set) {
  auto& slot = conversations_[set.session];
  if (!slot) {
    HOCKET_TRY(engine_->open_session(set.session));
    if (through_now_) engine_->adapt(set.session, through_now_);
    slot = std::make_unique<conversation>(
        delegation_reader::options{.supersede = config_.new_request == "supersede",
                                   .correction = config_.correction_word,
                                   .first_request = 1 + requests_of_a_life * context_.restarts});
    slot->next = set.micro_turn;
    if (through_now_) slot->through = adapter_now_;
  }
  return slot.get();
}

// All sessions step together; one that is behind is brought up first, alone, with silence.
result<void> interaction_model::process_sets(std::span<const bundle> sets, emitter& out) {
  look_for_incidents(out);
  swap_adapter(out);  // what is open is in use before another one is looked at
  take_adapters(sets);
  swap_adapter(out);
  std::vector<due_turn> due;
  for (const auto& set : sets) {
    // What a shared actor sends to nobody in particular is in no conversation.
    if (set.session == session_id::none) continue;
    auto who = conversation_of(set);
    if (!who) return fail(who);
    auto& c = **who;
    if (set.micro_turn < c.next) continue;  // handed over twice: nothing to hear any more
    if (set.micro_turn - c.next > longest_skip) {
      context_.count("skipped_micro_turns", set.micro_turn - c.next - longest_skip);
      c.next = set.micro_turn - longest_skip;
    }
    const bool again = std::ranges::any_of(due, [&](const due_turn& d) { return d.who == &c; });
    if (again || c.next < set.micro_turn) {
      HOCKET_TRY(step(due, out));
      due.clear();
    }
    for (; c.next < set.micro_turn; ++c.next) {
      context_.count("skipped_micro_turns", 1);
      const due_turn silent{nullptr, &c, set.session, c.next};
      HOCKET_TRY(step(std::span(&silent, 1), out));
    }
    due.push_back({&set, &c, set.session, set.micro_turn});
    ++c.next;
  }
  return step(due, out);
}

turn_input interaction_model::input_of(const due_turn& due) {
  turn_input in;
  in.session = due.session;
  in.frames.assign(frames_per_turn * dmel_channels, 0);  // bin 0 is silence
  if (due.set) {
    read_frames(*due.set, in);
    for (const std::size_t port : {text_in, keyboard_in})
      if (port < due.set->inputs.size())
        for (const auto& p : due.set->inputs[port]) queue_words(*due.who, p);
    if (video_in < due.set->inputs.size())
      for (const auto& p : due.set->inputs[video_in]) read_picture(p, in);
  } else {
    context_.count("missing_audio", 1);
  }
  give_up_lost(*due.who, due.micro_turn);
  due.who->refusal.put_into(in);
  auto& waiting = due.who->words;
  while (in.words.size() < engine_->text_slots() && !waiting.empty()) {
    in.words.push_back(std::move(waiting.front().word));
    waiting.pop_front();
  }
  return in;
}

// Each row goes to its 50 ms by its time; rows that are not there stay silent.
void interaction_model::read_frames(const bundle& set, turn_input& into) {
  bool filled[frames_per_turn] = {};
  for (const auto& p : set.inputs[audio_in]) {
    const auto* t = p.get_if<tensor>();
    if (!t || t->type != dtype::u8 || t->shape.size() != 2 ||
        t->shape[1] != static_cast<std::int64_t>(dmel_channels))
      continue;
    const auto bins = t->data.as<std::uint8_t>();
    const auto rows = static_cast<std::int64_t>(bins.size() / dmel_channels);
    const auto first = (p.header.ts - set.from) / frame_length;
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto slot = first + r;
      if (slot < 0 || slot >= static_cast<std::int64_t>(frames_per_turn)) continue;
      std::copy_n(bins.begin() +
                      static_cast<std::ptrdiff_t>(r) * static_cast<std::ptrdiff_t>(dmel_channels),
                  dmel_channels,
                  into.frames.begin() + static_cast<std::ptrdiff_t>(slot) *
                                            static_cast<std::ptrdiff_t>(dmel_channels));
      filled[slot] = true;
    }
  }
  const auto missing = std::count(std::begin(filled), std::end(filled), false);
  if (missing == static_cast<std::ptrdiff_t>(frames_per_turn)) {
    context_.count("missing_audio", 1);
  } else if (missing > 0) {
    context_.count("missing_frames", missing);
  }
}

// The newest picture of the micro-turn is the one that is seen.
void interaction_model::read_picture(const packet& p, turn_input& into) {
  const auto* t = p.get_if<tensor>();
  if (!t || t->type != dtype::u8) return;
  const auto pixels = t->data.as<std::uint8_t>();
  if (engine_->video_bytes() == 0)
    context_.count("video_ignored", 1);
  else if (pixels.size() != engine_->video_bytes())
    context_.count("video_misfits", 1);
  else
    into.video.assign(pixels.begin(), pixels.end());
}

void interaction_model::ask(conversation& who, delegation d, timestamp at, emitter& to) {
  who.pending[d.request] = d;
  while (who.pending.size() > most_pending ||
         d.to_micro_turn - who.pending.begin()->second.to_micro_turn > longest_pending) {
    who.pending.erase(who.pending.begin());
    context_.count("forgotten_requests", 1);
  }
  to.emit(delegations_out, at, std::move(d));
}

// Nothing more is read of it.
void interaction_model::close_request(conversation& who, std::uint64_t request) {
  forget_words(who, request);
  who.pending.erase(request);
  who.closed.push_back(request);
  if (who.closed.size() > most_closed) who.closed.pop_front();
}

// Who answers was lost and has not come back: each request ends here.
void interaction_model::give_up_lost(conversation& who, std::int64_t k) {
  if (!who.lost_at || k - *who.lost_at < longest_lost) return;
  for (const auto& [request, _] : std::map(who.pending)) {
    who.reader.answered(request);
    close_request(who, request);
    tell_failure(who, lost_words, 0);
    context_.count("given_up", 1);
  }
}

// Words of a request that the model has not read yet; how many.
std::int64_t interaction_model::forget_words(conversation& who, std::uint64_t request) {
  return static_cast<std::int64_t>(
      std::erase_if(who.words, [&](const auto& w) { return w.request == request; }));
}

// Ends without words. Nobody asks again what has ended, or what somebody else works on.
bool interaction_model::takes_end(conversation& who, const text& t) {
  if (t.role != over_role && t.role != left_role) return false;
  who.pending.erase(t.request);
  if (t.role == over_role) {
    who.reader.answered(t.request);
    who.failing.erase(t.request);
    context_.count("superseded_words", forget_words(who, t.request));
  }
  return true;
}

// A model has learnt what to say where it cannot help, and hardly ever what a failure's words mean.
void interaction_model::tell_failure(conversation& who, const std::string& words,
                                     std::uint64_t request) {
  if (!refusal_.empty()) return who.refusal.ask(refusal_);
  for (auto& word : engine_->tokens_of(words)) who.words.push_back({std::move(word), request});
}

// Whether this is a word of a failure that the model says in its own words.
bool interaction_model::is_refused(conversation& who, const text& t) {
  if (t.request == 0 || refusal_.empty()) return false;
  if (t.role == failure_role) {
    who.failing.insert(t.request);
    who.refusal.ask(refusal_);
  } else if (replaces(t)) {
    who.failing.erase(t.request);
  }
  return t.final ? who.failing.erase(t.request) > 0 : who.failing.contains(t.request);
}

void interaction_model::queue_words(conversation& who, const packet& p) {
  const auto* t = p.get_if<text>();
  if (!t || takes_end(who, *t)) return;
  if (t->request && t->final) who.reader.answered(t->request);
  if (t->request && std::ranges::find(who.closed, t->request) != who.closed.end())
    return context_.count("superseded_words", 1);
  if (t->final) who.pending.erase(t->request);
  if (t->request && replaces(*t))  // nobody reads on in what does not hold any more
    context_.count("replaced_words", forget_words(who, t->request));
  if (is_refused(who, *t)) return;
  for (std::string& word : engine_->tokens_of(speakable(t->value))) {
    if (word == "<unk>") context_.count("unknown_words", 1);
    if (who.words.size() >= static_cast<std::size_t>(config_.max_queued_words)) {
      who.words.pop_front();
      context_.count("dropped_words", 1);
    }
    who.words.push_back({std::move(word), t->request});
  }
}

result<void> interaction_model::step(std::span<const due_turn> due, emitter& to) {
  if (due.empty()) return {};
  std::vector<turn_input> inputs;
  for (const auto& d : due) inputs.push_back(input_of(d));
  const auto begun = monotonic_ns();
  auto outputs = engine_->step(inputs);
  const double compute_ms = static_cast<double>(monotonic_ns() - begun) / 1e6;
  if (!outputs) return fail(outputs);
  if (compute_ms > std::chrono::duration<double, std::milli>(context_.grid.length).count())
    context_.count("overruns", 1);
  for (std::size_t i = 0; i < due.size(); ++i)
    emit_turn(due[i], inputs[i], (*outputs)[i], compute_ms, due.size(), to);
  context_.count("micro_turns", static_cast<std::int64_t>(due.size()));
  return {};
}

// What its parts counted since the last micro-turn.
void interaction_model::count_of(conversation& who) {
  const auto add = [&](const char* name, std::int64_t now, std::int64_t& before) {
    if (now != before) context_.count(name, now - std::exchange(before, now));
  };
  add("forced_delegations", who.reader.forced(), who.forced);
  add("refusals", who.refusal.said(), who.refusals);
  add("refusals_cut", who.refusal.cut(), who.refusals_cut);
}

void interaction_model::emit_turn(const due_turn& due, const turn_input& in, turn_output& out,
                                  double compute_ms, std::size_t batch, emitter& to) {
  const auto k = due.micro_turn;
  const auto heard_at = context_.grid.start_of(k + 1);
  auto& who = *due.who;
  who.refusal.took(out);
  to.for_session(due.session);
  for (const auto& h : out.heard) {
    who.reader.person_said(h.word, k);
    to.emit(heard_out, context_.grid.start_of(k) + h.frame * frame_length,
            text{h.word, "heard", 0, true});
  }
  for (const auto& token : out.text)
    if (who.reader.take_token(token, k))
      to.emit(text_out, heard_at, text{spoken_form(token), "model", 0, true});
  who.reader.end_turn(k);
  while (auto d = who.reader.take_delegation()) {
    // What has come of the one before, and is on its way, is not wanted any more.
    if (d->supersedes) close_request(who, d->supersedes);
    ask(who, std::move(*d), heard_at, to);
  }
  count_of(who);
  std::vector<float> state{heard_level(in.frames),
                           level_dbfs(out.samples),
                           out.gates[0],
                           out.gates[1],
                           out.gates[2],
                           out.gates[3],
                           static_cast<float>(compute_ms),
                           static_cast<float>(batch)};
  out.samples.resize(samples_per_turn, 0.0f);
  to.emit(audio_out, heard_at,
          audio_chunk{rate_hz, 1, sample_index(heard_at, rate_hz),
                      buffer::take(std::move(out.samples))});
  to.emit(state_out, heard_at, tensor{dtype::f32, {8}, buffer::take(std::move(state))});
}

// The sound of a session ended: its state is of no more use. Whoever answers may begin anew after a
// failure, and knows nothing of what was asked: it is asked again, and what it knows it leaves alone.
result<void> interaction_model::on_control(std::size_t port, const packet& p, emitter& to) {
  const auto* c = p.get_if<control>();
  const auto found = conversations_.find(p.header.session);
  if (c && port == text_in && found != conversations_.end()) {
    auto& who = *found->second;
    if (c->what == control::kind::input_lost && !who.lost_at) who.lost_at = who.next;
    if (c->what == control::kind::input_recovered) {
      who.lost_at.reset();
      to.for_session(p.header.session);
      for (auto& [_, d] : who.pending) {
        context_.count("asked_again", 1);
        to.emit(delegations_out, context_.grid.start_of(who.next), d);
      }
    }
  }
  if (!c || c->what != control::kind::end_of_stream || port != audio_in) return {};
  if (conversations_.erase(p.header.session) > 0) engine_->close_session(p.header.session);
  return {};
}

result<void> interaction_model::close(emitter&) {
  alive_.reset();
  conversations_.clear();
  engine_.reset();
  return {};
}

}  // namespace hocket::interaction
