#pragma once

#include <fstream>
#include <sstream>
#include <string>

#include "actors/gateway/event_schema.hpp"
#include "actors/gateway/protocol.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

namespace hocket::fuzz {

inline gateway::event_schema schema_of(const std::string& protocol) {
  std::ostringstream text;
  text << std::ifstream(HOCKET_SOURCE_DIR "/actors/gateway/schema/" + protocol + ".json").rdbuf();
  return gateway::event_schema::read(text.str()).value();
}

/// What the graph does where a line says so; the rest of the line is its text.
inline gateway::graph_event event_of(char kind, std::string text, std::int64_t now_ms) {
  using namespace gateway;
  switch (kind) {
    case 'V': return voice{now_ms, std::vector<float>(3200, 0.2f), true};
    case 'S': return voice{now_ms, std::vector<float>(3200), false};
    case 'W': return said{std::move(text), now_ms, now_ms + 200};
    case 'H': return heard{std::move(text), now_ms, now_ms + 200, text.size() % 2 == 0};
    case 'D': return delegated{"d_1", std::move(text), now_ms, 0, now_ms};
    case 'C': return tool_call_cancelled{"call_1"};
    case 'G': return graph_state{std::move(text)};
    case 'E': return ending{std::move(text), 1000};
    case 'L': return lost_sound{static_cast<std::int64_t>(text.size())};
    case 'R': return turn_state{now_ms, 0.5, -20, {true, false, true, false}, 6, 1};
    case 'Q': return tool_seen{"call_2", "d_1", "clock", std::move(text), now_ms % 200 ? "ok" : ""};
    case 'F': return found_out{"d_1", std::move(text)};
    case 'M': return model_state{text.size() % 2 == 0, 1000};
    case 'N': return sound_left{static_cast<std::int64_t>(text.size()) * 100};
    default: return tool_call{"call_1", std::move(text), {{"a", 1}}};
  }
}

/// A whole conversation: a line each for what the client sends (`{…`), says over a track (`P`), what the
/// graph tells (a letter of `event_of`), another connection that goes on (`U`), or 100 ms that pass (anything else). Every event that leaves is held to the schema, and
/// what a protocol wants of the graph to its bounds.
inline void converse(gateway::protocol& p, const gateway::event_schema& schema,
                     std::span<const std::uint8_t> bytes) {
  std::int64_t now_ms = 0;
  const auto check = [&](const gateway::output& out) {
    for (const auto& m : out.messages) {
      const auto parsed = gateway::parse_object(m, 1000);
      HOCKET_ASSERT(parsed.has_value());
      HOCKET_ASSERT(schema.wrong_with(*parsed).empty());
    }
    for (const auto& a : out.actions)
      if (const auto* h = std::get_if<gateway::hear_sound>(&a)) HOCKET_ASSERT(!h->samples.empty());
  };
  gateway::output first;
  p.begin(0, first);
  check(first);
  std::istringstream lines(std::string(bytes.begin(), bytes.end()));
  int n = 0;
  for (std::string line; std::getline(lines, line) && ++n < 300;) {
    gateway::output out;
    const char kind = line.empty() ? ' ' : line[0];
    if (kind == 'P') {
      p.hear(std::vector<float>(320, line.size() % 2 == 0 ? 0.3f : 0.0f), now_ms, out);
    } else if (std::string_view("VSWHDCTGELRQFNM").find(kind) != std::string_view::npos) {
      // What the graph says is text; a client's own bytes come as messages.
      std::string text;
      for (const char c : line.substr(1)) text += static_cast<char>(c & 0x7f);
      p.on_graph(event_of(kind, text, now_ms), now_ms, out);
    } else if (kind == 'U') {
      if (!p.resume_key().empty())
        p.resume(line.substr(1), {line.size() % 2 == 0, "k"}, now_ms, out);
    } else if (kind == ' ') {
      p.advance(now_ms += 100, out);
    } else {
      p.receive(line, now_ms, out);
    }
    check(out);
  }
  gateway::output last;
  if (n % 2 == 0)
    p.end("over", now_ms, last);
  else
    p.break_off("nobody answers", 1011, now_ms, last);
  check(last);
}

}  // namespace hocket::fuzz
