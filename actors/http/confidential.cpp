#include "actors/http/confidential.hpp"

#include "actors/http/address.hpp"
#include "actors/http/url.hpp"

namespace hocket::http {

bool is_confidential(const std::string& text) {
  const auto to = read_url(text);
  if (!to) return false;
  // A name may begin with "127.", too.
  const bool is_number = to->host.find_first_not_of("0123456789.:") == to->host.npos;
  return to->is_tls() || to->host == "localhost" ||
         (is_number && address{to->host, to->port}.is_loopback());
}

}  // namespace hocket::http
