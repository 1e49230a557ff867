// Held-out conversations as a closed loop plays them.
#include "tools/hocket/eval/heldout.hpp"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "tools/scenarios/words.hpp"

using namespace hocket;
using namespace hocket::cli;

namespace {

/// What comes in by itself, in words.
std::string typed_of(const engine::script& s, const engine::vocabulary& words) {
  std::string out;
  for (const auto token : s.typed)
    if (token != engine::vocabulary::pad) out += words.token_of(token) + " ";
  return out;
}

}  // namespace

TEST_CASE("what is typed comes in by itself, a result only when the model asks for it") {
  const auto& words = scenarios::nano_vocabulary();
  scenarios::source_options source;
  source.families = {"typed"};
  const auto typed = heldout_scripts(source, words, 4);
  REQUIRE_MESSAGE(typed, typed.error().message);
  std::size_t errands = 0;
  for (const auto& s : *typed) {
    const auto all = typed_of(s, words);
    CHECK(!all.empty());
    for (const auto& e : s.errands) {
      if (e.answered >= s.micro_turns) continue;
      CHECK(s.typed[static_cast<std::size_t>(e.answered)] == engine::vocabulary::pad);
      ++errands;
    }
  }
  CHECK(errands > 0);
  source.families = {"delegate"};
  const auto spoken = heldout_scripts(source, words, 2);
  REQUIRE(spoken);
  for (const auto& s : *spoken) {
    CHECK(!s.errands.empty());
    CHECK(typed_of(s, words).empty());
  }
}
