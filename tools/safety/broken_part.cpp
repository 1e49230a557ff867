#include "tools/safety/broken_part.hpp"

#include <utility>

namespace hocket::safety {

/// Keeps what the part within gives.
class broken_part::holding final : public emitter {
 public:
  holding(broken_part& of, emitter& out) : of_(of), out_(out) {}
  void emit(std::size_t port, packet p) override {
    of_.note_broken();
    of_.held_.push_back({of_.context_.time->now(), port, std::move(p)});
  }
  void interrupt() override { out_.interrupt(); }
  void for_session(session_id session) override { out_.for_session(session); }

 private:
  broken_part& of_;
  emitter& out_;
};

result<void> broken_part::open(const context& where) {
  context_ = where;
  {
    const std::lock_guard hold(log_->lock);
    mine().restarts = static_cast<int>(where.restarts);
  }
  return inner_->open(where);
}

bool broken_part::crashes() {
  if (how_.what != fault::kind::crash || !is_due()) return false;
  const std::lock_guard hold(log_->lock);
  return !std::exchange(mine().broke, true);
}

void broken_part::note_broken() {
  const std::lock_guard hold(log_->lock);
  mine().broke = true;
}

result<void> broken_part::process(std::size_t port, const packet& p, emitter& out) {
  if (crashes()) return fail("safety.broken", "it crashes on purpose");
  if (swallows()) {
    note_broken();
    return {};
  }
  if (how_.what != fault::kind::late || !is_due()) return inner_->process(port, p, out);
  holding later(*this, out);
  return inner_->process(port, p, later);
}

result<void> broken_part::tick(std::int64_t micro_turn, emitter& out) {
  if (crashes()) return fail("safety.broken", "it crashes on purpose");
  if (swallows()) return {};
  const auto now = context_.time->now();
  while (!held_.empty() && (now - held_.front().at) >= std::chrono::duration<double>(late_s)) {
    auto h = std::move(held_.front());
    held_.pop_front();
    h.what.header.ts = now;
    out.emit(h.port, std::move(h.what));
  }
  return inner_->tick(micro_turn, out);
}

result<void> broken_part::on_control(std::size_t port, const packet& p, emitter& out) {
  if (swallows()) return {};
  return inner_->on_control(port, p, out);
}

}  // namespace hocket::safety
