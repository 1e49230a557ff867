#include <cmath>
#include <random>

#include "engine/audio/wav.hpp"
#include "graph/text/number_words.hpp"
#include "plugins/asr_pocketsphinx/recognizer.hpp"
#include "plugins/dialogue_rules/understanding.hpp"
#include "plugins/tts_flite/flite_voice.hpp"
#include "tests/integration/conversation/graph_runner.hpp"

using namespace hocket;
using namespace hocket::testing;

namespace {

constexpr int rate_hz = 16000;

/// Sound of a person: flite's voices over the faint noise of a room.
class person {
 public:
  explicit person(double seconds) : samples_(static_cast<std::size_t>(seconds * rate_hz)) {
    std::minstd_rand random(3);
    std::normal_distribution<float> noise(0, 0.0005f);
    for (auto& s : samples_) s = noise(random);
  }
  /// Returns the end of the words in seconds. 0 dB is speech of -20 dBFS rms.
  double say(double at_s, const std::string& words, const std::string& voice = "rms",
             double gain_db = 0) {
    const auto made = tts_flite::flite_voice(voice, {}).say(words);
    REQUIRE(made);
    double power = 0;
    for (const float s : made->samples) power += s * s / static_cast<double>(made->samples.size());
    const auto gain = static_cast<float>(0.1 / std::sqrt(power) * std::pow(10, gain_db / 20));
    const auto first = static_cast<std::size_t>(at_s * rate_hz);
    REQUIRE(first + made->samples.size() < samples_.size());
    for (std::size_t i = 0; i < made->samples.size(); ++i)
      samples_[first + i] += gain * made->samples[i];
    return at_s + static_cast<double>(made->words.back().end) / rate_hz;
  }
  const std::vector<float>& samples() const { return samples_; }

 private:
  std::vector<float> samples_;
};

/// One run of the graph with a person's sound, and what came of it.
struct conversation {
  graph_runner runner;
  host::run_summary done;

  conversation(const std::string& name, const person& who) : runner("cascade-" + name) {
    REQUIRE(engine::write_wav(runner.path("person.wav"), who.samples(), 1));
    done = runner.run(graph_runner::file_text("configs/graphs/cascade.yaml"),
                      {"actors.mic.file=" + runner.path("person.wav"), "actors.mic.pad_s=4"});
    INFO(runner.failed_to_start.message, " ", done.detail);
    REQUIRE(done.why == host::end_reason::finished);
  }
  struct entry {
    double t_s;
    std::string text;
  };
  std::vector<entry> of(const std::string& kind) const {
    std::vector<entry> out;
    for (const auto& l : runner.lines("record.jsonl", kind))
      out.push_back({l["t_ms"].get<double>() / 1000, l.value("text", l.value("task", ""))});
    return out;
  }
  std::string said(double from_s = 0, double to_s = 1e9) const {
    std::string out;
    for (const auto& w : of("words"))
      if (w.t_s >= from_s && w.t_s < to_s) out += (out.empty() ? "" : " ") + w.text;
    return out;
  }
  /// Loudness of the model in what a person would have heard, rms of [-1, 1].
  double heard(double from_s, double to_s) const {
    const auto model = channel_of(runner.text("conversation.wav"), 1, 2);
    double sum = 0;
    const auto from = static_cast<std::size_t>(from_s * rate_hz);
    const auto to = std::min(static_cast<std::size_t>(to_s * rate_hz), model.size());
    for (auto i = from; i < to; ++i) sum += std::pow(model[i] / 32768.0, 2);
    return to > from ? std::sqrt(sum / static_cast<double>(to - from)) : 0;
  }
};

asr_pocketsphinx::recognizer_options domain() {
  return {.grammar = "configs/models/cascade/domain.gram",
          .words = "configs/models/cascade/words.dict"};
}

dialogue_rules::reply_table replies() {
  const auto read =
      dialogue_rules::read_replies(graph_runner::file_text("configs/models/cascade/replies.txt"));
  REQUIRE(read);
  return *read;
}

}  // namespace

TEST_CASE("the recogniser understands flite's voices") {
  std::vector<std::string> sentences{"stop",         "what is the weather in london",
                                     "count to ten", "say ping every three seconds",
                                     "how are you",  "what is your name",
                                     "good morning", "say yes when you hear a color",
                                     "translate",    "hey john what is two plus two",
                                     "uh huh",       "what time is it"};
  for (int n = 0; n <= 10; ++n)
    sentences.push_back("what is " + number_words(n) + (n % 2 ? " plus " : " times ") +
                        number_words((n * 7 + 3) % 11));
  for (const char* voice : {"rms", "awb", "kal16", "slt"}) {
    auto made = asr_pocketsphinx::recognizer::open(domain());
    REQUIRE(made);
    std::size_t right = 0;
    std::string wrong;
    for (const auto& sentence : sentences) {
      person who(4);
      who.say(0.2, sentence, voice);
      const auto heard = (*made)->recognize(who.samples());
      REQUIRE(heard);
      right += *heard == sentence;
      if (*heard != sentence) wrong += "\n" + sentence + " -> " + *heard;
    }
    MESSAGE(std::string(voice), ": ", right, " of ", sentences.size(), wrong);
    CHECK(right + 2 >= sentences.size());
  }
}

TEST_CASE("every fixed phrase is in the grammar, and the rules answer it") {
  const auto grammar = asr_pocketsphinx::words_of_grammar(
      graph_runner::file_text("configs/models/cascade/domain.gram"));
  const auto known = replies();
  CHECK(known.size() >= 20);
  for (const auto& [phrase, reply] : known) {
    std::istringstream words(phrase);
    for (std::string word; words >> word;)
      CHECK_MESSAGE(std::ranges::binary_search(grammar, word), phrase << ": " << word);
    const auto heard = dialogue_rules::understand(phrase, known);
    REQUIRE(heard.requests.size() == 1);
    CHECK(heard.requests[0].words == reply);
  }
}

TEST_CASE("a sum is answered, half a second after its end") {
  person who(6);
  const double end_s = who.say(0.5, "what is three plus four");
  const conversation c("sum", who);
  CHECK(c.said() == "that is seven");
  REQUIRE(!c.of("words").empty());
  const double latency_s = c.of("words")[0].t_s + 0.06 - end_s;
  CHECK(latency_s > 0.4);
  CHECK(latency_s < 0.8);
  // It sounds when it says so, and is silent before.
  CHECK(c.heard(0, end_s + 0.4) == 0);
  CHECK(c.heard(end_s + latency_s, end_s + latency_s + 0.8) > 0.01);
}

TEST_CASE("a pause does not make it answer half a question") {
  person who(8);
  const double cut_s = who.say(0.5, "what is three");
  const double end_s = who.say(cut_s + 1.3, "plus four");
  const conversation c("pause", who);
  CHECK(c.said(0, end_s).empty());
  CHECK(c.said() == "that is seven");
}

TEST_CASE("stop breaks a count off, and what did not sound is not reported") {
  person who(12);
  const double asked_s = who.say(0.5, "count to ten");
  const double stop_s = asked_s + 3;
  who.say(stop_s, "stop");
  const conversation c("stop", who);
  CHECK(c.said().starts_with("one two three"));
  CHECK(c.said().ends_with("okay"));
  CHECK(c.said().find("ten") == std::string::npos);
  CHECK(c.heard(stop_s - 0.8, stop_s) > 0.005);
  CHECK(c.heard(stop_s + 0.45, stop_s + 0.75) == 0);
  CHECK(graph_runner::counter(c.done, "tts", "interrupted") == 1);
}

TEST_CASE("a count goes on after a backchannel, and through somebody far") {
  person who(14);
  const double asked_s = who.say(0.5, "count to ten");
  who.say(asked_s + 2.5, "uh huh");
  who.say(asked_s + 6.5, "what is two plus two", "kal16", -22);
  const conversation c("backchannel", who);
  CHECK(c.said().ends_with("seven eight nine ten"));
  CHECK(c.said().find("that") == std::string::npos);
  CHECK(graph_runner::counter(c.done, "tts", "resumed") == 1);
}

TEST_CASE("a product goes to the background, and its result is said") {
  person who(6);
  who.say(0.5, "what is seven times eight");
  const conversation c("delegation", who);
  CHECK(c.said() == "let me check it is fifty six");
  const auto calls = c.runner.lines("record.jsonl", "tool_calls");
  REQUIRE(calls.size() == 1);
  CHECK(calls[0]["tool"] == "calculator");
}

TEST_CASE("who is called by another name is not answered") {
  person who(6);
  who.say(0.5, "hey mary what is two plus two");
  const conversation c("bystander", who);
  CHECK(c.of("heard").size() == 1);
  CHECK(c.said().empty());
}

TEST_CASE("the same sound gives the same run") {
  person who(7);
  const double end_s = who.say(0.5, "count to five");
  who.say(end_s + 1.7, "how are you", "kal16");
  const conversation a("same-a", who), b("same-b", who);
  CHECK(a.runner.text("record.jsonl") == b.runner.text("record.jsonl"));
  CHECK(a.runner.text("conversation.wav") == b.runner.text("conversation.wav"));
  CHECK(!a.said().empty());
}
