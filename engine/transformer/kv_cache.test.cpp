// What a stream remembers, and how much of it; which experts a row takes; tensors by name in files.
#include "engine/transformer/kv_cache.hpp"

#include <cmath>
#include <filesystem>

#include <ATen/ATen.h>

#include "engine/transformer/ops.hpp"
#include "engine/transformer/tensor_file.hpp"

#undef CHECK
#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::engine;

namespace {

std::vector<double> row(const at::Tensor& t, std::int64_t i) {
  const auto r = t[i].to(at::kDouble).contiguous();
  return {r.data_ptr<double>(), r.data_ptr<double>() + r.numel()};
}

ops::routing routed(const std::vector<double>& logits, const experts_config& config,
                    const std::vector<double>& correction = {}) {
  const auto x = at::tensor(logits, at::kDouble).view({-1, config.count});
  return ops::route(x, correction.empty() ? at::Tensor() : at::tensor(correction, at::kDouble),
                    config);
}

using experts = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("kv_cache: a layer with a window has its room at once, one without grows to its bound") {
  transformer_config c;
  c.context = 100;
  c.layers.push_back({.attention = {.heads = 4, .kv_heads = 2, .head_dim = 8, .window = 10}});
  c.layers.push_back({.attention = {.heads = 4, .kv_heads = 4, .head_dim = 8, .value_dim = 3}});
  kv_cache cache(c);
  CHECK(cache.layers() == 2);
  CHECK(cache.context() == 100);
  CHECK(cache.ring(0).capacity == 10);
  CHECK(cache.ring(1).capacity == 100);
  CHECK(cache.bytes() == 10 * (16 + 16) * sizeof(float));
  auto& all = cache.ring(1);
  all.grow(1, 32, 12);
  REQUIRE(all.k.size() >= 32);
  all.k[31] = 7;
  const auto held = all.k.size() / 32;
  CHECK(held <= 100);
  CHECK(all.v.size() == held * 12);
  all.grow(static_cast<std::int64_t>(held), 32, 12);
  CHECK(all.k.size() == held * 32);  // there is room
  for (const std::int64_t end : {99, 100, 101, 5000}) all.grow(end, 32, 12);
  CHECK(all.k.size() == 100 * 32);
  CHECK(all.v.size() == 100 * 12);
  CHECK(all.k[31] == 7);
  CHECK(cache.bytes() == (10 * 32 + 100 * 44) * sizeof(float));
}

TEST_CASE("kv_cache: the plain path keeps what the next position still sees") {
  plain_cache p;
  const auto positions = [](std::int64_t from, std::int64_t n) {
    return at::arange(from, from + n, at::kFloat).view({1, n, 1});
  };
  CHECK(p.append(positions(5, 3), positions(5, 3), 5) == 5);
  p.trim(4);  // three before the next one: all of them
  CHECK(p.k.size(1) == 3);
  CHECK(p.append(positions(8, 2), positions(8, 2), 8) == 5);
  p.trim(4);
  CHECK(p.start == 7);
  CHECK(p.k.flatten().equal(at::tensor({7.0f, 8.0f, 9.0f})));
  CHECK(p.v.equal(p.k));
  p.trim(1);  // sees nothing but itself
  CHECK(p.k.size(1) == 0);
  CHECK(p.append(positions(10, 1), positions(10, 1), 10) == 10);
  CHECK(p.k.size(1) == 1);
}

TEST_CASE("route: each kind of router chooses and weighs as its formula says") {
  const double e1 = std::exp(1.0), e2 = std::exp(2.0), e3 = std::exp(3.0);
  experts_config c{.count = 4, .chosen = 2};
  auto r = routed({0, 3, 1, 2}, c);
  CHECK(r.expert == experts{1, 3});  // ascending, not by weight
  CHECK(row(r.weight, 0)[0] == doctest::Approx(e3 / (e3 + e2)));
  c.normalise = false;
  c.scale = 10;
  r = routed({0, 3, 1, 2}, c);
  CHECK(row(r.weight, 0)[1] == doctest::Approx(10 * e2 / (1 + e1 + e2 + e3)));
  c.router = router_kind::chosen;  // sums to 1 as it is
  r = routed({0, 3, 1, 2}, c);
  CHECK(row(r.weight, 0)[1] == doctest::Approx(10 * e2 / (e3 + e2)));
  c.router = router_kind::sigmoid;
  r = routed({0, 3, 1, 2}, c);
  CHECK(row(r.weight, 0)[1] == doctest::Approx(10 / (1 + std::exp(-2.0))));
  // Logits far beyond what exp() holds.
  c.router = router_kind::softmax;
  r = routed({-2000, 2000, 1999, 0}, c);
  CHECK(r.expert == experts{1, 2});
  CHECK(row(r.weight, 0)[0] == doctest::Approx(10 / (1 + 1 / e1)));
}

TEST_CASE("route: a row's choice is its own, equals go to the first") {
  const experts_config c{.count = 3, .chosen = 1};
  const auto r = routed({1, 1, 1, 0, 5, 5, 9, 0, 0}, c);
  CHECK(r.expert == experts{0, 1, 0});
  for (std::int64_t t = 0; t < 3; ++t) CHECK(row(r.weight, t)[0] == doctest::Approx(1));
}

TEST_CASE("route: a correction moves the choice and not the weight; groups bound it") {
  experts_config c{.count = 4, .chosen = 1, .router = router_kind::sigmoid, .normalise = false};
  const auto r = routed({0, 2, 1, 0}, c, {0, 0, 0.5, 0});
  CHECK(r.expert == experts{2});
  CHECK(row(r.weight, 0)[0] == doctest::Approx(1 / (1 + std::exp(-1.0))));
  // The best expert is in the group whose best two are together the weaker ones.
  c.groups = 2;
  CHECK(routed({4, -9, 1, 1}, c).expert == experts{2});
  c.groups_chosen = 2;
  CHECK(routed({4, -9, 1, 1}, c).expert == experts{0});
}

TEST_CASE("row_map: positions of whole sequences, or of new rows of running streams") {
  row_map m;
  m.sequences = 2;
  m.length = 3;
  CHECK(m.positions() == experts{0, 1, 2, 0, 1, 2});
  // Both say nothing where there are streams.
  m.streams = {{nullptr, 7, 2}, {nullptr, 0, 0}, {nullptr, 3, 1}};
  CHECK(m.positions() == experts{7, 8, 3});
}

TEST_CASE("tensor_file: tensors come back under their names, converted to what is wanted") {
  const auto folder = std::filesystem::temp_directory_path() / "hocket_tensor_file_test";
  std::filesystem::create_directories(folder);
  const auto path = (folder / "t.safetensors").string();
  const auto a = at::arange(6, at::kFloat).view({2, 3});
  const auto set = snapshot({{"a", a.t()}, {"b", a.to(at::kBFloat16)}}, {{"step", "3"}});
  REQUIRE(write_safetensors(path, set.tensors, set.metadata));
  auto turned = at::zeros({3, 2}, at::kDouble), wide = at::zeros({2, 3}, at::kFloat);
  const auto said = load_tensors(path, {{"b", wide}, {"a", turned}});
  REQUIRE(said);
  CHECK(said->at("step") == "3");
  CHECK(turned.equal(a.t().to(at::kDouble)));  // row by row, also of what lay column by column
  CHECK(wide.equal(a));
  const auto refused = [&](const named_tensors& wanted) {
    const auto r = load_tensors(path, wanted);
    REQUIRE(!r);
    CHECK(r.error().message.find(path + ": ") == 0);
    return r.error().code + " " + r.error().message.substr(path.size() + 2);
  };
  CHECK(refused({{"c", wide}}) == "model.missing_tensor no tensor c");
  CHECK(refused({{"a", wide}}) == "model.bad_shape a is [3, 2], the config needs [2, 3]");
  const std::vector<std::int64_t> one = {5};
  const stored_tensor whole{"n", "I64", {1}, std::as_bytes(std::span(one))};
  REQUIRE(write_safetensors(path, std::span(&whole, 1), {}));
  CHECK(refused({{"n", at::zeros({1})}}) == "model.bad_dtype n has dtype I64");
  std::filesystem::remove_all(folder);
}
