#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/policy/rules.hpp"
#include "actors/policy/voice_gate.hpp"
#include "actors/policy/watch.hpp"
#include "graph/contract/component.hpp"

namespace hocket::policy {

/// `policy.guard`: what both sides say, what is asked of the background and what comes back pass through
/// it, and it holds a policy file's rules against them before they go on.
///
/// Inputs: audio, typed, requests, results: pass through it, in the outputs of the same name; said, heard,
/// evidence: looked at only; verdicts: what a judge (any actor that answers delegations) says of `questions`;
/// settings: of a grown-up, by a gateway that asked for his key; nothing that is said or typed gets there;
/// holds: while it says `frozen`, and before its first word, the voice is silent and nothing passes.
/// Outputs: also decisions, incidents and forgets: one JSON object each, never with the words; an incident is a delegation's task,
/// since an interruption drops no delegation; so is the word to who keeps something that this conversation is to be forgotten.
/// An action is done within the call that brings the words: a stopped voice raises the session's epoch.
/// Errors: policy.bad_file, policy.no_file, trust.refused.
/// Latency: none added to what passes; requests wait for the judge where `on_failure` is closed.
/// Counters: see README.
class guard final : public component {
 public:
  struct config {
    std::string rules;
    std::string language;
    std::string people = "adults";
    std::string on_failure = "closed";
    std::int64_t judge_ms = 0;
    std::string approval = "fine";
    std::string time_of_day;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit guard(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> tick(std::int64_t micro_turn, emitter&) override;
  result<void> on_control(std::size_t port, const packet&, emitter&) override;

 private:
  /// Ports, in the order of info().
  enum input : std::size_t {
    audio_in,
    said_in,
    heard_in,
    typed_in,
    requests_in,
    results_in,
    evidence_in,
    verdicts_in,
    holds_in,
    settings_in
  };
  enum output : std::size_t {
    audio_out,
    typed_out,
    requests_out,
    results_out,
    questions_out,
    decisions_out,
    incidents_out,
    forgets_out,
    settings_out,
    pace_out,
    manner_out
  };
  static duration minutes(double m);
  /// A request that comes so soon is of what the person just said.
  static constexpr std::chrono::seconds request_follows{4};

  /// What a judge is asked.
  struct question {
    place from = place::heard;
    timestamp until;
    packet held;  ///< a request that waits for it, or went on
    std::uint64_t request = 0;
    std::string verdict;  ///< so far
    timestamp began;      ///< of the utterance
    /// Topics that this utterance came to: each is acted on once, whoever finds it.
    std::shared_ptr<std::set<const topic*>> came_up;
  };
  struct utterance {
    std::string words;
    std::int64_t count = 0;
    timestamp began, last;
    std::shared_ptr<std::set<const topic*>> came_up = std::make_shared<std::set<const topic*>>();
  };
  using matches = std::vector<match>;

  result<void> read_policy(const context& where);
  void begin_notices(const context& where, timestamp now);
  result<void> read_time_of_day(timestamp began);
  /// Whether a notice is for this time of day.
  bool is_time_for(const notice& n, timestamp now) const;
  bool fails_closed() const { return config_.on_failure == "closed"; }
  bool has_minors() const { return config_.people == "minors" && !settings_.leaves; }
  bool concerns(const topic& t) const {
    return !t.only_minors || (has_minors() && !settings_.topics.contains(t.name));
  }
  static matches each_once(matches all);  ///< each topic
  /// What a text that is there as a whole comes to; the first 64 KiB of it are read.
  matches in_whole(const std::string& words, timestamp at);
  void listen(place from, const std::string& words, timestamp at, emitter& out);
  void take_voice(const packet& p, emitter& out);
  void take_typed(const packet& p, emitter& out);
  void take_request(const packet& p, emitter& out);
  void start(const packet& p, emitter& out);
  packet without_forbidden_lines(const packet& p);
  void take_result(const packet& p, emitter& out);
  void take_evidence(const packet& p, emitter& out);
  void take_verdict(const text& t, emitter& out);
  result<void> take_hold(bool frozen, emitter& out);
  void withhold_all(emitter& out);
  static bool has_desk(const context& where);
  /// Whether nothing may pass, by the desk behind `holds`.
  bool holds_all() const;
  void keep_early(std::size_t port, const packet& p);
  void hold_gate();
  void settle(timestamp now, emitter& out);
  void give_up_started(timestamp now, emitter& out);

  /// `of`: the utterance that the words are of; `request`: the one that they are.
  void ask_judge(place from, const std::string& words, const utterance* of, const packet* request,
                 timestamp at, emitter& out);
  void ask_about(place from, utterance& u, timestamp at, emitter& out);
  void judge_failed(question q, emitter& out);
  void lose_judge(emitter& out);
  void take_back_since(timestamp began, const topic* what, emitter& out);
  std::string with_before(const utterance& u) const;
  static void note_topics(utterance& u, const matches& all);
  void end_question(std::map<std::uint64_t, question>::iterator at, const topic* what,
                    emitter& out);

  /// Whether what was looked at may go on.
  bool act(const matches& all, place from, std::uint64_t request, emitter& out);
  action action_for(const match& m, place from, std::int64_t& times);
  bool carry_out(const match& m, action did, place from, std::uint64_t request, emitter& out);
  void end_voice(emitter& out);
  void end_session();
  void refuse(std::uint64_t request, const topic* what, emitter& out);
  void withhold(std::uint64_t request, const topic* what, emitter& out);
  void cancel(std::uint64_t request, emitter& out);
  /// Whether the model itself just said this: its voice comes back through the microphone.
  bool is_echo(const topic& t) const;
  /// What is kept of the conversation goes; then it ends. Nothing that comes meanwhile goes on.
  void forget(const match& m, emitter& out);
  /// Whether this is not to go on since all is being forgotten.
  bool is_past(std::size_t port, const packet& p, emitter& out);
  /// How it speaks from now on, to who makes its voice and its words.
  void adapt(const topic& t, emitter& out);
  void say(const texts& words, emitter& out);
  void tell(const match& m, place from, action did, std::int64_t times, emitter& out);
  void due_notices(timestamp now, emitter& out);
  /// A grown-up's, from who asked him for his key.
  void take_settings(const text& t, emitter& out);
  void tell_settings(const std::string& problem, std::uint64_t request, emitter& out);
  void use_settings(grown_up_settings s, emitter& out);
  /// By his settings: the hours are over.
  bool is_out_of_hours(timestamp now) const;
  void keep_hours(timestamp now, emitter& out);
  void forget_recordings(const nlohmann::json& why, emitter& out);
  void send(std::size_t port, packet p, emitter& out);

  config config_;
  context context_;
  policy::rules rules_;
  bool is_unguarded_ = false;  ///< restarted without its policy, and open
  std::unique_ptr<watch> heard_, said_, typed_;
  std::map<std::uint64_t, watch> results_;       ///< by request
  std::map<std::uint64_t, packet> started_;      ///< requests that went on, and have no last word
  std::optional<timestamp> background_lost_at_;  ///< who works on them is gone
  std::set<std::uint64_t> refused_;              ///< of these nothing comes through any more
  struct tally {
    std::int64_t times = 0;
    timestamp last;
  };
  std::map<std::string, tally> tallies_;  ///< by topic: what the person did
  std::map<std::uint64_t, question> questions_;
  bool is_judge_lost_ = false;
  utterance person_, model_;
  utterance before_;  ///< what the person said before
  timestamp last_heard_;
  bool is_utterance_refused_ = false;  ///< what the person says now, or said last
  std::uint64_t next_question_ = 1, next_refusal_ = 0;
  std::int64_t incidents_ = 0;
  std::set<std::size_t> lost_;  ///< inputs whose actor is gone
  voice_gate gate_;
  bool is_ended_ = false;
  bool is_frozen_ = false;    ///< an operator, or an incident, holds all conversations
  bool awaits_word_ = false;  ///< of the desk, which has said nothing yet
  std::vector<std::pair<std::size_t, packet>> early_;  ///< by input: what came before that
  timestamp closes_at_ = timestamp::max();
  bool is_forgetting_ = false;
  bool is_typed_now_ = false;  ///< what is looked at: no echo
  grown_up_settings settings_;
  bool is_slowed_ = false;  ///< its voice may be seconds behind its words
  timestamp began_;
  std::map<const topic*, timestamp> said_at_;  ///< topics that the model's own words came to
  std::vector<timestamp> due_;                 ///< by notice
  std::optional<int> midnight_min_;            ///< the minute of day at stream time 0
  std::map<std::size_t, timestamp> sent_;      ///< by output: times do not run backwards
};

}  // namespace hocket::policy
