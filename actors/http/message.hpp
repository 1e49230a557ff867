#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hocket::http {

/// In the order in which they came; names compare without regard to case.
using header_list = std::vector<std::pair<std::string, std::string>>;

/// The first header of that name; empty where there is none.
std::optional<std::string_view> find_header(const header_list& in, std::string_view name);

/// A whole request, as a handler gets it.
struct request {
  std::string method;
  std::string path;   ///< decoded; repeated slashes are one, so that `//ws/…` is found
  std::string query;  ///< behind the `?`, as it came; may hold secrets: never log it
  header_list headers;
  std::string body;
  std::string peer;  ///< address of the other side without its port: "127.0.0.1"
  bool is_tls = false;

  std::optional<std::string_view> header(std::string_view name) const {
    return find_header(headers, name);
  }
  /// The decoded value of a query parameter.
  std::optional<std::string> parameter(std::string_view name) const;
};

struct response {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
  header_list headers;  ///< besides Content-Type, Content-Length and Connection
};

/// "Not Found" for 404; "Status" for what has no name.
std::string_view reason_of(int status);

/// Status line and headers, up to the empty line. A header that holds a line break or a NUL is
/// left out: nobody writes headers through a value.
std::string head_of(const response& r, bool keep_alive);

/// `%41+` -> `A+` (`+` as blank where `plus_is_blank`). Empty where an escape is broken or stands for NUL.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank = false);

/// What a request's target says: a path (`/a?b`), or a whole URL (`http://host/a?b`).
struct target_parts {
  std::string authority;  ///< of a whole URL
  std::string path;
  std::string query;
};
/// Empty where it is neither, or its path has a broken escape, a control character or a `..`.
std::optional<target_parts> read_target(std::string_view target);

}  // namespace hocket::http
