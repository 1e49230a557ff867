#include "actors/background/agent.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "actors/background/guarded.hpp"
#include "actors/background/spoken_words.hpp"
#include "graph/contract/registry.hpp"

namespace hocket::background {
namespace {

enum : std::size_t {
  requests_in,
  client_in,
  answers_in,
  heard_in,
  said_in,
  played_in,
  adapters_in,
  lessons_in,
};
enum : std::size_t { progress_port = 1, calls_port, tool_results_port };
constexpr std::size_t longest_task = 500;
constexpr std::size_t longest_queue = 32;
constexpr std::size_t most_known = 256;
constexpr int most_left_behind = 16;
constexpr int most_calls_at_once = 8;
constexpr auto farewell = std::chrono::milliseconds(500);

}  // namespace

agent::~agent() {
  for (auto& [_, r] : requests_) r.work->cancel();
}

result<void> agent::open(const context& where) {
  context_ = where;
  setup_ = std::make_shared<job_setup>();
  setup_->time = where.time;
  setup_->max_steps = config_.max_steps;
  setup_->max_tokens = config_.max_tokens;
  // In virtual time nobody is there any more when a late result comes.
  setup_->deliver_late = config_.late == "deliver" && !where.time->is_virtual();
  setup_->max_threads =
      static_cast<int>(config_.max_parallel) * (most_calls_at_once + 1) + most_left_behind;
  if (config_.confirm || !config_.confirm_tools.empty())
    setup_->needs_consent = [which = config_.confirm_tools](const std::string& tool) {
      return which.empty() ||
             std::ranges::any_of(which, [&](const std::string& w) { return is_named_by(tool, w); });
    };
  outbox_ = outbox({.in_speech = config_.speakable,
                    .part_words = static_cast<std::size_t>(config_.max_words),
                    .cut_words = config_.cut_words,
                    .failure_words = config_.failure_words,
                    .when = config_.stream == "words" ? tell_when::words : tell_when::sentences,
                    .second_life = where.restarts > 0});
  HOCKET_TRY(make_planner());
  HOCKET_TRY(read_first_adapter());
  HOCKET_TRY(tools_.open(config_.tools, config_.tool_sources, where,
                         [self = where.self, alive = std::weak_ptr(alive_)] {
                           if (!self) return;
                           self->run([alive](emitter&) {
                             if (const auto agent = alive.lock()) (*agent)->tools_.refresh();
                           });
                         }));
  return know_confirmed_tools();
}

result<void> agent::make_planner() {
  const auto& p = config_.planner;
  const auto* type = context_.types ? context_.types->find_planner(p.use) : nullptr;
  if (!type) return fail("background.no_such_planner", "no planner `" + p.use + "` is registered");
  auto settings = type->make_config();
  diagnostics findings;
  read_config(p.settings, *settings, "planner " + p.use, {"use"}, findings);
  if (findings.has_errors()) return fail("background.no_such_planner", findings.to_string());
  setup_->plan = type->make(*settings);
  planner_context where;
  where.types = context_.types;
  where.time = context_.time;
  where.may = context_.may;
  where.log = context_.log;
  where.count = context_.count;
  return guarded<void>("planner.threw", [&] { return setup_->plan->open(where); });
}

result<void> agent::process(std::size_t port, const packet& p, emitter& out) {
  if (const auto* words = p.get_if<text>(); words && port == client_in) take_client(*words, out);
  if (const auto* word = p.get_if<text>(); word && (port == heard_in || port == said_in)) {
    talk_.word(port == said_in, p.header.ts, word->value);
    if (port == heard_in) {
      heard_at_ = std::max(heard_at_.value_or(p.header.ts), p.header.ts);
      take_reply(word->value, p.header.ts, out);
    }
  }
  if (const auto* answer = p.get_if<tool_result>()) take_answer(*answer);
  if (const auto* a = p.get_if<adapter>(); a && port == adapters_in) take_adapter(*a);
  if (const auto* e = p.get_if<training_example>(); e && port == lessons_in) take_lessons(*e, out);
  if (const auto* c = p.get_if<control>();
      c && port == played_in && c->what == control::kind::played)
    talk_.played(p.header.ts);
  const auto* d = p.get_if<delegation>();
  if (d != nullptr && d->what == delegation::action::cancel)
    end_silently(d->request, outcome::cancelled, true, out);
  else if (d != nullptr)
    start(*d, out);
  release(context_.grid.end_of(context_.grid.index_of(context_.time->now())), out);
  return {};
}

void agent::start(const delegation& d, emitter& out) {
  if (left_to_client_) {
    context_.count("left_to_client", 1);
    return tell_state(d.request, left_role, out);
  }
  if (is_known(d, out)) return context_.count("duplicate_requests", 1);
  if (is_reply(d, out)) return;
  context_.count("requests", 1);
  if (tell_more(d)) return;
  const auto now = context_.time->now();
  if (d.supersedes) end_silently(d.supersedes, outcome::superseded, true, out);
  if (config_.new_request == "supersede") {
    auto earlier = outbox_.requests();
    for (const auto& [id, _] : requests_) earlier.insert(id);
    for (const auto id : earlier) end_silently(id, outcome::superseded, false, out);
  }
  if (queued_.size() >= longest_queue || d.task.size() > longest_task) {
    context_.count("refused", 1);
    return say_failure(now, 0, d.request);
  }
  auto& r = requests_[d.request];
  r.work = std::make_shared<job>();
  r.work->task = d;
  const auto talk = talk_.knows_voices()
                        ? talk_.text(now, static_cast<std::size_t>(config_.context_bytes))
                        : d.transcript;
  r.work->task.transcript = with_words_of_app(talk);
  talk_.asked(d.request, now, d.task);
  r.work->tools = tools_.now();
  r.asked = now;
  r.deadline = now + std::chrono::milliseconds(config_.time_limit_ms);
  if (at_work_ < config_.max_parallel && !waits_for_adapter()) return launch(r, out);
  queued_.push_back(d.request);
}

// Whoever asks may not know whether a request arrived, and ask again: it is worked on once. One that has
// begun anew may use its number for another task: nobody waits for the old one then. Without a
// micro-turn two tasks of the same words cannot be told apart once the first is over: it is new.
bool agent::is_known(const delegation& d, emitter& out) {
  const auto task = d.task.substr(0, longest_task + 1);  // a longer one is refused, and not kept
  const auto found = asked_.find(d.request);
  if (found != asked_.end()) {
    auto& known = found->second;
    const bool is_over = !requests_.contains(d.request) && !outbox_.requests().contains(d.request);
    const bool same = known.task == task && known.to_micro_turn == d.to_micro_turn;
    if (same && !(is_over && d.to_micro_turn == 0)) return true;
    end_silently(d.request, outcome::superseded, true, out);
    requests_.erase(d.request);  // what its thread still reports is from another job
  } else {
    order_.push_back(d.request);
  }
  asked_[d.request] = {task, d.to_micro_turn};
  if (order_.size() > most_known) {
    asked_.erase(order_.front());
    order_.pop_front();
  }
  return false;
}

void agent::launch(request& r, emitter& out) {
  r.started = r.holds_slot = began_ = true;
  ++at_work_;
  const auto id = r.work->task.request;
  if (cannot_leave_)
    return take_event(*r.work, job_end{outcome::failed, "an incident froze its adapter"}, out);
  if (!setup_->threads->enter(setup_->max_threads))
    return take_event(*r.work, job_end{outcome::failed, "too many tool calls never came back"},
                      out);
  if (context_.time->is_virtual()) return run_virtual(id, r, out);
  // The thread owns all it needs: if its tool never comes back, it harms nobody.
  const auto begun = guarded<void>("background.no_thread", [&]() -> result<void> {
    std::thread([this_job = r.work, setup = setup_, self = context_.self,
                 alive = std::weak_ptr(alive_)] {
      work(this_job, setup, [self, alive, this_job](job_event e) {
        // Runs in the actor's context; after a restart the actor may be another one.
        self->run([alive, this_job, e = std::move(e)](emitter& out) {
          if (const auto agent = alive.lock()) (*agent)->take_event(*this_job, e, out);
        });
      });
      setup->threads->leave();
    }).detach();
    return {};
  });
  if (begun) return;
  setup_->threads->leave();
  take_event(*r.work, job_end{outcome::failed, begun.error().message}, out);
}

// Cancelled or superseded: nothing more is said about it.
void agent::end_silently(std::uint64_t id, outcome why, bool asker_knows, emitter& out) {
  // Whoever does not want the rest of an answer does not want what is still made of it.
  const auto source = outbox_.source_of(id);
  const bool unsaid = outbox_.withdraw(id);
  if (source != 0 && source != id) end_silently(source, why, false, out);
  const auto found = requests_.find(id);
  const bool wanted = found != requests_.end() && found->second.now == request::state::wanted;
  if (unsaid || wanted) {
    context_.count(to_string(why), 1);
    if (!asker_knows) tell_state(id, over_role, out);
  }
  talk_.ended(id);
  if (found == requests_.end()) return;
  auto& r = found->second;
  const bool asked = r.asking.has_value();
  r.asking.reset();
  r.asked_at.reset();
  r.work->cancel();
  r.now = request::state::unwanted;
  settle_calls(r, id, why, out);
  std::erase(queued_, id);
  free_slot(r);
  if (!r.started) {
    requests_.erase(found);
  } else if (asked && r.room) {
    follow(id, out);
  }
}

// Each call that was told gets one result, though its tool is still in it.
void agent::settle_calls(request& r, std::uint64_t id, outcome why, emitter& out) {
  for (const auto& [call, tool] : r.open_calls) {
    app_->forget(call);
    out.emit(tool_results_port, context_.time->now(),
             tool_result{call, id, tool, why, "the request ended first"});
  }
  r.open_calls.clear();
}

void agent::take_event(const job& from, job_event event, emitter& out) {
  const auto id = from.task.request;
  const auto found = requests_.find(id);
  if (found == requests_.end() || found->second.work.get() != &from) return;
  auto& r = found->second;
  const auto now = context_.time->now();
  if (const auto* end = std::get_if<job_end>(&event)) {
    finish(id, r, *end, out);
  } else if (auto* call = std::get_if<tool_call>(&event)) {
    // Asked at the moment in which the request ended: told, so that its result has a call.
    const bool over = r.now != request::state::wanted;
    outbox_.pause(id);
    r.open_calls[call->call] = call->tool;
    if (client_functions::is_one(call->tool)) app_->expect(call->call);
    out.emit(calls_port, now, std::move(*call));
    if (over) settle_calls(r, id, outcome::cancelled, out);
  } else if (auto* answer = std::get_if<tool_result>(&event)) {
    app_->forget(answer->call);
    if (r.open_calls.erase(answer->call) > 0) out.emit(tool_results_port, now, std::move(*answer));
  } else if (const auto* consent = std::get_if<job_consent>(&event)) {
    outbox_.pause(id);
    if (r.now == request::state::wanted)
      ask_consent(id, r, *consent);
    else
      r.work->decide(false);  // given up: it would wait for ever
  } else if (const auto* piece = std::get_if<job_piece>(&event)) {
    if (r.now == request::state::wanted && config_.stream != "whole")
      outbox_.piece(id, due_of(r.asked, 0), piece->words, piece->replaces);
  } else if (std::holds_alternative<job_overdue>(event)) {
    if (r.now == request::state::wanted) give_up(id, 0, out);
  } else if (auto* partial = std::get_if<text>(&event);
             partial && r.now == request::state::wanted) {
    out.emit(progress_port, now, std::move(*partial));
  }
  release(context_.grid.end_of(context_.grid.index_of(now)), out);
}

void agent::finish(std::uint64_t id, request& r, const job_end& end, emitter& out) {
  const bool ok = end.status == outcome::ok;
  if (r.now == request::state::wanted) {
    context_.count(ok ? "answered" : to_string(end.status), 1);
    if (!ok) context_.log("request " + std::to_string(id) + ": " + end.text);
    const auto after_ms = context_.time->is_virtual() ? end.waited_ms : 0;
    if (ok)
      say(r.asked, after_ms, id, end.text);
    else
      say_failure(r.asked, after_ms, id);
  } else if (r.now == request::state::given_up && end.status == outcome::failed) {
    context_.log(fmt::format("request {}: it ended after it was given up: {}", id, end.text));
  } else if (r.now == request::state::given_up && ok) {
    const bool deliver = config_.late == "deliver";
    context_.count(deliver ? "late_delivered" : "late_dropped", 1);
    if (deliver) say(r.asked, 0, id, end.text, true);
  }
  free_slot(r);
  requests_.erase(id);
  launch_waiting(out);
}

void agent::free_slot(request& r) {
  if (r.holds_slot) --at_work_;
  r.holds_slot = false;
}

void agent::launch_waiting(emitter& out) {
  while (!queued_.empty() && at_work_ < config_.max_parallel && !waits_for_adapter()) {
    const auto next = queued_.front();
    queued_.pop_front();
    if (const auto it = requests_.find(next); it != requests_.end()) launch(it->second, out);
  }
}

// Its thread may still come back, and is late then.
void agent::give_up(std::uint64_t id, std::int64_t after_ms, emitter& out) {
  auto& r = requests_[id];
  r.now = request::state::given_up;
  std::string where = r.started ? "in its planner" : "before it was begun";
  if (!r.open_calls.empty()) where = "in a call of " + r.open_calls.begin()->second;
  context_.log(fmt::format("request {}: given up, its time is over: it was {}", id, where));
  if (!setup_->deliver_late) r.work->cancel();
  settle_calls(r, id, outcome::timed_out, out);
  context_.count(to_string(outcome::timed_out), 1);
  say_failure(r.asked, after_ms, id);
  free_slot(r);  // its thread is left behind; another may begin
  std::erase(queued_, id);
  if (!r.started) requests_.erase(id);
}

// Gives up what has used up its time, and tells of what takes long.
void agent::check_limits(emitter& out) {
  const auto now = context_.time->now();
  std::vector<std::uint64_t> over;
  for (auto& [id, r] : requests_) {
    if (r.now != request::state::wanted || r.asking) continue;
    if (now >= r.deadline) {
      over.push_back(id);
    } else if (config_.progress_after_ms > 0 && !r.told_progress &&
               now >= r.asked + std::chrono::milliseconds(config_.progress_after_ms)) {
      r.told_progress = true;
      outbox_.note(outbox::note_kind::progress, id, now, config_.progress_words);
    }
  }
  for (const auto id : over) give_up(id, 0, out);
  launch_waiting(out);
}

result<void> agent::close(emitter& out) {
  if (!setup_) return {};
  // What is complete is told, though it waits behind an answer that will never be.
  for (const auto& [id, r] : requests_)
    if (r.now == request::state::wanted) outbox_.withdraw(id);
  release(timestamp::max(), out);
  for (auto& [id, r] : requests_) {
    if (r.now == request::state::wanted) context_.count(to_string(outcome::cancelled), 1);
    r.work->cancel();
    settle_calls(r, id, outcome::cancelled, out);
  }
  tools_.close();
  if (const auto left = setup_->threads->wait(farewell); left > 0)
    context_.log(std::to_string(left) +
                 " thread(s) of tools or adapters did not come back and are left behind");
  requests_.clear();
  unfinished_.reset();
  alive_.reset();
  setup_.reset();
  return {};
}

}  // namespace hocket::background
