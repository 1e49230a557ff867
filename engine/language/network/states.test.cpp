// Hidden states against the scores that the model itself makes of them, and the same bits in any batch.
#include "engine/language/network/states.hpp"

#include <cmath>

#include "engine/language/generation/chat_fixture.test.hpp"
#include "engine/language/network/gguf_fixture.test.hpp"
#include "engine/transformer/background.hpp"

#include <doctest/doctest.h>

using namespace hocket::language;

namespace {

using tokens = std::vector<std::int32_t>;

struct opened {
  explicit opened(const std::string& family) : f(gguf_fixture::load(family)) {
    std::vector<stored_weights> weights = f.file.tensors();
    std::erase_if(weights, [](const stored_weights& t) { return t.name.starts_with("parity."); });
    const auto built = language_model::build(f.config, weights);
    REQUIRE_MESSAGE(built, built.error().message);
    model = *built;
  }
  gguf_fixture::fixture f;
  std::shared_ptr<const language_model> model;
};

bool is_same(const text_states& a, const text_states& b) {
  return a.last == b.last && a.mean == b.mean;
}

}  // namespace

TEST_CASE("states are what the head makes scores of") {
  const opened o("llama");
  const tokens text(o.f.tokens.begin(), o.f.tokens.begin() + 12);
  const auto read = read_states(*o.model, std::span(&text, 1));
  REQUIRE_MESSAGE(read, read.error().message);
  const auto& last = (*read)[0].last;
  const auto width = static_cast<std::size_t>(width_of(*o.model));
  REQUIRE(last.size() == width);
  const auto& head =
      o.f.values.at(o.f.config.tied ? "model.embed_tokens.weight" : "lm_head.weight");
  language_sequence s(o.model);
  const auto scores = s.append(text);
  REQUIRE(scores);
  double worst = 0;
  for (std::size_t v = 0; v < scores->size(); ++v) {
    double sum = 0;
    for (std::size_t i = 0; i < width; ++i)
      sum += static_cast<double>(last[i]) * static_cast<double>(head[v * width + i]);
    worst = hocket::testing::larger(worst, std::abs(sum - static_cast<double>((*scores)[v])));
  }
  CHECK(worst < 1e-3);
}

TEST_CASE("a text's states are the same bits in any batch and order, and with helpers") {
  for (const char* family : {"llama", "qwen3_moe", "nemotron_h", "gemma3_text"}) {
    CAPTURE(family);
    const opened o(family);
    std::vector<tokens> texts;
    for (const std::size_t n : {1, 7, 40, 3})
      texts.emplace_back(o.f.tokens.begin(), o.f.tokens.begin() + static_cast<std::ptrdiff_t>(n));
    while (texts.size() < 60) texts.push_back(texts[texts.size() % 4]);  // more than one pass
    hocket::engine::work_pool two(2);
    const auto together = read_states(*o.model, texts, &two);
    REQUIRE_MESSAGE(together, together.error().message);
    REQUIRE(together->size() == texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto alone = read_states(*o.model, std::span(&texts[i % 4], 1));
      REQUIRE(alone);
      CHECK(is_same((*alone)[0], (*together)[i]));
    }
    CHECK((*together)[0].last == (*together)[0].mean);  // a text of one token is its own mean
  }
}

TEST_CASE("the first layers alone are a model of their own") {
  const hocket::language::fixture::checkpoint files;
  const auto folder = files.folder.string();
  const auto whole = open_first_layers(folder, 0), all = open_first_layers(folder, 3),
             one = open_first_layers(folder, 1);
  REQUIRE_MESSAGE(whole, whole.error().message);
  REQUIRE_MESSAGE(one, one.error().message);
  REQUIRE(all);
  CHECK(layers_of(**whole) == 3);
  CHECK(layers_of(**one) == 1);
  const tokens text{3, 9, 4};
  const auto read = [&](const language_model& model) {
    auto states = read_states(model, std::span(&text, 1));
    REQUIRE(states);
    return (*states)[0];
  };
  CHECK(is_same(read(**whole), read(**all)));
  CHECK_FALSE(is_same(read(**whole), read(**one)));
  for (const int layers : {-1, 4}) {
    const auto bad = open_first_layers(folder, layers);
    REQUIRE(!bad);
    CHECK(bad.error().code == "language.bad_input");
    CHECK(bad.error().message.find(folder) == 0);
  }
}

TEST_CASE("the mean is that over the states behind each token") {
  const opened o("llama");
  const tokens text(o.f.tokens.begin(), o.f.tokens.begin() + 5);
  std::vector<double> sum(static_cast<std::size_t>(width_of(*o.model)));
  for (std::size_t n = 1; n <= text.size(); ++n) {
    const tokens begun(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(n));
    const auto read = read_states(*o.model, std::span(&begun, 1));
    REQUIRE(read);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>((*read)[0].last[i]);
  }
  const auto read = read_states(*o.model, std::span(&text, 1));
  REQUIRE(read);
  for (std::size_t i = 0; i < sum.size(); ++i)
    CHECK((*read)[0].mean[i] == static_cast<float>(sum[i] / 5));
}

TEST_CASE("what cannot be read is refused by name, and nothing else") {
  const opened o("llama");
  const auto code = [&](const tokens& text) {
    const auto read = read_states(*o.model, std::span(&text, 1));
    return read ? std::string() : std::string(read.error().code);
  };
  CHECK(code({1}) == "");
  CHECK(code({}) == "language.bad_input");
  CHECK(code({-1}) == "language.bad_input");
  CHECK(code({o.f.config.vocabulary}) == "language.bad_input");
  CHECK(code(tokens(states_tokens + 1, 1)) == "language.bad_input");
  const tokens one{1};
  std::stop_source stopped;
  stopped.request_stop();
  const auto token = stopped.get_token();
  const auto cancelled = read_states(*o.model, std::span(&one, 1), nullptr, &token);
  REQUIRE(!cancelled);
  CHECK(cancelled.error().code == "language.cancelled");
}
