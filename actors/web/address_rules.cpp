#include "actors/web/address_rules.hpp"

#include <algorithm>

namespace hocket::web {
namespace {

bool same(std::string_view host, std::string_view pattern) {
  if (!pattern.starts_with("*.")) return host == pattern;
  const auto name = pattern.substr(2);
  return host == name || (host.size() > name.size() && host.ends_with(name) &&
                          host[host.size() - name.size() - 1] == '.');
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  while (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

bool host_allowed(std::string host, const std::vector<std::string>& allow,
                  const std::vector<std::string>& deny) {
  host = lower(std::move(host));
  const auto named = [&](const std::vector<std::string>& list) {
    return std::ranges::any_of(list, [&](const auto& p) { return same(host, lower(p)); });
  };
  return !host.empty() && !named(deny) && (allow.empty() || named(allow));
}

}  // namespace hocket::web
