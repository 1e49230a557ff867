#include "graph/core/buffer.hpp"

#include <doctest/doctest.h>

#include <numeric>

#include "graph/core/tensor.hpp"
#include "graph/core/training_example.hpp"

namespace hocket {
namespace {

std::vector<std::uint8_t> counting(std::size_t n) {
  std::vector<std::uint8_t> out(n);
  std::iota(out.begin(), out.end(), std::uint8_t{0});
  return out;
}

std::vector<int> values_of(const buffer& b) {
  const auto v = b.as<std::uint8_t>();
  return {v.begin(), v.end()};
}

}  // namespace

TEST_CASE("buffer: takes a vector's storage and shares it, without a copy") {
  auto values = counting(8);
  const auto* place = values.data();
  const auto copies = buffer::copies_made();
  const auto a = buffer::take(std::move(values));
  const auto b = a;
  CHECK(a.identity() == place);
  CHECK(b.identity() == place);
  CHECK(a.size_bytes() == 8);
  CHECK(values_of(b) == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(buffer::copies_made() == copies);
}

TEST_CASE("buffer: a copy has bytes of its own, and is counted") {
  auto values = counting(3);
  const auto copies = buffer::copies_made();
  const auto b = buffer::copy_of(std::as_bytes(std::span<const std::uint8_t>(values)));
  CHECK(buffer::copies_made() == copies + 1);
  values[0] = 99;
  CHECK(values_of(b) == std::vector<int>{0, 1, 2});
  CHECK(b.identity() != values.data());
}

TEST_CASE("buffer: the owner of shared bytes lives as long as the last slice of them") {
  auto owner = std::make_shared<const std::vector<std::uint8_t>>(counting(10));
  const std::weak_ptr<const void> alive = owner;
  auto whole = buffer::share(owner, std::as_bytes(std::span(*owner)));
  owner.reset();
  auto middle = whole.slice(2, 6);
  auto inner = middle.slice(1, 2);
  whole = {};
  middle = {};
  CHECK(!alive.expired());
  CHECK(values_of(inner) == std::vector<int>{3, 4});
  inner = {};
  CHECK(alive.expired());
}

TEST_CASE("buffer: slices at the edges, and of nothing") {
  const auto b = buffer::take(counting(4));
  CHECK(values_of(b.slice(0, 4)) == std::vector<int>{0, 1, 2, 3});
  CHECK(values_of(b.slice(3, 1)) == std::vector<int>{3});
  CHECK(b.slice(4, 0).empty());
  CHECK(b.slice(1, 0).empty());
  const buffer none;
  CHECK(none.empty());
  CHECK(none.size_bytes() == 0);
  CHECK(none.bytes().empty());
  CHECK(none.as<double>().empty());
  CHECK(none.slice(0, 0).empty());
  CHECK(buffer::take(std::vector<float>{}).empty());
  CHECK(buffer::copy_of({}).empty());
}

TEST_CASE("buffer: read as a wider type, what does not fill one is left out") {
  const auto b = buffer::take(std::vector<std::int32_t>{-1, 7});
  CHECK(b.size_bytes() == 8);
  CHECK(b.as<std::int32_t>().size() == 2);
  CHECK(b.as<std::int32_t>()[1] == 7);
  CHECK(b.as<std::int64_t>().size() == 1);
  CHECK(b.slice(0, 7).as<std::int32_t>().size() == 1);
  CHECK(b.slice(0, 3).as<std::int32_t>().empty());
}

TEST_CASE("dtype: each has a name of its own and the size of its numbers") {
  struct row {
    dtype type;
    const char* name;
    std::size_t size;
  };
  const std::vector<row> rows = {{dtype::u8, "u8", 1},     {dtype::i32, "i32", sizeof(int32_t)},
                                 {dtype::i64, "i64", 8},   {dtype::f16, "f16", 2},
                                 {dtype::bf16, "bf16", 2}, {dtype::f32, "f32", sizeof(float)},
                                 {dtype::f64, "f64", 8}};
  for (const auto& r : rows) {
    CHECK(to_string(r.type) == r.name);
    CHECK(size_bytes(r.type) == r.size);
  }
}

TEST_CASE("training_example: finds tensors by their whole name, the first of two") {
  training_example e;
  CHECK(e.find("x") == nullptr);
  e.tensors = {{"tokens", {dtype::u8, {2}, {}}},
               {"weights", {dtype::f32, {3}, {}}},
               {"tokens", {dtype::u8, {5}, {}}}};
  REQUIRE(e.find("tokens") != nullptr);
  CHECK(e.find("tokens")->shape == std::vector<std::int64_t>{2});
  CHECK(e.find("weights") == &e.tensors[1].second);
  CHECK(e.find("token") == nullptr);
  CHECK(e.find("") == nullptr);
}

}  // namespace hocket
