#include "actors/http/message.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace hocket::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

bool is_clean(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

}  // namespace

std::optional<std::string_view> find_header(const header_list& in, std::string_view name) {
  for (const auto& [key, value] : in)
    if (same_name(key, name)) return value;
  return std::nullopt;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = digit_of(text[i + 1]), low = digit_of(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      if (c == '\0') return std::nullopt;
      i += 2;
    } else if (c == '+' && plus_is_blank) {
      c = ' ';
    }
    out += c;
  }
  return out;
}

std::optional<std::string> request::parameter(std::string_view name) const {
  std::string_view rest = query;
  while (!rest.empty()) {
    const auto part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    const auto equals = part.find('=');
    if (percent_decode(part.substr(0, equals), true) != std::string(name)) continue;
    return percent_decode(equals == part.npos ? std::string_view() : part.substr(equals + 1), true);
  }
  return std::nullopt;
}

std::optional<target_parts> read_target(std::string_view target) {
  target_parts out;
  const auto scheme = target.find("://");
  if (!target.empty() && target.front() != '/' && scheme != target.npos) {
    target.remove_prefix(scheme + 3);
    const auto end = target.find_first_of("/?");
    out.authority = target.substr(0, end);
    target = end == target.npos ? std::string_view("/") : target.substr(end);
    if (out.authority.empty()) return std::nullopt;
  }
  if (target.empty() || (target.front() != '/' && out.authority.empty())) return std::nullopt;
  target = target.substr(0, target.find('#'));
  const auto question = target.find('?');
  if (question != target.npos) out.query = target.substr(question + 1);
  const auto path = percent_decode(target.substr(0, question));
  if (!path) return std::nullopt;
  for (const char c : *path) {
    if (static_cast<unsigned char>(c) < 32 || c == 127 || c == '\\') return std::nullopt;
    if (c != '/' || out.path.empty() || out.path.back() != '/') out.path += c;
  }
  if (out.path.empty()) out.path = "/";  // http://host?query
  if ((out.path + "/").find("/../") != std::string::npos) return std::nullopt;
  return out;
}

std::string_view reason_of(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Payload Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Status";
  }
}

std::string head_of(const response& r, bool keep_alive) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", r.status, reason_of(r.status));
  const auto add = [&](std::string_view name, std::string_view value) {
    if (is_clean(name) && is_clean(value)) out += fmt::format("{}: {}\r\n", name, value);
  };
  if (r.status != 204 && r.status != 304) {
    add("Content-Type", r.type);
    add("Content-Length", std::to_string(r.body.size()));
  }
  add("X-Content-Type-Options", "nosniff");
  if (!find_header(r.headers, "Cache-Control")) add("Cache-Control", "no-store");
  for (const auto& [name, value] : r.headers) add(name, value);
  add("Connection", keep_alive ? "keep-alive" : "close");
  return out + "\r\n";
}

}  // namespace hocket::http
