#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/mcp/conversation.hpp"
#include "graph/trust/sandbox/sandbox.hpp"

namespace hocket::mcp {

/// What a link tells; called from its threads, never while it is called itself.
struct link_events {
  std::function<void(std::int64_t exchange, std::string text)> text;
  /// HTTP: nothing more comes of the exchange. Status 0: no answer came.
  std::function<void(std::int64_t exchange, int status, std::string why)> ended;
  std::function<void(std::string why)> closed;  ///< stdio: the process is gone
};

/// Carries messages to a server and back. Threads: one calls it.
class link {
 public:
  virtual ~link() = default;
  virtual void send(const outgoing& what) = 0;
  virtual void abandon(std::int64_t /*exchange*/) {}
  virtual void restart() = 0;  ///< a new process or session
  virtual void listen() {}
  virtual void close() = 0;  ///< returns within a few seconds; no event comes afterwards
};

/// A server as a child process, spoken with over its standard input and output.
struct child_settings {
  std::vector<std::string> command;    ///< program and arguments; no shell reads it
  trust::sandbox_rules rules;          ///< what it reaches; its environment, confined or not
  bool confine = true;                 ///< false: it may all that this user may
  std::string folder;                  ///< where it works; empty: where we do
  std::size_t line_bytes = 64u << 20;  ///< a longer line ends it
  int patience_ms = 2000;              ///< from end of input to SIGTERM, from there to SIGKILL
};
std::unique_ptr<link> make_child_link(child_settings s, link_events events);

/// A server behind a URL (Streamable HTTP).
struct http_settings {
  std::string url;
  http::header_list headers;  ///< with each request; may hold secrets
  std::string ca_file;        ///< PEM to trust instead of the system's list
  std::size_t body_bytes = 64u << 20;
  int reply_ms = 600'000;  ///< of one exchange in all
};
std::unique_ptr<link> make_http_link(http_settings s, link_events events);

}  // namespace hocket::mcp
