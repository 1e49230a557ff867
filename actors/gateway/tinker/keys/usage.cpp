#include "actors/gateway/tinker/keys/usage.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace hocket::tinker {

double tenant_usage::account::at_time(clock::time_point now) const {
  const std::chrono::duration<double> passed = now - at;
  return std::min(per_minute, left + std::max(0.0, passed.count()) * per_minute / 60);
}

tenant_usage::account& tenant_usage::of(const tenant& whose, clock::time_point now) {
  std::erase_if(accounts_, [&](const auto& a) {
    return a.first != whose.owner && a.second.at_time(now) >= a.second.per_minute;
  });
  const auto most = static_cast<double>(whose.most.tokens_per_minute);
  auto& a = accounts_.try_emplace(whose.owner, account{most, most, now}).first->second;
  a.per_minute = most;
  a.left = a.at_time(now), a.at = now;
  return a;
}

result<void> tenant_usage::take(const tenant& whose, std::int64_t tokens, clock::time_point now) {
  const auto most = whose.most.tokens_per_minute;
  if (most == 0) return {};
  if (tokens > most)
    return fail(
        "tinker.quota",
        fmt::format("QuotaExceeded: {} tokens in one request, and this key may use {} a minute: "
                    "send fewer at once, or ask for fewer (max_tokens)",
                    tokens, most));
  const std::lock_guard lock(mutex_);
  auto& a = of(whose, now);
  if (a.left < static_cast<double>(tokens))
    return fail("tinker.rate_limited",
                fmt::format("this key may use {} tokens a minute: come again in {:.0f} s", most,
                            std::ceil((static_cast<double>(tokens) - a.left) * 60 /
                                      static_cast<double>(most))));
  a.left -= static_cast<double>(tokens);
  return {};
}

void tenant_usage::give_back(const tenant& whose, std::int64_t tokens, clock::time_point now) {
  if (whose.most.tokens_per_minute == 0) return;
  const std::lock_guard lock(mutex_);
  auto& a = of(whose, now);
  a.left = std::min(a.per_minute, a.left + static_cast<double>(tokens));
}

std::int64_t tenant_usage::left(const tenant& whose, clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(whose.owner);
  return found == accounts_.end()
             ? whose.most.tokens_per_minute
             : static_cast<std::int64_t>(std::floor(found->second.at_time(now)));
}

}  // namespace hocket::tinker
