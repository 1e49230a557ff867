// A server that misbehaves, in more than 40 ways: each is survived, counted or told, and the conversation
// goes on where it can.
#include <doctest/doctest.h>

#include "actors/interaction/remote/server.test.hpp"
#include "actors/interaction/remote/voice_queue.hpp"

using namespace hocket;
using namespace hocket::remote;
using namespace hocket::remote::testing;

namespace {

enum class fate : std::uint8_t {
  counted,    ///< as `odd`, with that counter
  ignored,    ///< nothing comes of it
  complains,  ///< told, and the conversation goes on
  refused,    ///< told, and no other connection would help
  over        ///< this connection is done
};

struct misdeed {
  const char* what;
  protocol_kind kind;
  std::string message;
  fate ends;
  const char* counter = "";
};

std::string deep(int n) {
  return R"({"type":)" + std::string(static_cast<std::size_t>(n), '[') +
         std::string(static_cast<std::size_t>(n), ']') + "}";
}

std::string delta(const std::string& what) {
  return R"({"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":)" +
         what + "}";
}

std::string called_as(const std::string& fields) {
  return R"({"type":"response.function_call_arguments.done",)" + fields + "}";
}

std::vector<misdeed> misdeeds() {
  using enum fate;
  constexpr auto rt = protocol_kind::realtime, lv = protocol_kind::live, gm = protocol_kind::gemini,
                 vl = protocol_kind::vllm_duplex, hk = protocol_kind::hocket;
  const std::string loud = "\"" + pcm(200, 24'000) + "\"";
  std::vector<misdeed> out;
  for (const auto k : {rt, lv, gm, vl, hk}) {
    out.push_back({"no JSON", k, "hello", counted, "bad_messages"});
    out.push_back({"an empty message", k, "", counted, "bad_messages"});
    out.push_back({"a list", k, "[1]", counted, "bad_messages"});
    out.push_back({"half a message", k, R"({"type":"sess)", counted, "bad_messages"});
    out.push_back({"JSON without end in depth", k, deep(5000), counted, "bad_messages"});
    out.push_back({"bytes that are no text", k, "\xff\xfe{\"type\":1}", counted, "bad_messages"});
    out.push_back({"an object without a type", k, "{}", counted, "bad_messages"});
  }
  const std::vector<misdeed> others = {
      {"sound that is no text", rt, delta("7"), counted, "bad_sound"},
      {"sound that is null", rt, delta("null"), counted, "bad_sound"},
      {"sound that is no base64", rt, delta("\"!!!\""), counted, "bad_sound"},
      {"half a sample", rt, delta("\"AAAA\""), ignored},
      {"no sound at all", rt, delta("\"\""), ignored},
      {"three megabytes of sound", rt, delta("\"" + std::string(3 << 20, 'A') + "\""), counted,
       "oversized_sound"},
      {"a call without an id", rt, called_as(R"("name":"background","arguments":"{}")"), counted,
       "bad_calls"},
      {"a call with an id without end", rt,
       called_as(R"("call_id":")" + std::string(1000, 'x') + R"(","arguments":"{}")"), counted,
       "bad_calls"},
      {"a call of another function", rt, called_as(R"("call_id":"c","name":"rm","arguments":"{}")"),
       counted, "unknown_functions"},
      {"a call without a task", rt,
       called_as(R"("call_id":"c","name":"background","arguments":"{}")"), counted, "bad_calls"},
      {"a call whose task is a number", rt,
       called_as(R"("call_id":"c","name":"background","arguments":"{\"task\":7}")"), counted,
       "bad_calls"},
      {"a call whose arguments are an object", rt,
       called_as(R"("call_id":"c","name":"background","arguments":{"task":"x"})"), counted,
       "bad_calls"},
      {"an event that nobody knows", rt, R"({"type":"response.dream"})", ignored},
      {"a type that is a number", rt, R"({"type":7})", counted, "bad_messages"},
      {"a response that is a text", rt, R"({"type":"response.created","response":"r"})", ignored},
      {"done without a response", rt, R"({"type":"response.done"})", ignored},
      {"an output that is an object", rt,
       R"({"type":"response.done","response":{"output":{"a":{"type":"function_call"}}}})", counted,
       "bad_calls"},
      {"a cost beyond all bounds", rt,
       R"({"type":"response.done","response":{"usage":{"input_tokens":1e300,"output_tokens":-5}}})",
       ignored},
      {"an answer that failed", rt,
       R"({"type":"response.done","response":{"status":"failed","status_details":{"error":{"code":"x"}}}})",
       complains},
      {"a complaint", rt, R"({"type":"error","error":{"code":"invalid_value","message":"m"}})",
       complains},
      {"a complaint without a word", rt, R"({"type":"error"})", complains},
      {"a complaint that is a list", rt, R"({"type":"error","error":[1]})", complains},
      {"a complaint about what is over", rt,
       R"({"type":"error","error":{"code":"response_cancel_not_active"}})", ignored},
      {"a wrong key", rt, R"({"type":"error","error":{"code":"invalid_api_key"}})", refused},
      {"no money left", rt, R"({"type":"error","error":{"code":"insufficient_quota"}})", refused},
      {"an end by age", rt, R"({"type":"error","error":{"code":"session_expired"}})", over},
      {"a transcript that is a number", rt,
       R"({"type":"conversation.item.input_audio_transcription.completed","transcript":7})",
       ignored},
      {"another session replaced ours", vl, R"({"type":"session.replaced"})", over},
      {"a sequence that runs backwards", vl, R"({"type":"x","server_event_seq":-9})", ignored},
      {"a delegation without an id", lv, R"({"type":"session.delegation.created"})", counted,
       "bad_calls"},
      {"a delegation that nobody asked for", lv,
       R"({"type":"session.delegation.created","delegation":{"id":"d"}})", counted, "bad_calls"},
      {"time that runs backwards", lv, R"({"type":"session.usage.updated","usage":{"seconds":-1}})",
       ignored},
      {"usage that is a text", lv, R"({"type":"session.usage.updated","usage":"much"})", ignored},
      {"a goodbye in mid-word", lv, R"({"type":"session.closed"})", over},
      {"parts that are no list", gm, R"({"serverContent":{"modelTurn":{"parts":7}}})", ignored},
      {"a rate that nobody hears", gm,
       R"({"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm;rate=1","data":""}}]}}})",
       counted, "bad_sound"},
      {"a rate beyond numbers", gm,
       R"({"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm;rate=99999999999999","data":"AAAA"}}]}}})",
       ignored},
      {"a call that is a text", gm, R"({"toolCall":{"functionCalls":["x"]}})", counted,
       "bad_calls"},
      {"an end of a call that never was", gm, R"({"toolCallCancellation":{"ids":["x",7]}})",
       ignored},
      {"a time that is no time", gm, R"({"goAway":{"timeLeft":"soon"}})", ignored},
      {"a handle without end", gm,
       R"({"sessionResumptionUpdate":{"resumable":true,"newHandle":")" + std::string(9000, 'h') +
           R"("}})",
       ignored},
      {"a voice that ends before it begins", hk,
       R"({"type":"voice","seq":5,"start_ms":400,"end_ms":200})", counted, "bad_sound"},
      {"a voice of an hour", hk, R"({"type":"voice","seq":5,"start_ms":0,"end_ms":3600000})",
       counted, "bad_sound"},
      {"a voice again", hk, R"({"type":"voice","seq":1,"start_ms":0,"end_ms":200})", counted,
       "repeated"},
      {"a call of its own tools", hk, R"({"type":"tool","seq":5,"call":"1","mine":false})",
       ignored},
      {"a bye", hk, R"({"type":"bye","seq":5})", over},
  };
  out.insert(out.end(), others.begin(), others.end());
  return out;
}

}  // namespace

TEST_CASE("a server that misbehaves in each of these ways") {
  int ways = 0;
  for (const auto& bad : misdeeds()) {
    CAPTURE(bad.what);
    CAPTURE(static_cast<int>(bad.kind));
    ++ways;
    server s(bad.kind);
    s.is_ready();
    s.events.clear();
    const auto sent = s.sent.size();
    s.says(bad.message);
    const auto troubles = s.all<trouble>();
    if (bad.ends == fate::counted)
      CHECK(s.counted(bad.counter) == 1);
    else
      CHECK(s.all<odd>().empty());
    CHECK((troubles.size() == 1) == (bad.ends == fate::complains || bad.ends == fate::refused));
    if (!troubles.empty()) CHECK(troubles[0].is_final == (bad.ends == fate::refused));
    CHECK((s.all<goodbye>().size() == 1) == (bad.ends == fate::over));
    CHECK(s.all<call>().empty());
    // Before it listens the same does no harm either, and a call that was refused has its answer.
    CHECK(s.sent.size() <= sent + 2);
    server early(bad.kind);
    early.says(bad.message);
    // What is said properly afterwards is heard as before.
    s.events.clear();
    s.reconnects();
    s.is_ready();
    CHECK(s.all<ready>().size() == 1);
  }
  CHECK(ways >= 40);
}

TEST_CASE("a server that calls without end, or twice, or answers what was cut") {
  server s(protocol_kind::realtime);
  s.is_ready();
  for (int i = 0; i < 200; ++i)
    s.says(called_as("\"call_id\":\"c" + std::to_string(i) +
                     R"(","name":"background","arguments":"{\"task\":\"x\"}")"));
  CHECK(s.all<call>().size() == 64);
  CHECK(s.counted("too_many_calls") == 136);
  s.result("c0", "done");
  s.says(called_as(R"("call_id":"c0","name":"background","arguments":"{\"task\":\"x\"}")"));
  CHECK(s.all<call>().size() == 64);  // answered: not made again
  CHECK(s.m->open_calls() == 63);
}

TEST_CASE("a voice that runs all the time may not fall behind, one in answers may wait") {
  const auto tone = [](int ms) {
    return std::vector<float>(static_cast<std::size_t>(16 * ms), 0.5f);
  };
  const auto quiet = [](int ms) { return std::vector<float>(static_cast<std::size_t>(16 * ms)); };
  voice_queue live({.is_continuous = true, .jitter_ms = 60, .lag_ms = 1'000});
  CHECK(live.put(tone(200), "", 0) == 0);
  CHECK(live.take(800, 9)[0] == 0);  // waits for what may be late
  CHECK(live.take(800, 10)[0] == 0.5f);
  std::int64_t lost = 0;
  for (int i = 0; i < 20; ++i) lost += live.put(tone(200), "", 100);
  CHECK(lost > 3'000);
  CHECK(live.waiting_ms() <= 1'000);
  live.clear();
  for (int i = 0; i < 4; ++i) live.put(quiet(200), "", 1'000);
  live.take(800, 2'000);  // silence is what is given up first
  CHECK(live.waiting_ms() <= 350);

  // Each hole makes it more patient, up to its bound.
  voice_queue rough({.is_continuous = true, .jitter_ms = 40});
  std::int64_t now = 0;
  for (const int patience : {10, 30, 40, 40}) {
    rough.put(tone(50), "", now);
    CHECK(rough.take(800, now + patience - 1)[0] == 0);
    CHECK(rough.take(800, now + patience)[0] == 0.5f);
    rough.take(800, now + 100);  // nothing came: a hole
    now += 1'000;
  }
  CHECK(rough.holes() == 4);

  // The first chunk was 100 ms later than those after it: made up for where it is silent.
  live.clear();
  const auto heard_late = [&](std::int64_t from, bool loud) {
    std::int64_t waited = 0;
    for (std::int64_t now = from; now < from + 2'000; now += 50) {
      if (now % 200 == 0) live.put(loud ? tone(200) : quiet(200), "", now);
      live.take(800, now);
      if (now % 200 == 150) waited = live.waiting_ms();  // least: before the next comes
    }
    return waited;
  };
  live.put(tone(200), "", 9'900);
  live.take(800, 10'000);
  const auto before = heard_late(10'000, true);
  CHECK(before >= 100);
  CHECK(heard_late(12'000, false) <= 100);
  const auto after = heard_late(14'000, true);
  CHECK(heard_late(16'000, true) == after);

  // Silence that waits where a voice comes is not waited for, but for a moment.
  voice_queue calm({.is_continuous = true, .jitter_ms = 60});
  calm.put(quiet(200), "", 0);
  calm.take(800, 20);
  calm.put(tone(200), "", 100);
  CHECK(calm.waiting_ms() == 210);
  CHECK(calm.take(160, 100)[159] == 0);
  CHECK(calm.take(160, 110)[0] == 0.5f);
  calm.put(tone(200), "", 300);
  CHECK(calm.waiting_ms() == 390);  // what is said is not left out

  voice_queue turns({.is_continuous = false, .jitter_ms = 0, .ahead_ms = 10'000});
  CHECK(turns.put(tone(8'000), "one", 0) == 0);
  CHECK(turns.put(tone(8'000), "two", 0) == 6'000);  // the begin is being heard: the end goes
  for (int i = 0; i < 20; ++i) turns.take(800, 0);
  CHECK(turns.item() == "one");
  CHECK(turns.taken_ms() == 1'000);
  turns.clear();
  CHECK(turns.is_empty());
  turns.put(tone(100), "three", 0);
  turns.take(800, 0);
  turns.take(1600, 0);
  CHECK(turns.holes() == 1);
  CHECK(turns.item() == "three");
}

TEST_CASE("sound in crumbs costs no more memory than sound") {
  voice_queue turns({.is_continuous = false, .jitter_ms = 0, .ahead_ms = 10'000});
  std::int64_t lost = 0;
  for (int i = 0; i < 200'000; ++i) lost += turns.put({0.5f}, "one", 0);
  CHECK(turns.waiting_ms() == 10'000);
  turns.clear();
  for (int i = 0; i < 100'000; ++i) turns.put({0.5f}, i % 2 == 0 ? "one" : "two", 0);
  CHECK(turns.waiting_ms() < 2'000);
  server s(protocol_kind::realtime);
  s.is_ready();
  auto big = realtime_sound("r", "i", 200);
  big["item_id"] = std::string(100'000, 'i');
  s.says(big);
  REQUIRE(s.all<sound>().size() == 1);
  CHECK(s.all<sound>()[0].item.size() <= 256);
}
