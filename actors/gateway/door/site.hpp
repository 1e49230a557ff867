#pragma once

#include <memory>
#include <string>
#include <variant>

#include "actors/gateway/door/key_ring.hpp"
#include "actors/gateway/json.hpp"
#include "actors/http/host_rules.hpp"
#include "actors/http/message.hpp"

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
    std::string graph_yaml;  ///< empty: not shown
    bool needs_key = false;
    http::host_rules hosts;
  };
  site(options o, std::shared_ptr<key_ring> keys);

  http::response answer(const http::request& r) const;

 private:
  http::response api(const http::request& r) const;
  http::response client_secret(const http::request& r) const;
  http::response auth_token(const http::request& r) const;
  http::response page_facts() const;
  http::response file(const std::string& path) const;
  bool is_let_in(const http::request& r) const;
  http::header_list cross_origin(const http::request& r) const;

  const options options_;
  const std::shared_ptr<key_ring> keys_;
};

/// The page's own texts, where none were given.
json default_page_texts();

}  // namespace hocket::gateway
