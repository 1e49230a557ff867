// What the tests speak with is never heard in training: checked against what training draws.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <unordered_set>

#include "tools/duplex/families.hpp"
#include "tools/hocket/train/train_file.hpp"
#include "tools/scenarios/builder.hpp"
#include "tools/scenarios/speaking.hpp"

using namespace hocket;
using namespace hocket::duplex;
namespace fs = std::filesystem;

namespace {

/// The part after `+`, or flite's name: a variant of espeak-ng's is the same throat in every accent.
std::string throat_of(const std::string& voice) {
  const auto plus = voice.find('+');
  return voice.starts_with("flite:") || plus == voice.npos ? voice : voice.substr(plus);
}

/// Who speaks, and how fast the synthesiser is told to.
struct spoken_with {
  std::set<std::string> throats;
  std::set<int> rates_wpm;
  void add(const scenarios::person& who) {
    throats.insert(throat_of(who.voice));
    rates_wpm.insert(who.rate_wpm);
  }
};

template <class T>
std::vector<T> both(const std::set<T>& a, const std::set<T>& b) {
  std::vector<T> out;
  std::ranges::set_intersection(a, b, std::back_inserter(out));
  return out;
}

bool same(const scenarios::person& a, const scenarios::person& b) {
  return a.voice == b.voice && a.rate_wpm == b.rate_wpm && a.pitch == b.pitch &&
         a.gain_db == b.gain_db && a.warp == b.warp && a.tilt == b.tilt && a.peaks == b.peaks;
}

struct recipe {
  std::string file;
  cli::train_plan plan;
  scenarios::source_options source() const {
    return {plan.data_seed, scenarios::split::train,
            plan.seconds,   plan.families,
            plan.variety,   plan.slips,
            plan.field,     nullptr,
            nullptr,        plan.field_ramp};
  }
  /// Conversations that a training of this file may ask for, continued twice.
  std::uint64_t conversations() const {
    return 3 * static_cast<std::uint64_t>(plan.engine.steps * plan.engine.batch);
  }
};

std::vector<recipe> all_recipes() {
  std::vector<recipe> out;
  for (const auto& e : fs::directory_iterator(std::string(HOCKET_SOURCE_DIR) + "/configs/train")) {
    if (e.path().extension() != ".yaml") continue;
    diagnostics findings;
    out.push_back({e.path().string(), cli::read_train_file(e.path().string(), findings)});
  }
  REQUIRE(out.size() >= 2);
  return out;
}

/// The persons of `count` conversations all over a recipe, each with one sentence: the first draws
/// of a conversation's seed, as `builder` makes them; the first case holds them against conversations.
spoken_with drawn_by(const recipe& of, std::uint64_t count,
                     scenarios::split which = scenarios::split::train) {
  spoken_with out;
  const auto step = std::max<std::uint64_t>(1, of.conversations() / count);
  for (std::uint64_t n = 0; n < count; ++n) {
    scenarios::random_stream rng(scenarios::seed_of(of.plan.data_seed, n * step, 1));
    const auto who = scenarios::draw_person(rng, which, of.plan.variety);
    out.add(scenarios::as_spoken(rng, who, which, of.plan.variety));
  }
  return out;
}

/// Everybody whom the tests may cast, and everybody whom the first items of each family do cast.
const spoken_with& of_the_tests() {
  static spoken_with out;
  if (!out.throats.empty()) return out;
  scenarios::random_stream rng(1);
  for (int i = 0; i < 4000; ++i) out.add(draw_speaker(rng, i % 2 == 1).who);
  for (const auto& f : all_families())
    for (std::int64_t i = 0; i < 2; ++i) {
      const auto it = make_item(set_options{}.seed, {f.name, i});
      REQUIRE(it);
      scenarios::person who;
      who.voice = it->voice;
      who.rate_wpm = static_cast<int>(it->rate_wpm);
      out.add(who);
    }
  return out;
}

}  // namespace

TEST_CASE("the draws that are counted here are those of conversations of every recipe") {
  for (const auto& r : all_recipes()) {
    const auto& tests = of_the_tests();
    const auto drawn = drawn_by(r, 4000);
    for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{7}, r.conversations() - 1}) {
      INFO(r.file, " conversation ", n);
      const auto made = scenarios::make_conversation(r.source(), n);
      REQUIRE(made);
      const auto seed = scenarios::seed_of(r.plan.data_seed, n, 1);
      CHECK(made->seed == seed);
      scenarios::random_stream rng(seed);
      CHECK(same(made->speaker,
                 scenarios::draw_person(rng, scenarios::split::train, r.plan.variety)));
      CHECK(drawn.throats.count(throat_of(made->speaker.voice)) == 1);
      CHECK(tests.throats.count(throat_of(made->speaker.voice)) == 0);
    }
  }
}

TEST_CASE("voices and rates of the tests never occur in thousands of training's persons") {
  const auto& tests = of_the_tests();
  CHECK(tests.throats.size() >= 4);
  CHECK(tests.rates_wpm.size() >= 10);
  for (const auto& r : all_recipes()) {
    INFO(r.file);
    const auto trained = drawn_by(r, 6000);
    CHECK(trained.throats.size() >= 20);
    CHECK(trained.rates_wpm.size() >= 50);
    CHECK(both(trained.throats, tests.throats).empty());
    // Plain sound is older than the rule for rates: the README says so.
    if (r.plan.variety == scenarios::variety::rich)
      CHECK(both(trained.rates_wpm, tests.rates_wpm).empty());
    // The check can fail: the other split shares voices, and plain sound shares rates.
    CHECK_FALSE(both(drawn_by(r, 500, scenarios::split::heldout).throats, tests.throats).empty());
    recipe plain = r;
    plain.plan.variety = scenarios::variety::plain;
    CHECK_FALSE(both(drawn_by(plain, 500).rates_wpm, tests.rates_wpm).empty());
  }
}

TEST_CASE("seeds of all tests, against every conversation of any data seed up to 64") {
  std::unordered_set<std::uint64_t> tests;
  const auto specs = plan_set({});
  REQUIRE(specs);
  for (const auto& spec : *specs) tests.insert(item_seed(set_options{}.seed, spec));
  // What long sessions are made of.
  for (const char* name : {"pause", "turn", "interruption", "backchannel"})
    for (std::int64_t i = 5000; i < 5012; ++i)
      tests.insert(item_seed(set_options{}.seed, {name, i}));
  CHECK(tests.size() >= 1000);  // conditions share the seed of their clean twin
  const auto it = make_item(set_options{}.seed, {"turn", 3});
  REQUIRE(it);
  CHECK(it->seed == item_seed(set_options{}.seed, {"turn", 3}));
  std::set<std::uint64_t> data_seeds;
  std::uint64_t conversations = 100'000;
  for (std::uint64_t s = 0; s <= 64; ++s) data_seeds.insert(s);
  for (const auto& r : all_recipes()) {
    data_seeds.insert(r.plan.data_seed);
    conversations = std::max(conversations, r.conversations());
  }
  // One of training's own is planted: a loop that finds nothing would be seen.
  tests.insert(scenarios::seed_of(all_recipes().front().plan.data_seed, 12'345, 1));
  std::uint64_t shared = 0;
  for (const std::uint64_t data_seed : data_seeds)
    for (std::uint64_t n = 0; n < conversations; ++n)
      shared += tests.count(scenarios::seed_of(data_seed, n, 1));
  CHECK(shared == 1);
}
