#include "actors/host/run/observers.hpp"

#include <string>
#include <utility>

namespace hocket::host {

observers::observers(std::vector<observer*> all, const run_clock& time)
    : all_(std::move(all)), time_(time) {
  for (auto* o : all_)
    if (o->wants_calls()) tracers_.push_back(o);
}

void observers::event(std::string_view actor, std::string_view what, std::string_view detail) {
  if (all_.empty()) return;
  std::lock_guard lock(mutex_);
  if (muted_) return;
  for (auto* o : all_) o->event(time_.now(), actor, what, detail);
}

void observers::session_closed(session_id id) {
  event("", "session_closed", std::to_string(static_cast<std::uint64_t>(id)));
  std::lock_guard lock(mutex_);
  if (muted_) return;
  for (auto* o : all_) o->session_closed(id);
}

void observers::emitted(actor_index actor, std::size_t port, const packet& p) {
  std::lock_guard lock(mutex_);
  if (muted_ || actor >= shown_->actors.size()) return;
  for (auto* o : all_) o->packet_emitted(*shown_, actor, port, p);
}

void observers::marked(actor_index actor, std::size_t port, const packet& marker) {
  std::lock_guard lock(mutex_);
  if (muted_ || actor >= shown_->actors.size()) return;
  for (auto* o : all_) o->marked(*shown_, actor, port, marker);
}

bool observers::called(const call_record& r) {
  std::lock_guard lock(mutex_);
  if (r.actor >= shown_->actors.size()) return false;
  if (muted_) return true;
  for (auto* o : tracers_) o->called(*shown_, r);
  return true;
}

void observers::rewired(const graph_revision& now) {
  std::lock_guard lock(mutex_);
  shown_ = &now.graph;
  if (muted_) return;
  for (auto* o : all_) o->rewired(now);
}

void observers::mute() {
  std::lock_guard lock(mutex_);
  muted_ = true;
}

void observers::keep(std::shared_ptr<const clock> time) {
  std::lock_guard lock(mutex_);
  clocks_.push_back(std::move(time));
}

}  // namespace hocket::host
