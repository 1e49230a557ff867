#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hocket::trust {

/// Where a request's body ends: what comes behind it belongs to another request.
class request_body {
 public:
  static request_body of_size(std::uint64_t bytes);
  static request_body in_chunks();

  /// How many of the bytes belong to the body. Fewer than there are: it is done, or bad.
  std::size_t take(std::string_view bytes);
  bool done() const { return at_ == part::done; }
  bool bad() const { return at_ == part::bad; }

 private:
  enum class part : std::uint8_t { sized, size_line, chunk, chunk_end, trailer, done, bad };
  void take_line_byte(char c);
  void end_line();
  part at_ = part::done;
  std::uint64_t left_ = 0;  ///< bytes of the body, or of its present chunk
  std::string line_;        ///< a size, or a trailer, as far as it came
  std::size_t trailer_bytes_ = 0;
};

/// What a client asks a proxy for, from the head of its request (to the empty line).
struct proxy_request {
  std::string host, port;
  bool tunnel = false;
  /// Of a plain request: what the server is sent instead: its own form of the target, this host's
  /// name, and `Connection: close`, so that nothing follows the answer.
  std::string head;
  request_body body;
};

/// Nothing where it is no request that a proxy gets, or one whose end can be read in two ways (two
/// lengths, a length beside chunks, lines that are folded or end in half).
std::optional<proxy_request> read_proxy_request(std::string_view head);

/// "host:port" or "[v6]:port" in its parts; without a port: `otherwise`.
std::optional<std::pair<std::string, std::string>> host_and_port(std::string_view text,
                                                                 std::string_view otherwise);

}  // namespace hocket::trust
