// Block types of weight files as groups that share a scale and an offset. No torch.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "engine/language/files/tensor_type.hpp"
#include "engine/transformer/grouped.hpp"

namespace hocket::language {

/// How this type's levels lie when they are packed; none for types that are not made of such groups.
std::optional<engine::kernels::group_shape> groups_of(tensor_type type);

/// One row of a tensor, block by block. False where a scale or an offset is too large for a half, or
/// a scale of MXFP4 too small: the row is then to be read as plain numbers.
bool read_groups(tensor_type type, std::span<const std::byte> row,
                 engine::kernels::grouped_row& into);

}  // namespace hocket::language
