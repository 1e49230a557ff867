#pragma once

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::background {

using json = nlohmann::ordered_json;

/// One turn that a language model is asked for.
struct chat_request {
  json messages;  ///< as chat completions have them: role, content, tool_calls, tool_call_id
  json tools;     ///< function definitions; empty: it may call none
  std::int64_t max_tokens = 256;
  double temperature = 0;
  std::uint64_t seed = 0;
  std::int64_t time_left_ms = 60'000;
  const std::atomic<bool>* cancelled = nullptr;
};

struct chat_call {
  std::string name;
  std::string arguments_json;  ///< as the model wrote it: maybe no JSON
};

struct chat_reply {
  std::string text;
  std::vector<chat_call> calls;
  std::int64_t tokens = 0;  ///< of prompt and answer; estimated where nobody counts
};

/// A language model, wherever it runs. Threads: `ask` from several at once.
/// Errors: language.* of the endpoint or the engine, each a sentence without secrets.
class chat_backend {
 public:
  virtual ~chat_backend() = default;
  virtual result<chat_reply> ask(const chat_request& request) = 0;
};

/// A model of a file or folder, in this process. Errors: model.*, and language.no_engine where this
/// build has none.
result<std::shared_ptr<chat_backend>> open_engine_chat(const std::string& path);

/// Tool calls that a model wrote into its text: `<tool_call>{…}</tool_call>`, or a text that is one
/// call or a list of calls. What was a call is taken out of the text.
std::vector<chat_call> calls_in_text(std::string& text);

}  // namespace hocket::background
