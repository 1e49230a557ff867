// Adapters of the interaction model: from a folder at the start, and as packets while it runs.
#include <exception>
#include <thread>
#include <utility>

#include "actors/interaction/interaction.hpp"
#include "actors/trainer/adapters/adapter_packet.hpp"
#include "graph/contract/capability.hpp"

namespace hocket::interaction {
namespace {

enum : std::size_t { adapters_in = 4, adapter_out };  // behind those of interaction.cpp

using governance::gate;

/// A copy that there is no memory for is an error, also on a thread that nobody waits for.
result<opened_adapter_handle> open_guarded(const micro_turn_engine& engine,
                                           const trainer::adapter_gate& at,
                                           std::initializer_list<gate> gates, const adapter& a) {
  try {
    HOCKET_TRY(at.pass(gates, a));
    return engine.open_adapter(a);
  } catch (const std::exception& e) {
    return fail("interaction.adapter", a.name + ": " + e.what());
  }
}

}  // namespace

result<void> interaction_model::read_first_adapter() {
  auto at = trainer::adapter_gate::open(config_.gate, context_, config_.model);
  if (!at) return fail(at);
  gate_ = std::move(*at);
  if (config_.adapter.empty()) return {};
  auto folder = config_.adapter;
  if (context_.may) {
    auto may = context_.may->readable(folder);
    if (!may) return fail(may);
    folder = std::move(*may);
  }
  const auto read = trainer::read_adapter_folder(folder);
  if (!read) return fail(read);
  // Whoever begins while an incident is open, also after a restart, goes on without.
  if (gate_->is_frozen(*read)) {
    context_.log("adapter " + read->name + " is frozen by an incident");
    context_.count("frozen", 1);
    return {};
  }
  auto through = open_guarded(*engine_, *gate_, {gate::load, gate::serve}, *read);
  if (!through) return fail(through.error().code, folder + ": " + through.error().message);
  next_adapter_ = next_adapter{.what = trainer::without_weights(*read),
                               .number = ++adapters_begun_,
                               .is_open = true,
                               .through = std::move(*through)};
  return {};
}

// Asked at the border of each micro-turn: nobody speaks through it in the next, whatever is being read.
void interaction_model::look_for_incidents(emitter& to) {
  if (next_adapter_ && next_adapter_->through && gate_->is_frozen(next_adapter_->what))
    refuse_next("an incident froze it");
  if (through_now_ && gate_->is_frozen(adapter_now_)) {
    context_.log("adapter " + adapter_now_.name + " is taken back: an incident froze it");
    context_.count("frozen", 1);
    auto waiting = std::exchange(next_adapter_, std::nullopt);
    leave_frozen();
    swap_adapter(to);
    next_adapter_ = std::move(waiting);
  }
  // Those that are pinned to an older one go on through the newest.
  for (auto& [session, who] : conversations_) {
    if (!gate_->is_frozen(who->through)) continue;
    context_.log("adapter " + who->through.name +
                 " is taken back from a conversation: an incident froze it");
    engine_->adapt(session, through_now_);
    who->through = through_now_ ? adapter_now_ : adapter();
  }
}

// Conversations get copies of what nobody's session sends: one packet comes once for each.
void interaction_model::take_adapters(std::span<const bundle> sets) {
  for (const auto& set : sets) {
    if (adapters_in >= set.inputs.size()) continue;
    for (const auto& p : set.inputs[adapters_in])
      if (const auto* a = p.get_if<adapter>()) take_adapter(*a);
  }
}

// A repeated one changes nothing; what comes while another one waits takes its place.
void interaction_model::take_adapter(const adapter& a) {
  const auto& newest = next_adapter_ ? next_adapter_->what : adapter_now_;
  if (trainer::is_same(a, newest)) return;
  const bool is_frozen = trainer::is_frozen(a);
  if (refused_adapter_ && trainer::is_same(*refused_adapter_, a)) {
    const bool speaks_through_one =
        next_adapter_ ? !next_adapter_->is_open || next_adapter_->through : through_now_ != nullptr;
    if (is_frozen && speaks_through_one) leave_frozen();
    return;
  }
  // What replaces a frozen one, and is itself replaced before anybody took it, leaves that to the next.
  const bool leaves_frozen = is_frozen || (next_adapter_ && next_adapter_->leaves_frozen);
  next_adapter_ = next_adapter{.what = trainer::without_weights(a),
                               .number = ++adapters_begun_,
                               .leaves_frozen = leaves_frozen,
                               .is_open = a.weights.empty(),
                               .through = nullptr};
  if (a.weights.empty()) return;
  if (context_.time->is_virtual() || !context_.self)
    return opened(adapters_begun_, open_guarded(*engine_, *gate_, {gate::swap}, a));
  // Beside the conversations: opening one takes longer than a micro-turn may.
  std::thread([engine = engine_, at = gate_, a, number = adapters_begun_, self = context_.self,
               alive = std::weak_ptr<interaction_model*>(alive_)] {
    auto read = open_guarded(*engine, *at, {gate::swap}, a);
    self->run([alive, number, read = std::move(read)](emitter&) {
      if (const auto model = alive.lock()) (*model)->opened(number, read);
    });
  }).detach();
}

void interaction_model::opened(std::uint64_t number, result<opened_adapter_handle> read) {
  if (!next_adapter_ || next_adapter_->number != number) return;  // another one has come since
  if (read) {
    next_adapter_->through = std::move(*read);
    next_adapter_->is_open = true;
    return;
  }
  refuse_next(read.error().message);
}

void interaction_model::refuse_next(const std::string& why) {
  const auto& what = next_adapter_->what;
  refused_adapter_ = what;
  context_.log("adapter " + what.name + " is refused: " + why);
  context_.count("adapters_refused", 1);
  if (next_adapter_->leaves_frozen) return leave_frozen();
  next_adapter_.reset();
}

// What should have replaced a frozen one does not open; nobody goes on through that.
void interaction_model::leave_frozen() {
  next_adapter_ = next_adapter{.what = {"", R"({"frozen": true})", {}},
                               .number = ++adapters_begun_,
                               .leaves_frozen = true,
                               .is_open = true,
                               .through = nullptr};
}

// Between two micro-turns, so that each is computed through one adapter.
void interaction_model::swap_adapter(emitter& to) {
  if (!next_adapter_ || !next_adapter_->is_open) return;
  auto next = std::move(*next_adapter_);
  next_adapter_.reset();
  const bool moves = config_.adapter_swap == "moved" || next.leaves_frozen;
  for (const auto& [session, who] : conversations_) {
    if (!moves) {
      context_.count("pinned", 1);
      continue;
    }
    engine_->adapt(session, next.through);
    who->through = next.through ? next.what : adapter();
  }
  adapter_now_ = std::move(next.what);
  through_now_ = std::move(next.through);
  context_.count("adapters_taken", 1);
  context_.log(through_now_ ? "adapter from now on: " + adapter_now_.name
                            : "speaks without an adapter from now on");
  to.for_session(session_id::none);
  to.emit(adapter_out, context_.time->now(), adapter(adapter_now_));
}

}  // namespace hocket::interaction
