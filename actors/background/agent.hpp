#pragma once

#include <deque>
#include <map>
#include <memory>

#include "actors/background/job.hpp"
#include "actors/background/learning.hpp"
#include "actors/background/outbox.hpp"
#include "actors/background/talk_log.hpp"
#include "actors/trainer/adapters/adapter_gate.hpp"
#include "graph/contract/component.hpp"

namespace hocket::background {

/// `background.agent`: works on what the interaction model delegates, while it goes on talking.
///
/// Inputs: requests: delegations (start, cancel; `supersedes` ends an earlier one); client: what the app
/// of the person says, by role (docs/apps.md); answers: what its functions returned; heard, said,
/// played: what both said and how much of it sounded, for the context of a task; `heard` is also where
/// a person answers whether a tool may be called (`confirm`); adapters: for the planner's model; lessons:
/// requests as they should have been worked on.
/// Outputs: results: text, role "background", one packet per word in the words of speech ("56" ->
/// "fifty six"), as `stream` says, the last one final; one that `replaces` makes those before it void, that of a
/// failure is `failure_role`; a text `over_role` or `left_role` where no answer will come from here;
/// progress: text; tool_calls, tool_results: for the record, one
/// result for each call, whatever ended it; adapter: the one in use from now on, without its weights;
/// examples: lessons under the planner's own prompts, for a trainer.
/// Each request ends once: with its result, one failure notice, or silently when it was cancelled
/// or superseded. A result comes `min_delay_ms` after its request at the earliest.
/// In virtual time the agent waits for its tools and results come at exactly that time, or at the
/// end of the limit that ended them: deterministic. Limits are wall time in both.
/// Errors: background.no_such_planner, background.no_such_tool, background.no_such_source,
/// background.source_failed, of an `adapter` that does not fit or passes no gate lora.*, language.no_adapters,
/// governance.refused, adapter.* (open). Threads: one per task at work (`max_parallel`) and one per call,
/// with time limits; a tool that does not come back in time is left behind and its result is `late`.
/// Counters: requests, answered, failed, timed_out, cancelled, superseded, late_dropped,
/// late_delivered, duplicate_requests, refused, cut_results, bad_offers (functions of an app that cannot
/// be read), late_answers (of its functions: unasked, answered before, given up), left_to_client,
/// more_asked, consents_asked, consents_given, consents_refused, consents_unanswered, adapters_taken,
/// adapters_refused (they do not fit or pass no gate; the one before stays or, frozen by an incident, goes), frozen
/// (incidents that took one back), stopped (requests that an incident ended, and that failed), pinned (came too late for
/// this conversation), bad_lessons.
class agent final : public component {
 public:
  struct config {
    part_choice planner = {.use = "match"};
    std::vector<std::string> tools;
    named_parts tool_sources;
    std::string client_functions = "alone";
    std::int64_t min_delay_ms = 1000;
    std::int64_t time_limit_ms = 10000;
    std::int64_t max_parallel = 4;
    std::int64_t max_steps = 4;
    std::int64_t max_tokens = 0;
    std::string new_request = "parallel";
    std::string late = "drop";
    std::string failure_words = "no result";
    std::int64_t progress_after_ms = 0;
    std::string progress_words = "still looking";
    std::int64_t max_words = 12;
    std::string cut_words = "and more";
    std::string stream = "sentences";
    bool speakable = true;
    bool confirm = false;
    std::vector<std::string> confirm_tools;
    std::string confirm_words = "shall i use {tool}";
    std::int64_t confirm_wait_ms = 8000;
    std::vector<std::string> yes_words = {"yes", "okay", "sure"};
    std::vector<std::string> no_words = {"no", "stop", "never"};
    std::vector<std::string> more_words = {"more", "go on", "tell me more"};
    std::int64_t context_bytes = 4000;
    std::string adapter;
    std::string adapter_swap = "moved";
    trainer::adapter_gate::config gate;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit agent(config c) : config_(std::move(c)) {}
  ~agent() override;
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> tick(std::int64_t micro_turn, emitter&) override;
  result<void> close(emitter&) override;

 private:
  struct waiting_room;
  struct request {
    std::shared_ptr<job> work;
    timestamp asked;
    timestamp deadline;
    std::map<std::uint64_t, std::string> open_calls;  ///< told, and their tools; no result yet
    bool started = false;                             ///< a thread has it
    bool holds_slot = false;                          ///< and counts among those at work
    bool told_progress = false;
    std::optional<timestamp> asking;    ///< it waits for the person's consent, since then
    std::optional<timestamp> asked_at;  ///< the question was told; it may wait for another's answer
    std::optional<timestamp> said_no;   ///< to that; a correction may follow
    std::shared_ptr<waiting_room> room;  ///< of its thread, in virtual time
    enum class state {
      wanted,
      given_up,  ///< out of time: what still comes is late
      unwanted,  ///< cancelled or superseded: what still comes is dropped
    } now = state::wanted;
  };
  result<void> make_planner();
  void log_of_app(const std::string& line);
  void take_client(const text&, emitter&);
  void take_answer(const tool_result&);
  std::string with_words_of_app(std::string transcript) const;
  void start(const delegation&, emitter&);
  void launch(request&, emitter&);
  void run_virtual(std::uint64_t id, request&, emitter&);
  void follow(std::uint64_t id, emitter&);
  result<void> know_confirmed_tools() const;
  void ask_consent(std::uint64_t id, request&, const job_consent&);
  void note_questions();
  void take_reply(std::string_view word, timestamp said_at, emitter&);
  /// One that was told by then and has no answer yet; end() where there is none.
  std::map<std::uint64_t, request>::iterator oldest_question(timestamp told_by);
  void decide(std::uint64_t id, bool yes, const char* how, emitter&);
  void check_consents(emitter&);
  bool is_reply(const delegation&, emitter&);
  bool tell_more(const delegation&);
  /// `asker_knows`: whoever asked ended it.
  void end_silently(std::uint64_t id, outcome why, bool asker_knows, emitter&);
  void tell_state(std::uint64_t id, std::string_view role, emitter&);
  void give_up(std::uint64_t id, std::int64_t after_ms, emitter&);
  void settle_calls(request&, std::uint64_t id, outcome why, emitter&);
  bool is_known(const delegation&, emitter&);
  void take_event(const job& from, job_event, emitter&);
  void finish(std::uint64_t id, request&, const job_end&, emitter&);
  void free_slot(request&);
  void launch_waiting(emitter&);
  timestamp due_of(timestamp asked, std::int64_t after_ms) const;
  void note_progress(std::uint64_t id, timestamp asked, timestamp due);
  void say(timestamp asked, std::int64_t after_ms, std::uint64_t id, const std::string& words,
           bool replaces = false);
  void say_failure(timestamp asked, std::int64_t after_ms, std::uint64_t id);
  void release(timestamp until, emitter&);
  void check_limits(emitter&);
  result<void> read_first_adapter();
  void look_for_incidents(emitter&);
  void stop_work(emitter&);
  void take_adapter(const adapter&);
  void adapter_read(std::uint64_t number, const result<void>& read);
  void refuse_adapter(const error& why);
  void leave_frozen();
  void swap_adapter(emitter&);
  bool waits_for_adapter() const;
  void take_lessons(const training_example&, emitter&);

  config config_;
  context context_;
  toolbox tools_;
  std::shared_ptr<client_functions> app_ = std::make_shared<client_functions>();
  std::string app_instructions_;
  std::string manner_;                 ///< how the person wants to be answered
  std::deque<std::string> app_notes_;  ///< what it lets us know; the newest
  int app_lines_ = 0;                  ///< of the log, about what it says
  bool left_to_client_ = false;        ///< delegations are
  std::shared_ptr<job_setup> setup_;
  std::shared_ptr<agent*> alive_ =
      std::make_shared<agent*>(this);  ///< for events that come after us
  std::map<std::uint64_t, request> requests_;
  struct asked_task {
    std::string task;
    std::int64_t to_micro_turn = 0;
  };
  std::map<std::uint64_t, asked_task> asked_;  ///< the newest, also those that ended
  std::deque<std::uint64_t> order_;            ///< in which they were asked
  std::deque<std::uint64_t> queued_;           ///< waiting for a thread
  outbox outbox_;                              ///< results that wait for their time
  std::shared_ptr<const void> unfinished_;     ///< while anything is asked and not told
  talk_log talk_;                              ///< what both said
  std::optional<timestamp> heard_at_;          ///< the person's newest word; none: nobody links it
  std::int64_t cuts_ = 0;
  std::int64_t at_work_ = 0;
  struct next_adapter {
    adapter what;
    std::uint64_t number = 0;    ///< two may have one name
    bool leaves_frozen = false;  ///< an incident froze the one in use: nobody goes on through that
    bool is_read = false;
  };
  std::shared_ptr<const trainer::adapter_gate> gate_;
  adapter adapter_now_;                       ///< name and card of the one in use
  bool works_through_one_ = false;            ///< it has weights
  std::optional<next_adapter> next_adapter_;  ///< taken when no request is worked on
  std::uint64_t adapters_begun_ = 0;
  bool cannot_leave_ = false;  ///< a frozen one: the planner refuses to work without
  bool began_ = false;         ///< a request was worked on: a pinned conversation stays
  std::optional<adapter> refused_adapter_;  ///< without weights; is said once
};

}  // namespace hocket::background
