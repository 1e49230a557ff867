#include "actors/observe/port_desk.hpp"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <limits>

#include <nlohmann/json.hpp>

#include "actors/host/run/run_plan.test.hpp"
#include "actors/host/socket_file.hpp"
#include "actors/observe/packet_text.hpp"
#include "actors/start_run.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::observe;
using namespace hocket::testing;
using json = nlohmann::json;

namespace {

/// One line to a run's socket, and its answer.
std::string ask_socket(const std::string& path, const std::string& line) {
  const auto at = socket_file::at(path);
  REQUIRE(at);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(fd, at->address(), socket_file::size_bytes) == 0);
  const auto asked = line + "\n";
  REQUIRE(::write(fd, asked.data(), asked.size()) == static_cast<ssize_t>(asked.size()));
  std::string out;
  for (char c = 0; ::read(fd, &c, 1) == 1 && c != '\n';) out += c;
  ::close(fd);
  return out;
}

/// keys (until it is told to end) > end, in real time, with a desk at its socket.
struct stage {
  port_desk desk{"", true, 120};  // a loaded machine may take long from one question to the next
  std::shared_ptr<std::atomic<bool>> over = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<std::atomic<bool>> held = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<notebook> heard = std::make_shared<notebook>();
  std::string folder;
  plan_maker g;
  std::unique_ptr<runtime> run;

  stage() {
    std::string name = (std::filesystem::temp_directory_path() / "hocket-desk-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  void start() {
    g.add("keys", 0, 1, [over = over] {
      auto c = std::make_unique<lambda_component>();
      c->on_produce = [over](timestamp, emitter&) -> result<source_state> {
        return over->load() ? source_state::end_of_stream : source_state::more;
      };
      return c;
    });
    g.source("keys", 5);
    g.add("end", 1, 0, [heard = heard, held = held] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [heard, held](std::size_t, const packet& p, emitter&) -> result<void> {
        while (held->load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        heard->add(p.get_if<text>()->value);
        return {};
      };
      return c;
    });
    g.info("end").blocking = true;
    g.link("keys", 0, "end", 0, {.size = 1});
    start_options o;
    o.observers = {&desk};
    o.status_socket = folder + "/hocket.sock";
    o.answer = [this](const std::string& line, const port_desk::sayer& say) {
      return desk.answer(line, say);
    };
    auto made = start_run(g.make(), g.types, o);
    REQUIRE(made);
    run = std::move(*made);
  }
  ~stage() {
    over->store(true);
    held->store(false);
    run.reset();
    std::filesystem::remove_all(folder);
  }
  json ask(const std::string& line) {
    return json::parse(run ? ask_socket(folder + "/hocket.sock", line) : desk.answer(line, {}));
  }
  /// What became of a packet.
  json sent(const json& answer) {
    json out;
    REQUIRE(answer.contains("send"));
    REQUIRE(eventually([&] {
      out = ask("sent " + answer["send"].dump());
      return out != json::object({{"state", "waiting"}});
    }));
    return out;
  }
  run_summary end() {
    over->store(true);
    held->store(false);
    auto done = run->wait();
    CHECK(done.last.law_holds());
    return done;
  }
};

json typed(const std::string& output, const std::string& payload, int session = 1) {
  return {{"output", output}, {"payload", payload}, {"session", session}};
}

}  // namespace

TEST_CASE("echo and send: what is sent in an actor's name is heard, counted and shown") {
  stage s;
  CHECK(s.desk.answer("status", {}) == "");
  CHECK(s.ask(R"(echo {"output": "keys.out0"})")["code"] == "echo.not_yet");
  s.start();
  const auto begun = s.ask(R"(echo {"output": "keys.out0"})");
  CHECK(begun["kind"] == "text");
  const auto echoed = "echoed " + begun["echo"].dump();
  CHECK(s.ask(echoed)["total"] == 0);
  CHECK(s.sent(s.ask("send " + typed("keys.out0", "hello \x1b[2Jthere").dump()))["seq"] == 0);
  const auto second =
      s.sent(s.ask("send " + typed("keys.out0", R"({"value": "two", "role": "model"})").dump()));
  CHECK(second["seq"] == 1);
  CHECK(second["session"] == 1);
  const auto seen = s.ask(echoed);
  REQUIRE(seen["packets"].size() == 2);
  CHECK(seen["missed"] == 0);
  CHECK(seen["packets"][0]["payload"]["value"] == "hello there");
  CHECK(seen["packets"][0]["payload"]["role"] == "user");
  CHECK(seen["packets"][1]["payload"]["role"] == "model");
  CHECK(seen["packets"][1]["seq"] == 1);
  CHECK(seen["packets"][1]["age_ms"] >= 0);
  CHECK(s.ask(echoed)["packets"].empty());
  CHECK(s.ask("echo_end " + begun["echo"].dump()).contains("ended"));
  CHECK(s.ask(echoed)["code"] == "echo.over");
  const auto done = s.end();
  CHECK(s.heard->lines() == std::vector<std::string>{"hello there", "two"});
  CHECK(done.last.links[0].sent == 2);
}

TEST_CASE("hz: an output and an input are measured, and none that is not there") {
  stage s;
  CHECK(s.ask(R"(hz {"output": "keys.out0"})")["code"] == "echo.not_yet");
  s.start();
  const auto out = s.ask(R"(hz {"output": "keys.out0"})");
  const auto in = s.ask(R"(hz {"output": "end.in0"})");
  const auto other = s.ask(R"(hz {"output": "keys.out0", "session": 9})");
  CHECK(out["outputs"] == json::array({"keys.out0"}));
  CHECK(in["outputs"] == json::array({"keys.out0"}));
  CHECK(s.ask(R"(hz {"output": "keys.out"})")["code"] == "echo.no_output");
  CHECK(s.ask(R"(hz {"output": "end.in9"})")["code"] == "echo.no_output");
  for (const char* words : {"1234", "12", "1234"})
    s.sent(s.ask("send " + typed("keys.out0", words).dump()));
  for (const auto& begun : {out, in}) {
    const auto seen = s.ask("hz_of " + begun["hz"].dump());
    CHECK(seen["packets"] == 3);
    CHECK(seen["bytes"] == 10);
    CHECK(seen["per_s"] > 0);
    CHECK(seen["min_ms"] <= seen["mean_ms"]);
    CHECK(seen["mean_ms"] <= seen["max_ms"]);
    CHECK(seen["jitter_ms"] >= 0);
    const auto again = s.ask("hz_of " + begun["hz"].dump());
    CHECK(again["packets"] == 0);
    CHECK(again["all"]["packets"] == 3);
    CHECK(!again.contains("mean_ms"));
  }
  CHECK(s.ask("hz_of " + other["hz"].dump())["packets"] == 0);
  CHECK(s.ask("hz_of 99")["code"] == "echo.over");
  for (const auto& begun : {out, in, other})
    CHECK(s.ask("hz_end " + begun["hz"].dump())["ended"] == begun["hz"]);
  CHECK(s.ask("hz_end " + out["hz"].dump())["code"] == "echo.over");
  CHECK(s.ask("hz_of " + out["hz"].dump())["code"] == "echo.over");
  // Who ends his leaves room for others, however many come.
  for (std::size_t i = 0; i < 2 * port_desk::echoes_max; ++i) {
    const auto begun = s.ask(R"(hz {"output": "keys.out0"})");
    REQUIRE(begun.contains("hz"));
    s.ask("hz_end " + begun["hz"].dump());
  }
  s.end();
}

TEST_CASE("hz: of an actor with an output and an input of one name each can be measured") {
  port_desk desk("", true, 120);
  plan_maker g;
  g.add("src", 0, 1, counter_source(0));
  g.source("src", 5);
  const auto quiet = [] { return std::make_unique<lambda_component>(); };
  g.add("pass", 1, 1, quiet);
  g.info("pass").inputs[0].name = g.info("pass").outputs[0].name = "text";
  g.add("end", 1, 0, quiet);
  g.link("src", 0, "pass", 0);
  g.link("pass", 0, "end", 0);
  const auto graph = g.make();
  const manual_clock time;
  desk.started(graph, time);
  const auto ask = [&](const char* line) { return json::parse(desk.answer(line, {})); };
  const auto out = ask(R"(hz {"output": "pass.text"})"), in = ask(R"(hz {"input": "pass.text"})");
  CHECK(out["outputs"] == json::array({"pass.text"}));
  CHECK(out["is"] == "output");
  CHECK(out["also"] == "input");
  CHECK(in["outputs"] == json::array({"src.out0"}));
  CHECK(in["is"] == "input");
  CHECK(in["also"] == "output");
  const auto plain = ask(R"(hz {"output": "end.in0"})");
  CHECK(plain["is"] == "input");
  CHECK(!plain.contains("also"));
  CHECK(ask(R"(hz {"input": "src.out0"})")["code"] == "echo.no_input");
  CHECK(ask(R"(hz {"input": "pass.tex"})")["error"] ==
        "no input that is fed is called `pass.tex`; did you mean `pass.text`?");
}

TEST_CASE("echo: a packet is put into words without the lock: whoever asks does not wait for it") {
  port_desk desk("", true, 120);
  plan_maker g;
  g.add("src", 0, 1, counter_source(0));
  g.source("src", 5);
  g.add("end", 1, 0, [] { return std::make_unique<lambda_component>(); });
  g.link("src", 0, "end", 0);
  const auto graph = g.make();
  // The clock is asked while a packet is put into words: it asks the desk itself.
  struct asking_clock final : clock {
    port_desk* desk = nullptr;
    mutable std::string answer;
    bool is_virtual() const override { return true; }
    timestamp now() const override {
      answer = desk->answer("echoed 1", {});
      return {};
    }
  };
  asking_clock time;
  time.desk = &desk;
  desk.started(graph, time);
  CHECK(json::parse(desk.answer(R"(echo {"output": "src.out0"})", {}))["echo"] == 1);
  desk.packet_emitted(graph, 0, 0, make_packet(timestamp(), text{"hello", "user"}));
  CHECK(json::parse(time.answer)["total"] == 1);
  CHECK(json::parse(desk.answer("echoed 1", {}))["packets"].size() == 1);
}

TEST_CASE("hz: a meter outlives its period") {
  port_desk desk("", true, 0);  // forgets at once what says no period
  plan_maker g;
  g.add("src", 0, 1, counter_source(0));
  g.source("src", 5);
  g.add("end", 1, 0, [] { return std::make_unique<lambda_component>(); });
  g.link("src", 0, "end", 0);
  const auto graph = g.make();
  const manual_clock time;
  desk.started(graph, time);
  const auto ask = [&](const std::string& line) { return json::parse(desk.answer(line, {})); };
  CHECK(ask(R"(hz {"output": "src.out0", "every_s": 60})")["hz"] == 1);
  CHECK(ask(R"(hz {"output": "src.out0"})")["hz"] == 2);
  CHECK(ask("hz_of 1").contains("packets"));
  CHECK(ask("hz_of 2")["code"] == "echo.over");
  for (const char* wrong : {"-1", "1e9", R"("1")"})
    CHECK(ask(std::string(R"(hz {"output": "src.out0", "every_s": )") + wrong + "}")["code"] ==
          "echo.bad_request");
}

TEST_CASE("echo and send: mistakes are told, with what would be right") {
  stage s;
  s.start();
  const auto code = [&](const std::string& line) { return s.ask(line)["code"].get<std::string>(); };
  const auto error = [&](const std::string& line) {
    return s.ask(line)["error"].get<std::string>();
  };
  CHECK(error(R"(echo {"output": "keys.out"})").find("did you mean `keys.out0`") !=
        std::string::npos);
  CHECK(error(R"(echo {"output": "end.in0"})").find("fed by keys.out0") != std::string::npos);
  CHECK(code(R"(echo {"output": 7})") == "echo.bad_request");
  CHECK(code("echo {") == "echo.bad_request");
  CHECK(code("echoed x") == "echo.over");
  CHECK(code("sent 99") == "send.unknown");
  CHECK(code("send " + typed("nobody.text", "x").dump()) == "echo.no_output");
  CHECK(code("send " + typed("keys.out0", R"({"valu": "x"})").dump()) == "send.bad_payload");
  CHECK(code("send " + typed("keys.out0", R"({"value": 7})").dump()) == "send.bad_payload");
  CHECK(s.sent(s.ask("send " + typed("keys.out0", "x", 9).dump()))["code"] == "send.no_session");
  s.end();
  CHECK(s.sent(s.ask("send " + typed("keys.out0", "x").dump())).contains("error"));
}

TEST_CASE("an actor whose receiver is full takes a sent packet later; nobody waits for it") {
  stage s;
  s.held->store(true);
  s.start();
  std::vector<json> answers;
  for (int i = 0; i < 6; ++i)
    answers.push_back(s.ask("send " + typed("keys.out0", std::to_string(i)).dump()));
  CHECK(s.ask("sent " + answers.back()["send"].dump())["state"] == "waiting");
  s.held->store(false);
  for (const auto& a : answers) CHECK(s.sent(a)["state"] == "sent");
  s.end();
  CHECK(s.heard->lines() == numbers(6));
}

TEST_CASE("an echo that nobody fetches keeps a bounded number and counts the rest") {
  port_desk desk("", false, 120);
  plan_maker g;
  constexpr int total = 2000;
  g.add("src", 0, 1, counter_source(total));
  g.source("src", 5);
  std::string seen;
  auto asked = std::make_shared<std::atomic<int>>(0);
  g.add("end", 1, 0, [&] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [&, asked](std::size_t, const packet&, emitter&) -> result<void> {
      if (asked->exchange(1) == 0) desk.answer(R"(echo {"output": "src.out0"})", {});
      return {};
    };
    return c;
  });
  g.link("src", 0, "end", 0);
  runtime_options o;
  o.observers = {&desk};
  run_plan(g, true, o);
  const auto got = json::parse(desk.answer("echoed 1", {}));
  CHECK(got["packets"].size() == port_desk::kept_max);
  CHECK(got["total"].get<int>() > total / 2);
  CHECK(got["missed"].get<int>() ==
        got["total"].get<int>() - static_cast<int>(port_desk::kept_max));
  // With --no-pii no word is shown.
  CHECK_FALSE(got["packets"][0]["payload"].contains("value"));
  CHECK(got["packets"][0]["payload"].contains("value_bytes"));
}

TEST_CASE("payloads as figures, and typed ones as payloads: whatever the bytes, no throw") {
  audio_chunk a;
  std::vector<float> wave{0.5F, -0.5F, 0.5F, -0.5F};
  a.samples = buffer::take(std::vector<float>(wave));
  auto j = figures_of(a, true);
  CHECK(j["frames"] == 4);
  CHECK(j["rms"] == 0.5);
  tensor t;
  t.type = dtype::f32;
  t.shape = {2};
  t.data = buffer::take(std::vector<float>{1.0F, std::numeric_limits<float>::quiet_NaN()});
  CHECK(figures_of(t, true).contains("shape"));
  text long_one{std::string(10'000, 'x'), "model"};
  CHECK(figures_of(long_one, true)["cut"] == 10'000);
  CHECK(figures_of(long_one, true)["value"].get<std::string>().size() == 4096);
  const auto call =
      payload_of(payload_kind::tool_call,
                 R"({"tool": "clock", "arguments_json": {"zone": "utc"}, "call": 3})");
  REQUIRE(call);
  CHECK(std::get<tool_call>(*call).arguments_json == R"({"zone":"utc"})");
  const auto outcome =
      payload_of(payload_kind::tool_result, R"({"tool": "x", "status": "timed_out"})");
  REQUIRE(outcome);
  CHECK(std::get<tool_result>(*outcome).status == hocket::outcome::timed_out);
  CHECK(payload_of(payload_kind::audio, "1 2 3").error().code == "send.cannot_type");
  CHECK(payload_of(payload_kind::control, "stop").error().code == "send.cannot_type");
  for (const char* nasty :
       {"", "[]", "{", "null", "{\"task\": 1}", "{\"task\": \"x\", \"request\": -1}",
        "{\"task\": \"x\", \"action\": \"fly\"}", "\xff\xfe", "{\"a\":{\"b\":[[[[1]]]]}}"})
    for (const auto kind :
         {payload_kind::delegation, payload_kind::tool_call, payload_kind::tool_result})
      CHECK_FALSE(payload_of(kind, nasty));
}
