#include <atomic>
#include <chrono>
#include <future>
#include <system_error>
#include <thread>

#include "actors/trainer/service/service_session.hpp"

namespace hocket::trainer {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds look_every{200};

/// The transfer on a thread of its own: this one goes on saying that it is at work.
result<http::fetch_answer> fetched(const http::fetch_request& r, const goes_on& more) {
  std::atomic<bool> cancelled{false};
  auto own = r;
  own.cancelled = &cancelled;
  std::future<result<http::fetch_answer>> answer;
  try {
    answer = std::async(std::launch::async, [&own] { return http::fetch(own); });
  } catch (const std::system_error&) {
    return fail("http.no_connection", "there is no thread for it");
  }
  while (answer.wait_for(look_every) != std::future_status::ready)
    if (!more()) cancelled = true;
  return answer.get();
}

bool rested(std::int64_t ms, const goes_on& more) {
  const auto until = steady_clock::now() + milliseconds(ms);
  for (;;) {
    if (!more()) return false;
    const auto now = steady_clock::now();
    if (now >= until) return true;
    std::this_thread::sleep_for(std::min<steady_clock::duration>(until - now, look_every));
  }
}

}  // namespace

service_reach reach_over_http() {
  return {fetched, rested, [] {
            return std::chrono::duration_cast<milliseconds>(steady_clock::now().time_since_epoch())
                .count();
          }};
}

}  // namespace hocket::trainer
