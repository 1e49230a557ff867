#include "tools/scenarios/source.hpp"

#include <stdexcept>

namespace hocket::scenarios {
namespace {

class synthetic_source final : public engine::example_source {
 public:
  explicit synthetic_source(source_options options) : options_(std::move(options)) {}

  training_example make(std::uint64_t index) const override {
    auto made = make_conversation(options_, index);
    if (!made) throw std::runtime_error(made.error().message);
    return engine::to_example(std::move(made->example), "synthetic");
  }

 private:
  source_options options_;
};

}  // namespace

result<std::unique_ptr<engine::example_source>> make_source(const source_options& options) {
  if (auto first = make_conversation(options, 0); !first) return fail(first);
  return std::make_unique<synthetic_source>(options);
}

}  // namespace hocket::scenarios
