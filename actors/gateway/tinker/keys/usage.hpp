#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "actors/gateway/tinker/keys/api_keys.hpp"

namespace hocket::tinker {

/// Tokens that owners have left of a minute's quota, which comes back evenly. Whoever begins something takes
/// all that it may use, and gives back what it did not.
/// *Threads*: any. *Memory*: whoever has all of its quota left is forgotten.
class tenant_usage {
 public:
  using clock = std::chrono::steady_clock;

  /// Takes tokens. *Errors*: tinker.rate_limited (there are enough later), tinker.quota (never).
  result<void> take(const tenant& whose, std::int64_t tokens, clock::time_point now);
  /// Of what was taken.
  void give_back(const tenant& whose, std::int64_t tokens, clock::time_point now);
  /// What is left; the whole quota where nothing was taken.
  std::int64_t left(const tenant& whose, clock::time_point now) const;

 private:
  struct account {
    double left = 0, per_minute = 0;
    clock::time_point at;
    double at_time(clock::time_point now) const;
  };
  account& of(const tenant& whose, clock::time_point now);

  mutable std::mutex mutex_;
  std::map<std::string, account> accounts_;
};

}  // namespace hocket::tinker
