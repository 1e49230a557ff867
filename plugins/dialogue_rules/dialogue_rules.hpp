#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "graph/contract/component.hpp"
#include "plugins/dialogue_rules/understanding.hpp"

namespace hocket::dialogue_rules {

/// `dialogue.rules`: a turn-based manager of the domain: one utterance in, one answer out.
///
/// Inputs: text: utterances, role `heard`; events: of `vad.energy`, by which it knows when the person
/// speaks; results: of the background, word by word.
/// Outputs: say: text for a voice, ts = when to say it at the earliest; role `model`, or `resume`
/// after an interruption that asked for nothing ("uh huh"); delegations.
/// It answers when the utterance has ended and the person is silent. A broken-off request waits
/// `join_ms` for the rest of it.
/// Errors: dialogue.no_file, dialogue.bad_replies.
/// Counters: utterances, not_understood, joined, corrected, bystander, delegated, answered.
class dialogue final : public component {
 public:
  struct config {
    std::string replies;
    std::int64_t join_ms = 3000;
    std::int64_t settle_ms = 400;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit dialogue(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> tick(std::int64_t micro_turn, emitter&) override;

 private:
  /// One utterance of the person, from its first sound on.
  struct turn {
    timestamp begin;
    std::optional<timestamp> end;
    std::optional<std::string> words;
    timestamp ended_at;  ///< when its end was noticed
  };
  /// A task at work in the background. Those of one utterance are answered in order.
  struct task {
    std::uint64_t request = 0;
    std::uint64_t group = 0;
    std::string about;
    bool alone = true;  ///< the only one of its utterance
    std::string result;
    bool done = false;
    bool spelt = false;  ///< its result is spelt
  };
  struct timer {
    timestamp next;
    duration period{};  ///< 0: once
  };

  void hear_event(const packet&);
  void hear_result(const text&);
  void take_turns(emitter&);
  void answer(const turn&, emitter&);
  understanding understand_turn(const turn&);
  void answer_items(const understanding&);
  void answer_requests(const understanding&, const turn&, emitter&);
  void answer_request(const request&, const turn&, emitter&);
  void delegate(const request&, std::size_t of, const turn&, bool replaces, emitter&);
  void cancel_tasks(emitter&);
  void stop_all();
  void say_results();
  void say(const std::string& words, const std::string& role = "model");
  void speak(emitter&);
  bool floor_is_free() const;
  void note(const std::string& who, const std::string& words);

  config config_;
  context context_;
  reply_table replies_;
  std::deque<turn> turns_;  ///< not yet answered
  std::string pending_;     ///< the beginning of a request
  timestamp pending_end_;
  std::vector<std::string> last_tokens_;  ///< of the last request, for a correction
  bool translating_ = false, cueing_ = false, listening_ = false;
  std::optional<timestamp> clock_;
  std::vector<timer> timers_;
  std::deque<task> tasks_;
  std::uint64_t next_request_ = 1;
  std::vector<std::uint64_t> last_group_;  ///< tasks of the last request
  std::deque<text> unsaid_;                ///< waits for the floor
  timestamp last_said_;
  std::deque<std::string> transcript_;
};

}  // namespace hocket::dialogue_rules
