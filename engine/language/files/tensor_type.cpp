#include "engine/language/files/tensor_type.hpp"

#include <array>

#include "graph/core/assert.hpp"

namespace hocket::language {
namespace {

constexpr std::array table = {
    type_traits{tensor_type::f32, "F32", 1, 4},
    type_traits{tensor_type::f16, "F16", 1, 2},
    type_traits{tensor_type::bf16, "BF16", 1, 2},
    type_traits{tensor_type::f64, "F64", 1, 8},
    type_traits{tensor_type::i8, "I8", 1, 1},
    type_traits{tensor_type::u8, "U8", 1, 1},
    type_traits{tensor_type::i16, "I16", 1, 2},
    type_traits{tensor_type::u16, "U16", 1, 2},
    type_traits{tensor_type::i32, "I32", 1, 4},
    type_traits{tensor_type::u32, "U32", 1, 4},
    type_traits{tensor_type::i64, "I64", 1, 8},
    type_traits{tensor_type::u64, "U64", 1, 8},
    type_traits{tensor_type::boolean, "BOOL", 1, 1},
    type_traits{tensor_type::q8_0, "Q8_0", 32, 34},
    type_traits{tensor_type::q4_0, "Q4_0", 32, 18},
    type_traits{tensor_type::q4_1, "Q4_1", 32, 20},
    type_traits{tensor_type::q5_0, "Q5_0", 32, 22},
    type_traits{tensor_type::q5_1, "Q5_1", 32, 24},
    type_traits{tensor_type::q2_k, "Q2_K", 256, 84},
    type_traits{tensor_type::q3_k, "Q3_K", 256, 110},
    type_traits{tensor_type::q4_k, "Q4_K", 256, 144},
    type_traits{tensor_type::q5_k, "Q5_K", 256, 176},
    type_traits{tensor_type::q6_k, "Q6_K", 256, 210},
    type_traits{tensor_type::iq4_nl, "IQ4_NL", 32, 18},
    type_traits{tensor_type::iq4_xs, "IQ4_XS", 256, 136},
    type_traits{tensor_type::mxfp4, "MXFP4", 32, 17},
    type_traits{tensor_type::f8_e4m3, "F8_E4M3", 1, 1},
    type_traits{tensor_type::f8_e8m0, "F8_E8M0", 1, 1},
};

struct ggml_entry {
  std::uint32_t id;
  const char* name;
  std::optional<tensor_type> type;
};

// ggml's numbers are part of the file format and are never reused.
using t = tensor_type;
constexpr std::array ggml_table = {
    ggml_entry{0, "F32", t::f32},
    ggml_entry{1, "F16", t::f16},
    ggml_entry{2, "Q4_0", t::q4_0},
    ggml_entry{3, "Q4_1", t::q4_1},
    ggml_entry{6, "Q5_0", t::q5_0},
    ggml_entry{7, "Q5_1", t::q5_1},
    ggml_entry{8, "Q8_0", t::q8_0},
    ggml_entry{9, "Q8_1", std::nullopt},
    ggml_entry{10, "Q2_K", t::q2_k},
    ggml_entry{11, "Q3_K", t::q3_k},
    ggml_entry{12, "Q4_K", t::q4_k},
    ggml_entry{13, "Q5_K", t::q5_k},
    ggml_entry{14, "Q6_K", t::q6_k},
    ggml_entry{15, "Q8_K", std::nullopt},
    ggml_entry{16, "IQ2_XXS", std::nullopt},
    ggml_entry{17, "IQ2_XS", std::nullopt},
    ggml_entry{18, "IQ3_XXS", std::nullopt},
    ggml_entry{19, "IQ1_S", std::nullopt},
    ggml_entry{20, "IQ4_NL", t::iq4_nl},
    ggml_entry{21, "IQ3_S", std::nullopt},
    ggml_entry{22, "IQ2_S", std::nullopt},
    ggml_entry{23, "IQ4_XS", t::iq4_xs},
    ggml_entry{24, "I8", t::i8},
    ggml_entry{25, "I16", t::i16},
    ggml_entry{26, "I32", t::i32},
    ggml_entry{27, "I64", t::i64},
    ggml_entry{28, "F64", t::f64},
    ggml_entry{29, "IQ1_M", std::nullopt},
    ggml_entry{30, "BF16", t::bf16},
    ggml_entry{34, "TQ1_0", std::nullopt},
    ggml_entry{35, "TQ2_0", std::nullopt},
    ggml_entry{39, "MXFP4", t::mxfp4},
    ggml_entry{40, "NVFP4", std::nullopt},
};

constexpr std::array safetensors_table = {t::f32, t::f16, t::bf16,    t::f64,     t::i8,
                                          t::u8,  t::i16, t::u16,     t::i32,     t::u32,
                                          t::i64, t::u64, t::boolean, t::f8_e4m3, t::f8_e8m0};

constexpr std::uint64_t size_limit = std::uint64_t{1} << 48;

}  // namespace

const type_traits& traits_of(tensor_type type) {
  const auto& found = table.at(static_cast<std::size_t>(type));
  HOCKET_ASSERT(found.type == type);
  return found;
}

std::optional<tensor_type> ggml_type(std::uint32_t id) {
  for (const auto& entry : ggml_table)
    if (entry.id == id) return entry.type;
  return std::nullopt;
}

std::string ggml_type_name(std::uint32_t id) {
  for (const auto& entry : ggml_table)
    if (entry.id == id) return entry.name;
  return "type " + std::to_string(id);
}

std::string readable_ggml_types() {
  std::string all;
  for (const auto& entry : ggml_table)
    if (entry.type) all += (all.empty() ? "" : ", ") + std::string(entry.name);
  return all;
}

std::optional<tensor_type> safetensors_type(std::string_view dtype) {
  for (const auto type : safetensors_table)
    if (dtype == traits_of(type).name) return type;
  return std::nullopt;
}

std::string readable_safetensors_types() {
  std::string all;
  for (const auto type : safetensors_table)
    all += (all.empty() ? "" : ", ") + std::string(traits_of(type).name);
  return all;
}

std::int64_t stored_weights::elements() const {
  std::int64_t n = 1;
  for (const auto extent : shape) n *= extent;
  return n;
}

result<std::uint64_t> bytes_of(tensor_type type, std::span<const std::int64_t> shape) {
  const auto& traits = traits_of(type);
  std::uint64_t elements = 1;
  for (const auto extent : shape) {
    if (extent < 1) return fail("model_file.bad_tensor", "an extent of its shape is below 1");
    if (static_cast<std::uint64_t>(extent) > size_limit / elements)
      return fail("model_file.bad_tensor", "its shape is too large");
    elements *= static_cast<std::uint64_t>(extent);
  }
  const auto row = shape.empty() ? 1u : static_cast<std::uint64_t>(shape.back());
  if (row % traits.elements != 0)
    return fail("model_file.bad_tensor", "rows of " + std::to_string(row) + " are no multiple of " +
                                             std::to_string(traits.elements) + ", the block of " +
                                             traits.name);
  const auto blocks = elements / traits.elements;
  if (blocks > size_limit / traits.bytes)
    return fail("model_file.bad_tensor", "its shape is too large");
  return blocks * traits.bytes;
}

}  // namespace hocket::language
