#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/http/fetch.hpp"
#include "graph/core/result.hpp"

namespace hocket::background {

enum class served_engine : std::uint8_t {
  sglang,  ///< streaming sessions: keys and values stay at the server, tokens are appended
  vllm,  ///< no sessions: the whole prompt each time, of which its prefix cache knows the beginning
};

/// An inference server that takes and gives tokens.
struct served_settings {
  served_engine engine = served_engine::sglang;
  std::string base_url = {};  ///< "http://host:30000"; of vLLM with or without /v1
  std::string model = {};     ///< its name there; SGLang has one only
  std::string key = {};       ///< sent as a bearer token; never told
  std::string ca_file = {};   ///< PEM to trust instead of the system's list
  std::int32_t begin = -1;  ///< token that begins sequences: servers strip it from what is appended
  std::int64_t retries = 3;
  int connect_ms = 5000;
  int silence_ms = 30'000;   ///< longest wait for the next piece
  int close_ms = 500;        ///< longest wait for the server to take a session back
  int first_pause_ms = 500;  ///< before the second try; then twice as long each time
};

struct token_request {
  std::span<const std::int32_t> prompt;  ///< all of it, also what was read before
  std::int64_t max_tokens = 256;
  double temperature = 0;
  std::uint64_t seed = 0;
  std::vector<std::int32_t> ends = {};  ///< tokens that end the answer
  std::int64_t time_left_ms = 60'000;
  const std::atomic<bool>* cancelled = nullptr;
  /// Of the answer, as they come; on the thread of `ask`.
  std::function<void(std::span<const std::int32_t>)> on_tokens = {};
};

struct token_answer {
  std::vector<std::int32_t> tokens;  ///< the one that ended it included, where the server gives it
  std::int64_t sent = 0;             ///< tokens of the prompt that left
};

/// One sequence of tokens at a server, which grows by prompts and answers.
///
/// A prompt that goes on where the last answer ended is appended. Any other begins anew, and so does the
/// next one after an answer that did not end well: servers drop keys and values of an aborted turn
/// anyway, and some count the session as busy for ever. Where the server lost the session the whole prompt
/// is read again at once. Where it has no room (429, 503, a full queue) it is asked again after a pause, as
/// it says or twice as long each time, while the request's time lasts. Once a token came nothing is asked
/// again.
///
/// Errors: language.unreachable, language.busy, language.refused (status and the server's words),
/// language.bad_answer, language.cancelled, language.out_of_time; none says the key.
/// Threads: one at a time. Source: SGLang's session controller (pull requests 19171, 22790), vLLM's
/// completions with `return_token_ids`.
class token_session {
 public:
  explicit token_session(served_settings s);
  token_session(const token_session&) = delete;
  token_session& operator=(const token_session&) = delete;
  ~token_session();  ///< closes it at the server, which may take `close_ms` twice

  result<token_answer> ask(const token_request& r);
  /// How many tokens of `prompt` need not be sent again; 0: it would begin anew.
  std::size_t holds_of(std::span<const std::int32_t> prompt) const;

 private:
  struct attempt;
  attempt once(const token_request& r, std::int64_t left_ms);
  attempt stream(const token_request& r, std::span<const std::int32_t> chunk, std::int64_t left_ms);
  attempt refused(int status, std::int64_t wait_ms, const std::string& words) const;
  attempt lost(const error& why) const;
  bool open(const token_request& r, std::int64_t left_ms, attempt& failed);
  void close(const std::string& in_flight);
  std::string body_of(const token_request& r, std::span<const std::int32_t> chunk,
                      const std::string& rid) const;
  http::fetch_request request_to(const char* path, std::string body,
                                 const std::atomic<bool>* cancelled) const;

  served_settings settings_;
  std::optional<std::string> session_;  ///< its name at the server
  std::vector<std::int32_t> held_;      ///< what the server has read and said
};

}  // namespace hocket::background
