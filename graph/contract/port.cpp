#include "graph/contract/port.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/core/assert.hpp"

namespace hocket {

std::string_view to_string(full_policy policy) {
  switch (policy) {
    case full_policy::block: return "block";
    case full_policy::drop_oldest: return "drop_oldest";
    case full_policy::drop_newest: return "drop_newest";
    case full_policy::latest: return "latest";
  }
  HOCKET_ASSERT(false);
}

std::string_view to_string(input_policy policy) {
  switch (policy) {
    case input_policy::immediate: return "immediate";
    case input_policy::latest: return "latest";
    case input_policy::aligned: return "aligned";
    case input_policy::micro_turn: return "micro_turn";
  }
  HOCKET_ASSERT(false);
}

std::string media_type::to_string() const {
  std::string out(hocket::to_string(kind));
  if (rate_hz > 0) out += fmt::format(" {} Hz", rate_hz);
  if (channels > 0) out += fmt::format(" x{}", channels);
  if (element) out += fmt::format(" {}", hocket::to_string(*element));
  if (!shape.empty()) out += fmt::format(" [{}]", fmt::join(shape, ", "));
  return out;
}

std::string why_incompatible(const media_type& from, const media_type& to) {
  if (from.kind != to.kind)
    return fmt::format("{} cannot feed {}", to_string(from.kind), to_string(to.kind));
  if (from.rate_hz != 0 && to.rate_hz != 0 && from.rate_hz != to.rate_hz)
    return fmt::format("rate {} Hz cannot feed {} Hz", from.rate_hz, to.rate_hz);
  if (from.channels != 0 && to.channels != 0 && from.channels != to.channels)
    return fmt::format("{} channels cannot feed {}", from.channels, to.channels);
  if (from.element && to.element && *from.element != *to.element)
    return fmt::format("elements {} cannot feed {}", to_string(*from.element),
                       to_string(*to.element));
  if (!from.shape.empty() && !to.shape.empty()) {
    const bool same_rank = from.shape.size() == to.shape.size();
    bool fits = same_rank;
    for (std::size_t i = 0; fits && i < from.shape.size(); ++i)
      fits = from.shape[i] == -1 || to.shape[i] == -1 || from.shape[i] == to.shape[i];
    if (!fits)
      return fmt::format("shape [{}] cannot feed [{}]", fmt::join(from.shape, ", "),
                         fmt::join(to.shape, ", "));
  }
  return "";
}

queue_spec default_queue(payload_kind kind) {
  switch (kind) {
    case payload_kind::audio: return {.size = 64, .full = full_policy::block};
    case payload_kind::video: return {.size = 1, .full = full_policy::latest};
    case payload_kind::tensor: return {.size = 64, .full = full_policy::block};
    case payload_kind::text:
    case payload_kind::tool_call:
    case payload_kind::tool_result:
    case payload_kind::delegation: return {.size = 64, .full = full_policy::block};
    case payload_kind::training_example: return {.size = 16, .full = full_policy::block};
    case payload_kind::adapter: return {.size = 4, .full = full_policy::block};
    case payload_kind::control: return {.size = 256, .full = full_policy::block};
  }
  HOCKET_ASSERT(false);
}

}  // namespace hocket
