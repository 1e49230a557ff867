#include "actors/gateway/tinker/roles.hpp"

#include <algorithm>

#include <fmt/format.h>

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

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from < path.size();) {
    const auto to = std::min(path.find('/', from), path.size());
    if (to > from) parts.emplace_back(path.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

std::optional<scope> scope_for(std::string_view method, std::string_view path) {
  if (path.starts_with("/oai/"))
    return method == "POST" ? std::optional(scope::sample) : std::nullopt;
  if (!path.starts_with("/api/v1/")) return std::nullopt;
  // By what decides which route answers: nothing else may tell two writings of one path apart.
  const auto parts = parts_of(path.substr(8));
  if (parts.empty()) return std::nullopt;
  const auto is_one_of = [&](std::initializer_list<std::string_view> names) {
    return parts.size() == 1 && std::find(names.begin(), names.end(), parts[0]) != names.end();
  };
  if (is_one_of(
          {"create_sampling_session", "asample", "join_sampling_session", "retrieve_futures"}))
    return scope::sample;
  if (is_one_of({"save_weights_external"})) return scope::exports;
  if (is_one_of({"create_model", "unload_model", "forward_backward", "forward", "optim_step",
                 "create_custom_loss", "save_weights", "save_weights_for_sampler", "load_weights",
                 "load_state", "copy_weights"}))
    return scope::train;
  if (parts[0] != "training_runs" || parts.size() == 1) return std::nullopt;
  for (const auto* end : {"external_weights_urls", "archive", "publish"})
    if (parts.back() == end) return scope::exports;
  return method == "GET" || method == "HEAD" ? std::nullopt : std::optional(scope::train);
}

namespace {

http::response out_of_scope(const tenant& who, scope wanted, bool openai) {
  const auto text =
      fmt::format("this key may not {}: its scopes are {}",
                  names_of_scopes(static_cast<std::uint8_t>(wanted)), names_of_scopes(who.scopes));
  auto r = json_answer(
      openai ? json{{"error",
                     {{"message", text}, {"type", "permission_error"}, {"code", "out_of_scope"}}}}
             : json{{"detail", text}},
      403);
  r.headers.emplace_back("x-should-retry", "false");
  return r;
}

}  // namespace

std::optional<http::response> lacks_scope(const tenant& who, const http::request& r) {
  const auto wanted = scope_for(r.method, r.path);
  // Who may delete what is others' may delete its own.
  const bool may = !wanted || who.may(*wanted) ||
                   (r.method == "DELETE" && *wanted == scope::train && who.may(scope::admin));
  if (may) return std::nullopt;
  return out_of_scope(who, *wanted, r.path.starts_with("/oai/"));
}

std::optional<http::response> service::state::refuses(const http::request& r) const {
  const auto who = tenant_of(r);
  auto no = roles->refuses(r, who ? http::caller::keyed : http::caller_of(r));
  if (who && (!no || no->status == 404))
    if (auto beyond = lacks_scope(*who, r)) return beyond;
  // What is not there is said by handle(), in each API's own words: to a client with a key, or where
  // nothing of the request would be kept.
  if (!no || (no->status == 404 && (who || r.method == "GET" || r.method == "HEAD"))) return {};
  if (no->status == 401) return no_key(r.path.starts_with("/oai/"));
  auto out = json_answer({{"detail", no->body}}, no->status);
  out.headers = std::move(no->headers);
  out.headers.emplace_back("x-should-retry", "false");
  return out;
}

}  // namespace hocket::tinker
