#include "plugins/dialogue_rules/dialogue_rules.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "graph/contract/harness.hpp"

namespace hocket::dialogue_rules {
namespace {

const std::string replies_path =
    std::string(HOCKET_SOURCE_DIR) + "/configs/models/cascade/replies.txt";

/// A conversation by hand: what the person says, with the events of a detector around it.
class conversation {
 public:
  conversation() { REQUIRE(h.open()); }

  /// An utterance of one second that ends (500 ms ago, when its words come) at `end_ms`.
  void hear(std::int64_t end_ms, const std::string& words) {
    event(end_ms - 1000, "speech_begin", end_ms - 900);
    event(end_ms, "speech_end", end_ms + 500);
    if (!words.empty())
      REQUIRE(h.push("text", timestamp::of_ms(end_ms + 200), text{words, "heard"}));
  }
  void event(std::int64_t at_ms, const std::string& what, std::int64_t now_ms) {
    until(now_ms);
    REQUIRE(h.push("events", timestamp::of_ms(at_ms), text{what, "vad"}));
  }
  void until(std::int64_t ms) { REQUIRE(h.advance_to(timestamp::of_ms(ms))); }
  void result(std::uint64_t request, std::vector<std::string> words) {
    for (std::size_t i = 0; i < words.size(); ++i)
      REQUIRE(
          h.push("results", h.now(), text{words[i], "background", request, i + 1 == words.size()}));
  }
  /// What was said since the last call, a text a line; `resume` as [resume].
  std::string said() {
    std::string out;
    for (const auto& p : h.take("say")) {
      const auto* t = p.get_if<text>();
      out += (out.empty() ? "" : "\n") + (t->role == "resume" ? "[resume]" : t->value);
    }
    return out;
  }
  std::vector<delegation> asked() {
    std::vector<delegation> out;
    for (const auto& p : h.take("delegations")) out.push_back(*p.get_if<delegation>());
    return out;
  }

  harness h{type_of<dialogue>(), {.config = settings({{"replies", replies_path}})}};
};

std::string kinds(const std::string& words, const std::vector<std::string>& before = {}) {
  static const reply_table replies{{"how are you", "i am fine"}, {"good night", "good night"}};
  const auto u = understand(words, replies, before);
  std::string out = u.corrects ? "corrects " : "";
  switch (u.what) {
    case understanding::kind::nothing: return out + "nothing";
    case understanding::kind::incomplete: return out + "incomplete";
    case understanding::kind::bystander: return out + "bystander";
    case understanding::kind::backchannel: return out + "backchannel";
    case understanding::kind::items: return out + "items";
    case understanding::kind::requests: break;
  }
  for (const auto& r : u.requests) {
    out += out.empty() || out.ends_with(" ") ? "" : ", ";
    out += std::to_string(static_cast<int>(r.what));
    for (const auto n : r.numbers) out += ":" + std::to_string(n);
    if (!r.words.empty()) out += "=" + r.words;
  }
  return out;
}

std::string with(request::kind kind, const std::string& rest = "") {
  return std::to_string(static_cast<int>(kind)) + rest;
}

}  // namespace

TEST_CASE("utterances are read") {
  using kind = request::kind;
  const auto task = [](const std::string& words) { return with(kind::delegate, words); };
  CHECK(kinds("what is three plus twenty one") == with(kind::sum, ":3:21"));
  CHECK(kinds("what is seven times eight") == task(":7:8=seven times eight"));
  CHECK(kinds("what is the weather in paris") == task("=weather paris"));
  CHECK(kinds("what time is it") == task("=time"));
  CHECK(kinds("what is the name of the dog") == task("=name dog"));
  CHECK(kinds("count to ten") == with(kind::count, ":10"));
  CHECK(kinds("say ping every two seconds") == with(kind::timer, ":2"));
  CHECK(kinds("how are you") == with(kind::reply, "=i am fine"));
  CHECK(kinds("hey hocket count to five") == with(kind::count, ":5"));
  CHECK(kinds("uh what is two plus two") == with(kind::sum, ":2:2"));
  CHECK(kinds("hey john count to five") == "bystander");
  CHECK(kinds("uh huh") == "backchannel");
  CHECK(kinds("seven eight") == "items");
  CHECK(kinds("dog red cat") == "items");
  CHECK(kinds("seven stop") == with(kind::stop));
  CHECK(kinds("the moon") == "nothing");
  CHECK(kinds("") == "nothing");
  CHECK(kinds("what is the weather in london bridge") == "nothing");
}

TEST_CASE("what is broken off is incomplete") {
  for (const char* words :
       {"what", "what is", "what is ten", "what is ten plus", "what is the weather in", "count to",
        "say ping every two", "how are", "good", "hey", "hey hocket", "what is two plus two and",
        "what is seven times eight no"})
    CHECK_MESSAGE(kinds(words) == "incomplete", words);
}

TEST_CASE("several requests in one utterance") {
  using kind = request::kind;
  CHECK(kinds("what is the weather in paris rome and oslo") ==
        with(kind::delegate, "=weather paris") + ", " + with(kind::delegate, "=weather rome") +
            ", " + with(kind::delegate, "=weather oslo"));
  CHECK(kinds("what is the weather in rome and what is two times three") ==
        with(kind::delegate, "=weather rome") + ", " +
            with(kind::delegate, ":2:3=two times three"));
  CHECK(kinds("how are you what time is it") ==
        with(kind::reply, "=i am fine") + ", " + with(kind::delegate, "=time"));
}

TEST_CASE("self-corrections") {
  using kind = request::kind;
  CHECK(kinds("what is seven times eight no nine") ==
        with(kind::delegate, ":7:9=seven times nine"));
  CHECK(kinds("what is three plus four no sorry five") == with(kind::sum, ":3:5"));
  CHECK(kinds("what is the weather in paris i mean rome") == with(kind::delegate, "=weather rome"));
  CHECK(kinds("what is one plus two no count to five") == with(kind::count, ":5"));
  // Of the request before; without one there is nothing to correct.
  const std::vector<std::string> before{"what", "is", "7", "times", "8"};
  CHECK(kinds("no nine", before) == "corrects " + with(kind::delegate, ":7:9=seven times nine"));
  CHECK(kinds("no seven times nine", before) ==
        "corrects " + with(kind::delegate, ":7:9=seven times nine"));
  CHECK(kinds("no nine") == "nothing");
}

TEST_CASE("reply files") {
  const auto read = read_replies("# fixed\nhow are  you = i am fine # yes\n\n");
  REQUIRE(read);
  CHECK(*read == reply_table{{"how are you", "i am fine"}});
  for (const char* bad : {"hello", "hello =", "= hello"}) {
    const auto refused = read_replies("\n" + std::string(bad));
    REQUIRE(!refused);
    CHECK(refused.error().message.find("line 2") != std::string::npos);
  }
  harness h(type_of<dialogue>(), {.config = settings({{"replies", "/no/such"}})});
  CHECK(h.open().error().code == "dialogue.no_file");
}

TEST_CASE("dialogue.rules: answers when the utterance has ended, across a pause") {
  conversation c;
  c.hear(1500, "what is three plus four");
  CHECK(c.said() == "that is seven");
  c.hear(5000, "what is ten");
  CHECK(c.said().empty());
  c.hear(7000, "plus four");
  CHECK(c.said() == "that is fourteen");
  CHECK(c.h.counter("joined") == 1);
  // Too late for a rest: it is only a beginning itself.
  c.hear(12000, "what is ten");
  c.hear(20000, "plus four");
  CHECK(c.said() == "[resume]");
  CHECK(c.h.violations().empty());
}

TEST_CASE("dialogue.rules: delegates, holds a result while the person speaks, keeps the order") {
  conversation c;
  c.hear(1500, "what is seven times eight");
  CHECK(c.said() == "let me check");
  auto asked = c.asked();
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].task == "seven times eight");
  CHECK(asked[0].transcript == "person: what is seven times eight");
  c.event(2600, "speech_begin", 2700);
  c.result(asked[0].request, {"fifty", "six"});
  CHECK(c.said().empty());
  c.event(3100, "speech_end", 3600);
  REQUIRE(c.h.push("text", timestamp::of_ms(3300), text{"is it done", "heard"}));
  CHECK(c.said() == "not yet\nit is fifty six");

  c.hear(8000, "what is the weather in paris and rome");
  asked = c.asked();
  REQUIRE(asked.size() == 2);
  c.said();
  c.result(asked[1].request, {"sunny"});
  CHECK(c.said().empty());
  c.result(asked[0].request, {"rainy"});
  CHECK(c.said() == "paris is rainy\nrome is sunny");
  c.hear(12000, "what is the name of the dog");
  c.said();
  c.result(c.asked().at(0).request, {"mud"});
  CHECK(c.said() == "it is m, u, d");
  c.result(99, {"nobody", "asked"});
  CHECK(c.said().empty());
  CHECK(c.h.violations().empty());
}

TEST_CASE("dialogue.rules: a late correction replaces the task, never mind cancels it") {
  conversation c;
  c.hear(1500, "what is seven times eight");
  const auto first = c.asked().at(0);
  c.said();
  c.hear(4000, "no nine");
  CHECK(c.said() == "okay");
  const auto second = c.asked();
  REQUIRE(second.size() == 1);
  CHECK(second[0].task == "seven times nine");
  CHECK(second[0].supersedes == first.request);
  c.result(first.request, {"fifty", "six"});
  CHECK(c.said().empty());
  c.result(second[0].request, {"sixty", "three"});
  CHECK(c.said() == "it is sixty three");

  c.hear(9000, "what time is it");
  c.said();
  const auto third = c.asked().at(0);
  c.hear(11000, "never mind");
  CHECK(c.said() == "okay");
  const auto cancelled = c.asked();
  REQUIRE(cancelled.size() == 1);
  CHECK(cancelled[0].what == delegation::action::cancel);
  CHECK(cancelled[0].request == third.request);
  c.result(third.request, {"ten"});
  CHECK(c.said().empty());
}

TEST_CASE("dialogue.rules: what asks for nothing lets an interrupted answer go on") {
  conversation c;
  for (const std::string words : {"uh huh", "hey john what is one plus one", "the moon"}) {
    c.hear(c.h.now().ns() / 1'000'000 + 3000, words);
    CHECK(c.said() == "[resume]");
  }
  // Nothing was understood at all: after settle_ms.
  c.hear(20000, "");
  CHECK(c.said().empty());
  c.until(21000);
  CHECK(c.said() == "[resume]");
}

TEST_CASE("dialogue.rules: modes, timer, clock, story") {
  conversation c;
  c.hear(1500, "translate");
  c.hear(4000, "seven two");
  c.hear(7000, "stop");
  CHECK(c.said() == "okay\nsiete, dos\nokay");
  c.hear(10000, "say yes when you hear a color");
  c.hear(13000, "dog red cat");
  c.hear(16000, "dog cat");
  c.hear(19000, "what is one plus one");  // another request ends the mode
  c.hear(22000, "red");
  CHECK(c.said() == "okay\nyes\nthat is two");

  c.hear(30000, "say ping every two seconds");
  CHECK(c.said() == "okay");
  c.until(35000);
  const auto pings = c.h.take("say");
  REQUIRE(pings.size() == 2);
  CHECK(pings[0].header.ts == timestamp::of_ms(32300));
  CHECK(pings[1].header.ts == timestamp::of_ms(34300));
  c.hear(36000, "stop");
  CHECK(c.said() == "okay");
  c.until(42000);
  CHECK(c.said().empty());

  c.hear(45000, "start the clock");
  c.hear(51100, "how long did that take");  // begins 5.1 s after the end of the order
  CHECK(c.said() == "okay\nfive seconds");

  c.hear(60000, "let me tell you a story");
  c.hear(63000, "john saw a black dog");
  c.hear(66000, "that is it");
  CHECK(c.said() == "okay\nuh huh\ngood story");
  CHECK(c.h.violations().empty());
}

TEST_CASE("dialogue.rules: words without a detector are answered at once") {
  conversation c;
  REQUIRE(c.h.push("text", timestamp::of_ms(100), text{"how do i make a bomb", "user"}));
  REQUIRE(c.h.push("text", timestamp::of_ms(200), text{"how do i make a cake", "user"}));
  REQUIRE(c.h.push("text", timestamp::of_ms(300), text{"count to three", "user"}));
  CHECK(c.said() == "sorry i can't help with that\nmix it and bake it\none, two, three");
}

}  // namespace hocket::dialogue_rules
