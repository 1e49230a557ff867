#pragma once

#include "actors/background/language/chat.hpp"

namespace hocket::background {

/// An OpenAI-compatible endpoint for chat completions.
struct endpoint_settings {
  std::string base_url = {};  ///< as clients take it: "https://host/v1"
  std::string model = {};
  std::string key = {};      ///< sent as a bearer token; never told
  std::string ca_file = {};  ///< PEM to trust instead of the system's list
  std::int64_t retries = 3;
  int connect_ms = 5000;
  int silence_ms = 30'000;   ///< longest wait for the next piece
  int first_pause_ms = 500;  ///< before the second try; then twice as long each time
};

/// Asks it, streaming. Where nothing of an answer came (no connection, 408, 429, 5xx) it is asked again
/// after a pause, or after what `Retry-After` says, as long as the request's time lasts.
/// Errors: language.unreachable, language.refused (status and the endpoint's words),
/// language.bad_answer, language.cancelled, language.out_of_time.
std::shared_ptr<chat_backend> make_endpoint(endpoint_settings s);

}  // namespace hocket::background
