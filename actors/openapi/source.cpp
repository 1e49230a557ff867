#include "actors/openapi/source.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/http/escape.hpp"
#include "actors/http/fetch.hpp"
#include "actors/http/signature.hpp"
#include "actors/http/url.hpp"
#include "graph/core/clock.hpp"
#include "graph/core/diagnostic.hpp"
#include "graph/text/clean.hpp"
#include "graph/trust/capability.hpp"
#include "graph/trust/public_address.hpp"
#include "graph/trust/read_file.hpp"

namespace hocket::openapi {
namespace {

constexpr std::size_t told_bytes = 400;  ///< of an answer that is an error

bool is_text(std::string_view said) {
  std::string type(said);
  std::transform(type.begin(), type.end(), type.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  type = type.substr(0, type.find_first_of("; "));
  return type.empty() || type.starts_with("text/") || type == "application/json" ||
         type == "application/xml" || type.ends_with("+json") || type.ends_with("+xml");
}

}  // namespace

void source::config::visit(config_visitor& v) {
  v.field({.name = "file",
           .doc = "OpenAPI 3.0 or 3.1, JSON or YAML",
           .required = true,
           .is_path = true},
          file);
  v.field({.name = "server",
           .doc = "URL in front of its paths; empty: the first of the document's `servers`",
           .is_address = true},
          server);
  v.field({.name = "operations", .doc = "names of those that are tools; empty: all"}, operations);
  v.field(
      {.name = "inside",
       .doc = "HOST:PORT of a server inside that may be asked though its address is not public"},
      inside);
  v.field(
      {.name = "key_env",
       .doc = "variable that holds the key, sent as the document says (else as a bearer token)"},
      key_env);
  v.field(
      {.name = "ca_file", .doc = "PEM file to trust instead of the system's list", .is_path = true},
      ca_file);
  v.field({.name = "time_limit_ms", .doc = "of one call", .unit = "ms", .min = 1, .max = 600000},
          time_limit_ms);
  v.field({.name = "max_result_bytes",
           .doc = "of an answer; more is cut, and says so",
           .unit = "bytes",
           .min = 16,
           .max = 16777216},
          max_result_bytes);
}

result<void> source::open(const tool_source_context& where) {
  where_ = where;
  auto path = config_.file;
  if (where.may) {
    auto may = where.may->readable(path);
    if (!may) return fail(may);
    path = std::move(*may);
  }
  const auto text = trust::read_given_file(path, document_bytes_max);
  if (!text) return fail(text);
  auto read = read_document(*text);
  if (!read) return fail(read.error().code, config_.file + ": " + read.error().message);
  if (config_.server.empty()) config_.server = read->server;
  while (config_.server.ends_with('/')) config_.server.pop_back();
  HOCKET_TRY(check_server());
  return choose(std::move(*read));
}

result<void> source::check_server() {
  const auto bad = [](std::string why) { return fail("openapi.bad_config", std::move(why)); };
  if (config_.server.empty())
    return bad("the document names no server with a whole URL: say `server: https://…`");
  const auto at = http::read_url(config_.server);
  if (!at) return bad("the server's URL: " + at.error().message);
  if ((at->scheme != "https" && at->scheme != "http") || !at->query.empty())
    return bad("the server's URL must be https:// or http://, without a query");
  if (where_.may) HOCKET_TRY(where_.may->address(config_.server));
  host_ = at->host;
  is_tls_ = at->is_tls();
  is_inside_ = std::ranges::find(config_.inside, fmt::format("{}:{}", at->host, at->port)) !=
               config_.inside.end();
  if (config_.key_env.empty()) return {};
  if (where_.may) HOCKET_TRY(where_.may->variable(config_.key_env));
  const char* key = std::getenv(config_.key_env.c_str());
  if (key == nullptr || *key == '\0')
    return bad("the variable " + config_.key_env + " (`key_env`) is not set");
  if (!is_tls_ && !is_inside_)
    return bad("a key is not sent over http://: use https://, or name the server under `inside`");
  return {};
}

result<void> source::choose(document d) {
  std::vector<std::string> all;
  for (const auto& o : d.operations) all.push_back(o.tool);
  for (const auto& wanted : config_.operations) {
    if (std::ranges::find(all, wanted) != all.end()) continue;
    const auto near = nearest(wanted, all);
    const auto why = std::ranges::find_if(
        d.left_out, [&](const std::string& l) { return l.find(wanted) != l.npos; });
    return fail("openapi.bad_config",
                fmt::format("no operation is called `{}`{}{}", wanted,
                            near.empty() ? "" : fmt::format("; did you mean `{}`?", near),
                            why == d.left_out.end() ? "" : fmt::format(" (left out: {})", *why)));
  }
  for (const auto& why : d.left_out)
    where_.log(fmt::format("openapi {}: left out: {}", where_.name, why));
  if (d.left_out_untold > 0)
    where_.log(
        fmt::format("openapi {}: left out, too: {} operations", where_.name, d.left_out_untold));
  const bool names_no_key = d.names_no_key;
  std::vector<std::string> without_key;
  for (auto& o : d.operations) {
    if (!config_.operations.empty() &&
        std::ranges::find(config_.operations, o.tool) == config_.operations.end())
      continue;
    auto schema = payloads::json_schema("arguments", o.arguments_schema);
    if (!schema) return fail(schema);
    order_.push_back(o.tool);
    if (!o.key) without_key.push_back(o.tool);
    const auto name = o.tool;
    operations_.emplace(name, served{std::move(o), std::move(*schema)});
  }
  if (!config_.key_env.empty()) tell_key(names_no_key, without_key);
  return {};
}

void source::tell_key(bool names_no_key, const std::vector<std::string>& without) const {
  if (names_no_key)
    where_.log(
        fmt::format("openapi {}: the document has no security scheme that is known here: the "
                    "key is sent as a bearer token",
                    where_.name));
  if (!without.empty())
    where_.log(
        fmt::format("openapi {}: no key is sent with {}: the document asks for none there, or "
                    "for one in a way that is not known here",
                    where_.name, cut_text(fmt::format("{}", fmt::join(without, ", ")), 400)));
}

result<std::vector<tool_info>> source::list() {
  std::vector<tool_info> out;
  for (const auto& name : order_) {
    const auto& o = operations_.at(name).what;
    tool_policy policy;
    policy.time_limit_ms = static_cast<std::int32_t>(config_.time_limit_ms) + 1000;
    policy.max_result_bytes = static_cast<std::size_t>(config_.max_result_bytes) + 100;
    policy.network_hosts = {host_};
    out.push_back({name, o.summary, o.arguments_schema, policy});
  }
  return out;
}

result<std::string> source::call(const std::string& tool, const std::string& arguments_json,
                                 const tool_context& how) {
  const auto it = operations_.find(tool);
  if (it == operations_.end()) return fail("openapi.no_such_tool", "there is no such tool here");
  const auto& [o, schema] = it->second;
  if (const auto why = schema->why_unfit(text{.value = arguments_json, .role = ""}); !why.empty())
    return fail("openapi.bad_arguments", why);
  const auto request = request_of(o, json::parse(arguments_json));
  if (!request) return fail(request);
  return ask(o, *request, how);
}

result<std::string> source::ask(const operation& o, const request& wanted,
                                const tool_context& how) const {
  http::fetch_request r;
  r.method = o.method;
  r.url = config_.server + wanted.target;
  r.headers = {{"User-Agent", "hocket"}, {"Accept", "application/json, text/*"}};
  for (const auto& h : wanted.headers) r.headers.emplace_back(h.first, h.second);
  r.body = wanted.body;
  if (!config_.key_env.empty() && o.key) {
    const char* found = std::getenv(config_.key_env.c_str());
    const std::string key = found != nullptr ? found : "";
    switch (o.key->how) {
      case key_use::kind::bearer: r.headers.emplace_back("Authorization", "Bearer " + key); break;
      case key_use::kind::basic:
        r.headers.emplace_back("Authorization", "Basic " + http::base64_of(key));
        break;
      case key_use::kind::header: r.headers.emplace_back(o.key->name, key); break;
      case key_use::kind::query:
        r.url += (r.url.find('?') == r.url.npos ? "?" : "&") + http::percent_escaped(o.key->name) +
                 "=" + http::percent_escaped(key);
        break;
    }
  }
  r.total_ms = static_cast<int>(config_.time_limit_ms);
  r.connect_ms = std::min(r.total_ms, 5000);
  r.header_bytes = 32 << 10;
  r.ca_file = config_.ca_file;
  r.cancelled = how.cancelled;
  if (!is_inside_) r.may_connect = trust::is_public;
  int status = 0;
  std::string body;
  bool cut = false, readable = true;
  const auto limit = static_cast<std::size_t>(config_.max_result_bytes);
  r.on_head = [&](int answered, const http::header_list& headers) {
    status = answered;
    readable = is_text(http::find_header(headers, "Content-Type").value_or(""));
    return readable;
  };
  r.on_piece = [&](int, std::string_view piece) {
    const auto room = limit - body.size();
    cut = piece.size() > room;
    body += piece.substr(0, room);
    return !cut;
  };
  const auto got = http::fetch(r);
  if (!got && got.error().code == "http.not_allowed")
    return fail(
        "openapi.not_allowed",
        host_ + " is not on the public internet (`inside` names servers that may be asked)");
  if (!got) return fail("openapi.no_answer", got.error().message);
  if (status < 200 || status >= 300) {
    auto said = cut_text(clean_text(body), told_bytes);
    return fail("openapi.status", fmt::format("{} {} answers with status {}{}", o.method, o.path,
                                              status, said.empty() ? "" : ": " + said));
  }
  if (!readable) return fail("openapi.status", "the answer is neither text nor JSON");
  auto said = clean_text(body);
  if (cut) said += fmt::format("\n[the answer is longer than {} bytes]", limit);
  return said.empty() ? fmt::format("done (status {})", status) : said;
}

}  // namespace hocket::openapi
