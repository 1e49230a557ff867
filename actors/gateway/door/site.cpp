#include "actors/gateway/door/site.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "actors/gateway/door/routes.hpp"
#include "actors/gateway/edit/desk.hpp"
#include "actors/gateway/realtime/session.hpp"
#include "actors/gateway/web/files.hpp"
#include "actors/http/digest.hpp"

namespace hocket::gateway {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_token = 600s, shortest_token = 10s;

/// Nothing from elsewhere, no inline script, in nobody's frame.
const http::header_list page_headers = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' "
     "blob: data:; media-src 'self' blob: mediastream:; connect-src 'self'; base-uri 'none'; "
     "form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Permissions-Policy", "microphone=(self), camera=(self), geolocation=()"},
    {"Cache-Control", "no-cache"}};

http::response plain(int status, std::string text) {
  return {status, "text/plain; charset=utf-8", std::move(text) + "\n", {}};
}

http::response said_in_json(int status, const json& value) {
  return {status, "application/json", line_of(value), {{"Cache-Control", "no-store"}}};
}

std::string_view type_of_file(std::string_view path) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> types = {{
      {".html", "text/html; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".json", "application/json"},
      {".svg", "image/svg+xml"},
  }};
  for (const auto& [end, type] : types)
    if (path.ends_with(end)) return type;
  return "application/octet-stream";
}

std::int64_t unix_seconds(std::chrono::seconds from_now) {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch() + from_now)
      .count();
}

/// The verb of a WebSocket's opening, which HTTP writes as a GET with headers.
constexpr const char* opens = "UPGRADE";

/// Who may do what to which page of the gateway. Where keys are asked for, whoever has none gets the page
/// itself and whether it is alive, no more.
std::vector<http::route> rows(const site::options& o) {
  using enum http::caller;
  const std::vector<std::string> read = {"GET", "HEAD"}, post = {"POST"};
  const std::vector<http::caller> all = {stranger, neighbour, keyed}, keys = {keyed},
                                  known = o.needs_key ? keys : all;
  std::vector<http::route> out = {{"/healthz", read, all},
                                  {"/readyz", read, all},
                                  {"/v1/hocket/page", read, all},
                                  {"/v1/hocket/graph", read, known},
                                  {"/v1/realtime/client_secrets", post, known},
                                  {"/v1*/auth_tokens", post, known}};
  for (const auto k : with_calls) {
    out.push_back({std::string(call_path(k)), post, known});
    // A trickled candidate (PATCH) is refused: our answer has all of ours.
    out.push_back({std::string(call_path(k)) + "/*",
                   k == protocol_kind::whip ? std::vector<std::string>{"DELETE"}
                                            : std::vector<std::string>{"POST", "DELETE"},
                   known});
  }
  // Who may change the graph may do what this machine's user may: a key alone is not enough, which the
  // gateway sees to.
  for (const auto& p : edit::pages)
    if (p.is_for == edit::page::editors    ? o.edits
        : p.is_for == edit::page::learners ? o.training
                                           : !o.graph_yaml.empty())
      out.push_back({p.path, {p.method}, p.is_for == edit::page::editors ? keys : known});
  out.push_back({"/v1/live/sessions/*/attach", read, all});
  out.push_back({"/v1/live/sessions/*/attach", {opens}, known});
  for (const char* path : {"/v1/hocket", "/v1/realtime", "/v1/live/sessions", "/ws/*"}) {
    out.push_back({path, read, all});
    out.push_back({path, {opens}, known});
  }
  if (o.page) {
    out.push_back({"/", read, all});
    for (const auto& f : web::files()) out.push_back({std::string(f.path), read, all});
  }
  return out;
}

}  // namespace

json default_page_texts() {
  for (const auto& f : web::files())
    if (f.path == "/texts.json") return json::parse(f.content);
  return json::object();
}

site::site(options o, std::shared_ptr<key_ring> keys)
    : options_(std::move(o)), keys_(std::move(keys)), table_(rows(options_)) {}

http::response site::problem(int status, const std::string& code, const std::string& message) {
  return said_in_json(status, {{"error",
                                {{"type", "invalid_request_error"},
                                 {"code", code},
                                 {"message", message},
                                 {"param", nullptr}}}});
}

http::response site::no_model() {
  auto out = problem(503, "model_unavailable", "what answers is gone for the moment: come again");
  out.headers.emplace_back("Retry-After", "5");
  return out;
}

/// What a form of any page can make a browser send, without asking first and without reading the answer.
std::optional<http::response> site::refuses_page(const http::request& r) const {
  const auto origin = r.header("Origin");
  if (!origin || r.method == "GET" || r.method == "HEAD" || r.method == opens) return {};
  // Its own page has the name that the request came by, which the server answers to.
  const auto own = http::host_of_authority(r.header("Host").value_or(""));
  if (options_.hosts.admits_origin(*origin, own)) return {};
  http::note_refused(r, "it comes from a page of " + std::string(origin->substr(0, 256)));
  return problem(403, "foreign_origin",
                 "pages of that origin may change nothing here; `names` of the gateway names those "
                 "that may");
}

/// Whoever edits runs programs here: of pages its own alone may, to the port, and what a form can send is
/// no JSON.
std::optional<http::response> site::refuses_edit(const http::request& r) {
  if (r.method != "POST") return {};
  const auto lower = [](std::string text) {
    for (char& c : text)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
  };
  const auto own = (r.is_tls ? "https://" : "http://") + std::string(r.header("Host").value_or(""));
  if (const auto origin = r.header("Origin"); origin && lower(std::string(*origin)) != lower(own)) {
    http::note_refused(r, "it comes from a page of " + std::string(origin->substr(0, 256)));
    return problem(403, "foreign_origin", "the graph is changed by this gateway's own page alone");
  }
  auto type = lower(std::string(r.header("Content-Type").value_or("")));
  type.resize(std::min(type.size(), type.find_first_of("; \t")));
  if (type == "application/json") return {};
  return problem(415, "unsupported_media_type", "the body is application/json");
}

std::optional<http::response> site::refuses(const http::request& r, bool has_key) const {
  auto no = table_.refuses(r, has_key ? http::caller::keyed : http::caller_of(r));
  if (!no) return refuses_page(r);
  auto headers = std::move(no->headers);
  if (no->status == 401) no = problem(401, "invalid_api_key", "this key is not known");
  if (no->status == 405) no = problem(405, "method_not_allowed", "this is not done here");
  if (no->status == 404)
    no =
        plain(404, "here are WebSockets: /v1/hocket, /v1/realtime, /v1/live/sessions and Gemini's");
  no->headers.insert(no->headers.end(), headers.begin(), headers.end());
  return no;
}

std::optional<http::response> site::refuses_socket(http::request r, bool has_key) const {
  r.method = opens;
  return refuses(r, has_key);
}

http::header_list site::cross_origin(const http::request& r) const {
  const auto origin = r.header("Origin");
  if (!origin || !options_.hosts.admits_origin(*origin, "")) return {};
  return {{"Access-Control-Allow-Origin", std::string(*origin)},
          {"Access-Control-Allow-Methods", "GET, POST, DELETE"},
          {"Access-Control-Allow-Headers",
           "authorization, content-type, x-openai-agents-sdk, x-goog-api-key, x-goog-api-client"},
          {"Access-Control-Expose-Headers", "Location"},
          {"Vary", "Origin"}};
}

http::response site::answer(const http::request& r) const {
  // What a page of elsewhere may ask is asked by its browser, without a key: nothing is done then.
  auto out = r.method == "OPTIONS" ? plain(204, "") : api(r);
  if (r.method == "OPTIONS") out.body.clear();
  if (r.method == "OPTIONS" && r.path == call_path(protocol_kind::whip))
    out.headers.emplace_back("Accept-Post", "application/sdp");  // RFC 9725, 4.2
  const auto more = cross_origin(r);
  out.headers.insert(out.headers.end(), more.begin(), more.end());
  return out;
}

http::response site::api(const http::request& r) const {
  if (auto no = refuses(r, keys_->owner_of(key_of(r)).has_value())) return std::move(*no);
  // That it lives, for who would restart it; that who comes now is answered, for who sends people here.
  if (r.path == "/healthz") return plain(200, "ok");
  if (r.path == "/readyz") return options_.answers() ? plain(200, "ready") : no_model();
  if (r.path == "/v1/hocket/page") return page_facts();
  if (r.path == "/v1/hocket/graph") {
    if (options_.graph_yaml.empty()) return problem(404, "not_shown", "the graph is not shown");
    return {200,
            "text/plain; charset=utf-8",
            options_.graph_now ? options_.graph_now() : options_.graph_yaml,
            {{"Cache-Control", "no-store"}}};
  }
  if (r.path == "/v1/realtime/client_secrets") return client_secret(r);
  if (r.path.starts_with("/v1") && r.path.ends_with("/auth_tokens")) return auth_token(r);
  if ((protocol_at(r.path) != protocol_kind::none && r.method != "POST") || !beside_at(r).empty())
    return problem(426, "websocket_only", "a WebSocket is spoken here");
  if (call_at(r.path).kind != protocol_kind::none)
    return problem(501, "not_served", options_.no_calls + "; WebSockets are");
  if (r.path.starts_with("/v1/live/sessions/"))
    return problem(501, "not_served", "of a session of Live `hangup` and `attach` are served");
  return file(r.path == "/" ? "/index.html" : r.path);
}

http::response site::file(const std::string& path) const {
  for (const auto& f : web::files())
    if (f.path == path)
      return {200, std::string(type_of_file(path)), std::string(f.content), page_headers};
  return plain(404, "there is no such page");
}

http::response site::page_facts() const {
  return said_in_json(200, {{"graph", options_.graph_name},
                            {"needs_key", options_.needs_key},
                            {"shows_graph", !options_.graph_yaml.empty()},
                            {"calls", options_.no_calls.empty()},
                            {"sees", options_.sees()},
                            {"answers", options_.answers()},
                            {"edits", options_.edits},
                            {"training", options_.training},
                            {"grown_up", keys_->has_grown_up()},
                            {"texts", options_.texts}});
}

http::response site::client_secret(const http::request& r) const {
  const auto asked = r.body.empty() ? json::object() : parse_object(r.body).value_or(json());
  if (!asked.is_object()) return problem(400, "invalid_json", "the body is a JSON object");
  const auto wanted = number_of(member(asked, "expires_after"), "seconds", 600,
                                static_cast<double>(shortest_token.count()),
                                static_cast<double>(longest_token.count()));
  const auto lasts = std::chrono::seconds(static_cast<std::int64_t>(wanted));
  const auto& session = member(asked, "session");
  key_ring::visitor whose{keys_->owner_of(key_of(r)).value_or(""),
                          session.is_object() ? line_of(session) : "", true};
  realtime::session agreed("sess_" + http::random_token(9), text_of(session, "model", "hocket"),
                           unix_seconds(lasts));
  if (session.is_object())
    if (const auto p = agreed.update(session))
      return problem(400, p->code.c_str(), p->message.c_str());
  return said_in_json(200, {{"value", keys_->issue("ek_", whose, key_ring::clock::now() + lasts)},
                            {"expires_at", unix_seconds(lasts)},
                            {"session", agreed.object()}});
}

http::response site::auth_token(const http::request& r) const {
  const key_ring::visitor whose{keys_->owner_of(key_of(r)).value_or(""), "", true};
  return said_in_json(
      200, {{"name", keys_->issue("auth_tokens/", whose, key_ring::clock::now() + longest_token)}});
}

}  // namespace hocket::gateway
