// Part of a list, as REST clients ask for it. Internal to this folder.
#pragma once

#include "actors/gateway/tinker/service_state.hpp"

namespace hocket::tinker {

/// `limit` and `offset` of the query, over a list.
template <class T, class Show>
nlohmann::json page_of(const call& c, const std::vector<T>& all, const char* name, Show show) {
  const auto number = [&](const char* key, std::size_t otherwise) {
    const auto text = c.request.parameter(key).value_or("");
    return text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != text.npos
               ? otherwise
               : static_cast<std::size_t>(std::stoul(text));
  };
  const auto offset = number("offset", 0), limit = number("limit", 20);
  auto some = nlohmann::json::array();
  for (auto i = offset; i < all.size() && i - offset < limit; ++i) some.push_back(show(all[i]));
  return {{name, some},
          {"cursor", {{"offset", offset}, {"limit", limit}, {"total_count", all.size()}}}};
}

}  // namespace hocket::tinker
