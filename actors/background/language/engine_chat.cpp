// A model in this process: one sequence, so one answer at a time.
#include <chrono>
#include <ctime>
#include <mutex>
#include <stop_token>
#include <thread>

#include "actors/background/language/chat.hpp"
#include "engine/language/generation/generation.hpp"

namespace hocket::background {
namespace {

class engine_chat final : public chat_backend {
 public:
  explicit engine_chat(std::shared_ptr<const language::chat_model> model)
      : model_(std::move(model)), answers_(model_) {
    // A template that does not know tools would leave them out without a word.
    knows_tools_ = model_->words().template_source.find("tools") != std::string::npos;
  }

  result<chat_reply> ask(const chat_request& request) override {
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(request.time_left_ms);
    const std::lock_guard lock(mutex_);
    const auto prompt = model_->prompt(knows_tools_ ? request.messages : in_words(request),
                                       knows_tools_ ? request.tools : json(), std::time(nullptr));
    if (!prompt) return fail(prompt);
    language::answer_config how;
    how.sampling.temperature = request.temperature;
    how.sampling.seed = request.seed;
    how.sampling.logprobs = -1;
    how.max_tokens = request.max_tokens;
    const auto over = [&] {
      return (request.cancelled != nullptr && request.cancelled->load()) ||
             std::chrono::steady_clock::now() >= until;
    };
    // The prompt is read in chunks, and left where nobody waits for it any more.
    std::stop_source stop;
    std::jthread watch([&](std::stop_token end) {
      while (!end.stop_requested() && !over())
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (!end.stop_requested()) stop.request_stop();
    });
    if (const auto begun = answers_.begin(*prompt, how, stop.get_token()); !begun)
      return fail(begun);
    chat_reply out;
    for (;;) {
      if (over()) return fail("language.out_of_time", "the time for the answer is over");
      const auto piece = answers_.next();
      if (!piece) return fail(piece);
      out.text += piece->markup + piece->text;
      if (piece->end != language::answer_end::none) break;
    }
    out.tokens = answers_.prompt_tokens() + answers_.answer_tokens();
    out.calls = calls_in_text(out.text);
    return out;
  }

 private:
  /// Tools and calls as plain words, for a template that has no place for them.
  static json in_words(const chat_request& request) {
    json out = json::array();
    std::string tools;
    for (const auto& t : request.tools) tools += "\n" + t["function"].dump();
    for (const auto& m : request.messages) {
      json one = {{"role", m["role"]}, {"content", m.value("content", json(""))}};
      if (one["content"].is_null()) one["content"] = "";
      if (m["role"] == "system" && !tools.empty())
        one["content"] = m["content"].get<std::string>() +
                         "\nYou can call these functions:" + tools +
                         "\nTo call one, answer with <tool_call>{\"name\": NAME, \"arguments\": "
                         "{…}}</tool_call> "
                         "and nothing else.";
      if (m.contains("tool_calls"))
        for (const auto& c : m["tool_calls"])
          one["content"] = "<tool_call>{\"name\": " + c["function"]["name"].dump() +
                           ", \"arguments\": " + c["function"]["arguments"].get<std::string>() +
                           "}</tool_call>";
      if (m["role"] == "tool") one["role"] = "user";
      out.push_back(std::move(one));
    }
    return out;
  }

  std::mutex mutex_;
  std::shared_ptr<const language::chat_model> model_;
  language::generation answers_;
  bool knows_tools_ = false;
};

}  // namespace

result<std::shared_ptr<chat_backend>> open_engine_chat(const std::string& path) {
  auto model = language::chat_model::open(path);
  if (!model) return fail(model);
  return std::make_shared<engine_chat>(std::move(*model));
}

}  // namespace hocket::background
