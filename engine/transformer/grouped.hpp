// Products with weights of few bits, where a group of numbers of a row shares a scale and an offset.
// No torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace hocket::engine::kernels {

/// How weights of few bits lie: number i of a row is
/// scale[i / group] * (level[i] - zero) + offset[i / group]; without offsets, zero is subtracted only.
struct group_shape {
  int bits = 8;          ///< of a level: 4, 5, 8 (groups of 32) or 6 (groups of 16)
  int group = 32;        ///< numbers that share a scale
  int zero = 0;          ///< what every level is diminished by
  bool offsets = false;  ///< then `zero` is 0
  bool operator==(const group_shape&) const = default;
};

/// One row of weights.
struct grouped_row {
  std::vector<std::uint8_t> level;   ///< [in]
  std::vector<float> scale, offset;  ///< [in / group]; no offsets where the shape has none
};

/// A linear layer's weights [out, in], packed: tiles of 64 rows, group after group, so that a product
/// reads one stream: lower four bits, higher bits, scales, offsets. Scales and offsets are kept as
/// halves (IEEE binary16).
struct grouped_weights {
  std::int64_t out = 0, in = 0;
  group_shape shape;
  std::int64_t size_bytes = 0;
  std::shared_ptr<const std::byte> data;         ///< aligned to 64
  std::shared_ptr<const grouped_weights> below;  ///< more rows of the same layer in another shape

  std::int64_t groups() const { return in / shape.group; }
  std::int64_t tiles() const { return (out + 63) / 64; }
  std::int64_t level_bytes() const { return 64 * shape.group * shape.bits / 8; }
  std::int64_t group_bytes() const { return level_bytes() + (shape.offsets ? 256 : 128); }
};

/// `read(row, into)` fills rows 0 to out - 1 in order. `in` is a multiple of the group.
grouped_weights pack_grouped(std::int64_t out, std::int64_t in, const group_shape& shape,
                             const std::function<void(std::int64_t, grouped_row&)>& read);
/// One row's numbers, [in].
void read_grouped(const grouped_weights& w, std::int64_t row, float* into);

/// Rows of numbers as the products take them: int8 levels with a scale per group. A group of numbers up
/// to 1e-30 counts as zeros; one with a NaN or an infinity has the scale NaN.
class grouped_input {
 public:
  grouped_input(const float* x, std::int64_t n, std::int64_t in, int group);
  std::int64_t rows() const { return n_; }
  const std::int8_t* levels(std::int64_t row) const { return levels_.data() + row * in_; }
  const float* scales(std::int64_t row) const { return scales_.data() + row * groups_; }
  /// Sum of a group's levels, and that times its scale: what an offset is multiplied by.
  const std::int32_t* level_sums(std::int64_t row) const {
    return level_sums_.data() + row * groups_;
  }
  const float* sums(std::int64_t row) const { return sums_.data() + row * groups_; }

 private:
  std::int64_t n_, in_, groups_;
  std::vector<std::int8_t> levels_;
  std::vector<std::int32_t> level_sums_;
  std::vector<float> scales_, sums_;
};

/// How a product is computed; all ways give the same bits.
enum class grouped_way { plain, avx2, vnni };
grouped_way best_grouped_way();

/// y[n, out] for tiles first to last - 1 of w; rows of y are `stride` numbers apart. A row's bits depend
/// on the row and the weights only: a group's sum is a whole number, and groups are added in order.
void infer_grouped(const grouped_input& x, const grouped_weights& w, float* y, std::int64_t stride,
                   std::int64_t first, std::int64_t last, grouped_way way);

float half_to_float(std::uint16_t half);
std::uint16_t float_to_half(float value);  ///< to nearest even

}  // namespace hocket::engine::kernels
