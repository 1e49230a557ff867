#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "actors/http/message.hpp"
#include "graph/core/result.hpp"

namespace hocket::http {

/// A request to somebody else's server, with every bound.
struct fetch_request {
  std::string method = "GET";
  std::string url;
  header_list headers;
  std::string body;  ///< sent where it is not empty, or the method is POST, PUT or PATCH

  std::size_t body_bytes = 4 << 20;     ///< of the answer; beyond: http.too_large
  std::size_t header_bytes = 64 << 10;  ///< of the answer
  int connect_ms = 10'000;
  int total_ms = 30'000;
  int silence_ms = 0;  ///< longest wait for the next byte, in whole seconds; 0: only `total_ms`
  /// Followed, never from https to http; another host gets none of the headers that may be secrets.
  /// With 0 a redirect is an answer like others.
  int redirects = 0;
  std::string ca_file;    ///< PEM to trust instead of the system's list
  bool plain_too = true;  ///< http:// as well as https://

  /// Whether a connection to this address (text, without a port) is allowed: asked after the name
  /// was resolved, for each connection, so that neither a name nor a redirect leads elsewhere.
  std::function<bool(const std::string& address)> may_connect;
  /// Sees status and headers before the body of an answer that is not followed further; false ends the
  /// transfer well.
  std::function<bool(int status, const header_list& headers)> on_head;
  /// Takes gzip and deflate as well; `body_bytes` counts what comes out of them.
  bool compressed_too = false;
  /// Gets the body piece by piece instead of `fetch_answer::body`; false ends the transfer well.
  /// `body_bytes` counts nothing then.
  std::function<bool(int status, std::string_view piece)> on_piece;
  /// Ends the transfer with http.cancelled within a second, from any thread.
  const std::atomic<bool>* cancelled = nullptr;
};

struct fetch_answer {
  int status = 0;
  header_list headers;  ///< of the last answer, where redirects were followed
  std::string body;
  std::string url;  ///< where it came from

  bool is_redirect() const;
};

/// Asks, and waits for the answer; any status is an answer. TLS is verified, the name included; no
/// cookie, no password and no file of the machine is used. A proxy is used where the environment
/// names one (`https_proxy`), never for loopback.
///
/// Threads: any; blocks the caller up to `total_ms`.
/// Errors: http.bad_url, http.no_connection, http.not_allowed, http.bad_tls, http.timeout,
/// http.too_large, http.cancelled, http.broken.
result<fetch_answer> fetch(const fetch_request& r);

/// What `Retry-After` asks for, seconds or a date, at most a day; -1: nothing that can be read.
std::int64_t retry_after_ms(const header_list& headers);

}  // namespace hocket::http
