#pragma once

#include <map>
#include <optional>
#include <set>
#include <variant>

#include "actors/mcp/tools.hpp"

namespace hocket::mcp {

/// The two ways of talking with a server.
enum class era {
  unknown,    ///< to be found out
  handshake,  ///< `initialize` first; until 2025-11-25
  stateless,  ///< every request says all; 2026-07-28
};

/// What is decided before a conversation begins.
struct conversation_settings {
  bool http = false;
  era remembered = era::unknown;
  std::int64_t probe_ms = 10'000;  ///< silence after that long is an old server, until it speaks
  std::int64_t reply_ms = 30'000;  ///< for `initialize` and each page of a list
  bool fills_in_defaults = false;  ///< a form is answered with its defaults; else it is declined
  std::size_t result_bytes = 1 << 20;  ///< of one result's text
};

/// A message for the server.
struct outgoing {
  json body;
  std::int64_t exchange = 0;  ///< our id of a request; 0: nothing answers it
  std::string method;         ///< of requests and notifications
  http::header_list headers;  ///< over HTTP, beside those that every message has
};

/// What a conversation wants done.
struct send_action {
  outgoing what;
};
struct abandon_action {  ///< over HTTP: nobody waits for that answer any more
  std::int64_t exchange = 0;
};
struct restart_action {};  ///< the process again, or a session anew
struct listen_action {};  ///< over HTTP, handshake era: a stream for what the server says by itself
struct ready_action {};   ///< its tools are known; once after each start
struct changed_action {};  ///< and have become others
struct answered_action {
  std::uint64_t ticket = 0;
  result<std::string> what;
};
struct partial_action {
  std::uint64_t ticket = 0;
  std::string text;
};
struct note_action {
  std::string text;
};
struct count_action {
  std::string counter;
};
struct broken_action {  ///< it will not get better by itself
  error why;
};
using action = std::variant<send_action, abandon_action, restart_action, listen_action,
                            ready_action, changed_action, answered_action, partial_action,
                            note_action, count_action, broken_action>;

/// The client's side of one conversation with an MCP server: messages in, messages and results out.
/// No socket, no process, no clock of its own: `now_ms` is any clock that does not go back.
///
/// Every ticket is answered once, whatever the server does. Threads: one.
class conversation {
 public:
  explicit conversation(conversation_settings s) : settings_(std::move(s)) {}

  void start(std::int64_t now_ms);
  /// Text that came, over HTTP as the answer to an exchange (or on its stream; 0: the general one).
  void receive(std::string_view text, std::int64_t now_ms, std::int64_t exchange = 0);
  /// The process ended, or could not be started. `why` for people.
  void closed(const std::string& why, std::int64_t now_ms);
  /// Over HTTP: the exchange is over; status 0 where nothing came. `why` for people.
  void exchange_ended(std::int64_t exchange, int status, const std::string& why,
                      std::int64_t now_ms);
  void call(std::uint64_t ticket, const std::string& tool, const json& arguments,
            std::int64_t now_ms);
  void cancel(std::uint64_t ticket, std::int64_t now_ms);
  /// What time asks for; to be called at `next_deadline`.
  void tick(std::int64_t now_ms);
  std::optional<std::int64_t> next_deadline() const;
  std::vector<action> take() { return std::exchange(actions_, {}); }

  const std::vector<server_tool>& tools() const { return tools_; }
  const server_tool* find(std::string_view tool) const;
  era speaks() const { return era_; }
  bool is_ready() const { return phase_ == phase::ready; }
  /// The protocol's date that both agreed on; empty before.
  const std::string& version() const { return version_; }

 private:
  enum class phase { idle, probing, initializing, listing, ready, waiting, broken };
  enum class purpose { probe, initialize, list, call, task, listen, other };
  struct open_request {
    purpose what = purpose::other;
    std::uint64_t ticket = 0;
    std::int64_t deadline_ms = 0;  ///< 0: none
    bool overdue = false;          ///< kept, since a late answer still tells something
  };
  /// A call that has no answer yet.
  struct open_call {
    std::string tool;
    json arguments;
    std::int64_t exchange = 0;  ///< that it waits for; 0: for a server or its next poll
    int rounds = 0;             ///< of questions that the server asked first
    bool retried = false;       ///< after a session that was lost
    std::string task;           ///< the id of a task that works on it
    std::int64_t poll_at_ms = 0;
    std::int64_t poll_every_ms = 1000;
    bool fetching = false;  ///< its task is complete, the result was asked for (2025-11-25)
  };

  // conversation.cpp: beginning, lists, ends
  void probe(std::int64_t now_ms);
  void initialize(std::int64_t now_ms);
  void list(const std::string& cursor, std::int64_t now_ms);
  void on_probe(const message&, std::int64_t now_ms);
  void on_probe_refused(const json& error, std::int64_t now_ms);
  void on_initialize(const message&, std::int64_t now_ms);
  void on_list(const message&, std::int64_t now_ms);
  void listed(std::int64_t now_ms);
  void handle(message m, std::int64_t now_ms, std::int64_t exchange);
  void answered(const message&, std::int64_t id, std::int64_t now_ms);
  void give_up(std::string code, std::string why);
  void begin_anew(const std::string& why, std::int64_t now_ms);
  void on_overdue(std::int64_t id, std::int64_t now_ms);
  std::int64_t ask(purpose what, const std::string& method, json params, std::int64_t now_ms,
                   std::int64_t limit_ms, std::uint64_t ticket = 0, http::header_list headers = {});
  void tell(const std::string& method, json params);
  json capabilities() const;

  // conversation_calls.cpp: calls, tasks, what the server asks and tells
  void send_call(std::uint64_t ticket, open_call&, json more, std::int64_t now_ms);
  void on_call(const message&, std::uint64_t ticket, std::int64_t now_ms);
  void on_task(const message&, std::uint64_t ticket, std::int64_t now_ms);
  void follow_task(std::uint64_t ticket, open_call&, const json& task, std::int64_t now_ms);
  void poll(std::uint64_t ticket, open_call&, std::int64_t now_ms);
  void ask_for_input(std::uint64_t ticket, open_call&, const json& result, std::int64_t now_ms);
  void settle(std::uint64_t ticket, result<std::string> what);
  void settle_all(const std::string& code, const std::string& why);
  void on_request(const message&);
  void on_notification(const message&, std::int64_t now_ms);
  json answer_to(const std::string& method, const json& params) const;

  void act(action a) { actions_.push_back(std::move(a)); }
  void note(std::string text) { act(note_action{std::move(text)}); }
  void count(std::string counter) { act(count_action{std::move(counter)}); }

  conversation_settings settings_;
  phase phase_ = phase::idle;
  era era_ = era::unknown;
  std::string version_;
  bool has_tools_ = true;  ///< what the server says of itself
  bool tells_changes_ = false;
  bool tasks_extension_ = false;
  bool was_ready_ = false;
  bool asked_twice_ = false;  ///< for its era: refused, and named as spoken all the same
  std::int64_t next_id_ = 1;
  std::map<std::int64_t, open_request> requests_;
  std::map<std::uint64_t, open_call> calls_;
  std::vector<server_tool> tools_, incoming_;
  std::set<std::string> cursors_;
  std::size_t left_out_ = 0;
  std::int64_t list_again_ms_ = 0;  ///< 0: no need
  std::int64_t restart_at_ms_ = 0;
  std::int64_t ready_at_ms_ = 0;
  int failures_ = 0;  ///< ends without having been ready, or soon after
  int junk_ = 0;
  std::vector<action> actions_;
};

/// Versions of the protocol that are spoken, newest first.
const std::vector<std::string>& handshake_versions();
inline constexpr auto stateless_version = "2026-07-28";

}  // namespace hocket::mcp
