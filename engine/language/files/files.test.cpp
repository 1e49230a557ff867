#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "engine/language/files/dequantize.hpp"
#include "engine/language/files/gguf.hpp"
#include "engine/language/files/gguf_writer.hpp"
#include "engine/language/files/safetensors.hpp"
#include "engine/language/files/text_checks.hpp"

using namespace hocket;
using namespace hocket::language;

namespace {

namespace fs = std::filesystem;
constexpr const char* fixture = HOCKET_SOURCE_DIR "/engine/language/files/dequantize_fixture.gguf";

struct scratch {
  fs::path path = fs::temp_directory_path() / ("hocket_files_" + std::to_string(::getpid()));
  scratch() { fs::create_directories(path); }
  ~scratch() { fs::remove_all(path); }
  std::string file(const std::string& name, const std::string& bytes) const {
    std::ofstream(path / name, std::ios::binary) << bytes;
    return (path / name).string();
  }
};

std::string code_of(const auto& r) { return r ? std::string("none") : r.error().code; }

result<gguf_file> parsed(const std::string& bytes) {
  return gguf_file::parse(std::as_bytes(std::span(bytes)), "x.gguf");
}
result<safetensors_contents> tensors_in(const std::string& bytes) {
  return parse_safetensors(std::as_bytes(std::span(bytes)), "x.safetensors");
}

std::string safetensors_bytes(const std::string& header, std::size_t data) {
  const std::uint64_t n = header.size();
  return std::string(reinterpret_cast<const char*>(&n), 8) + header + std::string(data, '\1');
}

}  // namespace

TEST_CASE("GGUF: every block type gives the reference's numbers, bit for bit") {
  const auto file = gguf_file::open(fixture);
  REQUIRE_MESSAGE(file, file.error().message);
  const auto* types = file->texts("fixture.types");
  REQUIRE(types != nullptr);
  CHECK(types->size() == 15);
  for (const auto type : *types) {
    const auto* packed = file->tensor(type);
    const auto* expected = file->tensor(std::string(type) + ".expected");
    REQUIRE(packed);
    REQUIRE(expected);
    CHECK(traits_of(packed->type).name == type);
    CHECK(packed->shape == std::vector<std::int64_t>{3, 256});
    std::vector<float> numbers(768);
    REQUIRE(dequantize(packed->type, packed->bytes, numbers));
    CHECK_MESSAGE(std::memcmp(numbers.data(), expected->bytes.data(), 768 * 4) == 0, type);
  }
  CHECK(file->integer("fixture.rows") == 3);
  CHECK(file->text("general.architecture") == "llama");
  REQUIRE(file->numbers("fixture.numbers"));
  CHECK(file->numbers("fixture.numbers")->number_at(1) == -2.0);
  CHECK(file->numbers("fixture.numbers")->integer_at(1) == -2);
}

TEST_CASE("dequantize refuses sizes that do not fit and types that hold no weights") {
  std::vector<float> out(32);
  std::vector<std::byte> bytes(33);
  CHECK(code_of(dequantize(tensor_type::q8_0, bytes, out)) == "model_file.bad_tensor");
  for (const auto type : {tensor_type::i64, tensor_type::f8_e4m3, tensor_type::f8_e8m0})
    CHECK(code_of(dequantize(type, bytes, out)) == "model_file.unsupported_type");
  CHECK(float_of_half(0x3c00) == 1.0f);
  CHECK(float_of_half(0x8001) == -0x1p-24f);
  CHECK(std::isinf(float_of_half(0xfc00)));
}

TEST_CASE("GGUF: cut anywhere, it is refused and never read past its end") {
  gguf_writer w;
  w.add("general.architecture", "llama");
  w.add_list("words", {"a", "bb", ""});
  w.add_tensor("t", 0, {32, 2}, std::string(256, '\1'));
  const auto whole = w.bytes();
  REQUIRE(parsed(whole));
  for (std::size_t n = 0; n < whole.size(); ++n) CHECK_FALSE(parsed(whole.substr(0, n)));
  CHECK(code_of(parsed(whole.substr(0, whole.size() - 1))) == "model_file.cut_short");
  CHECK(code_of(parsed("GGML" + whole.substr(4))) == "model_file.not_gguf");
}

TEST_CASE("GGUF: lies about sizes, types and places are refused by name") {
  const auto with = [](auto change) {
    gguf_writer w;
    change(w);
    return parsed(w.bytes());
  };
  const auto tensor = [&](const char* name, std::uint32_t type, std::vector<std::uint64_t> shape,
                          std::size_t size, std::int64_t offset = -1) {
    return with([&](gguf_writer& w) {
      w.add_tensor("first", 0, {8}, std::string(32, '\1'));
      w.add_tensor(name, type, shape, std::string(size, '\1'), offset);
    });
  };
  CHECK(tensor("t", 12, {256, 2}, 288));
  const auto unsupported = tensor("t", 16, {256}, 66);
  CHECK(code_of(unsupported) == "model_file.unsupported_type");
  CHECK(unsupported.error().message.find("t is IQ2_XXS, which is not read; types that are: F32") !=
        std::string::npos);
  CHECK(code_of(tensor("t", 77, {256}, 66)) == "model_file.unsupported_type");
  CHECK(code_of(tensor("t", 12, {255}, 144)) == "model_file.bad_tensor");
  CHECK(code_of(tensor("t", 0, {0}, 0)) == "model_file.bad_tensor");
  CHECK(code_of(tensor("t", 0, {std::uint64_t{1} << 63, 2}, 8)) == "model_file.bad_tensor");
  CHECK(code_of(tensor("t", 0, {std::uint64_t{1} << 40, 1u << 24}, 8)) == "model_file.bad_tensor");
  CHECK(code_of(tensor("t", 0, {1, 1, 1, 1, 1}, 4)) == "model_file.bad_tensor");
  CHECK(code_of(tensor("first", 0, {8}, 32)) == "model_file.bad_tensor");
  CHECK(code_of(tensor("t", 0, {8}, 32, 0)) == "model_file.bad_tensor");
  CHECK(code_of(tensor("t", 0, {8}, 32, 33)) == "model_file.bad_tensor");
  CHECK(code_of(tensor("t", 0, {8}, 32, 1 << 20)) == "model_file.cut_short");
  CHECK(code_of(tensor("bad\nname", 0, {8}, 32)) == "model_file.bad_tensor");
  CHECK(code_of(with([](gguf_writer& w) {
          w.add("k", "a");
          w.add("k", "b");
        })) == "model_file.bad_metadata");
  CHECK(code_of(with([](gguf_writer& w) { w.add_raw("k", 13, "x"); })) ==
        "model_file.bad_metadata");
  CHECK(code_of(with([](gguf_writer& w) {
          w.add_raw("k", 9, std::string("\x09\0\0\0\1\0\0\0\0\0\0\0", 12));
        })) == "model_file.bad_metadata");
  CHECK(code_of(with([](gguf_writer& w) {
          w.add_raw("general.alignment", 4, std::string("\x21\0\0\0", 4));
        })) == "model_file.bad_metadata");
  gguf_writer w;
  auto bytes = w.bytes();
  bytes[16] = '\x7f';  // 127 entries in no bytes
  CHECK(code_of(parsed(bytes)) == "model_file.bad_metadata");
}

TEST_CASE("model files: only regular files, and opening never waits") {
  const scratch dir;
  const auto fifo = (dir.path / "fifo").string();
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (const auto& path : {fifo, dir.path.string(), std::string("/dev/zero")}) {
    const auto opened = mapped_file::open(path);
    CHECK(code_of(opened) == "model_file.io");
    CHECK(opened.error().message.find("not a regular file") != std::string::npos);
  }
  CHECK(code_of(mapped_file::open((dir.path / "none").string())) == "model_file.io");
  CHECK(code_of(read_text(dir.file("big", std::string(100, 'x')), 99)) == "model_file.io");
  CHECK(read_text(dir.file("small", "text"), 4) == "text");
  CHECK(read_text(dir.file("empty", ""), 4) == "");
  CHECK(code_of(gguf_file::open(dir.file("e.gguf", ""))) == "model_file.not_gguf");
}

TEST_CASE("safetensors: what the header says is held against the file") {
  const auto header = [](const std::string& entries) { return "{" + entries + "}"; };
  const std::string a = R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]})";
  const std::string b = R"("b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]})";
  const auto good =
      tensors_in(safetensors_bytes(header(a + "," + b + R"(,"__metadata__":{"format":"pt"})"), 26));
  REQUIRE_MESSAGE(good, good.error().message);
  CHECK(good->tensors.size() == 2);
  CHECK(good->metadata.at("format") == "pt");
  const auto code = [&](const std::string& entries, std::size_t data) {
    return code_of(tensors_in(safetensors_bytes(header(entries), data)));
  };
  CHECK(code(a + "," + b, 25) == "model_file.cut_short");
  CHECK(code(a + "," + b, 27) == "model_file.bad_tensor");
  CHECK(code(b, 26) == "model_file.bad_tensor");  // a hole
  CHECK(code(a + "," + a, 24) == "model_file.bad_json");
  CHECK(code(R"("a":{"dtype":"F8_E5M2","shape":[2],"data_offsets":[0,2]})", 2) ==
        "model_file.unsupported_type");
  CHECK(code(R"("a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]})", 2) == "none");
  CHECK(code(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]})", 4) ==
        "model_file.bad_tensor");
  CHECK(code(R"("a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]})", 8) ==
        "model_file.bad_tensor");
  CHECK(code(R"("a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})", 8) ==
        "model_file.bad_tensor");
  CHECK(code(R"("a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]})", 0) ==
        "model_file.bad_tensor");
  CHECK(code(R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
             R"("b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]})",
             6) == "model_file.bad_tensor");
  CHECK(code_of(tensors_in("short")) == "model_file.cut_short");
  CHECK(code_of(tensors_in(std::string(8, '\x7f') + "{}")) == "model_file.cut_short");
  CHECK(code_of(tensors_in(safetensors_bytes(" {}", 0))) == "model_file.bad_json");
  CHECK(code_of(tensors_in(safetensors_bytes(header(std::string(100, '[')), 0))) ==
        "model_file.bad_json");
}

TEST_CASE("safetensors: shards hold what their index says") {
  const scratch dir;
  const auto shard = [](const char* name) {
    return safetensors_bytes(
        std::string("{\"") + name + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4);
  };
  dir.file("one.safetensors", shard("a"));
  dir.file("two.safetensors", shard("b"));
  dir.file("again.safetensors", shard("a"));
  const auto index = [&](const std::string& map) {
    return safetensors_set::open(dir.file("i.json", "{\"weight_map\":{" + map + "}}"));
  };
  const auto good = index(R"("a":"one.safetensors","b":"two.safetensors")");
  REQUIRE_MESSAGE(good, good.error().message);
  CHECK(good->tensors().size() == 2);
  CHECK(code_of(index(R"("a":"two.safetensors","b":"one.safetensors")")) ==
        "model_file.bad_tensor");
  CHECK(code_of(index(R"("a":"one.safetensors","c":"again.safetensors")")) ==
        "model_file.bad_tensor");
  CHECK(code_of(index(R"("a":"../one.safetensors")")) == "model_file.bad_json");
  CHECK(code_of(index(R"("a":"missing.safetensors")")) == "model_file.io");
  CHECK(code_of(index(R"("a":7)")) == "model_file.bad_json");
}

TEST_CASE("text checks: well-formed UTF-8, and what is safe on a terminal") {
  CHECK(is_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
  for (const char* bad :
       {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xff", "\x80"})
    CHECK_FALSE(is_utf8(bad));
  CHECK(is_plain_text("caf\xc3\xa9"));
  for (const char* bad : {"a\nb", "\x1b[31m", "\x7f", "\xc2\x9b"}) CHECK_FALSE(is_plain_text(bad));
}
