// Adapters of the planner's model, and lessons for whoever trains them.
#include <thread>
#include <utility>

#include "actors/background/agent.hpp"
#include "actors/background/guarded.hpp"
#include "actors/trainer/adapters/adapter_packet.hpp"
#include "actors/trainer/examples/text_example.hpp"
#include "graph/contract/capability.hpp"

namespace hocket::background {
namespace {

using governance::gate;
using nlohmann::json;

enum : std::size_t { adapter_port = 4, examples_port };  // behind those of agent.cpp

std::string text_at(const json& j, const char* key) {
  const auto v = j.value(key, json());
  return v.is_string() ? v.get<std::string>() : "";
}

}  // namespace

result<std::vector<lesson>> read_lessons(const training_example& from) {
  const auto bad = [](std::size_t i, const char* what) {
    return fail("background.bad_lesson", "lesson " + std::to_string(i + 1) + ": " + what);
  };
  const auto all = trainer::json_of(from);
  if (!all || !all->is_object() || !all->contains("lessons") || !(*all)["lessons"].is_array())
    return fail("background.bad_lesson", "a lesson is a tensor `json` with {\"lessons\": [...]}");
  std::vector<lesson> out;
  for (const auto& j : (*all)["lessons"]) {
    lesson one;
    if (!j.is_object() || text_at(j, "task").empty()) return bad(out.size(), "it has no `task`");
    one.task = text_at(j, "task"), one.transcript = text_at(j, "transcript");
    one.answer = text_at(j, "answer");
    if (one.answer.empty()) return bad(out.size(), "it has no `answer`");
    const auto calls = j.value("calls", json::array());
    if (!calls.is_array()) return bad(out.size(), "its `calls` are no list");
    for (const auto& c : calls) {
      if (!c.is_object() || text_at(c, "tool").empty() || !c.value("arguments", json()).is_object())
        return bad(out.size(), "a call has a `tool` and `arguments` that are an object");
      one.calls.push_back({text_at(c, "tool"), c["arguments"].dump(), text_at(c, "result")});
    }
    out.push_back(std::move(one));
  }
  return out;
}

result<void> agent::read_first_adapter() {
  auto* can = dynamic_cast<learner*>(setup_->plan.get());
  auto at = trainer::adapter_gate::open(config_.gate, context_, can ? can->model_path() : "");
  if (!at) return fail(at);
  gate_ = std::move(*at);
  if (config_.adapter.empty()) return {};
  if (can == nullptr)
    return fail("language.no_adapters",
                "planner " + config_.planner.use + " takes no adapters; `language` does");
  auto folder = config_.adapter;
  if (context_.may) {
    auto may = context_.may->readable(folder);
    if (!may) return fail(may);
    folder = std::move(*may);
  }
  auto read = trainer::read_adapter_folder(folder);
  if (!read) return fail(read);
  // A conversation that begins while an incident is open has none.
  if (gate_->is_frozen(*read)) {
    context_.log("adapter " + read->name + " is frozen by an incident");
    context_.count("frozen", 1);
    return {};
  }
  const auto fits = guarded<void>("planner.threw", [&]() -> result<void> {
    HOCKET_TRY(gate_->pass({gate::load, gate::serve}, *read));
    return can->prepare(*read);
  });
  if (!fits) return fail(fits.error().code, folder + ": " + fits.error().message);
  next_adapter_ =
      next_adapter{.what = std::move(*read), .number = ++adapters_begun_, .is_read = true};
  return {};
}

// Asked at the border of each micro-turn. What is being read meanwhile is waited for without the frozen one.
void agent::look_for_incidents(emitter& out) {
  if (next_adapter_ && next_adapter_->is_read && gate_->is_frozen(next_adapter_->what))
    refuse_adapter({"governance.refused", "an incident froze it"});
  if (!works_through_one_ || !gate_->is_frozen(adapter_now_)) {
    cannot_leave_ = false;
    return;
  }
  // Told once; as long as the planner does not let it go nothing is worked on.
  if (cannot_leave_) return stop_work(out);
  context_.log("adapter " + adapter_now_.name + " is taken back: an incident froze it");
  context_.count("frozen", 1);
  auto waiting = std::exchange(next_adapter_, std::nullopt);
  leave_frozen();
  swap_adapter(out);
  next_adapter_ = std::move(waiting);
}

// Nothing more is written through what is frozen: what is worked on ends as a failure.
void agent::stop_work(emitter& out) {
  std::vector<std::uint64_t> stopped;
  for (auto& [id, r] : requests_) {
    if (r.holds_slot) {
      stopped.push_back(id);
    } else if (r.started && r.now == request::state::given_up) {
      r.now = request::state::unwanted;  // nor is its answer told late
      r.work->cancel();
    }
  }
  for (const auto id : stopped) {
    const auto found = requests_.find(id);
    if (found == requests_.end()) continue;
    auto& r = found->second;
    const bool asked = r.asking.has_value();
    r.asking.reset(), r.asked_at.reset();
    r.now = request::state::unwanted;
    r.work->cancel();
    settle_calls(r, id, outcome::cancelled, out);
    outbox_.withdraw_notes(id);
    context_.count("stopped", 1);
    say_failure(r.asked, 0, id);
    free_slot(r);
    if (asked && r.room) follow(id, out);  // its thread is waited for in virtual time
  }
}

// A repeated one changes nothing; what comes while another one waits takes its place.
void agent::take_adapter(const adapter& a) {
  const auto& newest = next_adapter_ ? next_adapter_->what : adapter_now_;
  if (trainer::is_same(a, newest)) return;
  const bool is_frozen = trainer::is_frozen(a);
  if (refused_adapter_ && trainer::is_same(*refused_adapter_, a)) {
    const bool goes_on_through_one =
        next_adapter_ ? !next_adapter_->what.weights.empty() : works_through_one_;
    if (is_frozen && goes_on_through_one) leave_frozen();
    return;
  }
  if (config_.adapter_swap == "pinned" && began_ && !is_frozen) {
    refused_adapter_ = trainer::without_weights(a);
    return context_.count("pinned", 1);
  }
  auto* can = dynamic_cast<learner*>(setup_->plan.get());
  if (can == nullptr) {
    refused_adapter_ = trainer::without_weights(a);
    context_.log("this planner takes no adapters");
    return context_.count("adapters_refused", 1);
  }
  const bool is_by_hand = context_.time->is_virtual() || !context_.self;
  // What replaces a frozen one, and is itself replaced before it is taken, leaves that to the next.
  const bool leaves_frozen = is_frozen || (next_adapter_ && next_adapter_->leaves_frozen);
  next_adapter_ = next_adapter{.what = a,
                               .number = ++adapters_begun_,
                               .leaves_frozen = leaves_frozen,
                               .is_read = is_by_hand};
  if (is_by_hand) {
    const auto may = guarded<void>("planner.threw", [&] { return gate_->pass({gate::swap}, a); });
    if (!may) refuse_adapter(may.error());
    return;
  }
  // It is read beside the conversation; only then requests wait for those at work.
  if (!setup_->threads->enter(setup_->max_threads))
    return refuse_adapter({"background.no_thread", "too many tool calls never came back"});
  const auto begun = guarded<void>("background.no_thread", [&]() -> result<void> {
    std::thread([setup = setup_, at = gate_, can, a, number = adapters_begun_, self = context_.self,
                 alive = std::weak_ptr(alive_)] {
      auto read = guarded<void>("planner.threw", [&]() -> result<void> {
        HOCKET_TRY(at->pass({gate::swap}, a));
        return can->prepare(a);
      });
      self->run([alive, number, read = std::move(read)](emitter&) {
        if (const auto agent = alive.lock()) (*agent)->adapter_read(number, read);
      });
      setup->threads->leave();
    }).detach();
    return {};
  });
  if (begun) return;
  setup_->threads->leave();
  refuse_adapter(begun.error());
}

void agent::adapter_read(std::uint64_t number, const result<void>& read) {
  if (!next_adapter_ || next_adapter_->number != number) return;  // another one has come since
  if (!read) return refuse_adapter(read.error());
  next_adapter_->is_read = true;
}

void agent::refuse_adapter(const error& why) {
  const auto refused = std::move(*next_adapter_);
  next_adapter_.reset();
  refused_adapter_ = trainer::without_weights(refused.what);
  context_.log("adapter " + refused.what.name + " is refused: " + why.message);
  context_.count("adapters_refused", 1);
  if (!refused.leaves_frozen || !works_through_one_) return;
  // Once: a planner that does not go back to its model by itself is not asked again and again.
  if (refused.what.weights.empty())
    cannot_leave_ = true;
  else
    leave_frozen();
}

// What should have replaced a frozen one is refused; nobody goes on through that.
void agent::leave_frozen() {
  next_adapter_ = next_adapter{.what = {"", R"({"frozen": true})", {}},
                               .number = ++adapters_begun_,
                               .leaves_frozen = true,
                               .is_read = true};
}

// At the border of a micro-turn, between requests: each is worked on through one adapter.
void agent::swap_adapter(emitter& out) {
  if (!next_adapter_ || !next_adapter_->is_read) return;
  if (next_adapter_->leaves_frozen && works_through_one_) stop_work(out);
  if (at_work_ > 0) return;
  auto* can = dynamic_cast<learner*>(setup_->plan.get());
  const auto done = guarded<void>("planner.threw", [&] { return can->adapt(next_adapter_->what); });
  if (!done) {
    refuse_adapter(done.error());
    return swap_adapter(out);  // where that was to replace a frozen one, at once
  }
  works_through_one_ = !next_adapter_->what.weights.empty();
  cannot_leave_ = false;
  adapter_now_ = trainer::without_weights(next_adapter_->what);
  next_adapter_.reset();
  context_.count("adapters_taken", 1);
  context_.log(works_through_one_ ? "adapter from now on: " + adapter_now_.name
                                  : "works without an adapter from now on");
  out.emit(adapter_port, context_.time->now(), adapter(adapter_now_));
}

bool agent::waits_for_adapter() const { return next_adapter_ && next_adapter_->is_read; }

void agent::take_lessons(const training_example& e, emitter& out) {
  auto* can = dynamic_cast<learner*>(setup_->plan.get());
  const auto wrong = [&](const std::string& why) {
    context_.count("bad_lessons", 1);
    context_.log("lesson: " + why);
  };
  if (can == nullptr) return wrong("this planner learns nothing");
  const auto lessons = read_lessons(e);
  if (!lessons) return wrong(lessons.error().message);
  auto made = guarded<std::vector<training_example>>("planner.threw", [&] {
    return can->examples_of(*lessons, tools_.now()->infos, e.provenance);
  });
  if (!made) return wrong(made.error().message);
  for (auto& each : *made) out.emit(examples_port, context_.time->now(), std::move(each));
}

}  // namespace hocket::background
