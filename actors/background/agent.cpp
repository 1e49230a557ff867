#include "actors/background/agent.hpp"

#include <algorithm>
#include <sstream>
#include <thread>

#include "graph/text/number_words.hpp"
#include "graph/contract/registry.hpp"

namespace hocket::background {
namespace {
enum : std::size_t { results_port, progress_port, calls_port, tool_results_port };
constexpr std::size_t longest_task = 500;
constexpr std::size_t longest_queue = 32;
constexpr int most_left_behind = 16;
constexpr auto farewell = std::chrono::milliseconds(500);
}  // namespace

struct agent::crew {
  std::mutex mutex;
  std::condition_variable left;
  int count = 0;
};

void agent::config::visit(config_visitor& v) {
  v.field({.name = "tools",
           .doc = "tools it may ask, the first that fits is taken",
           .is_tool_list = true},
          tools);
  v.field({.name = "min_delay_ms",
           .doc = "a result comes this long after its request at the earliest",
           .unit = "ms",
           .min = 0,
           .max = 60000},
          min_delay_ms);
  v.field({.name = "time_limit_ms",
           .doc = "a request that takes longer fails",
           .unit = "ms",
           .min = 100,
           .max = 600000},
          time_limit_ms);
  v.field(
      {.name = "max_parallel", .doc = "requests worked on at once; more wait", .min = 1, .max = 64},
      max_parallel);
  v.field({.name = "new_request",
           .doc = "what a new request does to those before it, unless it says itself which one it "
                  "replaces",
           .choices = {"parallel", "supersede"}},
          new_request);
  v.field({.name = "late",
           .doc = "what happens to a result that comes after its request was given up",
           .choices = {"drop", "deliver"}},
          late);
  v.field({.name = "failure_words", .doc = "what the model is told where there is no result"},
          failure_words);
  v.field({.name = "max_words", .doc = "a longer result is cut", .min = 1, .max = 1000}, max_words);
  v.field({.name = "speakable", .doc = "write figures and times of day in words"}, speakable);
}

component_info agent::info() {
  const auto text_type = media_type{.kind = payload_kind::text};
  return {.type = "background.agent",
          .summary = "Works on delegated tasks with tools while the conversation goes on.",
          .inputs = {{"requests",
                      {.kind = payload_kind::delegation},
                      "tasks, and their cancellation",
                      true,
                      default_queue(payload_kind::delegation)}},
          .outputs = {{"results", text_type, "answers, word by word, role `background`"},
                      {"progress", text_type, "partial results of tools"},
                      {"tool_calls", {.kind = payload_kind::tool_call}, "what tools are asked"},
                      {"tool_results", {.kind = payload_kind::tool_result}, "what tools answer"}},
          .ticks = true};
}

agent::~agent() {
  for (auto& [_, r] : requests_) r.work->cancelled = true;
}

result<void> agent::open(const context& where) {
  context_ = where;
  shop_ = std::make_shared<workshop>();
  crew_ = std::make_shared<crew>();
  shop_->plan = planner_;
  shop_->time = where.time;
  shop_->deliver_late = config_.late == "deliver";
  for (const auto& name : config_.tools) {
    const auto* type = where.types ? where.types->find_tool(name) : nullptr;
    if (!type) return fail("background.no_such_tool", "no tool `" + name + "` is registered");
    shop_->tools.push_back({type->info, type->make()});
  }
  return {};
}

result<void> agent::process(std::size_t, const packet& p, emitter& out) {
  const auto* d = p.get_if<delegation>();
  if (!d) return {};
  if (d->what == delegation::action::cancel) {
    end_silently(d->request, outcome::cancelled);
  } else {
    start(*d, out);
  }
  release(context_.grid.end_of(context_.grid.index_of(context_.time->now())), out);
  return {};
}

void agent::start(const delegation& d, emitter& out) {
  if (requests_.contains(d.request)) return context_.count("duplicate_requests", 1);
  context_.count("requests", 1);
  const auto now = context_.time->now();
  if (d.supersedes) end_silently(d.supersedes, outcome::superseded);
  if (config_.new_request == "supersede") {
    std::vector<std::uint64_t> earlier;
    for (const auto& [id, _] : requests_) earlier.push_back(id);
    for (const auto id : earlier) end_silently(id, outcome::superseded);
  }
  if (queued_.size() >= longest_queue || d.task.size() > longest_task) {
    context_.count("refused", 1);
    return say(now, d.request, config_.failure_words);
  }
  auto& r = requests_[d.request];
  r.work = std::make_shared<job>();
  r.work->task = d;
  r.asked = now;
  r.deadline = now + std::chrono::milliseconds(config_.time_limit_ms);
  if (at_work_ < config_.max_parallel) return launch(r, out);
  queued_.push_back(d.request);
}

void agent::launch(request& r, emitter& out) {
  r.started = r.holds_slot = true;
  ++at_work_;
  const auto id = r.work->task.request;
  if (context_.time->is_virtual()) {
    std::vector<job_event> events;
    work(*r.work, *shop_, [&](job_event e) { events.push_back(std::move(e)); });
    for (auto& e : events) take_event(id, std::move(e), out);
    return;
  }
  {
    std::lock_guard lock(crew_->mutex);
    if (crew_->count >= config_.max_parallel + most_left_behind) {
      return take_event(id, job_end{outcome::failed, "too many tool calls never came back"}, out);
    }
    ++crew_->count;
  }
  // The thread owns all it needs: if its tool never comes back, it harms nobody.
  std::thread([this_job = r.work, shop = shop_, crew = crew_, self = context_.self,
               alive = std::weak_ptr(alive_), id] {
    work(*this_job, *shop, [&](job_event e) {
      // Runs in the actor's context; after a restart the actor may be another one.
      self->run([alive, id, e = std::move(e)](emitter& out) {
        if (const auto agent = alive.lock()) (*agent)->take_event(id, e, out);
      });
    });
    std::lock_guard lock(crew->mutex);
    --crew->count;
    crew->left.notify_all();
  }).detach();
}

// Cancelled or superseded: nothing more is said about it.
void agent::end_silently(std::uint64_t id, outcome why) {
  const auto unsaid = std::erase_if(results_, [&](const auto& w) { return w.request == id; });
  const auto found = requests_.find(id);
  const bool wanted = found != requests_.end() && found->second.now == request::state::wanted;
  if (unsaid > 0 || wanted) context_.count(to_string(why), 1);
  if (found == requests_.end()) return;
  auto& r = found->second;
  r.work->cancelled = true;
  r.now = request::state::unwanted;
  std::erase(queued_, id);
  free_slot(r);
  if (!r.started) requests_.erase(found);
}

void agent::take_event(std::uint64_t id, job_event event, emitter& out) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  const auto now = context_.time->now();
  if (const auto* end = std::get_if<job_end>(&event)) {
    finish(id, found->second, *end, out);
  } else if (auto* call = std::get_if<tool_call>(&event)) {
    out.emit(calls_port, now, std::move(*call));
  } else if (auto* answer = std::get_if<tool_result>(&event)) {
    out.emit(tool_results_port, now, std::move(*answer));
  } else if (auto* partial = std::get_if<text>(&event);
             partial && found->second.now == request::state::wanted) {
    out.emit(progress_port, now, std::move(*partial));
  }
  release(context_.grid.end_of(context_.grid.index_of(now)), out);
}

void agent::finish(std::uint64_t id, request& r, const job_end& end, emitter& out) {
  const bool ok = end.status == outcome::ok;
  if (r.now == request::state::wanted) {
    context_.count(ok ? "answered" : to_string(end.status), 1);
    if (!ok) context_.log("request " + std::to_string(id) + ": " + end.text);
    say(r.asked, id, ok ? end.text : config_.failure_words);
  } else if (r.now == request::state::given_up && ok) {
    const bool deliver = config_.late == "deliver";
    context_.count(deliver ? "late_delivered" : "late_dropped", 1);
    if (deliver) say(r.asked, id, end.text);
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

void agent::say(timestamp asked, std::uint64_t id, const std::string& words) {
  const auto due =
      std::max(asked + std::chrono::milliseconds(config_.min_delay_ms), context_.time->now());
  results_.push_back({due, id, config_.speakable ? speakable(words) : words});
}

// Sends what is due before `until`, in order of time.
void agent::release(timestamp until, emitter& out) {
  std::ranges::stable_sort(results_, {}, &waiting_result::due);
  std::size_t sent = 0;
  for (; sent < results_.size() && results_[sent].due < until; ++sent) {
    const auto& r = results_[sent];
    last_result_ = std::max(last_result_, r.due);
    std::istringstream stream(r.words);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(std::move(word));
    if (words.size() > static_cast<std::size_t>(config_.max_words)) {
      words.resize(static_cast<std::size_t>(config_.max_words));
      context_.count("cut_results", 1);
    }
    for (std::size_t i = 0; i < words.size(); ++i)
      out.emit(results_port, last_result_,
               text{std::move(words[i]), "background", r.request, i + 1 == words.size()});
  }
  results_.erase(results_.begin(), results_.begin() + static_cast<std::ptrdiff_t>(sent));
  const bool open = !results_.empty() || std::ranges::any_of(requests_, [](const auto& entry) {
    return entry.second.now == request::state::wanted;
  });
  if (!open)
    unfinished_.reset();
  else if (!unfinished_)
    unfinished_ = context_.hold();
}

// Gives up what has used up its time; its thread may still come back, and is late then.
void agent::check_limits(emitter& out) {
  const auto now = context_.time->now();
  std::vector<std::uint64_t> over;
  for (const auto& [id, r] : requests_) {
    const auto call_deadline = r.work->call_deadline_ns.load();
    const bool tool_late = call_deadline != 0 && monotonic_ns() > call_deadline;
    if (r.now == request::state::wanted && (tool_late || now >= r.deadline)) over.push_back(id);
  }
  for (const auto id : over) {
    auto& r = requests_[id];
    r.now = request::state::given_up;
    if (config_.late == "drop") r.work->cancelled = true;
    context_.count(to_string(outcome::timed_out), 1);
    say(r.asked, id, config_.failure_words);
    free_slot(r);  // its thread is left behind; another may begin
    std::erase(queued_, id);
    if (!r.started) requests_.erase(id);
  }
  launch_waiting(out);
}

result<void> agent::tick(std::int64_t micro_turn, emitter& out) {
  check_limits(out);
  release(context_.grid.end_of(micro_turn + 1), out);
  // What comes from now on is due from now on: nobody has to wait for a result of a past micro-turn.
  out.emit(results_port, context_.grid.end_of(micro_turn), control{control::kind::bound, "", 0});
  return {};
}

result<void> agent::close(emitter& out) {
  if (!shop_) return {};
  release(timestamp::max(), out);
  for (auto& [_, r] : requests_) {
    if (r.now == request::state::wanted) context_.count(to_string(outcome::cancelled), 1);
    r.work->cancelled = true;
  }
  std::unique_lock lock(crew_->mutex);
  crew_->left.wait_for(lock, farewell, [&] { return crew_->count == 0; });
  if (crew_->count > 0)
    context_.log(std::to_string(crew_->count) +
                 " tool call(s) did not come back and are left behind");
  lock.unlock();
  requests_.clear();
  unfinished_.reset();
  alive_.reset();
  shop_.reset();
  return {};
}

}  // namespace hocket::background
