// Hidden states by the language engine of this process.
#include <map>
#include <mutex>

#include "actors/policy/judge/hidden_states.hpp"
#include "actors/trainer/adapters/model_sum.hpp"
#include "engine/language/generation/chat_model.hpp"
#include "engine/language/network/states.hpp"
#include "engine/language/packages/packages.hpp"
#include "engine/transformer/background.hpp"

namespace hocket::policy {
namespace {

/// What all who name one model share.
struct read_model {
  std::shared_ptr<const language::language_model> network;
  language::chat_words words;
  std::string sha256, name;
};

result<std::shared_ptr<const read_model>> read(const std::string& path, int layers) {
  auto network =
      language::open_first_layers(path, layers, static_cast<std::int64_t>(language::states_tokens),
                                  language::block_types::rounded);
  if (!network) return fail(network);
  auto words = language::open_chat_words(path);
  if (!words) return fail(words);
  auto sum = trainer::model_sha256(path);
  if (!sum) return fail(sum);
  return std::make_shared<const read_model>(read_model{
      std::move(*network), std::move(*words), std::move(*sum), language::model_name(path)});
}

result<std::shared_ptr<const read_model>> shared(const std::string& path, int layers) {
  // For good: threads that nobody waits for may outlive main.
  static auto& mutex = *new std::mutex();
  static auto& open = *new std::map<std::string, std::weak_ptr<const read_model>>();
  const auto key = std::to_string(layers) + " " + path + " " + trainer::model_stamp(path);
  const std::lock_guard lock(mutex);
  std::erase_if(open, [](const auto& each) { return each.second.expired(); });
  if (const auto there = open.find(key); there != open.end())
    if (auto model = there->second.lock()) return model;
  auto model = read(path, layers);
  if (model) open[key] = *model;
  return model;
}

class engine_states final : public hidden_states {
 public:
  engine_states(std::shared_ptr<const read_model> model, std::int64_t threads)
      : model_(std::move(model)),
        helpers_(threads > 1 ? std::make_unique<engine::work_pool>(static_cast<int>(threads))
                             : nullptr) {}

  result<std::vector<std::vector<float>>> of(const std::vector<std::string>& texts,
                                             std::int64_t& tokens) override {
    std::vector<std::vector<std::int32_t>> ids;
    for (const auto& text : texts) {
      auto read = ids_of(text);
      if (!read) return fail(read);
      tokens += static_cast<std::int64_t>(read->size());
      ids.push_back(std::move(*read));
    }
    auto states = language::read_states(*model_->network, ids, helpers_.get());
    if (!states) return fail(states);
    std::vector<std::vector<float>> out;
    for (auto& s : *states) out.push_back(std::move(s.last));
    return out;
  }
  int layers() const override { return language::layers_of(*model_->network); }
  std::int64_t width() const override { return language::width_of(*model_->network); }
  std::string sha256() const override { return model_->sha256; }
  std::string name() const override { return model_->name; }

 private:
  /// As a text to be continued; of more tokens than are read, the last ones.
  result<std::vector<std::int32_t>> ids_of(const std::string& text) const {
    auto ids = model_->words.tokens.encode(text);
    if (!ids) return fail(ids);
    const auto& rules = model_->words.tokens.rules();
    if (rules.begin != language::no_token && (rules.adds_begin || ids->empty()))
      ids->insert(ids->begin(), rules.begin);
    if (ids->empty())
      return fail("language.bad_input", "a text without a token, and a model without a first one");
    const auto most = static_cast<std::ptrdiff_t>(language::states_tokens);
    if (std::ssize(*ids) > most) ids->erase(ids->begin(), ids->end() - most);
    return std::vector<std::int32_t>(ids->begin(), ids->end());
  }

  std::shared_ptr<const read_model> model_;
  std::unique_ptr<engine::work_pool> helpers_;
};

}  // namespace

result<std::shared_ptr<hidden_states>> open_hidden_states(const states_settings& s) {
  const auto path = language::find_graph_model(s.path);
  if (!path) return fail(path);
  auto model = shared(*path, s.layers);
  if (!model) return fail(model);
  return std::shared_ptr<hidden_states>(
      std::make_shared<engine_states>(std::move(*model), s.threads));
}

}  // namespace hocket::policy
