#pragma once

#include <string>
#include <vector>

#include "actors/http/server.hpp"

namespace hocket::http {

/// A certificate that vouches for itself, with its key (EC, P-256), for names and addresses such as
/// `localhost` and `127.0.0.1`. Valid from an hour ago for `days`. A client trusts it by being given
/// the certificate, and nothing else. Errors: http.bad_certificate.
result<tls_identity> make_certificate(const std::vector<std::string>& names, int days = 397);

}  // namespace hocket::http
