#include "actors/interaction/remote/machine.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

#include <sstream>

// Input: a byte that chooses the protocol, then a conversation, a line each: what the server says (`{…` or
// anything), or a letter for what the graph does: `A` sound, `T` text, `R` result of call `c`, `X` cut,
// `L` the connection breaks and another one stands, a blank: 100 ms pass.
namespace hocket::fuzz {
namespace {

void run(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  const auto m = remote::make_machine(static_cast<remote::protocol_kind>(bytes[0] % 5), {});
  std::int64_t now_ms = 0;
  std::size_t calls = 0;
  const auto step = [&](auto f) {
    remote::output out;
    f(out);
    for (const auto& text : out.messages)
      HOCKET_ASSERT(gateway::parse_object(text, 1000).has_value());
    for (const auto& e : out.events) {
      if (const auto* s = std::get_if<remote::sound>(&e)) HOCKET_ASSERT(!s->samples.empty());
      if (const auto* c = std::get_if<remote::call>(&e)) {
        HOCKET_ASSERT(!c->id.empty() && !c->task.empty() && c->task.size() <= 500);
        ++calls;
      }
    }
    HOCKET_ASSERT(m->open_calls() <= 64);
  };
  step([&](auto& out) { m->begin(now_ms, out); });
  std::istringstream lines(std::string(bytes.begin() + 1, bytes.end()));
  int n = 0;
  for (std::string line; std::getline(lines, line) && ++n < 300;) {
    const char kind = line.size() == 1 ? line[0] : '{';
    step([&](remote::output& out) {
      switch (kind) {
        case 'A': return m->hear(std::vector<float>(800, 0.1f), out);
        case 'T': return m->type("hello", out);
        case 'R': return m->result("c", "done", out);
        case 'X': return m->cut("i", 100, out);
        case 'L': m->lost(); return m->begin(now_ms, out);
        case ' ': return m->advance(now_ms += 100, out);
        default: m->receive(line, now_ms, out);
      }
    });
  }
  step([&](auto& out) { m->end(out); });
}

std::vector<std::string> seeds() {
  const std::string zero(1, '\0');
  const std::string realtime =
      R"({"type":"session.created","session":{"id":"s","expires_at":1}})"
      "\n"
      R"({"type":"session.updated","session":{}})"
      "\nA\nT\n"
      R"({"type":"response.created","response":{"id":"r"}})"
      "\n"
      R"({"type":"response.output_item.added","item":{"type":"message","id":"i"}})"
      "\n"
      R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAAAAA=="})"
      "\n"
      R"({"type":"response.function_call_arguments.done","call_id":"c","name":"background","arguments":"{\"task\":\"x\"}"})"
      "\nX\n"
      R"({"type":"response.done","response":{"status":"failed","output":[],"usage":{"input_tokens":1}}})"
      "\nR\nL\n"
      R"({"type":"error","error":{"code":"x","message":"m"}})";
  const std::string live =
      R"({"type":"session.started","session":{}})"
      "\nA\n"
      R"({"type":"session.output_audio.delta","delta":"AAAA"})"
      "\n"
      R"({"type":"session.delegation.created","delegation":{"id":"c","task":"x"}})"
      "\nR\n"
      R"({"type":"session.usage.updated","usage":{"seconds":4}})";
  const std::string gemini =
      R"({"setupComplete":{}})"
      "\nA\n"
      R"({"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm;rate=24000","data":"AAAA"}}]},"turnComplete":true}})"
      "\n"
      R"({"toolCall":{"functionCalls":[{"id":"c","name":"background","args":{"task":"x"}}]}})"
      "\nR\n"
      R"({"goAway":{"timeLeft":"9s"}})";
  const std::string duplex =
      R"({"type":"session.created","session_id":"s","resume_token":"t","server_event_seq":1})"
      "\n"
      R"({"type":"session.updated","session":{}})"
      "\nA\n \n \nL\n"
      R"({"type":"session.resumed","session_id":"s"})";
  const std::string own =
      R"({"type":"hello","seq":1,"resume":"k","resumed":false})"
      "\nA\n"
      R"({"type":"voice","seq":2,"start_ms":0,"end_ms":200,"open":true,"audio":"AAAA"})"
      "\n"
      R"({"type":"tool","seq":3,"call":"c","name":"background","mine":true,"arguments":"{\"task\":\"x\"}"})"
      "\nR\nL\n"
      R"({"type":"error","code":"cannot_resume","message":"gone"})";
  return {zero + realtime, std::string("\1") + live, std::string("\2") + gemini,
          std::string("\3") + duplex, std::string("\4") + own};
}

}  // namespace

extern const target remote_model;
const target remote_model = {"remote_model", run, seeds};

}  // namespace hocket::fuzz
