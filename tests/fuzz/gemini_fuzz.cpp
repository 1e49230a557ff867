#include "actors/gateway/gemini/machine.hpp"
#include "tests/fuzz/gateway_conversation.hpp"

// Input: a conversation, see gateway_conversation.hpp.
namespace hocket::fuzz {
namespace {

void run(std::span<const std::uint8_t> bytes) {
  static const auto schema = schema_of("gemini");
  gateway::gemini::settings how;
  how.sees = true;
  gateway::gemini::machine machine{how};
  converse(machine, schema, bytes);
}

std::vector<std::string> seeds() {
  const std::string setup =
      R"({"setup":{"model":"models/m","generationConfig":{"responseModalities":["AUDIO"]},"systemInstruction":{"parts":[{"text":"x"}]},"tools":[{"functionDeclarations":[{"name":"clock","parameters":{}}]}],"sessionResumption":{},"outputAudioTranscription":{},"inputAudioTranscription":{},"realtimeInputConfig":{"automaticActivityDetection":{"disabled":true}}}})"
      "\n";
  const std::string snake =
      R"({"setup":{"model":"m","generation_config":{"response_modalities":["TEXT"]}}})"
      "\n"
      R"({"realtime_input":{"media_chunks":[{"mime_type":"audio/pcm;rate=8000","data":"AAAA_-8A"},{"mime_type":"image/png","data":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk-M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="}]}})"
      "\n"
      R"({"client_content":{"turns":[{"role":"user","parts":[{"text":"hi"}]}],"turn_complete":true}})"
      "\nWfour\nV\nS\nS\nS\n";
  return {
      setup + R"({"realtimeInput":{"activityStart":{}}})" + "\n" +
          R"({"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"AAAAAAAA"}}})" +
          "\nV\n" + R"({"realtimeInput":{"activityEnd":{}}})" +
          "\nWhello\nV\nHhi\nTclock\nC\nS\nS\nS\n",
      setup + "Tclock\n" +
          R"({"toolResponse":{"functionResponses":[{"id":"call_1","name":"clock","response":{"a":1}}]}})",
      snake};
}

}  // namespace

extern const target gemini;
const target gemini = {"gemini", run, seeds};

}  // namespace hocket::fuzz
