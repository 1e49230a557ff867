#pragma once

#include <map>
#include <mutex>

#include "actors/background/language/endpoint.hpp"
#include "actors/background/language/prompt.hpp"
#include "actors/background/learning.hpp"
#include "graph/contract/answer_pieces.hpp"

namespace hocket::background {

/// `planner: language`: a language model decides which tools a request needs and words its answer.
///
/// Which tools a request may call is fixed before the model reads what any of them gave: those that it
/// names when it is asked for them, and those of its first step. Whatever a result says, no other is
/// called. On its last step, or with too few tokens left, it gets no tools and has to answer.
/// Errors: language.bad_config, language.no_engine, model.* (open); those of chat_backend, each ends
/// the request. Threads: `next` from several at once; a model in this process answers them together.
class language_planner final : public telling_planner, public learner {
 public:
  struct config {
    std::string model = {};
    std::string base_url = {};
    std::string endpoint_model = {};
    std::string key_env = {};
    std::string ca_file = {};
    std::string served_url = {};
    std::string served_engine = "sglang";
    std::string served_words = {};
    std::string served_model = {};
    std::string served_key_env = {};
    std::string served_ca_file = {};
    std::string instructions = {};
    std::vector<std::string> examples = {};
    bool choose_tools = true;
    bool held = true;
    bool known_addresses = false;
    bool as_in_examples = false;
    std::int64_t threads = 1;
    std::int64_t prefix_mb = 256;
    double temperature = 0;
    std::int64_t seed = 0;
    std::int64_t answer_tokens = 200;
    std::int64_t transcript_bytes = 4000;
    std::int64_t result_bytes = 4000;
    std::int64_t retries = 3;
    std::int64_t silence_ms = 30'000;
    std::int64_t step_ms = 60'000;
    void visit(config_visitor& v);
  };

  explicit language_planner(config c) : config_(std::move(c)) {}
  /// With a model that is open already, for tests and evaluations.
  language_planner(config c, std::shared_ptr<chat_backend> model)
      : config_(std::move(c)), model_(std::move(model)) {}

  result<void> open(const planner_context& where) override;
  using telling_planner::next;
  result<plan_step> next(const plan_view& view, const teller& tell) override;
  std::string model_path() const override { return model_ ? model_->model_path() : ""; }
  result<void> prepare(const adapter& a) override { return model_->prepare(a); }
  result<void> adapt(const adapter& a) override { return model_->adapt(a); }
  /// Lines: one text for all lessons, each after the one before, as examples follow each other in a
  /// prompt. A template that knows tools: a text for each step of each lesson.
  result<std::vector<training_example>> examples_of(std::span<const lesson> lessons,
                                                    std::span<const tool_info> tools,
                                                    const std::string& provenance) override;

 private:
  result<void> open_endpoint(const planner_context& where);
  result<void> open_served(const planner_context& where);
  result<std::vector<std::string>> choose(const plan_view& view, const tool_names& names,
                                          std::int64_t& tokens);
  std::vector<std::string> allowed_for(const plan_view& view);
  void remember(std::uint64_t request, std::vector<std::string> allowed);
  chat_request request_for(const plan_view& view) const;
  prompt_limits limits() const;
  result<chat_reply> ask(const chat_request& r);
  result<void> read_examples();
  bool follow_examples(const plan_view& view, std::vector<std::string>& allowed) const;
  bool may_reach(const plan_view& view, const std::string& tool, const json& arguments) const;
  plan_step step_from(chat_reply reply, const plan_view& view, const tool_names& names,
                      const std::vector<std::string>& allowed, std::int64_t tokens);

  config config_;
  std::vector<chat_example> examples_;
  std::shared_ptr<chat_backend> model_;
  std::function<void(std::string_view, std::int64_t)> count_ = [](std::string_view, std::int64_t) {
  };
  std::mutex mutex_;
  std::map<std::uint64_t, std::vector<std::string>> allowed_;  ///< by request; the newest 256
};

}  // namespace hocket::background
