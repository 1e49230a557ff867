#include "actors/http/url.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace hocket::http {
namespace {

int usual_port(const std::string& scheme) {
  if (scheme == "http" || scheme == "ws") return 80;
  return scheme == "https" || scheme == "wss" ? 443 : 0;
}

}  // namespace

std::string url::authority() const {
  const auto name = host.find(':') == host.npos ? host : "[" + host + "]";
  return port == usual_port(scheme) ? name : fmt::format("{}:{}", name, port);
}

result<url> read_url(const std::string& text) {
  // The text itself stays out of the message: a query or a password may be a secret.
  const auto bad = [](const std::string& why) {
    return fail("http.bad_url", "this is no URL that can be asked: " + why);
  };
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) <= 32 || c == 127; }))
    return bad("it holds white space or control characters");
  const auto colon = text.find("://");
  if (colon == text.npos) return bad("it begins with no scheme such as https://");
  url out;
  out.scheme = text.substr(0, colon);
  for (char& c : out.scheme)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  out.port = usual_port(out.scheme);
  if (out.port == 0) return bad("its scheme is none of http, https, ws, wss");
  auto rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  auto authority = rest.substr(0, end);
  rest.erase(0, end);
  if (authority.find_first_of("@\\") != authority.npos) return bad("it holds a user or password");
  const auto bracket = authority.find(']');
  const auto port = authority.find(':', bracket == authority.npos ? 0 : bracket);
  if (port != authority.npos) {
    const auto digits = authority.substr(port + 1);
    const auto* last = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), last, out.port);
    if (read.ec != std::errc{} || read.ptr != last || out.port < 1 || out.port > 65535)
      return bad("its port is no number from 1 to 65535");
    authority.resize(port);
  }
  if (authority.size() > 2 && authority.front() == '[' && authority.back() == ']')
    authority = authority.substr(1, authority.size() - 2);
  if (authority.empty() || authority.find_first_of("[]<>\"^`{|}") != authority.npos)
    return bad("it names no host");
  out.host = authority;
  const auto question = rest.find('?');
  out.path = rest.substr(0, question);
  if (out.path.empty() || out.path.front() != '/') out.path = '/' + out.path;
  if (question != rest.npos) out.query = rest.substr(question + 1);
  return out;
}

}  // namespace hocket::http
