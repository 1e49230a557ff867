#pragma once

#include <map>
#include <mutex>

#include "actors/http/fetch.hpp"
#include "actors/http/url.hpp"
#include "graph/contract/tool_source.hpp"

namespace hocket::web {

/// `use: web`: `fetch` (a page as text) and, where the graph names an endpoint, `search`.
///
/// A page is fetched only from a public address: judged after its name was resolved, for each
/// connection, and again for each redirect, so that no name and no redirect leads inside. Sizes,
/// types, redirects and times are bounded; robots.txt is respected.
/// Errors: web.bad_url, web.not_allowed (host, address, robots), web.too_many_redirects, web.bad_type,
/// web.status, web.no_page (of the network), web.bad_config; trust.refused.
class source final : public tool_source {
 public:
  struct config {
    std::vector<std::string> allow = {};
    std::vector<std::string> deny = {};
    std::vector<std::string> inside = {};
    std::string search_url = {};
    bool robots = true;
    std::int64_t redirects = 5;
    std::int64_t page_bytes = 2'000'000;
    std::int64_t time_limit_ms = 10'000;
    std::int64_t max_result_bytes = 16'384;
    std::int64_t results = 5;
    void visit(config_visitor& v);
  };

  explicit source(config c) : config_(std::move(c)) {}
  result<void> open(const tool_source_context&) override;
  result<std::vector<tool_info>> list() override;
  result<std::string> call(const std::string& tool, const std::string& arguments_json,
                           const tool_context&) override;

 private:
  struct page {
    int status = 0;
    std::string type, charset, body, next;
    bool cut = false;
  };
  result<std::string> fetch(const std::string& url, const tool_context&);
  result<std::string> search(const std::string& query, const tool_context&);
  static bool is_redirect(const page& p);
  /// Where a redirect leads that was met at `at`.
  static std::string resolved(const http::url& at, const std::string& next);
  /// One request, no redirect followed. `outside`: only public addresses.
  result<page> get(const http::url& at, const std::string& url, const tool_context&,
                   std::int64_t until_ms, std::size_t limit, bool outside) const;
  result<http::url> may_ask(const std::string& url) const;
  result<void> ask_robots(const http::url& at, const tool_context&, std::int64_t until_ms);

  config config_;
  tool_source_context where_;
  std::mutex mutex_;
  std::map<std::string, std::string> robots_;  ///< by origin; the newest 64
};

}  // namespace hocket::web
