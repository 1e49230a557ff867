#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "actors/interaction/delegation_reader.hpp"
#include "actors/interaction/micro_turn_engine.hpp"
#include "actors/interaction/scripted_phrase.hpp"
#include "actors/trainer/adapters/adapter_gate.hpp"
#include "graph/contract/component.hpp"

namespace hocket::interaction {

/// `interaction.model`: hears and speaks every 200 ms, for all conversations of the process at once.
///
/// Inputs, per micro-turn: audio: tensor u8 [T, 80] dMel (silence where it is missing); text:
/// background results, queued word by word into the model's text slots (of a failure it says its `refusal`
/// instead); keyboard: the same from a person; video: optional, the newest patches of the micro-turn; none is "no picture".
/// adapters: optional, for the model; taken at the border of a micro-turn, by conversations that go on as `adapter_swap` says.
/// Outputs: audio: 16 kHz mono, exactly 200 ms per micro-turn, ts = start of micro-turn k + 1, when
/// it is to be heard; text: the model's words, role "model", same ts; heard: words it heard, role
/// "heard", ts = the 50 ms in which they ended; delegations; state: tensor f32 [8], see README; adapter: the
/// one in use from now on, without its weights.
/// `<delegate> … <end>` becomes a delegation and is never spoken.
/// Errors: interaction.no_engine, model.*, session.*; of an `adapter` that does not fit (it does not open; one at the
/// input is refused and the one before stays, or, frozen by an incident, goes) lora.*, interaction.adapter (no memory), or
/// that passes no gate (`ledger`, `gates`) governance.refused;
/// a failed step restarts the actor.
/// Threads: blocking; one thread computes all sessions of a micro-turn in one batch.
/// Latency: p99 of a step is measured by `hocket bench session`.
/// Counters: micro_turns, missing_audio (micro-turns), missing_frames, unknown_words,
/// dropped_words, replaced_words (by an answer that takes their place), superseded_words (of a
/// request that was replaced or given up, come late), refusals (said), refusals_cut (it fell silent
/// meanwhile), forgotten_requests (pending for 20 minutes, or more than 64), asked_again (who answers had been lost),
/// given_up (it did not come back), skipped_micro_turns, overruns, forced_delegations, video_ignored (a blind model),
/// video_misfits (patches of another number than the model sees), adapters_taken, adapters_refused (they do not
/// fit, or pass no gate), frozen (incidents that took one back), pinned (conversations that stay with the adapter they
/// began with).
class interaction_model : public component {
 public:
  struct config {
    std::string model;
    std::string adapter;
    std::string adapter_swap = "moved";
    trainer::adapter_gate::config gate;
    std::string device = "auto";
    std::int64_t flow_steps = 5;
    double flow_noise = 1;
    double gate_threshold = 0.5;
    double nothing_bias = 0;
    double heard_bias = 0;
    std::int64_t seed = 0;
    std::int64_t threads = 1;
    std::string new_request = "parallel";
    std::string correction_word = "no";
    std::int64_t max_queued_words = 64;
    std::string refusal = "sorry i can't help with that";
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit interaction_model(config c, engine_factory make = make_engine)
      : config_(std::move(c)), make_(std::move(make)) {}
  result<void> open(const context&) override;
  result<void> process_sets(std::span<const bundle> sets, emitter&) override;
  result<void> on_control(std::size_t port, const packet&, emitter&) override;
  result<void> close(emitter&) override;

 private:
  struct conversation {
    explicit conversation(delegation_reader::options o) : reader(o) {}
    std::int64_t next = 0;  ///< micro-turn it is due for
    struct waiting {
      std::string word;
      std::uint64_t request = 0;
    };
    std::deque<waiting> words;                    ///< for text slots
    std::map<std::uint64_t, delegation> pending;  ///< asked, and not answered to the end
    std::deque<std::uint64_t> closed;     ///< replaced or given up; their words may be on their way
    std::optional<std::int64_t> lost_at;  ///< micro-turn in which who answers was lost
    std::set<std::uint64_t> failing;      ///< requests whose failure notice is coming
    scripted_phrase refusal;
    std::int64_t refusals = 0, refusals_cut = 0;  ///< of it, already counted
    delegation_reader reader;
    std::int64_t forced = 0;  ///< of the reader, already counted
    adapter through;          ///< the one it reads through, without weights
  };
  struct due_turn {
    const bundle* set = nullptr;  ///< nullptr for a micro-turn that nobody handed over
    conversation* who = nullptr;
    session_id session = session_id::none;
    std::int64_t micro_turn = 0;
  };

  result<conversation*> conversation_of(const bundle& set);
  result<void> step(std::span<const due_turn> due, emitter&);
  turn_input input_of(const due_turn& due);
  void read_frames(const bundle& set, turn_input& into);
  void read_picture(const packet& p, turn_input& into);
  void ask(conversation& who, delegation d, timestamp at, emitter& to);
  static void close_request(conversation& who, std::uint64_t request);
  void give_up_lost(conversation& who, std::int64_t k);
  static std::int64_t forget_words(conversation& who, std::uint64_t request);
  void queue_words(conversation& who, const packet& p);
  bool takes_end(conversation& who, const text& t);
  bool is_refused(conversation& who, const text& t);
  void tell_failure(conversation& who, const std::string& words, std::uint64_t request);
  void count_of(conversation& who);
  result<void> read_first_adapter();
  void look_for_incidents(emitter& to);
  void take_adapters(std::span<const bundle> sets);
  void take_adapter(const adapter& a);
  void refuse_next(const std::string& why);
  void opened(std::uint64_t number, result<opened_adapter_handle> read);
  void leave_frozen();
  void swap_adapter(emitter& to);
  void emit_turn(const due_turn& due, const turn_input& in, turn_output& out, double compute_ms,
                 std::size_t batch, emitter& to);

  config config_;
  engine_factory make_;
  context context_;
  std::shared_ptr<micro_turn_engine> engine_;  ///< shared with threads that open adapters
  std::vector<std::string> refusal_;           ///< its tokens; empty: the model does not know them
  std::map<session_id, std::unique_ptr<conversation>> conversations_;
  /// An adapter that is taken at the next border of a micro-turn, once it was opened.
  struct next_adapter {
    adapter what;                ///< without weights
    std::uint64_t number = 0;    ///< names come again, with other weights
    bool leaves_frozen = false;  ///< an incident froze the one before
    bool is_open = false;
    opened_adapter_handle through;
  };
  std::shared_ptr<const trainer::adapter_gate> gate_;
  adapter adapter_now_;  ///< name and card of the one in use
  opened_adapter_handle through_now_;
  std::optional<next_adapter> next_adapter_;
  std::uint64_t adapters_begun_ = 0;
  std::optional<adapter> refused_adapter_;  ///< is said once
  std::shared_ptr<interaction_model*> alive_ = std::make_shared<interaction_model*>(this);
};

}  // namespace hocket::interaction
