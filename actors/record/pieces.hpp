#pragma once

namespace hocket::record {

/// A fact of each piece of a recording that is written in turns, beside its number (`piece_fact`): whose
/// piece it is. The same in all pieces of one recording, and in no other.
inline constexpr const char* pieces_fact = "pieces_of";

}  // namespace hocket::record
