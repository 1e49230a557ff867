// The figures that a training run is watched by.
#include "tools/hocket/train/eval_on_the_way.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <unistd.h>

using namespace hocket;
using namespace hocket::cli;
namespace fs = std::filesystem;

TEST_CASE("words that nobody asked for, per minute: those that were due are none") {
  engine::closed_loop_result r;
  r.micro_turns = 600;  // two minutes
  CHECK(false_words_per_min(r) == 0);
  r.conversations = {{{.family = 3, .expected = 5, .said = 7, .found = 4, .exact = 0}},
                     {{.family = 24, .expected = 0, .said = 3, .found = 0, .exact = 0}}};
  CHECK(false_words_per_min(r) == doctest::Approx(3.0));
}

TEST_CASE("a row of eval.csv: the model before, in the field, and into talk that is not for it") {
  const auto folder =
      fs::temp_directory_path() / ("hocket-eval-on-the-way-" + std::to_string(::getpid()));
  fs::remove_all(folder);
  train_plan plan;
  plan.engine.output = folder.string();
  plan.seconds = 4, plan.eval_conversations = 2;
  plan.variety = scenarios::variety::rich;
  fs::create_directories(folder);
  std::ofstream(folder / "eval.csv") << "step,recall\n5,0.9\n";  // of an older program
  const std::string model = std::string(HOCKET_SOURCE_DIR) + "/configs/models/nano";
  const auto without = eval_on_the_way(plan, nullptr).run(model, 0);
  REQUIRE_MESSAGE(without, without.error().message);
  CHECK(without->field_recall == -1);
  CHECK(without->other_talk_words_per_min == -1);
  plan.field = 0.5;
  eval_on_the_way watched(plan, nullptr);
  const auto first = watched.run(model, 7);
  REQUIRE_MESSAGE(first, first.error().message);
  CHECK(first->recall == without->recall);  // the field changes nothing of what was known before
  CHECK(first->step == 7);
  CHECK(first->field_recall >= 0);
  CHECK(first->other_talk_words_per_min >= 0);
  const auto again = watched.run(model, 9);  // the same conversations
  REQUIRE(again);
  CHECK(again->field_recall == first->field_recall);
  CHECK(again->other_talk_words_per_min == first->other_talk_words_per_min);
  // A warm start brought other words: the conversations are written in those.
  plan.field = 0;
  const std::string later = std::string(HOCKET_SOURCE_DIR) + "/configs/models/duplex";
  eval_on_the_way alone(plan, nullptr), after_nano(plan, nullptr);
  const auto wanted = alone.run(later, 1);
  REQUIRE(after_nano.run(model, 0));
  const auto found = after_nano.run(later, 1);
  REQUIRE(wanted);
  REQUIRE(found);
  CHECK(found->line() == wanted->line());
  CHECK(fs::exists(folder / "eval.old.csv"));
  std::ifstream in(folder / "eval.csv");
  std::string line;
  std::vector<std::size_t> columns;
  while (std::getline(in, line))
    columns.push_back(static_cast<std::size_t>(std::ranges::count(line, ',')));
  CHECK(columns == std::vector<std::size_t>{12, 12, 12, 12, 12, 12, 12});
  fs::remove_all(folder);
}
