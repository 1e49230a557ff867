// Clients, sessions, futures and keys.
#include <algorithm>
#include <ctime>
#include <sstream>

#include "actors/gateway/tinker/page.hpp"
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

/// Of one owner; of those that are over the oldest goes. The state's mutex is held.
bool has_room(service::state& s, const std::string& owner) {
  constexpr std::ptrdiff_t most_sessions = 2'000;
  const auto is_own = [&](const auto& e) { return e.second.owner == owner; };
  if (std::count_if(s.sessions.begin(), s.sessions.end(), is_own) < most_sessions) return true;
  auto oldest = s.sessions.end();
  for (auto i = s.sessions.begin(); i != s.sessions.end(); ++i)
    if (is_own(*i) && i->second.is_over &&
        (oldest == s.sessions.end() || i->second.seen < oldest->second.seen))
      oldest = i;
  if (oldest == s.sessions.end()) return false;
  for (const auto& sampler : oldest->second.samplers) s.samplers.erase(sampler);
  s.sessions.erase(oldest);
  return true;
}

answered create_session(service::state& s, call& c) {
  session_record r;
  r.id = unguessable("sess-"), r.owner = c.owner, r.seen = clock::now();
  r.user_metadata = c.body.value("user_metadata", json());
  r.time_s = static_cast<std::int64_t>(std::time(nullptr));
  const auto name = c.body.value("display_name", json());
  if (name.is_string()) r.display_name = name;
  const auto id = r.id;
  const std::lock_guard lock(s.mutex);
  if (!has_room(s, c.owner))
    return fail("tinker.busy", "too many sessions of this key are open: finish some");
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
    const auto reason = c.body.value("reason", json());
    const auto type = reason.is_object() ? reason.value("type", json()) : json();
    found->second.ended = type == "errored" || type == "interrupted" ? type : json("success");
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

/// The owner's, the newest first. The state's mutex is held.
std::vector<const session_record*> sessions_of(const service::state& s, const std::string& owner) {
  std::vector<const session_record*> all;
  for (const auto& [id, r] : s.sessions)
    if (r.owner == owner) all.push_back(&r);
  std::ranges::sort(all, [](const auto* a, const auto* b) {
    return std::pair(b->time_s, b->id) < std::pair(a->time_s, a->id);
  });
  return all;
}

answered list_sessions(service::state& s, call& c) {
  const std::lock_guard lock(s.mutex);
  return json_answer(page_of(c, sessions_of(s, c.owner), "sessions",
                             [](const session_record* r) { return json(r->id); }));
}

std::string lower(std::string text) {
  for (char& ch : text)
    if (ch >= 'A' && ch <= 'Z') ch = static_cast<char>(ch + 32);
  return text;
}

json status_of(const session_record& r) {
  if (!r.is_over) return {{"type", "active"}};
  if (r.ended.empty()) return {};  // it was silent for too long
  return {{"type", "client_finished"}, {"reason", {{"type", r.ended}}}};
}

/// Whether a session is one that a search asks for.
bool is_wanted(const session_record& r, const json& ask) {
  const auto id = ask.value("session_id", json()), name = ask.value("display_name", json());
  const auto shown = lower(r.display_name);
  bool named = name.is_string();
  std::istringstream words(named ? lower(name.get<std::string>()) : "");
  for (std::string word; words >> word;) named = named && shown.find(word) != shown.npos;
  if ((id.is_string() || name.is_string()) && !(id == r.id || named)) return false;
  const auto metadata = ask.value("user_metadata", json());
  if (metadata.is_object())
    for (const auto& [key, value] : metadata.items())
      if (!r.user_metadata.is_object() || r.user_metadata.value(key, json()) != value) return false;
  const auto statuses = ask.value("statuses", json());
  if (!statuses.is_array()) return true;
  const auto own = status_of(r);
  return std::ranges::any_of(statuses, [&](const json& wanted) {
    if (!wanted.is_object() || !own.is_object() || wanted.value("type", json()) != own["type"])
      return false;
    const auto reasons = wanted.value("reasons", json());
    return !reasons.is_array() || std::ranges::find(reasons, json(r.ended)) != reasons.end();
  });
}

json summary_of(const service::state& s, const session_record& r) {
  std::int64_t count = 0, bytes = 0;
  for (const auto& k : s.store->list(r.owner))
    if (k.path.run.starts_with(r.id + ":")) ++count, bytes += k.size_bytes;
  json j{{"session_id", r.id},
         {"created_at", iso_time(r.time_s)},
         {"owner", r.owner},
         {"project_id", "local"},
         {"status", status_of(r)},
         {"checkpoints_count", count},
         {"display_name", nullptr},
         {"user_metadata", nullptr},
         {"checkpoint_storage_bytes", bytes}};
  if (!r.display_name.empty()) j["display_name"] = r.display_name;
  if (r.user_metadata.is_object()) {
    j["user_metadata"] = json::object();
    for (const auto& [key, value] : r.user_metadata.items())
      j["user_metadata"][key] = value.is_string() ? value : json(value.dump());
  }
  return j;
}

answered search_sessions(service::state& s, call& c) {
  const auto limit =
      c.body.contains("limit") ? whole_of(c.body, "limit", 1, 200) : result<std::int64_t>(50);
  if (!limit) return fail(limit);
  const auto from = c.body.value("cursor", json());
  const auto after = from.is_object() ? from.value("last_session_id", json()) : json();
  json found = json::array(), next;
  const std::lock_guard lock(s.mutex);
  const auto all = sessions_of(s, c.owner);
  auto at = std::ranges::find_if(all, [&](const auto* r) { return after == r->id; });
  at = at == all.end() ? all.begin() : std::next(at);
  for (; at != all.end(); ++at) {
    if (!is_wanted(**at, c.body)) continue;
    if (static_cast<std::int64_t>(found.size()) == *limit) {
      const auto& last = found.back();
      next = {{"last_created_at", last["created_at"]}, {"last_session_id", last["session_id"]}};
      break;
    }
    found.push_back(summary_of(s, **at));
  }
  return json_answer({{"sessions", found}, {"next_cursor", next}});
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

/// Whose key it is, what it may, and what of its quotas is used.
answered show_key(service::state& s, call& c) {
  const auto& most = c.who.most;
  json scopes = json::array();
  std::istringstream names(names_of_scopes(c.who.scopes));
  for (std::string name; std::getline(names, name, ',');) scopes.push_back(name);
  const auto limit = [](std::int64_t n) { return n == 0 ? json() : json(n); };
  return json_answer(
      {{"key_id", c.owner},
       {"details", {{"org_details", {{"name", c.owner}}}, {"user_details", {{"email", c.owner}}}}},
       {"scopes", scopes},
       {"quotas",
        {{"models", {{"used", s.training.loaded(c.owner)}, {"limit", limit(most.models)}}},
         {"stored_bytes",
          {{"used", s.store->stored_bytes(c.owner)}, {"limit", limit(most.stored_mib << 20)}}},
         {"tokens_per_minute",
          {{"left", most.tokens_per_minute == 0 ? json() : json(s.usage.left(c.who, clock::now()))},
           {"limit", limit(most.tokens_per_minute)}}},
         {"futures",
          {{"used", s.futures.outstanding(c.owner)}, {"limit", limit(most.futures)}}}}}});
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
  if (is("POST", "sessions", 2) && p[1] == "search") return search_sessions(s, c);
  if (is("POST", "sessions", 3) && p[2] == "finish") return finish(s, c);
  if (is("PUT", "sessions", 3) && p[2] == "project") return answered(json_answer(json::object()));
  if (is("GET", "sessions")) return list_sessions(s, c);
  if (is("GET", "sessions", 2)) return show_session(s, c);
  if (is("POST", "retrieve_future")) return retrieve(s, c);
  if (is("POST", "cancel_future")) return cancel(s, c);
  if (is("GET", "auth", 3) && p[1] == "apikey") return show_key(s, c);
  return std::nullopt;
}

}  // namespace hocket::tinker
