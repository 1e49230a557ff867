#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "graph/contract/payload.hpp"
#include "graph/core/result.hpp"

namespace hocket::background {

using json = nlohmann::ordered_json;

/// A call that was made, and what it gave.
struct made_call {
  std::string tool, arguments_json, result;
};

/// A request as it should be worked on, for a model that learns best from seeing it done.
struct chat_example {
  std::string request;
  std::vector<made_call> calls;
  std::string answer;
};

/// The same turn in few words, for a model whose template knows no tools.
struct plain_turn {
  std::vector<std::pair<std::string, std::string>> tools;  ///< names and summaries
  std::vector<chat_example> examples;
  std::string instructions, conversation, request;
  std::vector<made_call> so_far;
};

/// One turn that a language model is asked for.
struct chat_request {
  json messages;     ///< as chat completions have them: role, content, tool_calls, tool_call_id
  json tools;        ///< function definitions; empty: it may call none
  plain_turn plain;  ///< without a request: there is no such form of this turn
  /// The answer is some of these names, or "none"; only where `held`.
  std::vector<std::string> names;
  bool must_call = false;  ///< it may not answer yet
  bool held =
      true;  ///< what it writes is valid by construction, where the model is in this process
  std::int64_t max_tokens = 256;
  double temperature = 0;
  std::uint64_t seed = 0;
  std::int64_t time_left_ms = 60'000;
  const std::atomic<bool>* cancelled = nullptr;
  /// Text of the answer as it is written, without calls; on the thread of `ask`. What `ask` returns is
  /// the whole.
  std::function<void(std::string_view)> on_text = {};
};

struct chat_call {
  std::string name;
  std::string arguments_json;  ///< as the model wrote it: maybe no JSON
};

struct chat_reply {
  std::string text;
  std::vector<chat_call> calls;
  std::int64_t tokens = 0;  ///< of prompt and answer; estimated where nobody counts
  /// Of a model in this process: tokens of the prompt, of these not read again, and the time until
  /// the first token of the answer.
  std::int64_t prompt_tokens = 0, reused_tokens = 0;
  double first_token_ms = 0;
};

/// A language model, wherever it runs. Threads: `ask` from several at once.
/// Errors: language.* of the endpoint or the engine, each a sentence without secrets.
class chat_backend {
 public:
  virtual ~chat_backend() = default;
  virtual result<chat_reply> ask(const chat_request& request) = 0;
  /// Reads an adapter, so that `adapt` takes it at once. Threads: any.
  virtual result<void> prepare(const adapter& a) { return adapt(a); }
  /// What is asked from now on is answered through this adapter; without weights: through none.
  /// Errors: language.no_adapters; lora.*: the adapter fits another model. Nothing has changed then.
  virtual result<void> adapt(const adapter&) {
    return fail("language.no_adapters", "only a model in this process takes adapters");
  }
  /// Its file or folder, which cards of adapters name by its sum; empty: not known.
  virtual std::string model_path() const { return {}; }
  /// Whether it is asked in lines of text (`plain_turn`) where there are tools.
  virtual bool reads_lines() const { return false; }
};

/// How a model in this process runs.
struct engine_settings {
  std::string path;          ///< a file, a folder, or the name of a fetched package
  std::int64_t threads = 1;  ///< that share large products
  std::size_t prefix_bytes =
      256'000'000;  ///< for beginnings of prompts that were read; 0: none kept
};
/// A model in this process. Whoever opens the same path shares its weights and its prefixes.
/// Errors: model.*, and language.no_engine where this build has none.
result<std::shared_ptr<chat_backend>> open_engine_chat(const engine_settings& s);

/// Tool calls that a model wrote into its text: `<tool_call>{…}</tool_call>`, or a text that is one
/// call or a list of calls. What was a call is taken out of the text.
std::vector<chat_call> calls_in_text(std::string& text);

}  // namespace hocket::background
