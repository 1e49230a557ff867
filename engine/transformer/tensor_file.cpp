#include "engine/transformer/tensor_file.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace hocket::engine {
namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string s = "[";
  for (const auto n : shape) s += (s.size() > 1 ? ", " : "") + std::to_string(n);
  return s + "]";
}

}  // namespace

tensor_set snapshot(const named_tensors& tensors, std::map<std::string, std::string> metadata) {
  tensor_set set;
  auto keep = std::make_shared<std::vector<at::Tensor>>();
  for (const auto& [name, value] : tensors) {
    const auto t = value.detach().contiguous().cpu();
    set.tensors.push_back({name,
                           t.scalar_type() == at::kBFloat16 ? "BF16" : "F32",
                           t.sizes().vec(),
                           {static_cast<const std::byte*>(t.data_ptr()), t.nbytes()}});
    keep->push_back(t);
  }
  set.metadata = std::move(metadata);
  set.owner = std::move(keep);
  return set;
}

result<void> copy_tensors(const safetensors_file& file, const named_tensors& tensors) {
  c10::NoGradGuard no_grad;
  for (const auto& [name, value] : tensors) {
    const auto* stored = file.find(name);
    if (!stored) return fail("model.missing_tensor", "no tensor " + name);
    if (stored->shape != value.sizes().vec())
      return fail("model.bad_shape", name + " is " + shape_text(stored->shape) +
                                         ", the config needs " + shape_text(value.sizes().vec()));
    at::ScalarType type;
    if (stored->dtype == "F32")
      type = at::kFloat;
    else if (stored->dtype == "BF16")
      type = at::kBFloat16;
    else if (stored->dtype == "F16")
      type = at::kHalf;
    else
      return fail("model.bad_dtype", name + " has dtype " + stored->dtype);
    const auto source = at::from_blob(const_cast<std::byte*>(stored->data.data()), stored->shape,
                                      at::TensorOptions().dtype(type));
    at::Tensor target = value;
    target.copy_(source);
  }
  return {};
}

result<std::map<std::string, std::string>> load_tensors(const std::string& path,
                                                        const named_tensors& tensors) {
  const auto file = safetensors_file::open(path);
  if (!file) return fail(file);
  if (auto copied = copy_tensors(*file, tensors); !copied)
    return fail(copied.error().code, path + ": " + copied.error().message);
  return file->metadata();
}

}  // namespace hocket::engine
