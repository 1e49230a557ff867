#include "actors/gateway/live/machine.hpp"
#include "tests/fuzz/gateway_conversation.hpp"

// Input: a conversation, see gateway_conversation.hpp; one that begins with sound over a track is a call.
namespace hocket::fuzz {
namespace {

void run(std::span<const std::uint8_t> bytes) {
  static const auto schema = schema_of("live");
  gateway::live::settings how;
  how.has_track = !bytes.empty() && bytes[0] == 'P';
  if (how.has_track) {
    how.session = {{"model", "m"}, {"delegation", {{"type", "client"}}}};
    how.session_id = how.resume_key = "live_k";
  }
  gateway::live::machine machine{std::move(how)};
  converse(machine, schema, bytes);
}

std::vector<std::string> seeds() {
  const auto start = [](const char* more) {
    return std::string(
               R"({"type":"session.start","event_id":"go","session":{"model":"m","instructions":"x",)") +
           more + "}}\n";
  };
  const std::string rest =
      R"({"type":"session.input_audio.append","audio":"AAAAAAAA"})"
      "\nV\nS\nWhello\nHhi\nDwhat time\nTclock\n"
      R"({"type":"session.thinking.append","content":"t","delegation_id":"d_1","event_id":"a"})"
      "\n"
      R"({"type":"session.commentary.append","content":"c","delegation_id":null})"
      "\n"
      R"({"type":"session.instructions.append","content":"i"})"
      "\n"
      R"({"type":"response.item.create","item":{"type":"function_call_output","call_id":"call_1","output":"x"}})"
      "\n"
      R"({"type":"response.create"})"
      "\n"
      R"({"type":"session.input_audio.mute"})"
      "\n"
      R"({"type":"session.close","event_id":"bye"})";
  return {
      start(
          R"("audio":{"format":{"type":"audio/pcm","rate":16000}},"delegation":{"type":"client"})") +
          rest,
      start(
          R"("delegation":{"type":"responses","responses":{"model":"m","tools":[{"type":"function","name":"clock"}]}})") +
          rest + "\n" +
          R"({"type":"session.update","session":{"delegation":{"responses":{"tools":[]}}}})",
      start(
          R"("audio":{"format":{"type":"audio/pcma"}},"input":[{"role":"user","content":[{"text":"hi"}]}])") +
          rest,
      "P\nPP\nV\nNN\nMx\nU\nM\n" + rest};
}

}  // namespace

extern const target live;
const target live = {"live", run, seeds};

}  // namespace hocket::fuzz
