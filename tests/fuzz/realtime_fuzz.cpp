#include "actors/gateway/realtime/beta.hpp"
#include "actors/gateway/realtime/machine.hpp"
#include "actors/gateway/sound.hpp"
#include "tests/fuzz/gateway_conversation.hpp"

// Input: a conversation, see gateway_conversation.hpp; one that begins with sound over a track is a call.
// Held under the names of today and of the beta.
namespace hocket::fuzz {
namespace {

void run(std::span<const std::uint8_t> bytes) {
  static const auto schema = schema_of("realtime"), of_beta = schema_of("realtime_beta");
  gateway::realtime::settings how;
  how.sees = true;
  how.has_track = !bytes.empty() && bytes[0] == 'P';
  if (how.has_track) how.resume_key = "rtc_k";
  gateway::realtime::machine machine{how};
  converse(machine, schema, bytes);
  gateway::realtime::beta beta{std::make_unique<gateway::realtime::machine>(how)};
  converse(beta, of_beta, bytes);
}

std::string sound(bool loud) {
  std::string pcm;
  for (int i = 0; i < 1200; ++i) {
    const int v = loud ? (i / 20 % 2 == 0 ? 8000 : -8000) : 0;
    pcm += static_cast<char>(v & 255);
    pcm += static_cast<char>(v >> 8);
  }
  return R"({"type":"input_audio_buffer.append","audio":")" + gateway::encode_base64(pcm) + "\"}\n";
}

std::vector<std::string> seeds() {
  std::string turn;
  for (int i = 0; i < 4; ++i) turn += sound(true);
  for (int i = 0; i < 11; ++i) turn += sound(false) + "\n";
  const std::string update =
      R"({"type":"session.update","event_id":"e","session":{"type":"realtime","instructions":"x","tools":[{"type":"function","name":"f","parameters":{}}],"audio":{"input":{"format":{"type":"audio/pcm","rate":24000},"turn_detection":{"type":"server_vad"},"transcription":{"model":"w"}},"output":{"format":{"type":"audio/pcmu"}}}}})"
      "\n";
  const std::string manual =
      R"({"type":"session.update","session":{"output_modalities":["text"],"audio":{"input":{"turn_detection":null}}}})"
      "\n";
  const std::string flat =
      R"({"type":"session.update","session":{"modalities":["text"],"input_audio_format":"g711_ulaw","turn_detection":null,"temperature":1}})"
      "\n";
  const std::string item =
      R"({"type":"conversation.item.create","item":{"id":"i","type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}})"
      "\n";
  std::string call;
  for (int i = 0; i < 20; ++i) call += i < 8 ? "P\n" : "PP\n";
  return {
      call + "V\nWhi\nV\nNNN\nS\nS\nS\nS\nNNNNNNNNNNNNNN\nV\n" + call,
      flat + item + R"({"type":"response.create","response":{"modalities":["audio","text"]}})" +
          "\nWhi\nV\nS\nS\nS\nS\nS",
      update + turn + "Whello\nV\nV\nS\nS\nS\nHwhat\n" +
          R"({"type":"conversation.item.truncate","item_id":"item_sess_1_3","content_index":0,"audio_end_ms":100})",
      manual + turn + "V\n" + R"({"type":"input_audio_buffer.commit"})" + "\n" +
          R"({"type":"response.create","response":{"metadata":{"a":"b"},"conversation":"none"}})" +
          "\nWhi\nV\n" + R"({"type":"response.cancel"})" + "\n" + R"({"type":"response.cancel"})",
      item + R"({"type":"conversation.item.retrieve","item_id":"i"})" + "\n" +
          R"({"type":"conversation.item.delete","item_id":"i"})" + "\n" +
          R"({"type":"input_audio_buffer.clear"})" + "\nTf\nV\nTf\nS\nS\nS\n" +
          R"({"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"call_1","output":"4"}})",
      R"({"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="}]}})"
      "\n"};
}

}  // namespace

extern const target realtime;
const target realtime = {"realtime", run, seeds};

}  // namespace hocket::fuzz
