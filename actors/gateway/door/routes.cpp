#include "actors/gateway/door/routes.hpp"

#include "actors/gateway/gemini/machine.hpp"
#include "actors/gateway/live/machine.hpp"
#include "actors/gateway/own/machine.hpp"
#include "actors/gateway/realtime/beta.hpp"
#include "actors/gateway/realtime/machine.hpp"
#include "actors/gateway/whip/machine.hpp"

namespace hocket::gateway {
namespace {

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

/// The items of `a, b,c`.
template <class Each>
void each_item(std::string_view list, Each each) {
  while (!list.empty()) {
    auto item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(item.size() + 1, list.size()));
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    each(item);
  }
}

}  // namespace

std::string_view to_string(protocol_kind k) {
  switch (k) {
    case protocol_kind::realtime: return "realtime";
    case protocol_kind::live: return "live";
    case protocol_kind::gemini: return "gemini";
    case protocol_kind::own: return "hocket";
    case protocol_kind::whip: return "whip";
    case protocol_kind::none: break;
  }
  return "none";
}

protocol_kind protocol_at(std::string_view path) {
  if (path == "/v1/realtime") return protocol_kind::realtime;
  if (path == "/v1/live/sessions") return protocol_kind::live;
  if (path == "/v1/hocket") return protocol_kind::own;
  // Any version word: clients change their default from release to release.
  if (path.rfind("/ws/google.", 0) == 0 &&
      (ends_with(path, "Service.BidiGenerateContent") ||
       ends_with(path, "Service.BidiGenerateContentConstrained") ||
       ends_with(path, "LlmBidiService/BidiGenerateContent")))
    return protocol_kind::gemini;
  return protocol_kind::none;
}

std::string_view call_path(protocol_kind k) {
  switch (k) {
    case protocol_kind::realtime: return "/v1/realtime/calls";
    case protocol_kind::live: return "/v1/live/sessions";
    case protocol_kind::own: return "/v1/hocket/calls";
    case protocol_kind::whip: return "/v1/whip";
    default: return "";
  }
}

std::string_view id_prefix(protocol_kind k, bool has_track) {
  switch (k) {
    case protocol_kind::realtime: return has_track ? "rtc_" : "sess_";
    case protocol_kind::live: return "live_";
    default: return "";
  }
}

std::string beside_at(const http::request& r) {
  if (r.path == "/v1/realtime") return r.parameter("call_id").value_or("");
  const auto begin = std::string(call_path(protocol_kind::live)) + "/";
  if (r.path.size() < begin.size() + 7 || !r.path.starts_with(begin) ||
      !ends_with(r.path, "/attach"))
    return "";
  const auto id = r.path.substr(begin.size(), r.path.size() - begin.size() - 7);
  return id.find('/') == id.npos ? id : "";
}

call_place call_at(std::string_view path) {
  for (const auto k : with_calls) {
    const auto begin = call_path(k);
    if (path == begin) return {k, "", false};
    if (!path.starts_with(begin) || path[begin.size()] != '/') continue;
    auto id = path.substr(begin.size() + 1);
    const bool hangs_up = ends_with(id, "/hangup");
    if (hangs_up) id.remove_suffix(7);
    if (!id.empty() && id.find('/') == id.npos) return {k, std::string(id), hangs_up};
  }
  return {};
}

std::string key_of(const http::request& r) {
  if (const auto given = r.header("Authorization"))
    for (const std::string_view scheme : {"Bearer ", "Token "})
      if (given->rfind(scheme, 0) == 0) return std::string(given->substr(scheme.size()));
  for (const char* name : {"x-goog-api-key", "api-key"})
    if (const auto given = r.header(name)) return std::string(*given);
  for (const char* name : {"key", "access_token"})
    if (auto given = r.parameter(name)) return std::move(*given);
  std::string out;
  each_item(r.header("Sec-WebSocket-Protocol").value_or(""), [&](std::string_view item) {
    for (const std::string_view prefix : {"openai-insecure-api-key.", "hocket-key."})
      if (item.starts_with(prefix)) out = item.substr(prefix.size());
  });
  return out;
}

std::string subprotocol_for(const http::request& r) {
  std::string out;
  each_item(r.header("Sec-WebSocket-Protocol").value_or(""), [&](std::string_view item) {
    if (out.empty() && (item == "realtime" || item == "hocket")) out = item;
  });
  return out;
}

bool wants_beta(const http::request& r) {
  bool out = false;
  each_item(r.header("OpenAI-Beta").value_or(""),
            [&](std::string_view item) { out |= item == "realtime=v1"; });
  each_item(r.header("Sec-WebSocket-Protocol").value_or(""),
            [&](std::string_view item) { out |= item == "openai-beta.realtime-v1"; });
  return out;
}

std::unique_ptr<protocol> make_protocol(protocol_kind k, const session_facts& facts) {
  switch (k) {
    case protocol_kind::realtime: {
      realtime::settings s;
      s.session_id = facts.has_track || facts.call_id.empty() ? "sess_" + facts.id : facts.call_id;
      if (!facts.model.empty()) s.model = facts.model;
      s.expires_at_s = facts.expires_at_s;
      for (const auto& text : facts.session_jsons)
        if (auto agreed = parse_object(text)) s.initial.push_back(std::move(*agreed));
      s.has_track = facts.has_track;
      s.sees = facts.sees;
      s.resume_key = facts.resume_key;
      auto machine = std::make_unique<realtime::machine>(std::move(s));
      if (facts.is_beta) return std::make_unique<realtime::beta>(std::move(machine));
      return machine;
    }
    case protocol_kind::live: {
      live::settings s;
      s.session_id = facts.call_id.empty() ? "live_" + facts.id : facts.call_id;
      s.expires_at_s = facts.expires_at_s;
      s.has_track = facts.has_track;
      if (facts.has_track && !facts.session_jsons.empty())
        s.session = parse_object(facts.session_jsons.back()).value_or(json());
      s.resume_key = facts.resume_key;
      return std::make_unique<live::machine>(std::move(s));
    }
    case protocol_kind::gemini: {
      gemini::settings s;
      s.resume_key = facts.resume_key;
      s.sees = facts.sees;
      return std::make_unique<gemini::machine>(std::move(s));
    }
    case protocol_kind::own: {
      own::settings s;
      s.session_id = facts.id;
      s.resume_key = facts.resume_key;
      s.session_ms = facts.session_ms;
      s.idle_ms = facts.idle_ms;
      s.resume_ms = facts.resume_ms;
      s.has_track = facts.has_track;
      s.sees = facts.sees;
      return std::make_unique<own::machine>(std::move(s));
    }
    case protocol_kind::whip: return std::make_unique<whip::machine>(facts.resume_key);
    case protocol_kind::none: break;
  }
  return nullptr;
}

}  // namespace hocket::gateway
