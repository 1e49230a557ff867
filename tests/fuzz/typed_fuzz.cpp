#include <nlohmann/json.hpp>

#include "actors/observe/packet_text.hpp"
#include "graph/core/assert.hpp"
#include "graph/text/clean.hpp"
#include "tests/fuzz/targets.hpp"

// Input: the kind of payload, and what somebody typed for `hocket send`.
namespace hocket::fuzz {
namespace {

/// What is let in is clean, and can be shown and typed again.
void run(std::span<const std::uint8_t> bytes) {
  constexpr payload_kind kinds[] = {payload_kind::text, payload_kind::tool_call,
                                    payload_kind::tool_result, payload_kind::delegation,
                                    payload_kind::audio};
  if (bytes.empty()) return;
  const auto kind = kinds[bytes[0] % std::size(kinds)];
  const std::string typed(reinterpret_cast<const char*>(bytes.data()) + 1, bytes.size() - 1);
  const auto what = observe::payload_of(kind, typed);
  if (!what) {
    HOCKET_ASSERT(what.error().code.starts_with("send."));
    return;
  }
  HOCKET_ASSERT(kind_of(*what) == kind);
  if (const auto* said = std::get_if<text>(&*what))
    HOCKET_ASSERT(clean_text(said->value) == said->value);
  const auto shown = observe::figures_of(*what, true, 1u << 20).dump();
  HOCKET_ASSERT(nlohmann::json::accept(shown));
}

std::vector<std::string> seeds() {
  const auto of = [](char kind, const std::string& typed) { return kind + typed; };
  return {of(0, "hello"),
          of(0, R"({"value": "hello", "role": "user", "final": true})"),
          of(1, R"({"call": 1, "request": 2, "tool": "x", "arguments_json": "{}"})"),
          of(2, R"({"tool": "x", "status": "timed_out", "content": "late"})"),
          of(3, R"({"request": 1, "task": "look", "action": "cancel", "supersedes": 3})"),
          of(0, "\x1b[31mred\xff"),
          of(4, "1 2 3")};
}

}  // namespace

extern const target typed;
const target typed = {"typed", run, seeds};

}  // namespace hocket::fuzz
