#pragma once

#include <string>

#include "actors/http/server.hpp"

namespace hocket::observe {

/// The families `hocket_http_…`: what became of the connections and requests of one server.
std::string http_metrics(const http::server_counters& c);

}  // namespace hocket::observe
