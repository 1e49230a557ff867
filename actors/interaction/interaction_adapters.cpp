// Adapters of the interaction model: from a folder at the start, and as packets while it runs.
#include <thread>

#include "actors/interaction/interaction.hpp"
#include "actors/trainer/adapters/adapter_packet.hpp"
#include "graph/contract/capability.hpp"

namespace hocket::interaction {
namespace {

enum : std::size_t { adapters_in = 4, adapter_out };  // behind those of interaction.cpp

adapter without_weights(const adapter& a) { return {a.name, a.card_json, {}}; }

}  // namespace

result<void> interaction_model::read_first_adapter() {
  if (config_.adapter.empty()) return {};
  auto folder = config_.adapter;
  if (context_.may) {
    auto may = context_.may->readable(folder);
    if (!may) return fail(may);
    folder = std::move(*may);
  }
  const auto read = trainer::read_adapter_folder(folder);
  if (!read) return fail(read);
  auto through = engine_->open_adapter(*read);
  if (!through) return fail(through.error().code, folder + ": " + through.error().message);
  next_adapter_ = next_adapter{without_weights(*read), true, std::move(*through)};
  return {};
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
  if (a.name == newest.name && a.card_json == newest.card_json) return;
  if (refused_adapter_ == a.name + a.card_json) return;
  next_adapter_ = next_adapter{without_weights(a), a.weights.empty(), nullptr};
  if (a.weights.empty()) return;
  if (context_.time->is_virtual() || !context_.self)
    return opened(a.name, engine_->open_adapter(a));
  // Beside the conversations: opening one takes longer than a micro-turn may.
  std::thread([engine = engine_, a, self = context_.self,
               alive = std::weak_ptr<interaction_model*>(alive_)] {
    auto read = engine->open_adapter(a);
    self->run([alive, name = a.name, read = std::move(read)](emitter&) {
      if (const auto model = alive.lock()) (*model)->opened(name, read);
    });
  }).detach();
}

void interaction_model::opened(const std::string& name, result<opened_adapter_handle> read) {
  if (!next_adapter_ || next_adapter_->what.name != name) return;  // another one has come since
  if (read) {
    next_adapter_->through = std::move(*read);
    next_adapter_->is_open = true;
    return;
  }
  refused_adapter_ = name + next_adapter_->what.card_json;
  context_.log("adapter " + name + " is refused: " + read.error().message);
  context_.count("adapters_refused", 1);
  next_adapter_.reset();
}

// Between two micro-turns, so that each is computed through one adapter.
void interaction_model::swap_adapter(emitter& to) {
  if (!next_adapter_ || !next_adapter_->is_open) return;
  auto next = std::move(*next_adapter_);
  next_adapter_.reset();
  const bool moves = config_.adapter_swap == "moved" || trainer::is_frozen(next.what);
  for (const auto& [session, _] : conversations_) {
    if (moves)
      engine_->adapt(session, next.through);
    else
      context_.count("pinned", 1);
  }
  adapter_now_ = std::move(next.what);
  through_now_ = std::move(next.through);
  context_.count("adapters_taken", 1);
  context_.log(through_now_ ? "adapter from now on: " + adapter_now_.name
                            : "speaks without an adapter from now on");
  to.for_session(session_id::none);
  to.emit(adapter_out, context_.time->now(),
          adapter{adapter_now_.name, adapter_now_.card_json, {}});
}

}  // namespace hocket::interaction
