#include "actors/gateway/tinker/wire/messages.hpp"

#include <cmath>
#include <cstring>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <zstd.h>

using namespace hocket;
using namespace hocket::tinker;
using nlohmann::json;

namespace {

std::string bytes(std::string_view hex) {
  std::string out;
  int held = -1;
  for (const char c : hex) {
    if (c == ' ' || c == '\n') continue;
    const int v = c <= '9' ? c - '0' : c - 'a' + 10;
    if (held < 0) {
      held = v;
    } else {
      out += static_cast<char>(held * 16 + v);
      held = -1;
    }
  }
  return out;
}

std::string hex(std::string_view in) {
  std::string out;
  for (const unsigned char c : in) out += {"0123456789abcdef"[c >> 4], "0123456789abcdef"[c & 15]};
  return out;
}

/// Model "m:train:0", number 2, tokens 7 8, weights 1 0.5, targets 8 9, ppo with a clip, forward only.
const char* request = R"(
  0a09 6d3a747261696e3a30 1002
  1a42 0a0c0a0a0a08 0700000008000000
       1217 0a0777656967687473 120c 0a08 0000803f0000003f 1801
       1219 0a0374677a 1212 0a10 08000000000000000900000000000000
  2203 70706f
  2a0c 0a01 61 11 cdccccccccccec3f
  3001
  3a0e 0a01 61 1209 09 cdccccccccccec3f
  3a0a 0a02 6964 1204 1202 4c31)";

}  // namespace

TEST_CASE("a request of protobuf") {
  auto whole = bytes(request);
  const auto r = decode_forward(whole);
  REQUIRE_MESSAGE(r, (r ? "" : r.error().message));
  CHECK(r->model_id == "m:train:0");
  CHECK(r->seq_id == 2);
  CHECK(r->forward_only);
  CHECK(r->loss_fn == "ppo");
  CHECK(std::get<double>(r->settings.at("a")) == 0.9);
  CHECK(std::get<std::string>(r->settings.at("id")) == "L1");
  REQUIRE(r->data.size() == 1);
  CHECK(r->data[0].tokens == std::vector<std::int32_t>{7, 8});
  CHECK(r->data[0].inputs.at("weights").values == std::vector<double>{1, 0.5});
  CHECK(r->data[0].inputs.at("weights").shape == std::vector<std::int64_t>{2});
  REQUIRE(r->problem);  // a tensor without a dtype
  CHECK(r->problem->message == "datum 0: `tgz`: a tensor's dtype is not known");
  for (std::size_t n = 0; n < whole.size(); ++n) (void)decode_forward(whole.substr(0, n));
  CHECK(decode_forward(bytes("1002")).error().message == "model_id is required");
}

TEST_CASE("the answer of a pass: one record for each run of equal shapes") {
  forward_answer a;
  a.logprobs = {{1, 2}, {3, 4}, {5, 6}};
  a.targets = {0, 0, 2};
  a.metrics = {{"loss:sum", 1.0}};
  // Records [N] of two datums and [1, 2] of one; offsets are in bytes.
  const std::string tag = "0a0b41727261795265636f7264", key = "0a086c6f6770726f6273";
  CHECK(hex(encode(a)).find(tag + "12") == 0);
  CHECK(hex(encode(a)).find(key) != std::string::npos);
  CHECK(hex(encode(a)).find("0a100000803f000000400000404000008040") != std::string::npos);
  CHECK(hex(encode(a)).find("1218000000000000000008000000000000001000000000000000") !=
        std::string::npos);
  CHECK(hex(encode(a)).find("0a080000a0400000c040") != std::string::npos);
  CHECK(hex(encode(a)).ends_with("0a086c6f73733a73756d11000000000000f03f"));
  const auto j = to_json(a);
  CHECK(j["loss_fn_outputs"][2]["logprobs"]["shape"] == json::array({1, 2}));
  CHECK(j["loss_fn_outputs"][0]["logprobs"]["shape"] == json::array({2}));
}

TEST_CASE("what asample asks: defaults, stops, and what is refused") {
  const auto with = [](const std::string& more, const std::string& params = "{}") {
    return decode_sample(
        json::parse(R"({"sampling_session_id": "s", "prompt": {"chunks": [{"tokens": [1, 2]},
      {"tokens": [3], "type": "encoded_text"}]}, "sampling_params": )" +
                    params + (more.empty() ? "" : ", " + more) + "}"));
  };
  const auto plain = with("");
  REQUIRE(plain);
  CHECK(plain->prompt == std::vector<std::int32_t>{1, 2, 3});
  CHECK(plain->default_stops);
  CHECK(!plain->max_tokens);
  CHECK(!with("", R"({"stop": []})")->default_stops);
  CHECK(with("", R"({"stop": "ab"})")->stop_texts == std::vector<std::string>{"ab"});
  CHECK(with("", R"({"stop": [4, 5]})")->stop_tokens == std::vector<std::int32_t>{4, 5});
  CHECK(with("", R"({"top_k": -1})")->top_k == 0);
  CHECK(with("", R"({"top_p": 2})").error().message == "sampling_params: top_p must be 0 to 1");
  CHECK(with("\"num_samples\": 0").error().message == "num_samples must be 1 to 1024");
  CHECK(with("\"num_samples\": 4000000000000").error().code == "tinker.bad_request");
  const auto sparse =
      with(R"("target_prompt_logprobs": {"data": [9], "dtype": "int64", "shape": [2, 3],
    "sparse_crow_indices": [0, 0, 1], "sparse_col_indices": [2]})");
  REQUIRE(sparse);
  CHECK(sparse->targets == std::vector<std::int32_t>{-1, -1, -1, -1, -1, 9});
  CHECK(!with(R"("target_prompt_logprobs": {"data": [], "dtype": "int64", "shape": [2, 9000000],
    "sparse_crow_indices": [0, 0, 0], "sparse_col_indices": []})"));
  CHECK(!with(R"("target_prompt_logprobs": {"data": [9], "dtype": "int64", "shape": [2, 3],
    "sparse_crow_indices": [0, 5, 1], "sparse_col_indices": [2]})"));
  const auto image = decode_sample(json::parse(
      R"({"prompt": {"chunks": [{"type": "image", "data": "", "format": "png"}]}, "sampling_params": {}})"));
  REQUIRE(image);
  CHECK(image->problem->message.find("text only") != std::string::npos);
}

TEST_CASE("the answer of a sampler") {
  sample_answer a;
  a.sequences.push_back({true, {5}, {-1.5f}, {{{5}, {-1.5f}}}});
  CHECK(hex(encode(a, 0)) ==
        "0a0c"
        "120405000000"
        "1a040000c0bf");
  CHECK(hex(encode(a, 1)) ==
        "0a1e"
        "120405000000"
        "1a040000c0bf"
        "22100a0405000000"
        "12040000c0bf"
        "18012001");
  a.sequences.clear();
  a.prompt_length = 2;
  a.prompt_logprobs = {std::nanf(""), -1};
  a.topk = 1, a.prompt_top = {{}, {{7}, {-1}}};
  CHECK(hex(encode(a, 0)) ==
        "1208"
        "0000c07f000080bf"
        "1a18"
        "0a080000000007000000"
        "1208804fc3c7"
        "000080bf"
        "18012002");
  CHECK(to_json(a)["prompt_logprobs"][0].is_null());
}

TEST_CASE("zstd bodies have a bound before they are unpacked") {
  const std::string zeros(10'000'000, '\0');
  std::string packed(ZSTD_compressBound(zeros.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), zeros.data(), zeros.size(), 3));
  CHECK(unzip(packed, zeros.size())->size() == zeros.size());
  CHECK(unzip(packed, zeros.size() - 1).error().message ==
        "zstd body: more than 9999999 bytes unpacked");
  CHECK(!unzip(packed.substr(0, packed.size() - 3), zeros.size()));
  CHECK(!unzip("no zstd at all", 100));
  CHECK(!unzip("", 100));
}
