#include "engine/language/network/states.hpp"

#include <exception>
#include <filesystem>
#include <list>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/language/files/safetensors.hpp"
#include "engine/language/network/gguf.hpp"
#include "engine/language/network/open.hpp"
#include "engine/language/network/weights.hpp"
#include "engine/transformer/background.hpp"
#include "engine/transformer/kv_cache.hpp"

namespace hocket::language {
namespace {

result<void> check_texts(const network_config& config,
                         std::span<const std::vector<std::int32_t>> texts) {
  const auto bad = [](const std::string& why) { return fail("language.bad_input", why); };
  for (const auto& text : texts) {
    if (text.empty() || text.size() > states_tokens)
      return bad("a text of " + std::to_string(text.size()) + " tokens: 1 to " +
                 std::to_string(states_tokens) + " are read");
    for (const auto t : text)
      if (t < 0 || t >= config.vocabulary)
        return bad("token " + std::to_string(t) + ": the vocabulary has " +
                   std::to_string(config.vocabulary));
  }
  return {};
}

/// Rows of one text, [count, width].
text_states states_of(const float* rows, std::int64_t count, std::int64_t width) {
  const auto* last = rows + (count - 1) * width;
  text_states out{{last, last + width}, {}};
  std::vector<double> sum(static_cast<std::size_t>(width));
  for (std::int64_t r = 0; r < count; ++r)
    for (std::int64_t i = 0; i < width; ++i)
      sum[static_cast<std::size_t>(i)] += static_cast<double>(rows[r * width + i]);
  for (const double s : sum) out.mean.push_back(static_cast<float>(s / static_cast<double>(count)));
  return out;
}

/// Texts that share one pass over the weights.
void read_together(const language_model& model, std::span<const std::vector<std::int32_t>> texts,
                   std::vector<text_states>& out) {
  std::list<engine::kv_cache> memories;
  std::vector<std::int64_t> ids;
  engine::row_map rows;
  for (const auto& text : texts) {
    memories.emplace_back(model.config().trunk);
    rows.streams.push_back({&memories.back(), 0, static_cast<std::int64_t>(text.size())});
    ids.insert(ids.end(), text.begin(), text.end());
  }
  const auto& w = model.weights();
  const auto states = w.trunk.forward(embed(w, model.config(), ids), rows).contiguous();
  const auto* row = states.data_ptr<float>();
  for (const auto& text : texts) {
    const auto count = static_cast<std::int64_t>(text.size());
    out.push_back(states_of(row, count, states.size(1)));
    row += count * states.size(1);
  }
}

}  // namespace

result<std::vector<text_states>> read_states(const language_model& model,
                                             std::span<const std::vector<std::int32_t>> texts,
                                             engine::work_pool* helpers,
                                             const std::stop_token* stop) {
  HOCKET_TRY(check_texts(model.config(), texts));
  try {
    c10::NoGradGuard no_grad;
    const engine::work_pool::watch under_way(helpers);
    const engine::background_work background(&engine::turn_gate::of_process(), helpers, stop);
    std::vector<text_states> out;
    for (std::size_t from = 0; from < texts.size();) {
      std::size_t to = from, tokens = 0;
      while (to < texts.size() && tokens + texts[to].size() <= states_tokens)
        tokens += texts[to++].size();
      read_together(model, texts.subspan(from, to - from), out);
      from = to;
    }
    return out;
  } catch (const engine::work_cancelled&) {
    return fail("language.cancelled", "cancelled while reading");
  } catch (const c10::Error& e) {
    return fail("language.engine", e.what_without_backtrace());
  } catch (const std::exception& e) {
    return fail("language.engine", e.what());
  }
}

result<std::shared_ptr<const language_model>> open_first_layers(const std::string& path, int layers,
                                                                std::int64_t context,
                                                                block_types blocks) {
  if (layers == 0) return open_language_model(path, context, blocks);
  auto config = read_model_config(path, context);
  if (!config) return fail(config);
  const auto all = static_cast<int>(config->trunk.layers.size());
  if (layers < 1 || layers > all)
    return fail("language.bad_input", path + ": layer " + std::to_string(layers) +
                                          ": the model has " + std::to_string(all));
  if (layers == all) return open_language_model(path, context, blocks);
  if (config->trunk.depth.layers > 0)
    return fail("language.unsupported",
                path + ": layer " + std::to_string(layers) + " of layers that add to blocks");
  config->trunk.layers.resize(static_cast<std::size_t>(layers));
  const auto build = [&](std::span<const stored_weights> tensors) {
    auto model = language_model::build(*config, tensors, blocks);
    if (!model) model = fail(model.error().code, path + ": " + model.error().message);
    return model;
  };
  std::error_code failed;
  if (!std::filesystem::is_directory(path, failed)) {
    const auto file = gguf_file::open(path);
    return file ? build(checkpoint_tensors(*file)) : fail(file);
  }
  const auto one = path + "/model.safetensors", index = one + ".index.json";
  const auto files = safetensors_set::open(std::filesystem::exists(index) ? index : one);
  return files ? build(files->tensors()) : fail(files);
}

int layers_of(const language_model& model) {
  return static_cast<int>(model.config().trunk.layers.size());
}
std::int64_t width_of(const language_model& model) { return model.config().trunk.width; }

}  // namespace hocket::language
