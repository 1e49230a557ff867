#include "actors/gateway/tinker/engine/pieces.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "graph/schema/tinker_work.pb.h"

namespace hocket::tinker {

namespace {

tl::unexpected<error> too_large(const std::string& bytes, std::size_t most) {
  return fail("tinker.too_large",
              fmt::format("{} bytes in one message are more than the {} that cross between hosts: "
                          "send less in one request, or train a smaller adapter",
                          bytes, most));
}

}  // namespace

result<void> can_cross(std::string_view packed) {
  constexpr auto most = most_piece_bytes * most_pieces;
  if (packed.empty()) return too_large("more than 2147483647", most);
  if (packed.size() > most) return too_large(std::to_string(packed.size()), most);
  return {};
}

result<std::vector<std::string>> pieces_of(std::string_view message, std::uint64_t number,
                                           std::size_t piece_bytes, std::size_t most) {
  const auto count = std::max<std::size_t>(1, (message.size() + piece_bytes - 1) / piece_bytes);
  if (count > most) return too_large(std::to_string(message.size()), piece_bytes * most);
  std::vector<std::string> all;
  for (std::size_t i = 0; i < count; ++i) {
    work_pb::Piece p;
    p.set_message(number), p.set_index(static_cast<std::uint32_t>(i));
    p.set_count(static_cast<std::uint32_t>(count));
    const auto part = message.substr(i * piece_bytes, piece_bytes);
    p.set_part(part.data(), part.size());
    all.push_back(p.SerializeAsString());
  }
  return all;
}

result<std::string> assembler::take(std::string_view piece) {
  work_pb::Piece p;
  if (!p.ParseFromArray(piece.data(), static_cast<int>(piece.size())) || p.count() < 1 ||
      p.count() > most_pieces || p.index() >= p.count() || p.part().size() > most_piece_bytes)
    return fail("tinker.bad_work", "it is no piece of a message");
  if (p.index() == 0 && p.message() != message_)
    message_ = p.message(), next_ = 0, count_ = p.count(), parts_.clear();
  if (p.message() != message_ || p.index() != next_ || p.count() != count_) return std::string();
  ++next_;
  parts_ += p.part();
  if (next_ < count_) return std::string();
  return std::move(parts_);
}

}  // namespace hocket::tinker
