#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "actors/gateway/door/key_ring.hpp"
#include "actors/gateway/json.hpp"
#include "actors/http/host_rules.hpp"
#include "actors/http/message.hpp"
#include "actors/http/routes.hpp"

namespace hocket::gateway {

/// What the gateway answers to plain HTTP: the page, tokens for clients that must not hold a key, and
/// what is not served.
///
/// Threads: the server's.
class site {
 public:
  struct options {
    bool page = true;
    json texts;  ///< of the page: disclosure and consent
    std::string graph_name;
    std::string graph_yaml;                  ///< empty: not shown
    std::function<std::string()> graph_now;  ///< … as it is by now, where it may change
    bool needs_key = false;
    bool edits = false;                                 ///< whoever may can change the graph
    bool training = false;                              ///< a folder of a run that trains is shown
    std::function<bool()> sees = [] { return false; };  ///< something takes pictures now
    std::function<bool()> answers = [] { return true; };  ///< a new conversation has what answers
    std::string no_calls = "calls are not served here";   ///< why; empty: they are
    http::host_rules hosts;
  };
  site(options o, std::shared_ptr<key_ring> keys);

  http::response answer(const http::request& r) const;
  /// Whether a WebSocket may be opened there; `has_key`: a known key, or a token, was shown. Nothing:
  /// it may. What is refused is noted.
  std::optional<http::response> refuses_socket(http::request r, bool has_key) const;
  /// The same for a request; one that does something, of a page of elsewhere, gets a 403.
  std::optional<http::response> refuses(const http::request& r, bool has_key) const;
  /// What a change of the graph needs besides a key.
  static std::optional<http::response> refuses_edit(const http::request& r);
  /// For a page of this machine or of a name that we answer to; others get no permission, and their
  /// browser refuses.
  http::header_list cross_origin(const http::request& r) const;
  /// An error as OpenAI's clients read one.
  static http::response problem(int status, const std::string& code, const std::string& message);
  /// Why no conversation begins now: 503, come again.
  static http::response no_model();

 private:
  std::optional<http::response> refuses_page(const http::request& r) const;
  http::response api(const http::request& r) const;
  http::response client_secret(const http::request& r) const;
  http::response auth_token(const http::request& r) const;
  http::response page_facts() const;
  http::response file(const std::string& path) const;

  const options options_;
  const std::shared_ptr<key_ring> keys_;
  const http::route_table table_;
};

/// The page's own texts, where none were given.
json default_page_texts();

}  // namespace hocket::gateway
