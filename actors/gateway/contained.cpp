#include "actors/gateway/contained.hpp"

#include <exception>
#include <iterator>
#include <typeinfo>

namespace hocket::gateway {

template <class Call>
void contained::guard(output& out, const Call& call) {
  if (!inner_) return;
  output own;
  try {
    call(own);
  } catch (const std::exception& e) {
    inner_.reset();
    told_(typeid(e).name());
    return out.add(hang_up{1011, "an internal error ends this conversation"});
  }
  std::move(own.messages.begin(), own.messages.end(), std::back_inserter(out.messages));
  std::move(own.actions.begin(), own.actions.end(), std::back_inserter(out.actions));
}

void contained::begin(std::int64_t now_ms, output& out) {
  guard(out, [&](output& own) { inner_->begin(now_ms, own); });
}
void contained::join(std::int64_t now_ms, output& out) {
  guard(out, [&](output& own) { inner_->join(now_ms, own); });
}
void contained::receive(std::string_view message, std::int64_t now_ms, output& out) {
  guard(out, [&](output& own) { inner_->receive(message, now_ms, own); });
}
void contained::hear(std::vector<float> samples, std::int64_t now_ms, output& out) {
  guard(out, [&](output& own) { inner_->hear(std::move(samples), now_ms, own); });
}
void contained::on_graph(const graph_event& e, std::int64_t now_ms, output& out) {
  guard(out, [&](output& own) { inner_->on_graph(e, now_ms, own); });
}
void contained::advance(std::int64_t now_ms, output& out) {
  guard(out, [&](output& own) { inner_->advance(now_ms, own); });
}
void contained::end(std::string_view reason, std::int64_t now_ms, output& out) {
  guard(out, [&](output& own) { inner_->end(reason, now_ms, own); });
}
void contained::break_off(std::string_view why, int code, std::int64_t now_ms, output& out) {
  guard(out, [&](output& own) { inner_->break_off(why, code, now_ms, own); });
}
void contained::let_go(std::string_view reason, std::int64_t now_ms, output& out) {
  guard(out, [&](output& own) { inner_->let_go(reason, now_ms, own); });
}
std::string contained::resume_key() const { return inner_ ? inner_->resume_key() : std::string(); }
std::string contained::earlier_key() const {
  return inner_ ? inner_->earlier_key() : std::string();
}
bool contained::has_goodbye() const { return !inner_ || inner_->has_goodbye(); }
void contained::resume(std::string_view message, const next_line& by, std::int64_t now_ms,
                       output& out) {
  guard(out, [&](output& own) { inner_->resume(message, by, now_ms, own); });
}
void contained::cannot_resume(std::int64_t now_ms, output& out) {
  guard(out, [&](output& own) { inner_->cannot_resume(now_ms, own); });
}

}  // namespace hocket::gateway
