#include "actors/policy/webhook.hpp"

#include "actors/http/fetch.hpp"
#include "graph/trust/loopback.hpp"

namespace hocket::policy {
namespace {

constexpr std::size_t waiting_messages = 64;
constexpr int answer_ms = 10'000;

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
  if (waiting_.size() >= waiting_messages) return false;
  waiting_.push_back(std::move(m));
  wake_.notify_all();
  return true;
}

// False where it ends meanwhile.
bool webhook::waits(std::chrono::milliseconds pause) {
  std::unique_lock hold(lock_);
  return !wake_.wait_for(hold, pause, [this] { return ends_.load(); });
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
    if (!deliver(next)) return;
  }
}

bool webhook::deliver(const message& m) {
  http::fetch_request r;
  r.method = "POST";
  r.url = how_.url;
  r.body = m.body;
  r.headers.emplace_back("Content-Type", "application/json");
  if (!how_.token.empty()) r.headers.emplace_back("Authorization", "Bearer " + how_.token);
  r.body_bytes = 64 << 10;
  r.connect_ms = answer_ms, r.total_ms = answer_ms;
  r.cancelled = &ends_;
  auto pause = how_.pause;
  int status = 0;
  for (int tries = 1; tries <= how_.tries; ++tries, pause *= 2) {
    const auto got = http::fetch(r);
    status = got ? got->status : 0;
    const bool delivered = status >= 200 && status < 300;
    // Who says that it does not want it is not asked again.
    const bool is_final = status >= 400 && status < 500 && status != 408 && status != 429;
    if (delivered || is_final || tries == how_.tries) {
      told_(m, delivered, status, tries);
      return !ends_;
    }
    if (!waits(pause)) return false;
  }
  return true;
}

}  // namespace hocket::policy
