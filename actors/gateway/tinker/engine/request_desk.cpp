#include "actors/gateway/tinker/engine/request_desk.hpp"

#include "actors/gateway/tinker/engine/life.hpp"

namespace hocket::tinker {

request_desk::request_desk(worker_identity is, std::function<void(std::string)> send, callbacks c)
    : is_(std::move(is)),
      send_(std::move(send)),
      callbacks_(std::move(c)),
      worker_(new_life()),
      message_(first_number()) {}

result<bool> request_desk::take(std::string_view piece) {
  const auto message = assembler_.take(piece);
  if (!message) return fail(message);
  if (message->empty()) return false;
  auto m = unpack_to_worker(*message);
  if (!m) return fail(m);
  bool is_other = false;
  {
    const std::lock_guard lock(mutex_);
    is_other = m->server != server_;
    if (is_other) server_ = m->server, in_work_.clear();
  }
  if (is_other) callbacks_.another_server();
  if (const auto* h = std::get_if<hello>(&m->what)) {
    const std::lock_guard lock(mutex_);
    send(0, ready{h->number, is_, {in_work_.begin(), in_work_.end()}});
    return true;
  }
  const asked to{m->server, m->number};
  if (std::holds_alternative<cancel>(m->what)) {
    if (waits(to)) callbacks_.cancel(to);
    return true;
  }
  {
    const std::lock_guard lock(mutex_);
    if (!in_work_.insert(m->number).second) return true;
  }
  callbacks_.begin(to, unpack_work(std::get<std::string>(m->what)));
  return true;
}

void request_desk::answer(const asked& to, result<std::string> packed) {
  const std::lock_guard lock(mutex_);
  if (to.server != server_ || in_work_.erase(to.number) == 0) return;
  if (packed)
    send(to.number, std::move(*packed));
  else
    send(to.number, packed.error());
}

bool request_desk::waits(const asked& to) {
  const std::lock_guard lock(mutex_);
  return to.server == server_ && in_work_.contains(to.number);
}

void request_desk::send(std::uint64_t number, std::variant<ready, error, std::string> what) {
  auto pieces = pieces_of(pack(from_worker{worker_, server_, number, std::move(what)}), ++message_);
  if (!pieces)
    pieces = pieces_of(pack(from_worker{worker_, server_, number, pieces.error()}), ++message_);
  for (auto& p : *pieces) send_(std::move(p));
}

}  // namespace hocket::tinker
