// One life of a process, told from those before and after it. Internal to this folder.
#pragma once

#include <cstdint>
#include <string>

namespace hocket::tinker {

/// 128 random bits, as text.
std::string new_life();
/// Of its messages: far from those of other lives.
std::uint64_t first_number();

}  // namespace hocket::tinker
