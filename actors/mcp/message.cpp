#include "actors/mcp/message.hpp"

#include "engine/language/files/strict_json.hpp"

namespace hocket::mcp {
namespace {

constexpr std::size_t longest_batch = 64;

bool is_id(const json& id) { return id.is_number_integer() || id.is_string(); }

result<message> read_one(json& in) {
  const auto bad = [](const char* why) { return fail("mcp.bad_message", why); };
  if (!in.is_object()) return bad("a message that is no object");
  message out;
  const auto has = [&](const char* key) { return in.contains(key); };
  if (has("id")) out.id = in["id"];
  if (has("method")) {
    if (!in["method"].is_string()) return bad("a method that is no text");
    out.method = in["method"].get<std::string>();
    // An id of null is none; a server that sends one gets no answer.
    out.what = is_id(out.id) ? message::kind::request : message::kind::notification;
    if (has("params")) out.body = std::move(in["params"]);
    return out;
  }
  if (has("error") && in["error"].is_object()) {
    out.what = message::kind::error;
    out.body = std::move(in["error"]);
    return out;
  }
  if (has("result")) {
    out.what = message::kind::answer;
    out.body = std::move(in["result"]);
    return out;
  }
  return bad("neither a method nor a result nor an error");
}

}  // namespace

result<std::vector<message>> read_messages(std::string_view text) {
  auto value = language::strict_json(text, "message");
  if (!value) return fail("mcp.bad_message", value.error().message);
  std::vector<message> out;
  if (!value->is_array()) {
    auto one = read_one(*value);
    if (!one) return fail(one);
    out.push_back(std::move(*one));
    return out;
  }
  if (value->size() > longest_batch) return fail("mcp.bad_message", "a batch over 64 messages");
  for (auto& each : *value) {
    auto one = read_one(each);
    if (!one) return fail(one);
    out.push_back(std::move(*one));
  }
  return out;
}

json request_of(std::int64_t id, std::string_view method, json params) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}};
}

json notification_of(std::string_view method, json params) {
  json out = {{"jsonrpc", "2.0"}, {"method", method}};
  if (!params.is_null()) out["params"] = std::move(params);
  return out;
}

json answer_of(const json& id, json result) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}};
}

json error_of(const json& id, int code, std::string_view text) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", text}}}};
}

std::string line_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

const json& member(const json& in, std::string_view key) {
  static const json nothing;
  if (!in.is_object()) return nothing;
  const auto found = in.find(key);
  return found == in.end() ? nothing : *found;
}

std::string text_of(const json& in, std::string_view key) {
  const auto& value = member(in, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

}  // namespace hocket::mcp
