// Clients, sessions, futures and keys.
#include <algorithm>

#include "actors/gateway/tinker/service_state.hpp"

namespace hocket::tinker {
namespace {

using nlohmann::json;

json list_of_models(const service::state& s) {
  json all = json::array();
  for (const auto& m : s.options.models)
    for (const auto& name : m->names)
      all.push_back({{"model_name", name},
                     {"max_context_length", m->context()},
                     {"trainable", true},
                     {"sampleable", true}});
  return all;
}

answered create_session(service::state& s, call& c) {
  session_record r;
  r.id = unguessable("sess-"), r.owner = c.owner, r.seen = clock::now();
  r.user_metadata = c.body.value("user_metadata", json());
  const auto name = c.body.value("display_name", json());
  if (name.is_string()) r.display_name = name;
  const auto id = r.id;
  const std::lock_guard lock(s.mutex);
  s.sessions[id] = std::move(r);
  return json_answer({{"type", "create_session"}, {"session_id", id}});
}

answered heartbeat(service::state& s, call& c) {
  const auto id = text_of(c.body, "session_id");
  if (!id) return fail(id);
  if (auto seen = s.touch(*id, c.owner); !seen) {
    // A session that the server does not know any more is over, too: the client stops asking.
    return fail("tinker.gone", seen.error().message);
  }
  return json_answer({{"type", "session_heartbeat"}});
}

answered finish(service::state& s, call& c) {
  {
    const std::lock_guard lock(s.mutex);
    const auto found = s.sessions.find(c.parts[1]);
    if (found == s.sessions.end() || found->second.owner != c.owner)
      return fail("tinker.not_found", "no such session");
    found->second.is_over = true, found->second.seen = clock::now();
  }
  s.training.end_session(c.parts[1]);
  return json_answer(json::object());
}

answered show_session(service::state& s, call& c) {
  const std::lock_guard lock(s.mutex);
  const auto found = s.sessions.find(c.parts[1]);
  if (found == s.sessions.end() || found->second.owner != c.owner)
    return fail("tinker.not_found", "no such session");
  const auto& r = found->second;
  json j{{"training_run_ids", r.runs}, {"sampler_ids", r.samplers}};
  if (!r.user_metadata.is_null()) j["user_metadata"] = r.user_metadata;
  if (!r.display_name.empty()) j["display_name"] = r.display_name;
  return json_answer(j);
}

answered list_sessions(service::state& s, call& c) {
  std::vector<std::string> ids;
  const std::lock_guard lock(s.mutex);
  for (const auto& [id, r] : s.sessions)
    if (r.owner == c.owner) ids.push_back(id);
  return json_answer({{"sessions", ids}});
}

answered retrieve(service::state& s, call& c) {
  const auto id = text_of(c.body, "request_id");
  if (!id) return fail(id);
  const auto accept = c.request.header("accept").value_or("");
  const auto metadata = c.body.value("allow_metadata_only", json(false));
  s.futures.poll(*id, c.owner, accept.find("protobuf") != accept.npos, metadata == true, c.reply);
  return std::optional<http::response>();
}

answered cancel(service::state& s, call& c) {
  const auto id = text_of(c.body, "request_id");
  if (!id) return fail(id);
  if (auto done = s.futures.cancel(*id, c.owner); !done) return fail(done);
  return http::response{204, "application/json", "", {}};
}

}  // namespace

std::optional<answered> session_route(service::state& s, call& c) {
  const auto& p = c.parts;
  const auto is = [&](const char* method, const char* name, std::size_t parts = 1) {
    return c.request.method == method && p.size() == parts && p[0] == name;
  };
  if (is("POST", "client", 2)) return answered(json_answer(json::object()));
  if (is("GET", "get_server_capabilities"))
    return answered(json_answer({{"supported_models", list_of_models(s)}}));
  if (is("POST", "create_session")) return create_session(s, c);
  if (is("POST", "session_heartbeat")) return heartbeat(s, c);
  if (is("POST", "telemetry")) return answered(json_answer({{"status", "accepted"}}));
  if (is("POST", "sessions", 3) && p[2] == "finish") return finish(s, c);
  if (is("PUT", "sessions", 3) && p[2] == "project") return answered(json_answer(json::object()));
  if (is("GET", "sessions")) return list_sessions(s, c);
  if (is("GET", "sessions", 2)) return show_session(s, c);
  if (is("POST", "retrieve_future")) return retrieve(s, c);
  if (is("POST", "cancel_future")) return cancel(s, c);
  if (is("GET", "auth", 3) && p[1] == "apikey")
    return answered(json_answer(
        {{"key_id", c.owner},
         {"details",
          {{"org_details", {{"name", c.owner}}}, {"user_details", {{"email", c.owner}}}}}}));
  return std::nullopt;
}

}  // namespace hocket::tinker
