#include "actors/web/source.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/web/address_rules.hpp"
#include "actors/web/page_text.hpp"
#include "actors/web/robots.hpp"
#include "graph/core/clock.hpp"
#include "graph/text/clean.hpp"
#include "graph/trust/capability.hpp"

namespace hocket::web {
namespace {

using json = nlohmann::json;

constexpr auto agent = "hocket";
constexpr std::size_t most_robots = 64;
constexpr std::size_t longest_url = 2000;

std::int64_t now_ms() { return monotonic_ns() / 1'000'000; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

/// "text/html; charset=utf-8" -> "text/html", "utf-8".
std::pair<std::string, std::string> read_type(std::string_view header) {
  const auto all = lower(header);
  auto type = all.substr(0, all.find_first_of("; "));
  std::string charset;
  if (const auto at = all.find("charset="); at != all.npos) {
    charset = all.substr(at + 8);
    std::erase_if(charset, [](char c) { return c == '"' || c == '\'' || c == ' '; });
    charset = charset.substr(0, charset.find(';'));
  }
  return {type, charset};
}

bool is_html(const std::string& type) {
  return type == "text/html" || type == "application/xhtml+xml";
}
bool is_text(const std::string& type) {
  return type.starts_with("text/") || type == "application/json" || type == "application/xml" ||
         type.ends_with("+json") || type.ends_with("+xml");
}

/// Mail, shells and the like speak at low ports; a page could make them hear what it wants.
bool is_web_port(int port) { return port == 80 || port == 443 || port >= 1024; }

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", u);
  }
  return out;
}

std::string text_of(const json& in, const char* key) {
  return in.is_object() && in.contains(key) && in[key].is_string() ? in[key].get<std::string>()
                                                                   : "";
}

}  // namespace

void source::config::visit(config_visitor& v) {
  v.field(
      {.name = "allow",
       .doc = "hosts that may be asked: `example.org`, `*.example.org`; empty: all public ones"},
      allow);
  v.field({.name = "deny", .doc = "hosts that may not, whatever `allow` says"}, deny);
  v.field(
      {.name = "inside",
       .doc =
           "HOST:PORT of servers inside that may be asked though their addresses are not public"},
      inside);
  v.field(
      {.name = "search_url",
       .doc = "a SearXNG-compatible endpoint (`https://host`); empty: there is no tool `search`",
       .is_address = true},
      search_url);
  v.field({.name = "robots", .doc = "respect robots.txt"}, robots);
  v.field({.name = "redirects", .doc = "followed for one page", .min = 0, .max = 20}, redirects);
  v.field({.name = "page_bytes",
           .doc = "read of a page, unpacked; what is behind is left out",
           .unit = "bytes",
           .min = 1000,
           .max = 64e6},
          page_bytes);
  v.field({.name = "time_limit_ms",
           .doc = "of one call, redirects and robots.txt included",
           .unit = "ms",
           .min = 100,
           .max = 600000},
          time_limit_ms);
  v.field({.name = "max_result_bytes",
           .doc = "of a page's text; more is cut, and says so",
           .unit = "bytes",
           .min = 16,
           .max = 16777216},
          max_result_bytes);
  v.field({.name = "results", .doc = "of one search", .min = 1, .max = 50}, results);
}

result<void> source::open(const tool_source_context& where) {
  where_ = where;
  if (config_.search_url.empty()) return {};
  if (where.may) HOCKET_TRY(where.may->address(config_.search_url));
  const auto at = http::read_url(config_.search_url);
  if (!at) return fail("web.bad_config", "`search_url`: " + at.error().message);
  while (config_.search_url.ends_with('/')) config_.search_url.pop_back();
  return {};
}

result<std::vector<tool_info>> source::list() {
  tool_policy policy;
  policy.time_limit_ms = static_cast<std::int32_t>(config_.time_limit_ms) + 1000;
  policy.max_result_bytes = static_cast<std::size_t>(config_.max_result_bytes) + 100;
  policy.network_hosts = config_.allow.empty() ? std::vector<std::string>{"*"} : config_.allow;
  std::vector<tool_info> out = {
      {"fetch", "Reads a web page as text.",
       R"({"type":"object","properties":{"url":{"type":"string","format":"uri","description":"https://…"}},"required":["url"]})",
       policy}};
  if (config_.search_url.empty()) return out;
  policy.network_hosts = {config_.search_url};
  out.push_back(
      {"search", "Searches the web; gives titles, addresses and excerpts.",
       R"({"type":"object","properties":{"query":{"type":"string"}},"required":["query"]})",
       policy});
  return out;
}

result<std::string> source::call(const std::string& tool, const std::string& arguments_json,
                                 const tool_context& how) {
  const auto arguments = json::parse(arguments_json, nullptr, false);
  if (tool == "fetch") {
    const auto url = text_of(arguments, "url");
    if (url.empty()) return fail("web.bad_url", "`url` is missing");
    return fetch(url, how);
  }
  if (tool == "search" && !config_.search_url.empty()) {
    const auto query = text_of(arguments, "query");
    if (query.empty()) return fail("web.bad_url", "`query` is missing");
    return search(query.substr(0, 400), how);
  }
  return fail("web.no_such_tool", "there is no such tool here");
}

result<http::url> source::may_ask(const std::string& url) const {
  if (url.size() > longest_url) return fail("web.bad_url", "the URL is too long");
  auto at = http::read_url(url);
  if (!at) return fail("web.bad_url", at.error().message);
  if (at->scheme != "http" && at->scheme != "https")
    return fail("web.bad_url", "only http:// and https:// are read");
  if (!host_allowed(at->host, config_.allow, config_.deny))
    return fail("web.not_allowed", "the graph does not allow the host " + at->host);
  if (!is_web_port(at->port))
    return fail("web.not_allowed", fmt::format("port {} is none for pages", at->port));
  if (where_.may) HOCKET_TRY(where_.may->address(url));
  return at;
}

bool source::is_redirect(const page& p) {
  return p.status >= 301 && p.status <= 308 && p.status != 304 && p.status != 305 &&
         p.status != 306 && !p.next.empty();
}

std::string source::resolved(const http::url& at, const std::string& next) {
  if (next.starts_with("//")) return at.scheme + ":" + next;
  if (next.find("://") != next.npos && next.find("://") < next.find_first_of("/?#")) return next;
  if (next.starts_with('/')) return at.scheme + "://" + at.authority() + next;
  return at.scheme + "://" + at.authority() + at.path.substr(0, at.path.rfind('/') + 1) + next;
}

result<source::page> source::get(const http::url& at, const std::string& url,
                                 const tool_context& how, std::int64_t until_ms, std::size_t limit,
                                 bool outside) const {
  page out;
  http::fetch_request r;
  r.url = url;
  r.headers = {{"User-Agent", "hocket (+robots: hocket)"},
               {"Accept", "text/html, application/xhtml+xml, text/*, application/json"}};
  r.total_ms = static_cast<int>(std::max<std::int64_t>(1, until_ms - now_ms()));
  r.connect_ms = std::min(r.total_ms, 5000);
  r.header_bytes = 32 << 10;
  r.compressed_too = true;
  r.cancelled = how.cancelled;
  const bool is_inside =
      std::ranges::find(config_.inside, fmt::format("{}:{}", at.host, at.port)) !=
      config_.inside.end();
  if (outside && !is_inside) r.may_connect = is_public;
  r.on_head = [&](int status, const http::header_list& headers) {
    out.status = status;
    std::tie(out.type, out.charset) =
        read_type(http::find_header(headers, "Content-Type").value_or("text/plain"));
    out.next = http::find_header(headers, "Location").value_or("");
    return status == 200 && is_text(out.type);
  };
  r.on_piece = [&](int, std::string_view piece) {
    const auto room = limit - out.body.size();
    out.cut = piece.size() > room;
    out.body += piece.substr(0, room);
    return !out.cut;
  };
  const auto got = http::fetch(r);
  if (got) return out;
  if (got.error().code == "http.not_allowed")
    return fail("web.not_allowed", at.host + " is not on the public internet");
  return fail("web.no_page", got.error().message);
}

result<void> source::ask_robots(const http::url& at, const tool_context& how,
                                std::int64_t until_ms) {
  if (!config_.robots) return {};
  const auto origin = at.scheme + "://" + at.authority();
  std::optional<std::string> text;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = robots_.find(origin); known != robots_.end()) text = known->second;
  }
  if (!text) {
    auto got = get(at, origin + "/robots.txt", how, until_ms, 512 << 10, true);
    // RFC 9309 2.3.1.2: at least five redirects, each judged like a page's.
    auto where = at;
    for (int hops = 0; got && is_redirect(*got) && hops < 5; ++hops) {
      const auto url = resolved(where, got->next);
      auto next = may_ask(url);
      if (!next) return fail(next);
      where = std::move(*next);
      got = get(where, url, how, until_ms, 512 << 10, true);
    }
    if (!got) return fail(got);
    // No such file, or none that is text: everything may be read. A server in trouble: nothing.
    text = got->status == 200 ? got->body : got->status >= 500 ? "User-agent: *\nDisallow: /" : "";
    const std::lock_guard lock(mutex_);
    if (robots_.size() >= most_robots) robots_.clear();
    if (got->status < 500) robots_[origin] = *text;
  }
  if (robots_allow(*text, agent, at.target())) return {};
  return fail("web.not_allowed", at.host + " asks robots not to read this page");
}

result<std::string> source::fetch(const std::string& first, const tool_context& how) {
  const auto until = now_ms() + config_.time_limit_ms;
  auto url = first;
  bool was_tls = false;
  for (std::int64_t hops = 0;; ++hops) {
    const auto at = may_ask(url);
    if (!at) return fail(at);
    if (was_tls && !at->is_tls())
      return fail("web.not_allowed", "redirected from https:// to http://");
    was_tls = at->is_tls();
    HOCKET_TRY(ask_robots(*at, how, until));
    if (now_ms() >= until) return fail("web.no_page", "the page took too long");
    auto got = get(*at, url, how, until, static_cast<std::size_t>(config_.page_bytes), true);
    if (!got) return fail(got);
    if (is_redirect(*got)) {
      if (hops >= config_.redirects)
        return fail("web.too_many_redirects",
                    fmt::format("more than {} redirects", config_.redirects));
      url = resolved(*at, got->next);
      continue;
    }
    if (got->status != 200)
      return fail("web.status", fmt::format("{} answers with status {}", at->host, got->status));
    if (!is_text(got->type))
      return fail("web.bad_type",
                  fmt::format("the page is {}, which is not read", clean_text(got->type)));
    const auto limit = static_cast<std::size_t>(config_.max_result_bytes);
    auto text = is_html(got->type) ? text_of_html(got->body, got->charset, limit)
                                   : cut_text(clean_text(got->body), limit);
    if (text.empty()) return fail("web.no_page", "the page holds no text");
    if (got->cut) text += fmt::format("\n[the page is longer than {} bytes]", config_.page_bytes);
    return text;
  }
}

result<std::string> source::search(const std::string& query, const tool_context& how) {
  const auto url = config_.search_url + "/search?format=json&q=" + escaped(query);
  const auto at = http::read_url(url);
  if (!at) return fail("web.bad_url", at.error().message);
  const auto got = get(*at, url, how, now_ms() + config_.time_limit_ms, 4 << 20, false);
  if (!got) return fail(got);
  const auto answer = json::parse(got->body, nullptr, false);
  if (got->status != 200 || !answer.is_object() || !answer.contains("results") ||
      !answer["results"].is_array())
    return fail("web.status",
                fmt::format("the search endpoint gives no results (status {}; SearXNG "
                            "needs `json` among its formats)",
                            got->status));
  std::string out;
  std::int64_t n = 0;
  for (const auto& r : answer["results"]) {
    if (n >= config_.results) break;
    out += fmt::format("{}. {}\n{}\n{}\n", ++n, text_of(r, "title"), text_of(r, "url"),
                       text_of(r, "content"));
  }
  if (out.empty()) return "nothing was found";
  return cut_text(clean_text(out), static_cast<std::size_t>(config_.max_result_bytes));
}

}  // namespace hocket::web
