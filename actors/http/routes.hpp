#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/http/message.hpp"

namespace hocket::http {

/// Who asks, as far as HTTP tells.
enum class caller : std::uint8_t {
  stranger,   ///< somebody of another machine, without a key that is known
  neighbour,  ///< a process of this machine
  keyed,      ///< whoever shows a key that is known
};
std::string_view to_string(caller c);

/// Who may do what to which page: a row of a route_table.
struct route {
  /// "/status"; "/v1/*": what lies beneath; "/v1*/tokens": a star within is a part without a slash
  std::string path;
  std::vector<std::string> methods;  ///< the verbs
  std::vector<caller> who;
};

/// Roles of an HTTP server: principal x verb x object. What no row allows is refused, and the refusal
/// noted (graph/trust/audit) where somebody asks for what others may. Threads: any.
class route_table {
 public:
  explicit route_table(std::vector<route> rows) : rows_(std::move(rows)) {}
  /// Nothing: it may. Else the answer: 404 (no such page), 405 with `Allow`, 401 (a key is asked for),
  /// 403.
  std::optional<response> refuses(const request& r, caller who) const;

 private:
  std::vector<route> rows_;
};

/// A neighbour where the connection came over loopback, else a stranger.
caller caller_of(const request& r);

/// Notes that a request was refused: who by address, what by method and path.
void note_refused(const request& r, std::string_view why);

}  // namespace hocket::http
