#include "engine/interaction/model.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <nlohmann/json.hpp>

#include "engine/interaction/network.hpp"
#include "engine/transformer/safetensors.hpp"
#include "engine/transformer/tensor_file.hpp"

namespace hocket::engine {
namespace {

using nlohmann::json;

result<at::Device> pick_device(const std::string& wish) {
  const int gpus = at::hasCUDA() ? static_cast<int>(at::detail::getCUDAHooks().getNumGPUs()) : 0;
  if (wish == "cpu" || (wish == "auto" && gpus == 0)) return at::Device(at::kCPU);
  if (wish == "auto") return at::Device(at::kCUDA, 0);
  int index = 0;
  if (wish.rfind("cuda:", 0) == 0 && wish.size() > 5 && wish.size() < 9 &&
      wish.find_first_not_of("0123456789", 5) == std::string::npos)
    index = std::stoi(wish.substr(5));
  else if (wish != "cuda")
    return fail("model.no_device", "device `" + wish + "`: valid are cpu, cuda, cuda:<n>, auto");
  if (index >= gpus)
    return fail("model.no_device", "device `" + wish + "`: this build and machine have " +
                                       std::to_string(gpus) + " CUDA devices; use `cpu` or `auto`");
  return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
}

result<std::string> read_text(const std::string& path) {
  std::ifstream in(path);
  if (!in) return fail("model.io", path + ": cannot open");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// A network of this config has more numbers than these, of two bytes or more: what its file cannot hold is
/// refused before there is a place for it. *Errors*: model.bad_weights.
result<void> check_size(const model_config& c, const std::string& path) {
  const auto& b = c.backbone;
  const double with_experts = (c.layers - b.dense) * std::max(1.0, 1.0 * b.experts);
  const double least = 3.0 * c.width * with_experts * c.feed_forward +
                       3.0 * c.width * b.dense * b.dense_feed_forward +
                       1.0 * c.vocabulary * c.width;
  std::error_code none;
  const auto bytes = std::filesystem::file_size(path, none);
  if (none || 2 * least <= static_cast<double>(bytes))
    return {};  // who reads it says what is missing
  return fail("model.bad_weights", path + ": has " + std::to_string(bytes) +
                                       " bytes; config.json beside it describes over " +
                                       json(least).dump() + " numbers");
}

void place(network& net, const at::Device& device) {
  c10::NoGradGuard no_grad;
  for (auto& p : net.parameters()) {
    *p.value = p.value->detach().to(device);
    if (p.weight && device.is_cpu()) ops::pack(*p.weight);
  }
}

}  // namespace

interaction_model::interaction_model() = default;
interaction_model::~interaction_model() = default;

result<std::shared_ptr<const interaction_model>> interaction_model::load(
    const std::string& folder, const std::string& device) {
  try {
    const auto chosen = pick_device(device);
    if (!chosen) return fail(chosen);
    auto text = read_text(folder + "/config.json");
    if (!text) return fail(text);
    auto config = parse_model_config(*text);
    if (!config)
      return fail("model.bad_config", folder + "/config.json: " + config.error().message);
    auto words = vocabulary::load(folder + "/vocabulary.json");
    if (!words) return fail(words);
    if (static_cast<int>(words->size()) != config->vocabulary)
      return fail("model.bad_config",
                  folder + ": config.json says " + std::to_string(config->vocabulary) +
                      " tokens, vocabulary.json has " + std::to_string(words->size()));
    if (const auto sized = check_size(*config, folder + "/model.safetensors"); !sized)
      return fail(sized);
    std::shared_ptr<interaction_model> model(new interaction_model);
    model->net_ = std::make_unique<network>(*config, 0);
    named_tensors weights;
    for (auto& p : model->net_->parameters()) weights.emplace_back(p.name, *p.value);
    auto metadata = load_tensors(folder + "/model.safetensors", weights);
    if (!metadata) return fail("model.bad_weights", metadata.error().message);
    place(*model->net_, *chosen);
    model->words_ = std::move(*words);
    const auto step = metadata->find("step");
    model->description_ = {folder,
                           chosen->str(),
                           *config,
                           model->net_->parameter_count(),
                           (*metadata)["weights"],
                           step == metadata->end() ? 0 : std::atoll(step->second.c_str())};
    return std::shared_ptr<const interaction_model>(std::move(model));
  } catch (const c10::Error& e) {
    return fail("model.engine", e.what_without_backtrace());
  }
}

std::shared_ptr<const interaction_model> interaction_model::wrap(const network& net,
                                                                 vocabulary words) {
  std::shared_ptr<interaction_model> model(new interaction_model);
  model->net_ = std::make_unique<network>(net);
  place(*model->net_, at::Device(at::kCPU));
  model->words_ = std::move(words);
  model->description_ = {"", "cpu", net.config(), model->net_->parameter_count(), "F32", 0};
  return model;
}

}  // namespace hocket::engine
