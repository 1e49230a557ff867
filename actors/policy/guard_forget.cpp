// What the guard does once the person wants forgotten what was said.
#include <nlohmann/json.hpp>

#include "actors/policy/guard.hpp"
#include "graph/contract/answer_pieces.hpp"

namespace hocket::policy {
namespace {

/// So long the sentence about it may take; then the conversation ends, and with it what model and background know.
constexpr std::chrono::seconds farewell{10};
/// The model's words come back through loudspeaker and microphone within this.
constexpr std::chrono::seconds echo_takes{2};
/// A slower voice is that much later than its words, by audio.pace's own `behind_ms`.
constexpr std::chrono::seconds slowed_by{10};

}  // namespace

bool guard::is_echo(const topic& t) const {
  if (is_typed_now_) return false;
  const auto at = said_at_.find(&t);
  return at != said_at_.end() && context_.time->now() - at->second <=
                                     echo_takes + (is_slowed_ ? slowed_by : slowed_by.zero());
}

void guard::forget_recordings(const nlohmann::json& why, emitter& out) {
  delegation d;
  d.request = 1;
  d.task = why.dump();
  send(forgets_out, make_packet(context_.time->now(), std::move(d)), out);
}

void guard::forget(const match& m, emitter& out) {
  if (std::exchange(is_forgetting_, true)) return;
  const auto now = context_.time->now();
  forget_recordings({{"forget", "asked"}, {"policy", rules_.name}, {"topic", m.what->name}}, out);
  // Whoever works on something stops, and the model waits for nothing any more.
  while (!started_.empty()) {
    const auto request = started_.begin()->first;
    cancel(request, out);
    send(results_out, make_packet(now, text{"", std::string(over_role), request, true}), out);
  }
  questions_.clear();
  results_.clear();
  person_ = model_ = before_ = {};
  for (auto* w : {heard_.get(), said_.get(), typed_.get()}) w->forget();
  say(m.what->say, out);
  closes_at_ = std::min(closes_at_, now + farewell);
}

bool guard::is_past(std::size_t port, const packet& p, emitter& out) {
  if (!is_forgetting_ || (port != typed_in && port != requests_in && port != results_in))
    return false;
  context_.count("withheld", 1);
  const auto* d = p.get_if<delegation>();
  if (d != nullptr && d->what == delegation::action::start)
    send(results_out,
         make_packet(context_.time->now(), text{"", std::string(over_role), d->request, true}),
         out);
  return true;
}

}  // namespace hocket::policy
