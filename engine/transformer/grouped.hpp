// Products with weights of few bits, where a group of numbers of a row shares a scale and an offset.
// No torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace hocket::engine::kernels {

/// One row of weights: number i is scale[i / group] * level[i] + offset[i / group].
struct grouped_row {
  std::vector<std::uint8_t> level;   ///< [in]
  std::vector<float> scale, offset;  ///< [in / group]
};

/// A linear layer's weights [out, in], packed: tiles of 64 rows, group after group, so that a product
/// reads one stream. Scales and offsets are kept as halves (IEEE binary16).
struct grouped_weights {
  std::int64_t out = 0, in = 0;
  int bits = 8;    ///< of a level: 4 or 8
  int group = 32;  ///< numbers that share a scale: 16 or 32
  std::int64_t size_bytes = 0;
  std::shared_ptr<const std::byte> data;  ///< aligned to 64

  std::int64_t groups() const { return in / group; }
  std::int64_t tiles() const { return (out + 63) / 64; }
  std::int64_t group_bytes() const { return 64 * group * bits / 8 + 64 * 2 * 2; }
};

/// `read(row, into)` fills rows 0 to out - 1 in order. `in` is a multiple of `group`; 4 bits need
/// groups of 32.
grouped_weights pack_grouped(std::int64_t out, std::int64_t in, int bits, int group,
                             const std::function<void(std::int64_t, grouped_row&)>& read);

/// Rows of numbers as the products take them: int8 levels with a scale per group.
class grouped_input {
 public:
  grouped_input(const float* x, std::int64_t n, std::int64_t in, int group);
  std::int64_t rows() const { return n_; }
  const std::int8_t* levels(std::int64_t row) const { return levels_.data() + row * in_; }
  const float* scales(std::int64_t row) const { return scales_.data() + row * groups_; }
  /// Sum of a group's levels times its scale: what an offset is multiplied by.
  const float* sums(std::int64_t row) const { return sums_.data() + row * groups_; }

 private:
  std::int64_t n_, in_, groups_;
  std::vector<std::int8_t> levels_;
  std::vector<float> scales_, sums_;
};

/// How a product is computed; all ways give the same bits.
enum class grouped_way { plain, avx2, vnni };
grouped_way best_grouped_way();

/// y[n, out] for tiles first to last - 1 of w. A row's bits depend on the row and the weights only:
/// a group's sum is a whole number, and groups are added in order.
void infer_grouped(const grouped_input& x, const grouped_weights& w, float* y, std::int64_t first,
                   std::int64_t last, grouped_way way);

float half_to_float(std::uint16_t half);
std::uint16_t float_to_half(float value);  ///< to nearest even

}  // namespace hocket::engine::kernels
