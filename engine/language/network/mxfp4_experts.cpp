// MXFP4 as GPT-OSS publishes it (OCP Microscaling 1.0: 32 numbers of four bits and a power of two) as the
// blocks of GGUF's MXFP4, which the products read as they are.
#include <algorithm>

#include <ATen/ATen.h>

#include "engine/language/network/weight_reader.hpp"

namespace hocket::language {
namespace {

constexpr std::int64_t block_numbers = 32, code_bytes = 16;
constexpr std::byte not_a_number{255};  // of scales

/// All experts' rows [experts, out, in]: codes [.., in / 32, 16], neighbours in a byte, the first one in its
/// lower half; scales [.., in / 32].
struct expert_rows {
  std::span<const std::byte> codes, scales;
  std::int64_t blocks = 0;  ///< of a row
};

/// A block there: the scale, then numbers 0 to 15 in lower halves and 16 to 31 in upper ones.
void append_block(const std::byte* codes, std::byte scale, std::vector<std::byte>& to) {
  to.push_back(scale);
  const auto code = [&](std::int64_t i) {
    return i % 2 == 0 ? codes[i / 2] & std::byte{15} : codes[i / 2] >> 4;
  };
  for (std::int64_t i = 0; i < code_bytes; ++i) to.push_back(code(i) | code(i + code_bytes) << 4);
}

/// Rows first, first + step, ... below `end`.
void append_rows(const expert_rows& from, std::int64_t first, std::int64_t end, std::int64_t step,
                 std::vector<std::byte>& to) {
  for (auto row = first; row < end; row += step)
    for (auto block = row * from.blocks; block < (row + 1) * from.blocks; ++block)
      append_block(from.codes.data() + block * code_bytes,
                   from.scales[static_cast<std::size_t>(block)], to);
}

expert_rows read_rows(weight_reader& r, const std::string& name, std::int64_t experts,
                      std::int64_t out, std::int64_t in) {
  const std::int64_t blocks = in / block_numbers;
  // transformers' own saves lay a row's codes end to end.
  std::vector<std::int64_t> shape{experts, out, blocks, code_bytes};
  if (r.dimensions(name + "_blocks") == 3) shape = {experts, out, blocks * code_bytes};
  expert_rows rows{r.bytes(name + "_blocks", shape),
                   r.bytes(name + "_scales", {experts, out, blocks}), blocks};
  if (!r.failed() && std::ranges::find(rows.scales, not_a_number) != rows.scales.end())
    r.note("model_file.bad_tensor", name + "_scales: 255 is no scale");
  return rows;
}

}  // namespace

void read_mxfp4_experts(weight_reader& r, const std::string& prefix, std::int64_t width,
                        const engine::feed_forward_config& f,
                        engine::transformer::feed_forward_weights& w) {
  const std::int64_t n = f.experts.count, hidden = f.width;
  if (width % block_numbers != 0 || hidden % block_numbers != 0)
    return r.note("model.bad_shape", prefix +
                                         "gate_up_proj_blocks: MXFP4 takes widths that 32 divides, "
                                         "hidden_size and intermediate_size are " +
                                         std::to_string(width) + " and " + std::to_string(hidden));
  const auto up = read_rows(r, prefix + "gate_up_proj", n, 2 * hidden, width);
  const auto up_bias = r.tensor(prefix + "gate_up_proj_bias", {n, 2 * hidden});
  const auto down = read_rows(r, prefix + "down_proj", n, width, hidden);
  const auto down_bias = r.tensor(prefix + "down_proj_bias", {n, width});
  if (r.failed()) return;
  std::vector<std::byte> made;
  const auto matrix = [&](const std::string& name, std::int64_t out, std::int64_t in,
                          engine::matrix& m) {
    r.rows({prefix + name, tensor_type::mxfp4, {out, in}, made}, m);
    made.clear();
  };
  for (std::int64_t e = 0; e < n; ++e) {
    auto& expert = w.experts[static_cast<std::size_t>(e)];
    const std::int64_t first = e * 2 * hidden, end = first + 2 * hidden;
    append_rows(up, first, end, 2, made);  // gates, which lie in turns with ups
    append_rows(up, first + 1, end, 2, made);
    matrix("gate_up_proj", 2 * hidden, width, expert.up.weight);
    append_rows(down, e * width, (e + 1) * width, 1, made);
    matrix("down_proj", width, hidden, expert.down.weight);
    const auto bias = up_bias[e];
    expert.up.bias = at::cat({bias.slice(0, 0, 2 * hidden, 2), bias.slice(0, 1, 2 * hidden, 2)}, 0);
    expert.down.bias = down_bias[e].clone();
  }
}

}  // namespace hocket::language
