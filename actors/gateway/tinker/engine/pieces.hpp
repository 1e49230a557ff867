// Messages as packets of bounded size. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::tinker {

/// A packet crosses with 64 MiB at most; a message of 1 GiB holds an adapter of 80 million numbers with its moments.
inline constexpr std::size_t most_piece_bytes = std::size_t{32} << 20, most_pieces = 32;

/// Whether a packed request or result crosses. *Errors* (`tinker.too_large`): it does not, or it is empty, as protobuf
/// leaves what is above 2 GiB.
result<void> can_cross(std::string_view packed);

/// `number`: another than that of the message before it. *Errors* (`tinker.too_large`): it needs more than `most` pieces.
result<std::vector<std::string>> pieces_of(std::string_view message, std::uint64_t number,
                                           std::size_t piece_bytes = most_piece_bytes,
                                           std::size_t most = most_pieces);

/// Puts messages of one sender together again. A piece that comes twice is left out, and so is a message of
/// which one is missing: whoever waits for it asks again. *Memory*: one message.
class assembler {
 public:
  /// The message that this piece ends; empty: none. *Errors* (`tinker.bad_work`): no piece.
  result<std::string> take(std::string_view piece);

 private:
  std::uint64_t message_ = 0;
  std::uint32_t next_ = 0, count_ = 0;
  std::string parts_;
};

}  // namespace hocket::tinker
