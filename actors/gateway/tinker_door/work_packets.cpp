#include "actors/gateway/tinker_door/work_packets.hpp"

#include <vector>

namespace hocket::tinker {

std::string_view bytes_of(const packet& p) {
  const auto* t = p.get_if<tensor>();
  if (t == nullptr || t->type != dtype::u8) return {};
  const auto bytes = t->data.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

work_sender::work_sender(const context& where, std::size_t port, bool small_to_all)
    : self_(where.self), time_(where.time), port_(port), small_to_all_(small_to_all) {}

void work_sender::heard_in(session_id session) const {
  const std::lock_guard lock(place_->mutex);
  place_->session = session;
}

void work_sender::send(std::string piece) const {
  constexpr std::size_t small_bytes = 4096;
  const bool to_all = small_to_all_ && piece.size() <= small_bytes;
  const auto size = static_cast<std::int64_t>(piece.size());
  auto bytes = buffer::take(std::vector<char>(piece.begin(), piece.end()));
  self_->run([time = time_, port = port_, to_all, size, bytes = std::move(bytes),
              place = place_](emitter& out) {
    session_id to = session_id::none;
    if (!to_all) {
      const std::lock_guard lock(place->mutex);
      to = place->session;
    }
    out.for_session(to);
    out.emit(port, time->now(), tensor{dtype::u8, {size}, bytes});
  });
}

}  // namespace hocket::tinker
