#pragma once

#include <string>

#include "graph/core/result.hpp"

namespace hocket::http {

/// The parts of an absolute URL.
struct url {
  std::string scheme;  ///< http, https, ws or wss
  std::string host;    ///< without the brackets of an IPv6 address
  int port = 0;        ///< the scheme's own where the URL names none
  std::string path;    ///< begins with `/`
  std::string query;   ///< behind the `?`; may hold secrets

  bool is_tls() const { return scheme == "https" || scheme == "wss"; }
  std::string authority() const;  ///< as in `Host:`
  std::string target() const { return query.empty() ? path : path + "?" + query; }
  std::string without_query() const { return scheme + "://" + authority() + path; }
};

/// Errors: http.bad_url (another scheme, a user or password in it, no host, a bad port, white space).
result<url> read_url(const std::string& text);

}  // namespace hocket::http
