#include "graph/schema/fields.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "graph/schema/codec.hpp"
#include "graph/schema/direct.hpp"
#include "graph/schema/packet.pb.h"
#include "graph/schema/wire.pb.h"
#include "graph/text/clean.hpp"

namespace hocket::wire {
namespace {

constexpr int max_rank = 16;

/// Enums have the same order on both sides; the wire's zero is "unspecified".
template <class Wire, class Ours>
Wire to_wire(Ours v) {
  return static_cast<Wire>(static_cast<int>(v) + 1);
}
template <class Ours>
result<Ours> from_wire(int v, int count, const char* what) {
  if (v < 1 || v > count)
    return fail(codec_error::bad_value, fmt::format("{} {} is not known", what, v));
  return static_cast<Ours>(v - 1);
}
static_assert(DTYPE_F64 == static_cast<int>(dtype::f64) + 1);
static_assert(OUTCOME_SUPERSEDED == static_cast<int>(outcome::superseded) + 1);
static_assert(DELEGATION_ACTION_CANCEL == static_cast<int>(delegation::action::cancel) + 1);
static_assert(CONTROL_KIND_STOP == static_cast<int>(control::kind::stop) + 1);

void put_bulk(const buffer& from, Bulk& to, std::vector<buffer>& bulk) {
  to.set_frame(static_cast<std::uint32_t>(bulk.size()));
  to.set_size_bytes(from.size_bytes());
  bulk.push_back(from);
}

void put_tensor(const tensor& from, Tensor& to, std::vector<buffer>& bulk) {
  to.set_type(to_wire<Dtype>(from.type));
  for (const auto extent : from.shape) to.add_shape(extent);
  put_bulk(from.data, *to.mutable_data(), bulk);
}

struct putter {
  Packet& to;
  std::vector<buffer>& bulk;

  void operator()(const audio_chunk& v) const {
    auto& m = *to.mutable_audio();
    m.set_rate_hz(static_cast<std::uint32_t>(v.rate_hz));
    m.set_channels(static_cast<std::uint32_t>(v.channels));
    m.set_first_sample(v.first_sample);
    put_bulk(v.samples, *m.mutable_samples(), bulk);
  }
  void operator()(const video_frame& v) const {
    auto& m = *to.mutable_video();
    m.set_width(static_cast<std::uint32_t>(v.width));
    m.set_height(static_cast<std::uint32_t>(v.height));
    put_bulk(v.pixels, *m.mutable_pixels(), bulk);
  }
  void operator()(const tensor& v) const { put_tensor(v, *to.mutable_tensor(), bulk); }
  void operator()(const text& v) const {
    auto& m = *to.mutable_text();
    m.set_value(v.value);
    m.set_role(v.role);
    m.set_request(v.request);
    m.set_partial(!v.final);
  }
  void operator()(const tool_call& v) const {
    auto& m = *to.mutable_tool_call();
    m.set_call(v.call);
    m.set_request(v.request);
    m.set_tool(v.tool);
    m.set_arguments_json(v.arguments_json);
  }
  void operator()(const tool_result& v) const {
    auto& m = *to.mutable_tool_result();
    m.set_call(v.call);
    m.set_request(v.request);
    m.set_tool(v.tool);
    m.set_status(to_wire<Outcome>(v.status));
    m.set_content(v.content);
  }
  void operator()(const delegation& v) const {
    auto& m = *to.mutable_delegation();
    m.set_request(v.request);
    m.set_action(to_wire<DelegationAction>(v.what));
    m.set_task(v.task);
    m.set_transcript(v.transcript);
    m.set_from_micro_turn(v.from_micro_turn);
    m.set_to_micro_turn(v.to_micro_turn);
    m.set_supersedes(v.supersedes);
  }
  void operator()(const training_example& v) const {
    auto& m = *to.mutable_training_example();
    for (const auto& [name, numbers] : v.tensors) {
      auto& named = *m.add_tensors();
      named.set_name(name);
      put_tensor(numbers, *named.mutable_tensor(), bulk);
    }
    m.set_provenance(v.provenance);
  }
  void operator()(const adapter& v) const {
    auto& m = *to.mutable_adapter();
    m.set_name(v.name);
    m.set_card_json(v.card_json);
    put_bulk(v.weights, *m.mutable_weights(), bulk);
  }
  void operator()(const control& v) const {
    auto& m = *to.mutable_control();
    m.set_kind(to_wire<ControlKind>(v.what));
    m.set_detail(v.detail);
    m.set_value(v.value);
  }
};

direct::bulk_field fields_of(const Bulk& m) {
  return {m.frame(), m.offset_bytes(), m.size_bytes()};
}

/// The bytes that a field names, sharing the frame; copied only where they are not aligned.
result<buffer> get_bulk(const direct::bulk_field& from, std::span<const buffer> bulk,
                        std::size_t alignment) {
  if (from.size_bytes == 0) return buffer();
  if (from.frame >= bulk.size())
    return fail(codec_error::bad_bulk, fmt::format("bulk frame {} of {}", from.frame, bulk.size()));
  const auto& frame = bulk[from.frame];
  if (from.offset_bytes > frame.size_bytes() ||
      from.size_bytes > frame.size_bytes() - from.offset_bytes)
    return fail(codec_error::bad_bulk,
                fmt::format("bytes {} + {} of a bulk frame of {}", from.offset_bytes,
                            from.size_bytes, frame.size_bytes()));
  auto part = frame.slice(from.offset_bytes, from.size_bytes);
  if (reinterpret_cast<std::uintptr_t>(part.identity()) % alignment != 0)
    return buffer::copy_of(part.bytes());
  return part;
}

result<std::int32_t> get_extent(std::uint32_t v, const char* what) {
  if (v == 0 || v > static_cast<std::uint32_t>(std::numeric_limits<std::int32_t>::max()))
    return fail(codec_error::bad_value, fmt::format("{} {}", what, v));
  return static_cast<std::int32_t>(v);
}

result<tensor> get_tensor(direct::tensor_fields&& from, std::span<const buffer> bulk) {
  const auto type = from_wire<dtype>(from.type, 7, "element type");
  if (!type) return fail(type);
  if (from.shape.size() > max_rank)
    return fail(codec_error::bad_value, fmt::format("a tensor of rank {}", from.shape.size()));
  auto data = get_bulk(from.data, bulk, size_bytes(*type));
  if (!data) return fail(data);
  return tensor{*type, std::move(from.shape), std::move(*data)};
}

result<tensor> get_tensor(const Tensor& from, std::span<const buffer> bulk) {
  return get_tensor(
      {from.type(), {from.shape().begin(), from.shape().end()}, fields_of(from.data())}, bulk);
}

result<payload> get_audio(const direct::audio_fields& m, std::span<const buffer> bulk) {
  const auto rate_hz = get_extent(m.rate_hz, "sample rate");
  if (!rate_hz) return fail(rate_hz);
  const auto channels = get_extent(m.channels, "number of channels");
  if (!channels) return fail(channels);
  auto samples = get_bulk(m.samples, bulk, alignof(float));
  if (!samples) return fail(samples);
  return audio_chunk{*rate_hz, *channels, m.first_sample, std::move(*samples)};
}

result<payload> get_video(const Video& m, std::span<const buffer> bulk) {
  const auto width = get_extent(m.width(), "width");
  if (!width) return fail(width);
  const auto height = get_extent(m.height(), "height");
  if (!height) return fail(height);
  auto pixels = get_bulk(fields_of(m.pixels()), bulk, 1);
  if (!pixels) return fail(pixels);
  return video_frame{*width, *height, std::move(*pixels)};
}

result<payload> get_tool_result(const ToolResult& m) {
  const auto status = from_wire<outcome>(m.status(), 5, "outcome");
  if (!status) return fail(status);
  return tool_result{m.call(), m.request(), clean_text(m.tool()), *status, clean_text(m.content())};
}

result<payload> get_delegation(const Delegation& m) {
  const auto what = from_wire<delegation::action>(m.action(), 2, "delegation action");
  if (!what) return fail(what);
  return delegation{m.request(),          *what,
                    clean_text(m.task()), clean_text(m.transcript()),
                    m.from_micro_turn(),  m.to_micro_turn(),
                    m.supersedes()};
}

result<payload> get_training_example(const TrainingExample& m, std::span<const buffer> bulk) {
  training_example to;
  for (const auto& named : m.tensors()) {
    auto numbers = get_tensor(named.tensor(), bulk);
    if (!numbers) return fail(numbers);
    to.tensors.emplace_back(clean_text(named.name()), std::move(*numbers));
  }
  to.provenance = clean_text(m.provenance());
  return to;
}

result<payload> get_adapter(const Adapter& m, std::span<const buffer> bulk) {
  auto weights = get_bulk(fields_of(m.weights()), bulk, alignof(std::uint64_t));
  if (!weights) return fail(weights);
  return adapter{clean_text(m.name()), clean_text(m.card_json()), std::move(*weights)};
}

result<payload> get_control(const Control& m) {
  const auto what = from_wire<control::kind>(m.kind(), 7, "control");
  if (!what) return fail(what);
  return control{*what, clean_text(m.detail()), m.value()};
}

}  // namespace

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void clean_message(Message& m) {
  if (m.GetDescriptor() == RewireRequest::descriptor()) return;
  const auto& reflection = *m.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(m, &fields);
  std::string kept;
  for (const auto* f : fields) {
    const bool is_text = f->type() == FieldDescriptor::TYPE_STRING;
    const bool is_message = f->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !f->is_map();
    if (f->is_repeated()) {
      for (int i = 0; i < reflection.FieldSize(m, f); ++i) {
        if (is_text)
          reflection.SetRepeatedString(
              &m, f, i, clean_text(reflection.GetRepeatedStringReference(m, f, i, &kept)));
        if (is_message) clean_message(*reflection.MutableRepeatedMessage(&m, f, i));
      }
    } else if (is_text) {
      reflection.SetString(&m, f, clean_text(reflection.GetStringReference(m, f, &kept)));
    } else if (is_message) {
      clean_message(*reflection.MutableMessage(&m, f));
    }
  }
}

}  // namespace

void clean_strings(ControlFrame& frame) { clean_message(frame); }

void put_payload(const payload& from, Packet& to, std::vector<buffer>& bulk) {
  std::visit(putter{to, bulk}, from);
}

result<payload> get_payload(direct::packet_fields&& from, std::span<const buffer> bulk) {
  if (const auto* a = std::get_if<direct::audio_fields>(&from.body)) return get_audio(*a, bulk);
  auto t = get_tensor(std::move(std::get<direct::tensor_fields>(from.body)), bulk);
  if (!t) return fail(t);
  return std::move(*t);
}

result<payload> get_payload(const Packet& from, std::span<const buffer> bulk) {
  switch (from.body_case()) {
    case Packet::kAudio: {
      const auto& m = from.audio();
      return get_audio({m.rate_hz(), m.channels(), m.first_sample(), fields_of(m.samples())}, bulk);
    }
    case Packet::kVideo: return get_video(from.video(), bulk);
    case Packet::kTensor: {
      auto t = get_tensor(from.tensor(), bulk);
      if (!t) return fail(t);
      return std::move(*t);
    }
    case Packet::kText: {
      const auto& m = from.text();
      return text{clean_text(m.value()), clean_text(m.role()), m.request(), !m.partial()};
    }
    case Packet::kToolCall: {
      const auto& m = from.tool_call();
      return tool_call{m.call(), m.request(), clean_text(m.tool()), clean_text(m.arguments_json())};
    }
    case Packet::kToolResult: return get_tool_result(from.tool_result());
    case Packet::kDelegation: return get_delegation(from.delegation());
    case Packet::kTrainingExample: return get_training_example(from.training_example(), bulk);
    case Packet::kAdapter: return get_adapter(from.adapter(), bulk);
    case Packet::kControl: return get_control(from.control());
    case Packet::BODY_NOT_SET: break;
  }
  return fail(codec_error::unknown_payload, "a packet whose body is not known here");
}

}  // namespace hocket::wire
