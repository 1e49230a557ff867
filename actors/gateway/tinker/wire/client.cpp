#include "actors/gateway/tinker/wire/client.hpp"

#include <cmath>
#include <cstring>
#include <optional>

#include "actors/gateway/tinker/wire/tinker.pb.h"

namespace hocket::tinker {
namespace {

template <class To>
std::string bytes_of(const std::vector<double>& values) {
  std::string bytes(values.size() * sizeof(To), '\0');
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto v = static_cast<To>(values[i]);
    std::memcpy(bytes.data() + i * sizeof(To), &v, sizeof v);
  }
  return bytes;
}

void add_input(pb::Datum& to, const std::string& name, const lora::loss_input& from) {
  auto* entry = to.add_loss_fn_inputs();
  entry->set_key(name);
  auto* tensor = entry->mutable_value();
  const bool is_tokens = name == "target_tokens";
  tensor->set_dtype(is_tokens ? pb::DTYPE_INT64 : pb::DTYPE_FLOAT32);
  tensor->set_dense(is_tokens ? bytes_of<std::int64_t>(from.values) : bytes_of<float>(from.values));
  for (const auto n : from.shape) tensor->add_shape(n);
}

tl::unexpected<error> bad(const char* what) { return fail("tinker.bad_answer", what); }

}  // namespace

std::string encode_pass(const std::string& model_id, std::int64_t seq_id,
                        std::span<const lora::training_datum> data, bool forward_only) {
  pb::ForwardBackwardRequest m;
  m.set_model_id(model_id);
  m.set_seq_id(static_cast<std::int32_t>(seq_id));
  m.set_loss_fn("cross_entropy");
  m.set_forward_only(forward_only);
  for (const auto& d : data) {
    auto* to = m.add_data();
    to->add_model_input()->mutable_encoded_text()->set_tokens(
        {reinterpret_cast<const char*>(d.tokens.data()), d.tokens.size() * sizeof(d.tokens[0])});
    for (const auto& [name, values] : d.inputs) add_input(*to, name, values);
  }
  return m.SerializeAsString();
}

result<pass_answer> decode_pass(std::string_view bytes) {
  pb::ForwardBackwardOutput m;
  if (bytes.size() > (1u << 30) || !m.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return bad("the answer is no ForwardBackwardOutput");
  std::optional<double> loss;
  for (const auto& each : m.metrics())
    if (each.key() == "loss:sum") loss = each.value();
  if (!loss) return bad("a pass has no `loss:sum`");
  if (!std::isfinite(*loss)) return bad("the loss is no number");
  pass_answer out{*loss, 0};
  for (const auto& record : m.loss_fn_outputs()) {
    if (record.num_datums() < 0 || record.num_datums() > (1 << 20))
      return bad("a pass has an impossible number of outputs");
    out.sequences += record.num_datums();
    for (const auto& field : record.fields()) {
      if (field.key() != "logprobs" || field.value().dtype() != pb::DTYPE_FLOAT32) continue;
      const auto& data = field.value().data();
      for (std::size_t i = 0; i + sizeof(float) <= data.size(); i += sizeof(float)) {
        float v;
        std::memcpy(&v, data.data() + i, sizeof v);
        if (std::isnan(v)) return bad("a log probability is no number");
      }
    }
  }
  return out;
}

}  // namespace hocket::tinker
