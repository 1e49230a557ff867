#include "actors/background/agent.hpp"

#include <algorithm>
#include <sstream>
#include <thread>

#include "actors/background/guarded.hpp"
#include "graph/contract/registry.hpp"
#include "graph/text/number_words.hpp"

namespace hocket::background {
namespace {

enum : std::size_t { requests_in, client_in, answers_in, heard_in, said_in, played_in };
enum : std::size_t { results_port, progress_port, calls_port, tool_results_port };
constexpr std::size_t longest_task = 500;
constexpr std::size_t longest_queue = 32;
constexpr std::size_t most_words_kept = 2000;
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
      return which.empty() || std::ranges::any_of(which, [&](const std::string& w) {
               return w == tool ||
                      (w.ends_with('*') && tool.starts_with(w.substr(0, w.size() - 1)));
             });
    };
  HOCKET_TRY(make_planner());
  return tools_.open(config_.tools, config_.tool_sources, where,
                     [self = where.self, alive = std::weak_ptr(alive_)] {
                       if (!self) return;
                       self->run([alive](emitter&) {
                         if (const auto agent = alive.lock()) (*agent)->tools_.refresh();
                       });
                     });
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
    if (port == heard_in) take_reply(word->value, out);
  }
  if (const auto* answer = p.get_if<tool_result>()) take_answer(*answer);
  if (const auto* c = p.get_if<control>();
      c && port == played_in && c->what == control::kind::played)
    talk_.played(p.header.ts);
  const auto* d = p.get_if<delegation>();
  if (d != nullptr && d->what == delegation::action::cancel)
    end_silently(d->request, outcome::cancelled, out);
  else if (d != nullptr)
    start(*d, out);
  release(context_.grid.end_of(context_.grid.index_of(context_.time->now())), out);
  return {};
}

void agent::start(const delegation& d, emitter& out) {
  if (left_to_client_) return context_.count("left_to_client", 1);
  if (requests_.contains(d.request)) return context_.count("duplicate_requests", 1);
  if (is_reply(d, out)) return;
  context_.count("requests", 1);
  if (tell_more(d)) return;
  const auto now = context_.time->now();
  if (d.supersedes) end_silently(d.supersedes, outcome::superseded, out);
  if (config_.new_request == "supersede") {
    std::vector<std::uint64_t> earlier;
    for (const auto& [id, _] : requests_) earlier.push_back(id);
    for (const auto id : earlier) end_silently(id, outcome::superseded, out);
  }
  if (queued_.size() >= longest_queue || d.task.size() > longest_task) {
    context_.count("refused", 1);
    return say(now, 0, d.request, config_.failure_words);
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
  if (at_work_ < config_.max_parallel) return launch(r, out);
  queued_.push_back(d.request);
}

void agent::launch(request& r, emitter& out) {
  r.started = r.holds_slot = true;
  ++at_work_;
  const auto id = r.work->task.request;
  if (!setup_->threads->enter(setup_->max_threads))
    return take_event(id, job_end{outcome::failed, "too many tool calls never came back"}, out);
  if (context_.time->is_virtual()) return run_virtual(id, r, out);
  // The thread owns all it needs: if its tool never comes back, it harms nobody.
  std::thread([this_job = r.work, setup = setup_, self = context_.self,
               alive = std::weak_ptr(alive_), id] {
    work(this_job, setup, [self, alive, id](job_event e) {
      // Runs in the actor's context; after a restart the actor may be another one.
      self->run([alive, id, e = std::move(e)](emitter& out) {
        if (const auto agent = alive.lock()) (*agent)->take_event(id, e, out);
      });
    });
    setup->threads->leave();
  }).detach();
}

// Cancelled or superseded: nothing more is said about it.
void agent::end_silently(std::uint64_t id, outcome why, emitter& out) {
  const auto unsaid = std::erase_if(results_, [&](const auto& w) { return w.request == id; });
  const auto found = requests_.find(id);
  const bool wanted = found != requests_.end() && found->second.now == request::state::wanted;
  if (unsaid > 0 || wanted) context_.count(to_string(why), 1);
  talk_.ended(id);
  if (found == requests_.end()) return;
  auto& r = found->second;
  const bool asked = r.asking.has_value();
  r.asking.reset();
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

void agent::take_event(std::uint64_t id, job_event event, emitter& out) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  auto& r = found->second;
  const auto now = context_.time->now();
  if (const auto* end = std::get_if<job_end>(&event)) {
    finish(id, r, *end, out);
  } else if (auto* call = std::get_if<tool_call>(&event)) {
    // Asked at the moment in which the request ended: told, so that its result has a call.
    const bool over = r.now != request::state::wanted;
    r.open_calls[call->call] = call->tool;
    if (client_functions::is_one(call->tool)) app_->expect(call->call);
    out.emit(calls_port, now, std::move(*call));
    if (over) settle_calls(r, id, outcome::cancelled, out);
  } else if (auto* answer = std::get_if<tool_result>(&event)) {
    app_->forget(answer->call);
    if (r.open_calls.erase(answer->call) > 0) out.emit(tool_results_port, now, std::move(*answer));
  } else if (const auto* consent = std::get_if<job_consent>(&event)) {
    if (r.now == request::state::wanted) ask_consent(id, r, *consent);
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
    const bool late = context_.time->is_virtual();
    say(r.asked, late ? end.waited_ms : 0, id, ok ? end.text : config_.failure_words);
  } else if (r.now == request::state::given_up && ok) {
    const bool deliver = config_.late == "deliver";
    context_.count(deliver ? "late_delivered" : "late_dropped", 1);
    if (deliver) say(r.asked, 0, id, end.text);
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
  while (!queued_.empty() && at_work_ < config_.max_parallel) {
    const auto next = queued_.front();
    queued_.pop_front();
    if (const auto it = requests_.find(next); it != requests_.end()) launch(it->second, out);
  }
}

// `after_ms`: what its tools took by the wall clock, where stream time stood still meanwhile.
void agent::say(timestamp asked, std::int64_t after_ms, std::uint64_t id,
                const std::string& words) {
  const auto ms = [](std::int64_t n) { return std::chrono::milliseconds(n); };
  const auto due =
      std::max(asked + ms(std::max(config_.min_delay_ms, after_ms)), context_.time->now());
  if (context_.time->is_virtual() && config_.progress_after_ms > 0 &&
      due > asked + ms(config_.progress_after_ms))
    results_.push_back({asked + ms(config_.progress_after_ms), id, config_.progress_words, false});
  results_.push_back({due, id, config_.speakable ? speakable(words) : words, true});
}

// Sends what is due before `until`, in order of time.
void agent::release(timestamp until, emitter& out) {
  std::ranges::stable_sort(results_, {}, &waiting_result::due);
  std::size_t sent = 0;
  for (; sent < results_.size() && results_[sent].due < until; ++sent)
    emit_words(results_[sent], out);
  results_.erase(results_.begin(), results_.begin() + static_cast<std::ptrdiff_t>(sent));
  const bool open = !results_.empty() || std::ranges::any_of(requests_, [](const auto& entry) {
    return entry.second.now == request::state::wanted;
  });
  if (!open)
    unfinished_.reset();
  else if (!unfinished_)
    unfinished_ = context_.hold();
}

void agent::emit_words(const waiting_result& r, emitter& out) {
  last_result_ = std::max(last_result_, r.due);
  const auto split = [](const std::string& all) {
    std::istringstream stream(all);
    std::vector<std::string> words;
    for (std::string word; words.size() < most_words_kept && stream >> word;)
      words.push_back(std::move(word));
    return words;
  };
  const auto most = static_cast<std::size_t>(config_.max_words);
  auto words = split(r.words);
  if (r.final) rest_.clear();
  if (r.final && words.size() > most) {
    rest_.assign(words.begin() + static_cast<std::ptrdiff_t>(most), words.end());
    words.resize(most);
    for (auto& word : split(config_.cut_words)) words.push_back(std::move(word));
    context_.count("cut_results", 1);
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool last = r.final && i + 1 == words.size();
    talk_.told(r.request, last_result_, words[i], last);
    out.emit(results_port, last_result_, text{std::move(words[i]), "background", r.request, last});
  }
}

// Its thread may still come back, and is late then.
void agent::give_up(std::uint64_t id, std::int64_t after_ms, emitter& out) {
  auto& r = requests_[id];
  r.now = request::state::given_up;
  if (!setup_->deliver_late) r.work->cancel();
  settle_calls(r, id, outcome::timed_out, out);
  context_.count(to_string(outcome::timed_out), 1);
  say(r.asked, after_ms, id, config_.failure_words);
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
      results_.push_back({now, id, config_.progress_words, false});
    }
  }
  for (const auto id : over) give_up(id, 0, out);
  launch_waiting(out);
}

result<void> agent::tick(std::int64_t micro_turn, emitter& out) {
  check_limits(out);
  check_consents(out);
  const auto now = context_.grid.end_of(micro_turn);
  release(now, out);
  // What comes from now on is due from now on: nobody has to wait for a result of a past micro-turn.
  out.emit(results_port, now, control{control::kind::bound, "", 0});
  release(context_.grid.end_of(micro_turn + 1), out);
  return {};
}

result<void> agent::close(emitter& out) {
  if (!setup_) return {};
  release(timestamp::max(), out);
  for (auto& [id, r] : requests_) {
    if (r.now == request::state::wanted) context_.count(to_string(outcome::cancelled), 1);
    r.work->cancel();
    settle_calls(r, id, outcome::cancelled, out);
  }
  tools_.close();
  if (const auto left = setup_->threads->wait(farewell); left > 0)
    context_.log(std::to_string(left) +
                 " thread(s) of tools did not come back and are left behind");
  requests_.clear();
  unfinished_.reset();
  alive_.reset();
  setup_.reset();
  return {};
}

}  // namespace hocket::background
