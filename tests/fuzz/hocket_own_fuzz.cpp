#include "actors/gateway/own/machine.hpp"
#include "tests/fuzz/gateway_conversation.hpp"

// Input: a conversation, see gateway_conversation.hpp. At its end somebody comes back, with the last
// line as the first message.
namespace hocket::fuzz {
namespace {

void run(std::span<const std::uint8_t> bytes) {
  static const auto schema = schema_of("hocket");
  gateway::own::machine machine{{.resume_key = "k", .kept_bytes = 4'000, .sees = true}};
  std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  gateway::output out;
  machine.begin(0, out);
  machine.receive(R"({"type":"start"})", 0, out);
  machine.on_graph(gateway::said{"kept", 0, 200}, 1, out);
  machine.resume(all.substr(std::min(all.size(), all.rfind('\n') + 1)),
                 {bytes.size() % 2 == 0, "k"}, 2, out);
  for (const auto& m : out.messages)
    HOCKET_ASSERT(schema.wrong_with(*gateway::parse_object(m, 1000)).empty());
  gateway::own::machine fresh{{.resume_key = "k", .kept_bytes = 4'000, .sees = true}};
  converse(fresh, schema, bytes);
}

std::vector<std::string> seeds() {
  return {
      R"({"type":"start","sound":{"rate_hz":24000},"instructions":"x","tools":[{"name":"clock"}]})"
      "\n"
      R"({"type":"sound","audio":"AAAAAAAA"})"
      "\nV\nS\nWhello\nHhi\nDwhat time\nTclock\nC\n"
      R"({"type":"tool.result","call":"call_1","text":"noon"})"
      "\n"
      R"({"type":"interrupt"})"
      "\nV\nWold\n"
      R"({"type":"mute","on":true})"
      "\n"
      R"({"type":"graph","every_ms":1000})"
      "\nG{\"actors\":[]}\nE\nL\nR\nQ\nF\n"
      R"({"type":"ping","t":1})"
      "\n"
      R"({"type":"end","id":"x"})",
      R"({"type":"start"})"
      "\n"
      R"({"type":"text","text":"hi","id":4})"
      "\n"
      R"({"type":"picture","image":"/9j/4AAQSkZJRgABAQAAAQABAAD/wAARCAABAAEDASIAAhEBAxEB/9oADAMBAAIRAxEAPwD//Z"})"
      "\n"
      R"({"type":"forget"})",
      R"({"type":"start","resume":{"key":"k","after":1}})"};
}

}  // namespace

extern const target hocket_own;
const target hocket_own = {"hocket_own", run, seeds};

}  // namespace hocket::fuzz
