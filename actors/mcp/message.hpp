#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::mcp {

using json = nlohmann::json;

/// One message of JSON-RPC 2.0.
struct message {
  enum class kind { request, notification, answer, error };
  kind what = kind::notification;
  json id;             ///< of a request, as the server wrote it; of an answer, the id of ours
  std::string method;  ///< of requests and notifications
  json body;           ///< params, result, or the error object
};

/// The messages of one line or one HTTP body: one, or a batch of at most 64.
/// Errors: mcp.bad_message (no JSON, nested over 64 levels, a key twice, not JSON-RPC).
result<std::vector<message>> read_messages(std::string_view text);

json request_of(std::int64_t id, std::string_view method, json params);
json notification_of(std::string_view method, json params);
json answer_of(const json& id, json result);
json error_of(const json& id, int code, std::string_view text);

/// One line, well-formed UTF-8 whatever went in.
std::string line_of(const json& value);

/// The member, or null where there is none or `in` is no object.
const json& member(const json& in, std::string_view key);
/// A text member; empty where it is absent or of another type.
std::string text_of(const json& in, std::string_view key);

}  // namespace hocket::mcp
