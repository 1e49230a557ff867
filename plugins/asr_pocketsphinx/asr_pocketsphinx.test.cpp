#include "plugins/asr_pocketsphinx/asr_pocketsphinx.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "engine/audio/wav.hpp"
#include "graph/contract/harness.hpp"

namespace hocket::asr_pocketsphinx {
namespace {

const std::string source = HOCKET_SOURCE_DIR;

std::string write(const std::string& name, const std::string& content) {
  const auto folder = std::filesystem::temp_directory_path() / "hocket-asr";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / name, std::ios::binary) << content;
  return (folder / name).string();
}

const char* const questions = R"(#JSGF V1.0;
// grammar of a comment; with "words"
grammar questions;
public <question> = what is <number> (times | /0.1/ plus) <number> {tag} | [please] <talk>;
/* nothing
   here */
<number> = seven | eight | nine;
<talk> = hello | isn't it;
)";

}  // namespace

TEST_CASE("words of a grammar are its terminals") {
  CHECK(words_of_grammar(questions) == std::vector<std::string>{"eight", "hello", "is", "isn't",
                                                                "it", "nine", "please", "plus",
                                                                "seven", "times", "what"});
  CHECK(words_of_grammar("").empty());
}

TEST_CASE("words of a language model are its unigrams") {
  const auto arpa =
      "\\data\\\nngram 1=4\n\n\\1-grams:\n-1.0 <s> -0.3\n-1.0 </s>\n-1 seven -0.3\n"
      "-1 eight\n\n\\2-grams:\n-1 seven nine\n\\end\\\n";
  CHECK(words_of_arpa(arpa) == std::vector<std::string>{"eight", "seven"});
}

TEST_CASE("what cannot be loaded is named, with a way out") {
  const auto code = [](const recognizer_options& o) {
    const auto made = recognizer::open(o);
    return made ? std::string("fine") : made.error().code;
  };
  const auto grammar = write("questions.gram", questions);
  CHECK(code({}) == "asr.no_language");
  CHECK(code({.grammar = grammar, .language_model = grammar}) == "asr.no_language");
  CHECK(code({.grammar = "/no/such.gram"}) == "asr.no_file");
  CHECK(code({.grammar = grammar, .acoustic_model = "/no/such"}) == "asr.no_file");
  CHECK(code({.grammar = grammar, .dictionary = "/no/such"}) == "asr.no_file");
  CHECK(code({.grammar = write("empty.gram", "#JSGF V1.0;\ngrammar e;\n")}) == "asr.cannot_load");
  const auto odd = write("odd.gram", "#JSGF V1.0;\ngrammar odd;\npublic <a> = xyzzyx | hello;\n");
  const auto unknown = recognizer::open({.grammar = odd});
  REQUIRE(!unknown);
  CHECK(unknown.error().code == "asr.unknown_words");
  CHECK(unknown.error().message.find("xyzzyx") != std::string::npos);
  CHECK(code({.grammar = odd, .words = write("bad.dict", "xyzzyx NO SUCH PHONES\n")}) ==
        "asr.bad_words");
  CHECK(code({.grammar = odd, .words = write("good.dict", "xyzzyx Z IH Z IY\n")}) == "fine");
  CHECK(
      code({.grammar = write("broken.gram", "#JSGF V1.0;\ngrammar b;\npublic <a> = (hello;\n")}) ==
      "asr.cannot_load");
}

TEST_CASE("asr.pocketsphinx: a question is written down, silence is not") {
  const auto wav = engine::read_wav(source + "/configs/graphs/speech/question_flite.wav");
  REQUIRE(wav);
  harness h(type_of<asr>(),
            {.config = settings({{"grammar", source + "/configs/models/cascade/domain.gram"},
                                 {"words", source + "/configs/models/cascade/words.dict"}})});
  REQUIRE(h.open());
  const auto push = [&](std::int64_t at, std::vector<float> samples) {
    REQUIRE(h.push("segments", timestamp::of_samples(at, 16000),
                   audio_chunk{16000, 1, at, buffer::take(std::move(samples))}));
  };
  push(1600, wav->samples);
  REQUIRE(h.outputs("text").size() == 1);
  const auto heard = h.outputs("text")[0];
  CHECK(heard.get_if<text>()->value == "what is seven times eight");
  CHECK(heard.get_if<text>()->role == "heard");
  CHECK(heard.header.ts ==
        timestamp::of_samples(1600 + static_cast<std::int64_t>(wav->samples.size()), 16000));
  push(64000, std::vector<float>(800, 0.1f));
  CHECK(h.counter("too_short") == 1);
  CHECK(h.outputs("text").size() == 1);
  CHECK(h.violations().empty());
}

}  // namespace hocket::asr_pocketsphinx
