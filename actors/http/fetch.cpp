#include "actors/http/fetch.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>
#include <memory>
#include <mutex>

#include <fmt/format.h>

#include "actors/http/url.hpp"

namespace hocket::http {
namespace {

/// One transfer; libcurl's callbacks get it.
struct transfer {
  const fetch_request& asked;
  fetch_answer answer;
  bool may_redirect = false;
  std::size_t header_bytes = 0;
  const char* why = nullptr;  ///< the code of what a callback found
  bool enough = false;

  std::size_t stop(const char* code) {
    if (why == nullptr) why = code;
    return 0;
  }
  bool head_is_wanted() {
    if (!asked.on_head || answer.status < 200 || (may_redirect && answer.is_redirect()))
      return true;
    enough = !asked.on_head(answer.status, answer.headers);
    return !enough;
  }
};

std::size_t on_header(char* bytes, std::size_t, std::size_t n, void* user) {
  auto& t = *static_cast<transfer*>(user);
  std::string_view line(bytes, n);
  t.header_bytes += n;
  if (t.header_bytes > t.asked.header_bytes) return t.stop("http.too_large");
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.empty()) return t.head_is_wanted() ? n : 0;
  if (line.rfind("HTTP/", 0) == 0) {
    t.answer.headers.clear();  // the answer before this one was a redirect or a 100
    const auto blank = line.find(' ');
    t.answer.status = blank == line.npos ? 0 : std::atoi(std::string(line.substr(blank)).c_str());
    return n;
  }
  const auto colon = line.find(':');
  if (colon == line.npos) return n;
  auto value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  t.answer.headers.emplace_back(line.substr(0, colon), value);
  return n;
}

std::size_t on_body(char* bytes, std::size_t, std::size_t n, void* user) {
  auto& t = *static_cast<transfer*>(user);
  if (t.may_redirect && t.answer.is_redirect()) return n;
  if (t.asked.on_piece) {
    if (t.asked.on_piece(t.answer.status, {bytes, n})) return n;
    t.enough = true;
    return 0;
  }
  if (t.answer.body.size() + n > t.asked.body_bytes) return t.stop("http.too_large");
  t.answer.body.append(bytes, n);
  return n;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& t = *static_cast<transfer*>(user);
  if (t.asked.cancelled == nullptr || !t.asked.cancelled->load()) return 0;
  t.stop("http.cancelled");
  return 1;
}

curl_socket_t on_open(void* user, curlsocktype, curl_sockaddr* to) {
  auto& t = *static_cast<transfer*>(user);
  char text[INET6_ADDRSTRLEN] = "";
  const void* bytes =
      to->family == AF_INET6
          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(&to->addr)->sin6_addr)
          : static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(&to->addr)->sin_addr);
  if ((to->family != AF_INET && to->family != AF_INET6) ||
      inet_ntop(to->family, bytes, text, sizeof text) == nullptr ||
      (t.asked.may_connect && !t.asked.may_connect(text))) {
    t.stop("http.not_allowed");
    return CURL_SOCKET_BAD;
  }
  return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

const char* code_of(CURLcode c) {
  switch (c) {
    case CURLE_OPERATION_TIMEDOUT: return "http.timeout";
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT: return "http.no_connection";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM: return "http.bad_tls";
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return "http.bad_url";
    case CURLE_TOO_MANY_REDIRECTS: return "http.not_allowed";
    default: return "http.broken";
  }
}

bool is_clean(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

/// A method is a token (RFC 9110): libcurl writes it onto the line as it is.
bool is_method(const std::string& m) {
  return !m.empty() && std::all_of(m.begin(), m.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

struct list_deleter {
  void operator()(curl_slist* l) const { curl_slist_free_all(l); }
};
using header_lines = std::unique_ptr<curl_slist, list_deleter>;

void set_bounds(CURL* c, const fetch_request& r) {
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, r.plain_too ? "http,https" : "https");
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);  // see `redirected`
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(r.connect_ms));
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, static_cast<long>(r.total_ms));
  if (r.silence_ms > 0) {
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, static_cast<long>((r.silence_ms + 999) / 1000));
  }
  curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!r.ca_file.empty()) {
    curl_easy_setopt(c, CURLOPT_CAINFO, r.ca_file.c_str());
    curl_easy_setopt(c, CURLOPT_CAPATH, nullptr);
  }
  if (r.compressed_too) curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  // Where addresses are judged, a proxy's would be judged in place of the page's: none is used.
  curl_easy_setopt(c, CURLOPT_NOPROXY, r.may_connect ? "*" : "localhost,127.0.0.0/8,::1");
  // Whatever stays open is ours alone: a connection of another caller has another allowance.
  curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
}

void set_request(CURL* c, const fetch_request& r) {
  curl_easy_setopt(c, CURLOPT_URL, r.url.c_str());
  const bool has_body =
      !r.body.empty() || r.method == "POST" || r.method == "PUT" || r.method == "PATCH";
  if (has_body) {
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, r.body.data());
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(r.body.size()));
  }
  if (r.method == "HEAD")
    curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
  else if (r.method != "GET" || has_body)
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r.method.c_str());
}

void set_callbacks(CURL* c, transfer& t) {
  curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(c, CURLOPT_HEADERDATA, &t);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &t);
  curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(c, CURLOPT_XFERINFODATA, &t);
  curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_open);
  curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, &t);
}

result<header_lines> lines_of(const header_list& headers) {
  header_lines lines;
  for (const auto& [name, value] : headers) {
    if (!is_clean(name) || !is_clean(value) || name.empty() || name.find(':') != name.npos)
      return fail("http.bad_url", fmt::format("header `{}` holds a line break", name));
    // `Name;` is how libcurl spells a header without a value.
    const auto line = value.empty() ? name + ";" : name + ": " + value;
    lines.reset(curl_slist_append(lines.release(), line.c_str()));
  }
  return lines;
}

/// One request, no redirect followed; `next_url` is where a redirect leads.
result<fetch_answer> ask_once(const fetch_request& r, bool may_redirect, std::string& next_url) {
  const auto at = read_url(r.url);
  if (!at) return fail(at);
  if (at->scheme != "https" && (at->scheme != "http" || !r.plain_too))
    return fail("http.bad_url", "only https:// is allowed here");
  if (!is_method(r.method)) return fail("http.bad_url", "the method is none");
  const auto lines = lines_of(r.headers);
  if (!lines) return fail(lines);
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> c(curl_easy_init(), curl_easy_cleanup);
  if (!c) return fail("http.broken", "libcurl does not start");
  transfer t{r, {}, may_redirect, 0, nullptr, false};
  char reason[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(c.get(), CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(c.get(), CURLOPT_HTTPHEADER, lines->get());
  set_bounds(c.get(), r);
  set_request(c.get(), r);
  set_callbacks(c.get(), t);
  const auto code = curl_easy_perform(c.get());
  t.answer.url = r.url;
  const char* next = nullptr;
  curl_easy_getinfo(c.get(), CURLINFO_REDIRECT_URL, &next);
  next_url = next != nullptr ? next : "";
  if (code == CURLE_OK || t.enough) return std::move(t.answer);
  return fail(t.why != nullptr ? t.why : code_of(code),
              fmt::format("{}: {}", at->without_query(),
                          reason[0] != '\0' ? reason : curl_easy_strerror(code)));
}

/// The same request at the place that a redirect names. Another host gets no header that could be a
/// secret: libcurl, left alone, would hold back `Authorization` only.
result<fetch_request> redirected(const fetch_request& r, const std::string& to, int status) {
  const auto from = read_url(r.url), next = read_url(to);
  if (!next) return fail(next);
  if (from->is_tls() && !next->is_tls())
    return fail("http.not_allowed", from->without_query() + ": redirected from TLS to plain");
  auto out = r;
  out.url = to;
  --out.redirects;
  if (status == 303 || (r.method == "POST" && status < 307)) {
    out.method = r.method == "HEAD" ? "HEAD" : "GET";
    out.body.clear();
  }
  if (from->scheme != next->scheme || from->authority() != next->authority())
    std::erase_if(out.headers, [](const auto& h) {
      return !find_header(
          {{"Accept", ""}, {"Accept-Language", ""}, {"User-Agent", ""}, {"Content-Type", ""}},
          h.first);
    });
  return out;
}

}  // namespace

bool fetch_answer::is_redirect() const {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

result<fetch_answer> fetch(const fetch_request& first) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  using clock = std::chrono::steady_clock;
  const auto until = clock::now() + std::chrono::milliseconds(first.total_ms);
  auto r = first;
  for (;;) {
    std::string next;
    auto answer = ask_once(r, first.redirects > 0, next);
    if (!answer || first.redirects == 0 || !answer->is_redirect() || next.empty()) return answer;
    if (r.redirects == 0)
      return fail("http.not_allowed", "more redirects than " + std::to_string(first.redirects));
    auto again = redirected(r, next, answer->status);
    if (!again) return fail(again);
    r = std::move(*again);
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now()).count();
    if (left <= 0) return fail("http.timeout", "the redirects took all of the time");
    r.total_ms = static_cast<int>(left);
  }
}

std::int64_t retry_after_ms(const header_list& headers) {
  const auto said = find_header(headers, "Retry-After");
  if (!said) return -1;
  std::int64_t seconds = -1;
  const auto* const end = said->data() + said->size();
  if (const auto [at, bad] = std::from_chars(said->data(), end, seconds);
      bad != std::errc() || at != end) {
    const auto date = curl_getdate(std::string(*said).c_str(), nullptr);
    if (date < 0) return -1;
    seconds = std::max<std::int64_t>(0, date - std::time(nullptr));
  }
  return seconds < 0 ? -1 : std::min<std::int64_t>(seconds, 86'400) * 1000;
}

}  // namespace hocket::http
