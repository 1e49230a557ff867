#include "actors/policy/webhook.hpp"

#include <algorithm>

#include "actors/http/fetch.hpp"
#include "graph/trust/loopback.hpp"

namespace hocket::policy {
namespace {

constexpr std::size_t waiting_messages = 64;
constexpr int answer_ms = 10'000;
constexpr std::chrono::milliseconds longest_pause{30'000};

}  // namespace

result<void> webhook::check(const std::string& url) {
  constexpr std::string_view secure = "https://", plain = "http://";
  if (url.starts_with(secure) && url.size() > secure.size()) return {};
  if (url.starts_with(plain)) {
    const auto rest = std::string_view(url).substr(plain.size());
    auto host = rest.substr(0, rest.find_first_of("/?#"));
    const bool names_user = host.find('@') != host.npos;
    const auto bracket = host.find(']');
    const auto colon = host.find(':', bracket == host.npos ? 0 : bracket);
    if (!names_user && trust::is_loopback_host(host.substr(0, colon))) return {};
  }
  return fail(
      "policy.bad_webhook",
      "`webhook` is an https:// address, or http:// of this machine (127.0.0.1, localhost)");
}

webhook::webhook(setup how, outcome told)
    : how_(std::move(how)), told_(std::move(told)), thread_([this] { run(); }) {}

webhook::~webhook() {
  {
    const std::lock_guard hold(lock_);
    ends_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool webhook::post(message m) {
  const std::lock_guard hold(lock_);
  if (pauses_) m.hold.reset();
  const auto first_other = std::ranges::find(waiting_, false, &message::is_urgent);
  bool kept_all = true;
  auto at = m.is_urgent ? first_other : waiting_.end();
  if (waiting_.size() >= waiting_messages) {
    if (!m.is_urgent || first_other == waiting_.end()) return false;
    at = waiting_.erase(first_other);
    kept_all = false;
  }
  waiting_.insert(at, std::move(m));
  wake_.notify_all();
  return kept_all;
}

// False where it ends meanwhile, or where something urgent came. A server that does not answer does not hold
// up the end of a run: neither what waits nor what comes during the pause is held.
bool webhook::waits(std::chrono::milliseconds pause, bool is_urgent) {
  std::unique_lock hold(lock_);
  for (auto& m : waiting_) m.hold.reset();
  pauses_ = true;
  const bool over = !wake_.wait_for(hold, pause, [&] {
    return ends_.load() || (!is_urgent && !waiting_.empty() && waiting_.front().is_urgent);
  });
  pauses_ = false;
  return over;
}

void webhook::run() {
  while (true) {
    message next;
    {
      std::unique_lock hold(lock_);
      wake_.wait(hold, [this] { return ends_ || !waiting_.empty(); });
      if (ends_) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    if (!deliver(std::move(next))) return;
  }
}

bool webhook::deliver(message m) {
  http::fetch_request r;
  r.method = "POST";
  r.url = how_.url;
  r.body = m.body;
  r.headers.emplace_back("Content-Type", "application/json");
  if (!how_.token.empty()) r.headers.emplace_back("Authorization", "Bearer " + how_.token);
  r.body_bytes = 64 << 10;
  r.connect_ms = answer_ms, r.total_ms = answer_ms;
  r.cancelled = &ends_;
  while (true) {
    const auto got = http::fetch(r);
    ++m.tries;
    const int status = got ? got->status : 0;
    const bool delivered = status >= 200 && status < 300;
    // Who says that it does not want it is not asked again.
    const bool is_final = status >= 400 && status < 500 && status != 408 && status != 429;
    if (delivered || is_final || m.tries >= how_.tries) {
      told_(m, delivered, status, m.tries);
      return !ends_;
    }
    m.hold.reset();
    const auto pause = std::min<std::chrono::milliseconds>(
        how_.pause * (1 << std::min(m.tries - 1, 20)), std::max(how_.pause, longest_pause));
    if (waits(pause, m.is_urgent)) continue;
    if (ends_) return false;
    // The urgent one first; this one goes on with the tries that it has left.
    const std::lock_guard hold(lock_);
    waiting_.insert(std::ranges::find(waiting_, false, &message::is_urgent), std::move(m));
    return true;
  }
}

}  // namespace hocket::policy
