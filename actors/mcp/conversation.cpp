#include "actors/mcp/conversation.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hocket::mcp {
namespace {

constexpr int unsupported_version = -32022;
constexpr std::size_t most_pages = 200;
constexpr std::size_t most_tools = 2000;
constexpr std::int64_t longest_pause_ms = 30'000;
constexpr std::int64_t steady_ms = 10'000;  ///< who stood that long is not failing
constexpr int most_junk_notes = 5;

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

std::vector<std::string> texts(const json& list) {
  std::vector<std::string> out;
  if (list.is_array())
    for (const auto& t : list)
      if (t.is_string() && out.size() < 32) out.push_back(t.get<std::string>());
  return out;
}

int code_of(const json& error) {
  const auto& code = member(error, "code");
  return code.is_number_integer() ? code.get<int>() : 0;
}

}  // namespace

const std::vector<std::string>& handshake_versions() {
  static const std::vector<std::string> all = {"2025-11-25", "2025-06-18", "2025-03-26",
                                               "2024-11-05"};
  return all;
}

const server_tool* conversation::find(std::string_view tool) const {
  const auto at = std::ranges::find(tools_, tool, [](const auto& t) { return t.info.name; });
  return at == tools_.end() ? nullptr : &*at;
}

json conversation::capabilities() const {
  json out = {{"elicitation", {{"form", json::object()}}}};
  if (era_ != era::handshake)
    out["extensions"] = {{"io.modelcontextprotocol/tasks", json::object()}};
  return out;
}

std::int64_t conversation::ask(purpose what, const std::string& method, json params,
                               std::int64_t now_ms, std::int64_t limit_ms, std::uint64_t ticket,
                               http::header_list headers) {
  if (era_ != era::handshake && method != "initialize") {
    auto& meta = params["_meta"];
    meta["io.modelcontextprotocol/protocolVersion"] = stateless_version;
    meta["io.modelcontextprotocol/clientInfo"] = {{"name", "hocket"}, {"version", "0.1.0"}};
    meta["io.modelcontextprotocol/clientCapabilities"] = capabilities();
    headers.emplace_back("MCP-Protocol-Version", stateless_version);
    headers.emplace_back("Mcp-Method", method);
    if (const auto name = text_of(params, what == purpose::task ? "taskId" : "name"); !name.empty())
      headers.emplace_back("Mcp-Name", header_value(name));
  } else if (!version_.empty()) {
    headers.emplace_back("MCP-Protocol-Version", version_);
  }
  const auto id = next_id_++;
  requests_[id] = {what, ticket, limit_ms > 0 ? now_ms + limit_ms : 0, false};
  act(send_action{{request_of(id, method, std::move(params)), id, method, std::move(headers)}});
  return id;
}

void conversation::tell(const std::string& method, json params) {
  http::header_list headers;
  if (!version_.empty()) headers.emplace_back("MCP-Protocol-Version", version_);
  act(send_action{{notification_of(method, std::move(params)), 0, method, std::move(headers)}});
}

void conversation::start(std::int64_t now_ms) {
  requests_.clear();
  restart_at_ms_ = list_again_ms_ = 0;
  version_.clear();
  const auto known = era_ != era::unknown ? era_ : settings_.remembered;
  if (known == era::handshake) return initialize(now_ms);
  probe(now_ms);
}

void conversation::probe(std::int64_t now_ms) {
  phase_ = phase::probing;
  era_ = era::unknown;
  ask(purpose::probe, "server/discover", json::object(), now_ms, settings_.probe_ms);
}

void conversation::initialize(std::int64_t now_ms) {
  phase_ = phase::initializing;
  era_ = era::handshake;
  ask(purpose::initialize, "initialize",
      {{"protocolVersion", handshake_versions().front()},
       {"capabilities", capabilities()},
       {"clientInfo", {{"name", "hocket"}, {"version", "0.1.0"}}}},
      now_ms, settings_.reply_ms);
}

void conversation::on_probe(const message& m, std::int64_t now_ms) {
  if (m.what == message::kind::error) return on_probe_refused(m.body, now_ms);
  if (!contains(texts(member(m.body, "supportedVersions")), stateless_version)) {
    if (phase_ == phase::probing) initialize(now_ms);
    return;
  }
  if (phase_ == phase::ready) return count("late_answers");
  if (phase_ != phase::probing) {
    // It was slow, not old: what the handshake asked meanwhile is of no interest any more.
    note("the server is of the newest era after all; its first answer was late");
    std::erase_if(requests_, [](const auto& r) { return r.second.what != purpose::call; });
  }
  era_ = era::stateless;
  version_ = stateless_version;
  const auto& can = member(m.body, "capabilities");
  has_tools_ = !can.is_object() || can.contains("tools");
  tells_changes_ = member(member(can, "tools"), "listChanged") == true;
  tasks_extension_ = member(can, "extensions").contains("io.modelcontextprotocol/tasks");
  list("", now_ms);
}

void conversation::on_probe_refused(const json& error, std::int64_t now_ms) {
  if (phase_ != phase::probing) return;
  if (code_of(error) != unsupported_version) return initialize(now_ms);
  const auto theirs = texts(member(member(error, "data"), "supported"));
  if (contains(theirs, stateless_version) && !std::exchange(asked_twice_, true))
    return probe(now_ms);
  const auto common = std::ranges::any_of(handshake_versions(),
                                          [&](const auto& ours) { return contains(theirs, ours); });
  if (common || theirs.empty()) return initialize(now_ms);
  give_up("mcp.no_common_version",
          fmt::format("the server speaks {}; spoken here are {}, {}", fmt::join(theirs, ", "),
                      stateless_version, fmt::join(handshake_versions(), ", ")));
}

void conversation::on_initialize(const message& m, std::int64_t now_ms) {
  if (phase_ != phase::initializing) return;
  if (m.what == message::kind::error) {
    if (code_of(m.body) == unsupported_version && settings_.remembered != era::stateless) {
      settings_.remembered = era::stateless;
      return probe(now_ms);
    }
    return give_up("mcp.refused", "the server refuses `initialize`: " + text_of(m.body, "message"));
  }
  const auto theirs = text_of(m.body, "protocolVersion");
  if (!contains(handshake_versions(), theirs))
    return give_up("mcp.no_common_version",
                   fmt::format("the server speaks {}; spoken here are {}, {}",
                               theirs.empty() ? "no version" : theirs, stateless_version,
                               fmt::join(handshake_versions(), ", ")));
  version_ = theirs;
  const auto& can = member(m.body, "capabilities");
  has_tools_ = member(can, "tools").is_object();
  tells_changes_ = member(member(can, "tools"), "listChanged") == true;
  tell("notifications/initialized", nullptr);
  if (settings_.http) act(listen_action{});
  list("", now_ms);
}

void conversation::list(const std::string& cursor, std::int64_t now_ms) {
  if (phase_ != phase::ready) phase_ = phase::listing;
  if (cursor.empty()) {
    incoming_.clear();
    cursors_.clear();
    left_out_ = 0;
    list_again_ms_ = 0;
    if (!has_tools_) return listed(now_ms);
  }
  json params = json::object();
  if (!cursor.empty()) params["cursor"] = cursor;
  ask(purpose::list, "tools/list", std::move(params), now_ms, settings_.reply_ms);
}

void conversation::on_list(const message& m, std::int64_t now_ms) {
  if (m.what == message::kind::error) {
    const auto why = "the server does not list its tools: " + text_of(m.body, "message");
    if (phase_ == phase::ready) return note(why);  // it keeps those that it had
    return give_up("mcp.refused", why);
  }
  auto page = read_tools(m.body, left_out_);
  for (auto& t : page)
    if (incoming_.size() < most_tools) incoming_.push_back(std::move(t));
  const auto next = text_of(m.body, "nextCursor");
  if (next.empty()) return listed(now_ms);
  if (!cursors_.insert(next).second || cursors_.size() >= most_pages ||
      incoming_.size() >= most_tools) {
    note("the list of tools does not end; it is cut");
    return listed(now_ms);
  }
  list(next, now_ms);
}

void conversation::listed(std::int64_t now_ms) {
  if (left_out_ > 0)
    note(fmt::format("{} tool(s) are left out: no name, or a schema that cannot be followed",
                     left_out_));
  const auto same = [](const server_tool& a, const server_tool& b) {
    return a.info.name == b.info.name && a.info.summary == b.info.summary &&
           a.info.parameters_json_schema == b.info.parameters_json_schema;
  };
  const bool changed = !std::ranges::equal(tools_, incoming_, same);
  tools_ = std::move(incoming_);
  incoming_ = {};
  if (phase_ != phase::ready) {
    phase_ = phase::ready;
    if (!was_ready_) failures_ = 0;
    ready_at_ms_ = now_ms;
    act(ready_action{});
    if (era_ == era::stateless && tells_changes_)
      ask(purpose::listen, "subscriptions/listen",
          {{"notifications", {{"toolsListChanged", true}}}}, now_ms, 0);
    std::vector<std::uint64_t> waiting;
    for (const auto& [ticket, c] : calls_)
      if (c.exchange == 0 && c.task.empty()) waiting.push_back(ticket);
    for (const auto t : waiting) send_call(t, calls_.at(t), json::object(), now_ms);
  }
  if (was_ready_ && changed) act(changed_action{});
  was_ready_ = true;
}

void conversation::receive(std::string_view text, std::int64_t now_ms, std::int64_t exchange) {
  auto messages = read_messages(text);
  if (!messages) {
    count("junk");
    if (++junk_ <= most_junk_notes) note("skipped: " + messages.error().message);
    // An answer that nobody can read says that the server is not of the newest era.
    if (exchange != 0 && requests_.contains(exchange)) {
      message m{message::kind::error,
                exchange,
                "",
                {{"code", -32700}, {"message", "an answer that is no JSON-RPC"}}};
      handle(std::move(m), now_ms, exchange);
    }
    return;
  }
  for (auto& m : *messages) handle(std::move(m), now_ms, exchange);
}

void conversation::handle(message m, std::int64_t now_ms, std::int64_t exchange) {
  if (phase_ == phase::broken || phase_ == phase::idle) return;
  if (m.what == message::kind::request) return on_request(m);
  if (m.what == message::kind::notification) return on_notification(m, now_ms);
  // An error without an id answers the exchange that it came in.
  std::int64_t id = 0;
  if (m.id.is_number_integer())
    id = m.id.get<std::int64_t>();
  else if (m.what == message::kind::error && exchange != 0)
    id = exchange;
  else if (m.what == message::kind::error && phase_ == phase::probing)
    for (const auto& [open, r] : requests_)
      if (r.what == purpose::probe) id = open;
  answered(m, id, now_ms);
}

void conversation::answered(const message& m, std::int64_t id, std::int64_t now_ms) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return count("late_answers");
  const auto r = found->second;
  requests_.erase(found);
  switch (r.what) {
    case purpose::probe: return on_probe(m, now_ms);
    case purpose::initialize: return on_initialize(m, now_ms);
    case purpose::list: return on_list(m, now_ms);
    case purpose::call: return on_call(m, r.ticket, now_ms);
    case purpose::task: return on_task(m, r.ticket, now_ms);
    case purpose::listen:
      if (m.what == message::kind::error) note("it does not tell when its tools change");
      return;
    case purpose::other: return;
  }
}

void conversation::give_up(std::string code, std::string why) {
  phase_ = phase::broken;
  settle_all(code, why);
  requests_.clear();
  act(broken_action{{std::move(code), std::move(why)}});
}

void conversation::closed(const std::string& why, std::int64_t now_ms) {
  if (phase_ == phase::broken || phase_ == phase::idle) return;
  if (phase_ == phase::probing && failures_ == 0) {
    // Some end when they are asked what they do not know: again, and with the handshake.
    note("the server ended when it was asked for its era: " + why);
    ++failures_;
    era_ = era::handshake;
    phase_ = phase::waiting;
    requests_.clear();
    restart_at_ms_ = now_ms;
    return;
  }
  if (!was_ready_ && ++failures_ >= 3) return give_up("mcp.server_ended", why);
  settle_all("mcp.server_ended", "the server ended: " + why);
  begin_anew(why, now_ms);
}

void conversation::begin_anew(const std::string& why, std::int64_t now_ms) {
  requests_.clear();
  phase_ = phase::waiting;
  count("restarts");
  if (was_ready_ && now_ms - ready_at_ms_ > steady_ms) failures_ = 0;
  const auto pause = std::min(longest_pause_ms, std::int64_t{250} << std::min(failures_, 10));
  if (was_ready_) ++failures_;
  restart_at_ms_ = now_ms + pause;
  note(fmt::format("the server ended; it is started again in {} ms: {}", pause, why));
}

void conversation::exchange_ended(std::int64_t exchange, int status, const std::string& why,
                                  std::int64_t now_ms) {
  const auto found = requests_.find(exchange);
  if (found == requests_.end() || phase_ == phase::broken) return;
  const auto r = found->second;
  // Nobody waits for these: their end is nothing that the conversation would suffer from.
  if (r.what == purpose::listen || r.what == purpose::other || r.overdue) {
    requests_.erase(found);
    return;
  }
  if ((status == 404 || status == 410) && era_ == era::handshake && r.what == purpose::call) {
    auto& c = calls_.at(r.ticket);
    if (!c.retried) {
      // The session is lost, not the call: once more in a new one.
      requests_.clear();
      for (auto& [_, other] : calls_) other.exchange = 0, other.retried = true;
      act(restart_action{});
      note("the server has forgotten the session; a new one begins");
      return initialize(now_ms);
    }
  }
  if (r.what == purpose::probe && status >= 400) {
    requests_.erase(found);
    if (status == 401 || status == 403) return give_up("mcp.refused", why);
    return initialize(now_ms);
  }
  requests_.erase(found);
  if (r.what == purpose::call || r.what == purpose::task)
    return settle(r.ticket, fail("mcp.no_answer", why));
  if (r.what == purpose::list && phase_ == phase::ready) return note(why);
  // The network says nothing of the era: what has never been reached is an error of its own.
  if (!was_ready_) return give_up("mcp.unreachable", why);
  begin_anew(why, now_ms);
}

void conversation::on_overdue(std::int64_t id, std::int64_t now_ms) {
  auto& r = requests_.at(id);
  r.overdue = true;
  r.deadline_ms = 0;
  if (r.what == purpose::probe && phase_ == phase::probing) return initialize(now_ms);
  if (r.what == purpose::initialize && phase_ == phase::initializing)
    return give_up("mcp.silent", fmt::format("the server did not answer `initialize` in {} ms",
                                             settings_.reply_ms));
  if (r.what != purpose::list) return;
  requests_.erase(id);
  const auto why = fmt::format("the server did not list its tools in {} ms", settings_.reply_ms);
  if (phase_ == phase::ready) return note(why);
  give_up("mcp.silent", why);
}

void conversation::tick(std::int64_t now_ms) {
  if (phase_ == phase::broken) return;
  if (restart_at_ms_ != 0 && now_ms >= restart_at_ms_) {
    restart_at_ms_ = 0;
    act(restart_action{});
    return start(now_ms);
  }
  if (list_again_ms_ != 0 && now_ms >= list_again_ms_ && phase_ == phase::ready) list("", now_ms);
  std::vector<std::int64_t> over;
  for (const auto& [id, r] : requests_)
    if (r.deadline_ms != 0 && now_ms >= r.deadline_ms) over.push_back(id);
  for (const auto id : over)
    if (requests_.contains(id)) on_overdue(id, now_ms);
  for (auto& [ticket, c] : calls_)
    if (c.poll_at_ms != 0 && now_ms >= c.poll_at_ms) poll(ticket, c, now_ms);
}

std::optional<std::int64_t> conversation::next_deadline() const {
  std::optional<std::int64_t> out;
  const auto consider = [&](std::int64_t at) {
    if (at != 0) out = std::min(out.value_or(at), at);
  };
  if (phase_ == phase::broken) return out;
  consider(restart_at_ms_);
  if (phase_ == phase::ready) consider(list_again_ms_);
  for (const auto& [_, r] : requests_) consider(r.deadline_ms);
  for (const auto& [_, c] : calls_) consider(c.poll_at_ms);
  return out;
}

}  // namespace hocket::mcp
