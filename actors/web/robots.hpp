#pragma once

#include <string>
#include <string_view>

namespace hocket::web {

/// Whether a site's robots.txt lets `agent` read `path` (with its query): RFC 9309, the group of the
/// agent or `*`, the longest rule wins, `Allow` where two are as long. Reads 500 KiB of it.
bool robots_allow(std::string_view robots, std::string_view agent, std::string_view path);

}  // namespace hocket::web
