#include "graph/contract/payload.hpp"

#include "graph/core/assert.hpp"

namespace hocket {

std::string_view to_string(payload_kind kind) {
  switch (kind) {
    case payload_kind::audio: return "audio";
    case payload_kind::video: return "video";
    case payload_kind::tensor: return "tensor";
    case payload_kind::text: return "text";
    case payload_kind::tool_call: return "tool_call";
    case payload_kind::tool_result: return "tool_result";
    case payload_kind::delegation: return "delegation";
    case payload_kind::training_example: return "training_example";
    case payload_kind::adapter: return "adapter";
    case payload_kind::control: return "control";
  }
  HOCKET_ASSERT(false);
}

std::string_view to_string(outcome value) {
  switch (value) {
    case outcome::ok: return "ok";
    case outcome::failed: return "failed";
    case outcome::cancelled: return "cancelled";
    case outcome::timed_out: return "timed_out";
    case outcome::superseded: return "superseded";
  }
  HOCKET_ASSERT(false);
}

std::string_view to_string(control::kind value) {
  switch (value) {
    case control::kind::interrupt: return "interrupt";
    case control::kind::input_lost: return "input_lost";
    case control::kind::input_recovered: return "input_recovered";
    case control::kind::end_of_stream: return "end_of_stream";
    case control::kind::bound: return "bound";
    case control::kind::played: return "played";
    case control::kind::stop: return "stop";
  }
  HOCKET_ASSERT(false);
}

namespace {
struct sizer {
  std::size_t operator()(const audio_chunk& v) const { return v.samples.size_bytes(); }
  std::size_t operator()(const video_frame& v) const { return v.pixels.size_bytes(); }
  std::size_t operator()(const tensor& v) const { return v.data.size_bytes(); }
  std::size_t operator()(const text& v) const { return v.value.size(); }
  std::size_t operator()(const tool_call& v) const {
    return v.tool.size() + v.arguments_json.size();
  }
  std::size_t operator()(const tool_result& v) const { return v.tool.size() + v.content.size(); }
  std::size_t operator()(const delegation& v) const { return v.task.size() + v.transcript.size(); }
  std::size_t operator()(const training_example& v) const {
    std::size_t n = 0;
    for (const auto& [name, value] : v.tensors) n += name.size() + value.data.size_bytes();
    return n;
  }
  std::size_t operator()(const adapter& v) const {
    return v.weights.size_bytes() + v.card_json.size();
  }
  std::size_t operator()(const control& v) const { return v.detail.size(); }
};
}  // namespace

std::size_t size_bytes(const payload& p) { return std::visit(sizer{}, p); }

}  // namespace hocket
