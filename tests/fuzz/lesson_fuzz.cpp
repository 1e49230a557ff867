#include "actors/background/learning.hpp"
#include "actors/trainer/examples/text_example.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: what a trainer or a judge of talks sends to an agent.
namespace hocket::fuzz {
namespace {

void run(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  const auto size = static_cast<std::int64_t>(copy.size());
  const training_example e{{{"json", tensor{dtype::u8, {size}, buffer::take(std::move(copy))}}},
                           ""};
  const auto lessons = background::read_lessons(e);
  if (!lessons) return;
  for (const auto& l : *lessons) HOCKET_ASSERT(!l.task.empty() && !l.answer.empty());
  const auto again = trainer::json_of(trainer::json_example(*trainer::json_of(e), ""));
  HOCKET_ASSERT(again && *again == *trainer::json_of(e));
}

std::vector<std::string> seeds() {
  return {
      R"({"lessons": [{"task": "a", "answer": "b", "calls": [{"tool": "t", "arguments": {"n": 1}, "result": "r"}]}]})",
      R"({"lessons": [{"task": "a", "transcript": "c", "answer": "b"}, {"task": "", "calls": 3}]})",
      R"({"lessons": []})", R"([[[[{"lessons": 1e999}]]]])"};
}

}  // namespace

extern const target lesson;
const target lesson = {"lesson", run, seeds};

}  // namespace hocket::fuzz
