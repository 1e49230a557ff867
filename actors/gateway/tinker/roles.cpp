#include "actors/gateway/tinker/roles.hpp"

#include "actors/gateway/tinker/service_state.hpp"

namespace hocket::tinker {

using nlohmann::json;

std::vector<http::route> api_rows(const std::vector<std::string>& models) {
  using enum http::caller;
  const std::vector<std::string> read = {"GET", "HEAD"}, get = {"GET"}, post = {"POST"};
  const std::vector<http::caller> all = {stranger, neighbour, keyed}, keys = {keyed};
  // A file that was handed out is known by an address that nobody guesses.
  std::vector<http::route> out = {{"/api/v1/healthz", read, all},
                                  {"/files/*", get, all},
                                  {"/api/models/*", read, all},
                                  {"/api/agent-harnesses", read, all}};
  for (const auto& m : models) out.push_back({"/" + m + "/resolve/*", read, all});
  for (const char* name : {"create_session",
                           "session_heartbeat",
                           "telemetry",
                           "retrieve_future",
                           "cancel_future",
                           "create_sampling_session",
                           "asample",
                           "join_sampling_session",
                           "retrieve_futures",
                           "copy_weights",
                           "forward_backward",
                           "forward",
                           "create_custom_loss",
                           "create_model",
                           "get_info",
                           "unload_model",
                           "optim_step",
                           "save_weights",
                           "save_weights_external",
                           "save_weights_for_sampler",
                           "load_weights",
                           "load_state",
                           "weights_info",
                           "client/*"})
    out.push_back({std::string("/api/v1/") + name, post, keys});
  for (const char* name : {"get_server_capabilities", "auth/apikey/*", "checkpoints", "sessions",
                           "training_runs", "samplers/*"})
    out.push_back({std::string("/api/v1/") + name, get, keys});
  out.push_back({"/api/v1/sessions/*", {"GET", "POST", "PUT"}, keys});
  out.push_back({"/api/v1/training_runs/*", {"GET", "POST", "PUT", "DELETE"}, keys});
  out.push_back({"/oai/api/v1/completions", post, keys});
  out.push_back({"/oai/api/v1/chat/completions", post, keys});
  out.push_back({"/oai/api/v1/models", get, keys});
  return out;
}

http::response no_key(bool openai) {
  const std::string text = "the API key is missing or not known here";
  return json_answer(openai ? json{{"error",
                                    {{"message", text},
                                     {"type", "authentication_error"},
                                     {"code", "invalid_api_key"}}}}
                            : json{{"detail", text}},
                     401);
}

std::optional<http::response> service::state::refuses(const http::request& r) const {
  auto no = roles->refuses(r, owner_of(r) ? http::caller::keyed : http::caller_of(r));
  // What is not there is said by handle(), in each API's own words: to a client with a key, or where
  // nothing of the request would be kept.
  if (!no || (no->status == 404 && (owner_of(r) || r.method == "GET" || r.method == "HEAD")))
    return {};
  if (no->status == 401) return no_key(r.path.starts_with("/oai/"));
  auto out = json_answer({{"detail", no->body}}, no->status);
  out.headers = std::move(no->headers);
  out.headers.emplace_back("x-should-retry", "false");
  return out;
}

}  // namespace hocket::tinker
