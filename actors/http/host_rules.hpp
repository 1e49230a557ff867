#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hocket::http {

/// Which names a server answers to. A page of a stranger can make a browser send requests to any
/// address under the stranger's own name (DNS rebinding); the name in `Host:` gives it away.
///
/// Answered: the loopback names (`localhost`, `127.…`, `[::1]`), the address at which the request
/// came in, and `names`. Everything else is not.
class host_rules {
 public:
  host_rules() = default;
  /// `names`: host names or addresses without a port; `*.example.org` stands for what ends so.
  explicit host_rules(std::vector<std::string> names);

  /// `authority`: the value of `Host:`, with or without a port. `bound_address`: where the
  /// connection came in, as text without a port.
  bool answers(std::string_view authority, std::string_view bound_address) const;
  /// `origin`: what a browser says of the page that asks (`https://name:port`); a page may ask if
  /// it comes from a host that this server answers to. "null" (a file, a sandbox) may not.
  bool admits_origin(std::string_view origin, std::string_view bound_address) const;

 private:
  std::vector<std::string> names_;
};

/// `NAME:80` -> `name`, `[::1]:80` -> `::1`, `name.` -> `name`; empty where it is no authority.
std::string host_of_authority(std::string_view authority);

}  // namespace hocket::http
