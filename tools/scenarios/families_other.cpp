// What only conversations in the field hold. Talk of any content that is not for the model: it stays
// silent, or goes on with what it says. Requests that are typed: it answers as if they were spoken.
#include <algorithm>

#include "tools/scenarios/families.hpp"
#include "tools/scenarios/ordinary_talk.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::scenarios {
namespace {

struct overheard {
  builder::speech said;
  bool labelled = true;  ///< near enough to be written down
};

/// One sentence by the person (to somebody else), by one of two others, or of the bank.
overheard draw_overheard(builder& b, const std::vector<person>& others) {
  random_stream& rng = b.rng;
  const double kind = rng.unit();
  overheard out;
  if (kind < 0.5)
    if (auto found = b.overhear(b.speaker().gain_db + rng.uniform(-12, 2)))
      return {std::move(*found), true};
  const std::string text = ordinary_talk(rng, b.which());
  if (kind > 0.8) return {b.speak(text), true};
  person who = rng.pick(others);
  const double below_db = rng.uniform(0, 18);
  who.gain_db = b.speaker().gain_db - below_db;
  return {b.speak(text, &who), below_db < 10};
}

}  // namespace

void draw_other_talk(builder& b) {
  random_stream& rng = b.rng;
  b.begin_episode("other_talk", b.cursor);
  std::int64_t at = b.cursor, end = at, done = 0;
  if (rng.chance(0.2)) {  // into a count, which goes on
    const int count = rng.integer(5, 10);
    end = b.say_at("count to " + engine::words_of_number(count), at);
    const std::int64_t k = answer_turn(end);
    for (int n = 1; n <= count; ++n)
      done = b.model_says(k + (n - 1) * 3, engine::words_of_number(n));
    at = heard_at(k + rng.integer(1, 5));
  }
  const std::vector<person> others{b.somebody_else(), b.somebody_else()};
  const int sentences = rng.integer(1, 4);
  for (int i = 0; i < sentences; ++i) {
    const overheard next = draw_overheard(b, others);
    end = std::max(end, b.place(next.said, at, next.labelled));
    at = end + samples_of(rng.uniform(0.05, 0.8));
  }
  // Long enough that what follows is a new beginning.
  const std::int64_t quiet = std::max(end, done > 0 ? heard_at(done) : 0);
  b.end_episode("talk for others", quiet + samples_of(rng.uniform(0.7, 1.4)));
}

void draw_typed(builder& b) {
  const double kind = b.rng.unit();
  if (kind < 0.4)
    return play_sum(b, {.a = b.rng.integer(0, 10), .b = b.rng.integer(0, 10), .typed = true});
  if (kind < 0.6)
    return play_small_talk(b, static_cast<std::size_t>(b.rng.next() % small_talk().size()), true);
  delegate_plan plan = draw_errand(b);
  plan.typed = true;
  // It is read a word per micro-turn, as results are: nothing else comes in meanwhile.
  plan.meanwhile.clear();
  play_delegate(b, plan);
}

}  // namespace hocket::scenarios
