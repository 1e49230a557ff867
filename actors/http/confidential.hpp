#pragma once

#include <string>

namespace hocket::http {

/// Whether what is sent to this URL (http, https, ws, wss) is read by nobody on the way: it goes over TLS,
/// or stays on this machine. False, too, for what is no URL.
bool is_confidential(const std::string& url);

}  // namespace hocket::http
