#pragma once

#include <string>

#include "graph/core/result.hpp"

namespace hocket::http {

struct address {
  std::string host;  ///< without the brackets of an IPv6 address
  int port = 0;      ///< 0: any that is free

  bool is_loopback() const;
  /// "http://127.0.0.1:9464"
  std::string url() const;
};

/// Reads `tcp://HOST:PORT`, `http://HOST:PORT` or `HOST:PORT`; a path behind it is ignored.
/// Errors: http.bad_address.
result<address> parse_address(const std::string& text);

}  // namespace hocket::http
