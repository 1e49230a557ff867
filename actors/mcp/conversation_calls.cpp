// Calls, the tasks behind them, and what a server asks and tells by itself.
#include <algorithm>

#include <fmt/format.h>

#include "actors/mcp/conversation.hpp"

namespace hocket::mcp {
namespace {

constexpr int most_rounds = 5;
constexpr std::int64_t shortest_poll_ms = 100, longest_poll_ms = 30'000;
constexpr int method_not_found = -32601;

/// What a form gets where its schema has defaults: those of all required fields, or nothing.
json defaults_of(const json& schema) {
  json out = json::object();
  const auto& properties = member(schema, "properties");
  if (properties.is_object())
    for (const auto& [name, property] : properties.items())
      if (property.is_object() && property.contains("default")) out[name] = property["default"];
  const auto& required = member(schema, "required");
  if (required.is_array())
    for (const auto& name : required)
      if (name.is_string() && !out.contains(name.get<std::string>())) return nullptr;
  return out;
}

/// "3 of 4: reading"
std::string progress_text(const json& params) {
  std::string out;
  const auto& done = member(params, "progress");
  const auto& total = member(params, "total");
  if (done.is_number()) out = line_of(done);
  if (total.is_number()) out += " of " + line_of(total);
  const auto words = text_of(params, "message");
  if (out.empty() || words.empty()) return out + words;
  return out + ": " + words;
}

}  // namespace

void conversation::call(std::uint64_t ticket, const std::string& tool, const json& arguments,
                        std::int64_t now_ms) {
  auto& c = calls_[ticket];
  c.tool = tool;
  c.arguments = arguments;
  if (phase_ == phase::broken)
    return settle(ticket, fail("mcp.not_there", "the server is not there"));
  if (phase_ == phase::ready) send_call(ticket, c, json::object(), now_ms);
}

void conversation::send_call(std::uint64_t ticket, open_call& c, json more, std::int64_t now_ms) {
  const auto* tool = find(c.tool);
  if (tool == nullptr)
    return settle(ticket, fail("mcp.no_such_tool", "the server has no tool `" + c.tool + "`"));
  json params = std::move(more);
  params["name"] = c.tool;
  params["arguments"] = c.arguments;
  params["_meta"]["progressToken"] = ticket;
  http::header_list headers;
  if (era_ == era::stateless)
    headers = headers_of(*tool, c.arguments);
  else if (tool->needs_task)
    params["task"] = json::object();
  c.exchange =
      ask(purpose::call, "tools/call", std::move(params), now_ms, 0, ticket, std::move(headers));
}

void conversation::cancel(std::uint64_t ticket, std::int64_t) {
  const auto found = calls_.find(ticket);
  if (found == calls_.end()) return;
  const auto exchange = found->second.exchange;
  const auto task = found->second.task;
  if (!task.empty() && phase_ == phase::ready) {
    ask(purpose::other, "tasks/cancel", {{"taskId", task}}, 0, 0);
  } else if (exchange != 0 && phase_ == phase::ready) {
    if (era_ == era::handshake || !settings_.http)
      tell("notifications/cancelled",
           {{"requestId", exchange}, {"reason", "nobody waits for it any more"}});
  }
  if (exchange != 0) act(abandon_action{exchange});
  requests_.erase(exchange);
  settle(ticket, fail("mcp.cancelled", "nobody waits for it any more"));
}

void conversation::on_call(const message& m, std::uint64_t ticket, std::int64_t now_ms) {
  const auto found = calls_.find(ticket);
  if (found == calls_.end()) return;
  auto& c = found->second;
  if (m.what == message::kind::error) {
    const auto words = text_of(m.body, "message");
    return settle(ticket, fail("mcp.refused", words.empty() ? "the server gave an error" : words));
  }
  const auto type = text_of(m.body, "resultType");
  if (type == "input_required") return ask_for_input(ticket, c, m.body, now_ms);
  if (type == "task") return follow_task(ticket, c, m.body, now_ms);
  if (member(m.body, "task").is_object())
    return follow_task(ticket, c, member(m.body, "task"), now_ms);
  auto text = text_of_result(m.body, settings_.result_bytes);
  if (member(m.body, "isError") == true)
    return settle(
        ticket, fail("mcp.tool_failed", text.empty() ? "the tool failed and says not why" : text));
  settle(ticket, std::move(text));
}

void conversation::ask_for_input(std::uint64_t ticket, open_call& c, const json& result,
                                 std::int64_t now_ms) {
  if (++c.rounds > most_rounds)
    return settle(ticket, fail("mcp.refused", "the server asks for more and more"));
  json answers = json::object();
  const auto& asked = member(result, "inputRequests");
  if (asked.is_object())
    for (const auto& [key, request] : asked.items()) {
      auto answer = answer_to(text_of(request, "method"), member(request, "params"));
      if (answer.is_null())
        return settle(ticket, fail("mcp.refused", "the server asks for what is not offered: " +
                                                      text_of(request, "method")));
      answers[key] = std::move(answer);
    }
  json more = json::object();
  if (!answers.empty()) more["inputResponses"] = std::move(answers);
  if (result.contains("requestState")) more["requestState"] = result["requestState"];
  send_call(ticket, c, std::move(more), now_ms);
}

void conversation::follow_task(std::uint64_t ticket, open_call& c, const json& task,
                               std::int64_t now_ms) {
  c.exchange = 0;
  if (c.task.empty()) c.task = text_of(task, "taskId");
  if (c.task.empty()) return settle(ticket, fail("mcp.refused", "a task without an id"));
  const auto status = text_of(task, "status");
  const auto words = text_of(task, "statusMessage");
  if (status == "failed" || status == "cancelled") {
    const auto why = text_of(member(task, "error"), "message");
    return settle(ticket, fail("mcp.tool_failed", !why.empty()    ? why
                                                  : words.empty() ? "the task " + status
                                                                  : words));
  }
  if (status == "completed") {
    const auto& inlined = member(task, "result");
    if (inlined.is_object())
      return on_call({message::kind::answer, nullptr, "", inlined}, ticket, now_ms);
    if (era_ == era::stateless)
      return settle(ticket, fail("mcp.refused", "the task is complete, without a result"));
    c.fetching = true;
    c.poll_at_ms = 0;
    ask(purpose::task, "tasks/result", {{"taskId", c.task}}, now_ms, 0, ticket);
    return;
  }
  if (status == "input_required" && era_ == era::stateless && ++c.rounds <= most_rounds) {
    json answers = json::object();
    const auto& asked = member(task, "inputRequests");
    if (asked.is_object())
      for (const auto& [key, request] : asked.items())
        if (auto a = answer_to(text_of(request, "method"), member(request, "params")); !a.is_null())
          answers[key] = std::move(a);
    ask(purpose::other, "tasks/update",
        {{"taskId", c.task}, {"inputResponses", std::move(answers)}}, now_ms, 0);
  }
  if (!words.empty()) act(partial_action{ticket, words});
  for (const char* key : {"pollIntervalMs", "pollInterval"})
    if (const auto& every = member(task, key); every.is_number())
      c.poll_every_ms = static_cast<std::int64_t>(
          std::clamp(every.get<double>(), double(shortest_poll_ms), double(longest_poll_ms)));
  c.poll_at_ms = now_ms + c.poll_every_ms;
}

void conversation::poll(std::uint64_t ticket, open_call& c, std::int64_t now_ms) {
  c.poll_at_ms = 0;
  if (phase_ == phase::ready)
    ask(purpose::task, "tasks/get", {{"taskId", c.task}}, now_ms, 0, ticket);
}

void conversation::on_task(const message& m, std::uint64_t ticket, std::int64_t now_ms) {
  const auto found = calls_.find(ticket);
  if (found == calls_.end()) return;
  auto& c = found->second;
  if (m.what == message::kind::error || c.fetching) return on_call(m, ticket, now_ms);
  follow_task(ticket, c, m.body, now_ms);
}

void conversation::settle(std::uint64_t ticket, result<std::string> what) {
  if (calls_.erase(ticket) == 0) return;
  act(answered_action{ticket, std::move(what)});
}

void conversation::settle_all(const std::string& code, const std::string& why) {
  for (const auto& [ticket, _] : calls_) act(answered_action{ticket, fail(code, why)});
  calls_.clear();
}

json conversation::answer_to(const std::string& method, const json& params) const {
  if (method != "elicitation/create") return nullptr;
  const auto mode = text_of(params, "mode");
  if (settings_.fills_in_defaults && (mode.empty() || mode == "form"))
    if (auto content = defaults_of(member(params, "requestedSchema")); content.is_object())
      return {{"action", "accept"}, {"content", std::move(content)}};
  return {{"action", "decline"}};  // nobody can be asked
}

void conversation::on_request(const message& m) {
  json reply;
  if (m.method == "ping") {
    reply = answer_of(m.id, json::object());
  } else if (auto answer = answer_to(m.method, m.body); !answer.is_null()) {
    count("elicitations");
    reply = answer_of(m.id, std::move(answer));
  } else {
    reply = error_of(m.id, method_not_found, "not offered by this client");
  }
  http::header_list headers;
  if (!version_.empty()) headers.emplace_back("MCP-Protocol-Version", version_);
  act(send_action{{std::move(reply), 0, "", std::move(headers)}});
}

void conversation::on_notification(const message& m, std::int64_t now_ms) {
  if (m.method == "notifications/progress") {
    const auto& token = member(m.body, "progressToken");
    if (!token.is_number_integer()) return count("unknown_progress");
    const auto ticket = token.get<std::uint64_t>();
    if (!calls_.contains(ticket)) return count("unknown_progress");
    act(partial_action{ticket, progress_text(m.body)});
  } else if (m.method == "notifications/tools/list_changed") {
    // A server that starts tells it several times within milliseconds.
    if (list_again_ms_ == 0) list_again_ms_ = now_ms + 100;
  } else if (m.method == "notifications/tasks/status" || m.method == "notifications/tasks") {
    const auto id = text_of(m.body, "taskId");
    for (auto& [_, c] : calls_)
      if (!id.empty() && c.task == id && c.poll_at_ms != 0) c.poll_at_ms = now_ms;
  } else if (m.method == "notifications/message") {
    count("server_logs");
  }
}

}  // namespace hocket::mcp
