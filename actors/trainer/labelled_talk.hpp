#pragma once

#include <map>
#include <optional>
#include <vector>

#include "actors/trainer/examples/judge.hpp"
#include "graph/contract/component.hpp"
#include "graph/trust/files.hpp"

namespace hocket::trainer {

/// `trainer.labelled_talk`: asks an agent what files say, judges its calls by their labels, makes lessons of
/// what went wrong, and asks again once a new adapter is in use.
///
/// Inputs, all from the agent: results, tool_calls: what came of a request; adapter: the one that it uses
/// from now on. Outputs: requests: one at a time; lessons: what went wrong, `group` to a packet;
/// evaluations: text, JSON `{"adapter", "scores": {"held_out", "rest"}}`.
/// Order: held_out and rest (the evaluation of the agent as it is), then `rounds` times: practice, lessons,
/// wait for an adapter, held_out and rest; then two seconds, in
/// which a version that the last evaluation condemned is taken back. Nothing of held_out and rest becomes a lesson. Without
/// practice nothing does, and every adapter that comes is asked. It ends when all
/// is asked, when nothing went wrong in practice, or when no adapter came for `wait_s`.
/// Writes `file` beneath the output folder: a line for each request (what was wanted, called, whether it
/// passed) and for each evaluation.
/// Errors: train.labels (open). Counters: asked, passed, failed (a notice, or no result), lessons, unanswered (no
/// result in `limit_ms`),
/// without_adapter.
class labelled_talk final : public component {
 public:
  struct config {
    std::string held_out, rest, practice, source;
    std::int64_t rounds = 1, group = 4, limit_ms = 120'000, wait_s = 3600;
    std::string learns = "wrong", file = "talk.jsonl";
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit labelled_talk(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<source_state> produce(timestamp until, emitter&) override;

 private:
  enum class phase { held_out, rest, practice, waiting, leaving, over };
  bool asks() const { return now_ < phase::waiting; }
  struct open_request {
    std::uint64_t id = 0;
    std::vector<made_call> calls;
    timestamp asked;
    bool failed = false;  ///< what is told of it is a notice of failure
  };

  result<void> read(const std::string& path, std::vector<labelled_request>& into) const;
  const std::vector<labelled_request>& asked_now() const;
  void ask_next(emitter&);
  void settle(bool failed, emitter&);
  void next_phase(emitter&);
  void tell_evaluation(emitter&);
  void tell_lessons(emitter&);
  void note(const nlohmann::json& line);

  config config_;
  context context_;
  std::vector<labelled_request> held_out_, rest_, practice_;
  phase now_ = phase::held_out;
  std::size_t next_ = 0;
  std::int64_t round_ = 0;
  std::uint64_t requests_ = 0;
  std::optional<open_request> open_;
  std::map<phase, talk_score> scores_;
  std::vector<labelled_request> wrong_;
  std::string adapter_;
  timestamp since_;
  std::optional<trust::file> lines_;
};

}  // namespace hocket::trainer
