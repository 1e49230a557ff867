#pragma once

#include <string>
#include <string_view>

namespace hocket::http {

/// Percent-escapes all but RFC 3986's unreserved characters: no value ends a path, a query or a line.
std::string percent_escaped(std::string_view text);

}  // namespace hocket::http
