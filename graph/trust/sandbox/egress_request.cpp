#include "graph/trust/sandbox/egress_request.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>

namespace hocket::trust {
namespace {

constexpr std::size_t most_line = 1024, most_trailers = 16 << 10;
constexpr std::string_view of_tokens =
    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text;
}

bool is_token(std::string_view text) {
  return !text.empty() && text.find_first_not_of(of_tokens) == text.npos;
}

std::optional<std::uint64_t> number(std::string_view digits, int base) {
  std::uint64_t n = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [at, wrong] = std::from_chars(digits.data(), end, n, base);
  if (digits.empty() || wrong != std::errc() || at != end || n > UINT64_MAX / 4) return {};
  return n;
}

struct field {
  std::string_view name, text;
};

/// The lines of a head; nothing where one could be read in two ways.
std::optional<std::vector<field>> fields_of(std::string_view lines) {
  std::vector<field> out;
  while (!lines.empty()) {
    const auto end = lines.find("\r\n");
    const auto line = lines.substr(0, end);
    lines.remove_prefix(end == lines.npos ? lines.size() : end + 2);
    if (line.empty()) continue;
    const auto colon = line.find(':');
    if (colon == line.npos || !is_token(line.substr(0, colon))) return {};
    const auto text = trimmed(line.substr(colon + 1));
    if (text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos) return {};
    out.push_back({line.substr(0, colon), text});
  }
  return out;
}

/// The names that `Connection` lists are for the next hop alone, as these are.
bool is_for_us(const field& f, std::string_view listed) {
  for (const std::string_view name :
       {"Connection", "Proxy-Connection", "Keep-Alive", "Host", "Proxy-Authorization",
        "Proxy-Authenticate", "TE", "Upgrade", "HTTP2-Settings"})
    if (same(f.name, name)) return true;
  // Of what says where the body ends a list cannot take anything away.
  if (same(f.name, "Content-Length") || same(f.name, "Transfer-Encoding")) return false;
  while (!listed.empty()) {
    const auto comma = std::min(listed.find(','), listed.size());
    if (same(trimmed(listed.substr(0, comma)), f.name)) return true;
    listed.remove_prefix(std::min(comma + 1, listed.size()));
  }
  return false;
}

std::optional<request_body> body_of(const std::vector<field>& fields) {
  std::optional<std::uint64_t> length;
  bool chunks = false;
  for (const auto& f : fields) {
    if (same(f.name, "Content-Length")) {
      const auto n = number(f.text, 10);
      if (!n || length) return {};
      length = n;
    } else if (same(f.name, "Transfer-Encoding")) {
      if (chunks || !same(f.text, "chunked")) return {};
      chunks = true;
    }
  }
  if (chunks && length) return {};
  return chunks ? request_body::in_chunks() : request_body::of_size(length.value_or(0));
}

}  // namespace

request_body request_body::of_size(std::uint64_t bytes) {
  request_body out;
  out.left_ = bytes;
  out.at_ = bytes > 0 ? part::sized : part::done;
  return out;
}

request_body request_body::in_chunks() {
  request_body out;
  out.at_ = part::size_line;
  return out;
}

void request_body::end_line() {
  const auto line = std::exchange(line_, {});
  if (at_ == part::chunk_end) {
    at_ = line.empty() ? part::size_line : part::bad;
  } else if (at_ == part::trailer) {
    at_ = line.empty() ? part::done : part::trailer;
  } else {
    const auto n = number(std::string_view(line).substr(0, line.find(';')), 16);
    left_ = n.value_or(0);
    at_ = !n ? part::bad : *n > 0 ? part::chunk : part::trailer;
  }
}

void request_body::take_line_byte(char c) {
  const bool after_return = !line_.empty() && line_.back() == '\r';
  if (after_return != (c == '\n')) {
    at_ = part::bad;  // a line that another reader would end elsewhere
  } else if (c == '\n') {
    line_.pop_back();
    end_line();
  } else {
    line_ += c;
    if (at_ == part::trailer) ++trailer_bytes_;
    if (line_.size() > most_line || trailer_bytes_ > most_trailers) at_ = part::bad;
  }
}

std::size_t request_body::take(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !done() && !bad()) {
    if (at_ != part::sized && at_ != part::chunk) {
      take_line_byte(bytes[taken++]);
      continue;
    }
    const auto n = std::min<std::uint64_t>(left_, bytes.size() - taken);
    taken += static_cast<std::size_t>(n);
    left_ -= n;
    if (left_ == 0) at_ = at_ == part::sized ? part::done : part::chunk_end;
  }
  return taken;
}

std::optional<std::pair<std::string, std::string>> host_and_port(std::string_view text,
                                                                 std::string_view otherwise) {
  const auto bracket = text.starts_with("[") ? text.find(']') : text.npos;
  auto colon = text.rfind(':');
  if (bracket != text.npos && (colon == text.npos || colon < bracket)) colon = text.npos;
  auto host = text.substr(0, colon);
  const auto port = colon == text.npos ? otherwise : text.substr(colon + 1);
  if (bracket != text.npos) {
    if (host.back() != ']') return {};
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != host.npos) {
    return {};
  }
  if (host.empty() || host.size() > 255 || port.empty() || port.size() > 5) return {};
  return std::pair{std::string(host), std::string(port)};
}

std::optional<proxy_request> read_proxy_request(std::string_view head) {
  const auto line_end = head.find("\r\n");
  if (line_end == head.npos) return {};
  const auto line = head.substr(0, line_end);
  const auto first = line.find(' '), last = line.rfind(' ');
  if (first == line.npos || last <= first) return {};
  const auto method = line.substr(0, first), what = line.substr(first + 1, last - first - 1),
             version = line.substr(last + 1);
  const bool odd = std::any_of(what.begin(), what.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
  });
  if (!is_token(method) || odd || (version != "HTTP/1.1" && version != "HTTP/1.0")) return {};
  const auto fields = fields_of(head.substr(line_end));
  if (!fields) return {};
  proxy_request out;
  if (method == "CONNECT") {
    const auto at = host_and_port(what, "");
    if (!at) return {};
    std::tie(out.host, out.port) = *at;
    out.tunnel = true;
    return out;
  }
  constexpr std::string_view scheme = "http://";
  if (!same(what.substr(0, scheme.size()), scheme)) return {};
  const auto rest = what.substr(scheme.size());
  const auto slash = std::min(rest.find_first_of("/?#"), rest.size());
  const auto authority = rest.substr(0, slash);
  if (authority.find('@') != authority.npos) return {};
  const auto at = host_and_port(authority, "80");
  const auto body = body_of(*fields);
  if (!at || !body) return {};
  std::tie(out.host, out.port) = *at;
  out.body = *body;
  auto path = std::string(rest.substr(slash));
  if (!path.starts_with("/")) path = "/" + path;
  out.head = fmt::format("{} {} {}\r\nHost: {}\r\nConnection: close\r\n", method, path, version,
                         authority);
  std::string listed;
  for (const auto& f : *fields)
    if (same(f.name, "Connection")) listed += std::string(f.text) + ",";
  for (const auto& f : *fields)
    if (!is_for_us(f, listed)) out.head += fmt::format("{}: {}\r\n", f.name, f.text);
  out.head += "\r\n";
  return out;
}

}  // namespace hocket::trust
