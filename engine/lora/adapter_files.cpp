#include "engine/lora/adapter_files.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "engine/transformer/ops.hpp"
#include "engine/transformer/tensor_file.hpp"
#include "engine/transformer/weight_memory.hpp"

namespace hocket::lora {
namespace {

/// Moves what is packed into one piece of memory, in the order in which a pass reads it: many adapters in a batch
/// cost the reading of their weights, which from thousands of pieces takes half as long again.
void gather(engine::adapter& a) {
  std::vector<int> ids;
  for (const auto& [id, parts] : a.parts) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  std::vector<at::Tensor*> all;
  for (const int id : ids)
    for (auto& part : a.parts[id])
      for (auto* m : {&part.down, &part.up})
        if (m->packed.defined()) all.push_back(&m->packed);
  const auto room = [](const at::Tensor& t) { return (t.nbytes() + 63) / 64 * 64; };
  std::size_t bytes = 0;
  for (const auto* t : all) bytes += room(*t);
  const auto memory = engine::weight_memory_alone(bytes);
  auto* to = memory.get();
  for (auto* t : all) {
    auto moved = at::from_blob(
        to, t->sizes(), [memory](void*) {}, t->options());
    moved.copy_(*t);
    to += room(*t);
    *t = std::move(moved);
  }
}

}  // namespace

std::shared_ptr<const engine::adapter> adapter_weights::packed() const {
  auto copy = std::make_shared<engine::adapter>();
  for (const auto& [id, parts] : adapter->parts)
    for (const auto& p : parts) {
      auto part = p;
      part.down.value = part.up.value = at::Tensor();
      copy->parts[id].push_back(std::move(part));
    }
  gather(*copy);
  return copy;
}

void adapter_weights::pack() {
  c10::NoGradGuard no_grad;
  for (auto& e : entries) engine::ops::pack(*e.part, rounds);
}

result<adapter_weights> allocate(std::span<const module> of, lora_config config, bool rounds) {
  adapter_weights w;
  w.rounds = rounds;
  std::vector<module> chosen;
  for (const auto& m : of) {
    const auto yes = selects(config, m.name);
    if (!yes) return fail(yes);
    if (*yes) chosen.push_back(m);
  }
  if (chosen.empty())
    return fail(
        "lora.bad_config",
        fmt::format("no module of this model is a target of the adapter; it has modules such "
                    "as `{}`",
                    of.empty() ? "" : of.front().name));
  // A list keeps only what there is, so that the files name nothing that another reader misses.
  std::erase_if(config.modules, [&](const std::string& name) {
    return std::none_of(chosen.begin(), chosen.end(), [&](const module& m) {
      return m.name == name || m.name.ends_with("." + name);
    });
  });
  for (const auto& m : chosen) {
    const std::int64_t rank = config.rank_of(m.name);
    engine::low_rank part;
    part.down.value = at::zeros({rank, m.in}, at::kFloat);
    part.up.value = at::zeros({m.out, rank}, at::kFloat);
    part.scale = config.scale_of(m.name);
    part.first = m.first;
    w.adapter->parts[m.id].push_back(std::move(part));
  }
  for (auto& [id, parts] : w.adapter->parts)
    for (auto& part : parts)
      for (const auto& m : chosen)
        if (m.id == id && m.first == part.first) w.entries.push_back({m, &part});
  std::sort(w.entries.begin(), w.entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.where.id, a.where.first) < std::pair(b.where.id, b.where.first);
  });
  w.config = std::move(config);
  return w;
}

namespace {

/// SplitMix64: the same numbers on every machine.
std::uint64_t next(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

std::string tensor_name(const module& m, const char* which) {
  return "base_model.model." + m.name + ".lora_" + which + ".weight";
}

}  // namespace

void initialise(adapter_weights& w, std::uint64_t seed) {
  for (auto& e : w.entries) {
    std::uint64_t state = seed;
    for (const unsigned char c : e.where.name) state = next(state) ^ c;
    auto& a = e.part->down.value;
    const double bound = 1 / std::sqrt(static_cast<double>(e.where.in));
    float* to = a.data_ptr<float>();
    for (std::int64_t i = 0; i < a.numel(); ++i) {
      const double uniform = static_cast<double>(next(state) >> 11) * 0x1p-53;
      to[i] = static_cast<float>((2 * uniform - 1) * bound);
    }
  }
  w.pack();
}

result<void> read_tensors(const std::string& bytes, const std::string& file,
                          const wanted_tensors& into) {
  const auto* from = reinterpret_cast<const std::byte*>(bytes.data());
  auto parsed = engine::safetensors_file::parse({from, from + bytes.size()}, file);
  if (!parsed) return fail(parsed);
  for (const auto& [name, target] : into) {
    const auto* t = parsed->find(name);
    if (!t) return fail("lora.missing_tensor", file + ": no tensor " + name);
    if (at::IntArrayRef(t->shape) != target.sizes())
      return fail("lora.bad_shape",
                  fmt::format("{}: {} is [{}], the model needs [{}]", file, name,
                              fmt::join(t->shape, ", "), fmt::join(target.sizes().vec(), ", ")));
  }
  if (parsed->tensors().size() != into.size())
    for (const auto& t : parsed->tensors())
      if (!t.name.ends_with(".base_layer.weight") &&
          std::none_of(into.begin(), into.end(), [&](const auto& w) { return w.first == t.name; }))
        return fail("lora.unknown_tensor",
                    fmt::format("{}: {} belongs to no module that is adapted", file, t.name));
  if (auto copied = engine::copy_tensors(*parsed, into); !copied)
    return fail(copied.error().code, file + ": " + copied.error().message);
  for (const auto& [name, target] : into)
    if (!target.isfinite().all().item<bool>())
      return fail("lora.not_finite", file + ": " + name + " holds what is no number");
  return {};
}

namespace {

/// A few bytes of configuration ask for no memory that the weights do not fill.
result<void> check_size(std::span<const module> of, const lora_config& config, std::size_t bytes) {
  constexpr std::int64_t slack = 16 << 20;  // where a small file misfits the tensor is named
  std::int64_t numbers = 0;
  for (const auto& m : of) {
    const auto yes = selects(config, m.name);
    if (!yes) return fail(yes);
    if (*yes) numbers += std::int64_t{config.rank_of(m.name)} * (m.in + m.out);
  }
  if (numbers <= static_cast<std::int64_t>(bytes) + slack) return {};
  return fail(
      "lora.bad_shape",
      fmt::format("adapter_model.safetensors: it has {} bytes, and an adapter of rank {} as "
                  "adapter_config.json says has {} numbers",
                  bytes, config.rank, numbers));
}

}  // namespace

result<adapter_weights> read_adapter(std::span<const module> of, const adapter_files& files,
                                     bool rounds) {
  c10::NoGradGuard no_grad;
  auto config = read_peft_config(files.config);
  if (!config) return fail(config);
  HOCKET_TRY(check_size(of, *config, files.weights.size()));
  auto w = allocate(of, std::move(*config), rounds);
  if (!w) return fail(w);
  wanted_tensors wanted;
  for (const auto& e : w->entries) {
    wanted.emplace_back(tensor_name(e.where, "A"), e.part->down.value);
    wanted.emplace_back(tensor_name(e.where, "B"), e.part->up.value);
  }
  HOCKET_TRY(read_tensors(files.weights, "adapter_model.safetensors", wanted));
  w->pack();
  return w;
}

adapter_files write_adapter(const adapter_weights& w) {
  engine::named_tensors named;
  for (const auto& e : w.entries) {
    named.emplace_back(tensor_name(e.where, "A"), e.part->down.value.detach());
    named.emplace_back(tensor_name(e.where, "B"), e.part->up.value.detach());
  }
  const auto set = engine::snapshot(named, {{"format", "pt"}});
  return {write_peft_config(w.config), engine::safetensors_bytes(set.tensors, set.metadata)};
}

}  // namespace hocket::lora
