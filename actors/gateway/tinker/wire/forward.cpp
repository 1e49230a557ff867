// Forward and backward passes: protobuf, and the JSON of old clients.
#include <cstring>

#include <fmt/format.h>

#include "actors/gateway/tinker/wire/messages.hpp"
#include "actors/gateway/tinker/wire/tensors.hpp"
#include "actors/gateway/tinker/wire/tinker.pb.h"

namespace hocket::tinker {
namespace {

using nlohmann::json;

template <class T>
std::vector<T> numbers(const std::string& bytes) {
  std::vector<T> all(bytes.size() / sizeof(T));
  std::memcpy(all.data(), bytes.data(), all.size() * sizeof(T));
  return all;
}

result<std::vector<double>> numbers(const std::string& bytes, pb::DType type) {
  const auto as_doubles = [](const auto& from) {
    return std::vector<double>(from.begin(), from.end());
  };
  const std::size_t size = type == pb::DTYPE_INT64 ? 8 : type == pb::DTYPE_BFLOAT16 ? 2 : 4;
  if (bytes.size() % size != 0)
    return fail("tinker.bad_request", "a tensor's bytes are no whole numbers");
  switch (type) {
    case pb::DTYPE_FLOAT32: return as_doubles(numbers<float>(bytes));
    case pb::DTYPE_INT64: return as_doubles(numbers<std::int64_t>(bytes));
    case pb::DTYPE_INT32: return as_doubles(numbers<std::int32_t>(bytes));
    case pb::DTYPE_BFLOAT16: {
      std::vector<double> all;
      for (const auto half : numbers<std::uint16_t>(bytes)) {
        const auto bits = static_cast<std::uint32_t>(half) << 16;
        float value;
        std::memcpy(&value, &bits, sizeof value);
        all.push_back(value);
      }
      return all;
    }
    default: return fail("tinker.bad_request", "a tensor's dtype is not known");
  }
}

result<lora::loss_input> read_tensor(const pb::Tensor& t) {
  std::vector<std::int64_t> shape(t.shape().begin(), t.shape().end());
  if (t.encoding_case() == pb::Tensor::kSparseCsr) {
    const auto values = numbers(t.sparse_csr().values(), t.dtype());
    if (!values) return fail(values);
    return dense_of(shape, *values, numbers<std::int64_t>(t.sparse_csr().crow_indices()),
                    numbers<std::int64_t>(t.sparse_csr().col_indices()), 0);
  }
  auto values = numbers(t.dense(), t.dtype());
  if (!values) return fail(values);
  const auto n = static_cast<std::int64_t>(values->size());
  if (shape.empty()) shape = {n};
  return lora::loss_input{std::move(shape), std::move(*values)};
}

error only_text(std::size_t datum, const char* kind) {
  return {
      "tinker.bad_request",
      fmt::format("datum {}: this model reads text only, and model_input holds {}", datum, kind)};
}

/// Numbers of a request's tensors as they lie in memory: a few bytes of a sparse one can be many.
class number_count {
 public:
  std::optional<error> add(std::size_t datum, const lora::loss_input& t) {
    all_ += static_cast<std::int64_t>(t.values.size());
    if (all_ <= most_numbers_of_all) return std::nullopt;
    return error{"tinker.bad_request",
                 fmt::format("datum {}: the tensors of this request have more than {} numbers: "
                             "send fewer data at once",
                             datum, most_numbers_of_all)};
  }

 private:
  std::int64_t all_ = 0;
};

std::optional<error> read_datum(const pb::Datum& from, std::size_t index, number_count& count,
                                lora::training_datum& d) {
  for (const auto& chunk : from.model_input()) {
    if (chunk.has_image()) return only_text(index, "an image");
    if (chunk.has_dmel()) return only_text(index, "sound");
    const auto tokens = numbers<std::int32_t>(chunk.encoded_text().tokens());
    d.tokens.insert(d.tokens.end(), tokens.begin(), tokens.end());
  }
  for (const auto& entry : from.loss_fn_inputs()) {
    auto t = read_tensor(entry.value());
    if (!t)
      return error{t.error().code,
                   fmt::format("datum {}: `{}`: {}", index, entry.key(), t.error().message)};
    if (auto problem = count.add(index, *t)) return problem;
    d.inputs[entry.key()] = std::move(*t);
  }
  return std::nullopt;
}

}  // namespace

result<forward_request> decode_forward(std::string_view body) {
  pb::ForwardBackwardRequest m;
  if (body.size() > (1u << 30) || !m.ParseFromArray(body.data(), static_cast<int>(body.size())))
    return fail("tinker.bad_body", "the body is no ForwardBackwardRequest");
  if (m.model_id().empty()) return fail("tinker.bad_body", "model_id is required");
  forward_request r;
  r.model_id = m.model_id(), r.seq_id = m.seq_id(), r.loss_fn = m.loss_fn();
  r.forward_only = m.forward_only();
  for (const auto& e : m.loss_fn_config()) r.settings[e.key()] = e.value();
  for (const auto& e : m.loss_fn_config_v2()) {
    if (e.value().has_text())
      r.settings[e.key()] = e.value().text();
    else
      r.settings[e.key()] = e.value().number();
  }
  r.data.resize(static_cast<std::size_t>(m.data_size()));
  number_count count;
  for (std::size_t i = 0; i < r.data.size() && !r.problem; ++i)
    r.problem = read_datum(m.data(static_cast<int>(i)), i, count, r.data[i]);
  return r;
}

namespace {

std::optional<error> read_datum(const json& from, std::size_t index, number_count& count,
                                lora::training_datum& d) {
  const auto bad = [&](const std::string& what) {
    return error{"tinker.bad_request", fmt::format("datum {}: {}", index, what)};
  };
  if (!from.is_object() || !from.contains("model_input") || !from["model_input"].is_object() ||
      !from["model_input"].value("chunks", json()).is_array())
    return bad("model_input needs chunks");
  for (const auto& chunk : from["model_input"]["chunks"]) {
    if (!chunk.is_object() || !chunk.value("tokens", json()).is_array())
      return bad("this model reads text only: chunks of tokens");
    for (const auto& t : chunk["tokens"]) {
      if (!t.is_number_integer()) return bad("a token is a whole number");
      d.tokens.push_back(static_cast<std::int32_t>(
          std::clamp<std::int64_t>(t.get<std::int64_t>(), -1, INT32_MAX)));
    }
  }
  const auto inputs = from.value("loss_fn_inputs", json::object());
  if (!inputs.is_object()) return bad("loss_fn_inputs must be an object");
  for (const auto& [name, value] : inputs.items()) {
    auto t = tensor_from_json(value, 0);
    if (!t) return bad("`" + name + "`: " + t.error().message);
    if (auto problem = count.add(index, *t)) return problem;
    d.inputs[name] = std::move(*t);
  }
  return std::nullopt;
}

}  // namespace

result<forward_request> decode_forward(const json& body, const char* input) {
  const auto bad = [](const std::string& what) { return fail("tinker.bad_body", what); };
  if (!body.is_object() || !body.value("model_id", json()).is_string())
    return bad("model_id is required");
  if (!body.value("seq_id", json(0)).is_number_integer()) return bad("seq_id must be a number");
  if (!body.value(input, json()).is_object()) return bad(std::string(input) + " is required");
  forward_request r;
  r.model_id = body["model_id"], r.seq_id = body.value("seq_id", 0);
  const auto& in = body[input];
  if (!in.value("loss_fn", json()).is_string() || !in.value("data", json()).is_array())
    return bad(std::string(input) + " needs loss_fn and data");
  r.loss_fn = in["loss_fn"];
  const auto settings = in.value("loss_fn_config", json());
  if (settings.is_object())
    for (const auto& [key, value] : settings.items()) {
      if (value.is_number())
        r.settings[key] = value.get<double>();
      else
        r.settings[key] = value.is_string() ? value.get<std::string>() : value.dump();
    }
  r.data.resize(in["data"].size());
  number_count count;
  for (std::size_t i = 0; i < r.data.size() && !r.problem; ++i)
    r.problem = read_datum(in["data"][i], i, count, r.data[i]);
  return r;
}

namespace {

template <class T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

std::string encode(const forward_answer& a) {
  pb::ForwardBackwardOutput out;
  out.set_loss_fn_output_type("ArrayRecord");
  for (std::size_t i = 0; i < a.logprobs.size();) {  // those of one shape in a row share a record
    auto* record = out.add_loss_fn_outputs();
    auto* entry = record->add_fields();
    entry->set_key("logprobs");
    auto* tensor = entry->mutable_value();
    tensor->set_dtype(pb::DTYPE_FLOAT32);
    if (a.targets[i] > 0) tensor->add_trailing_shape(a.targets[i]);
    std::string offsets;
    append(offsets, std::int64_t{0});
    const auto first = i;
    for (; i < a.logprobs.size() && a.targets[i] == a.targets[first]; ++i) {
      for (const float v : a.logprobs[i]) append(*tensor->mutable_data(), v);
      append(offsets, static_cast<std::int64_t>(tensor->data().size()));
    }
    tensor->set_offsets(offsets);
    record->set_num_datums(static_cast<std::int64_t>(i - first));
  }
  for (const auto& [name, value] : a.metrics) {
    auto* m = out.add_metrics();
    m->set_key(name), m->set_value(value);
  }
  return out.SerializeAsString();
}

json to_json(const forward_answer& a) {
  json outputs = json::array();
  for (std::size_t i = 0; i < a.logprobs.size(); ++i) {
    json shape = json::array();
    const auto n = static_cast<std::int64_t>(a.logprobs[i].size());
    shape.push_back(a.targets[i] > 0 ? n / a.targets[i] : n);
    if (a.targets[i] > 0) shape.push_back(a.targets[i]);
    outputs.push_back(
        {{"logprobs", {{"data", a.logprobs[i]}, {"dtype", "float32"}, {"shape", shape}}}});
  }
  return {
      {"loss_fn_output_type", "ArrayRecord"}, {"loss_fn_outputs", outputs}, {"metrics", a.metrics}};
}

}  // namespace hocket::tinker
