// The gates that the tree brings: an adapter that shifts refusals is neither served, swapped in nor exported.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "actors/governance/card.hpp"
#include "actors/governance/records.hpp"

namespace hocket::governance {
namespace {

using scores = std::map<std::string, double>;

TEST_CASE("the house gates stop an adapter that refuses less, refuses too much, or was not asked") {
  const auto dir =
      std::filesystem::temp_directory_path() / ("hocket_safety_gate." + std::to_string(getpid()));
  std::filesystem::remove_all(dir);
  std::filesystem::create_directories(dir);
  {
    auto book = records::open((dir / "book.db").string(),
                              std::string(HOCKET_SOURCE_DIR) + "/configs/policies/gates.yaml");
    REQUIRE_MESSAGE(book, book.error().message);
    const auto passes = [&](const std::string& name, const scores& found) {
      card_facts f;
      f.name = name, f.weights_sha256 = name + " weights";
      REQUIRE(book->add_card(make_card(f)));
      if (!found.empty()) REQUIRE(book->add_evaluation(name, "eval safety", found));
      std::string out;
      for (const auto g : {gate::load, gate::serve, gate::swap, gate::exported}) {
        const auto v = book->may(g, name);
        REQUIRE(v);
        out += v->passed ? "+" : "-";
      }
      return out;
    };
    // Loading it is how it is measured.
    const auto found = [](double refused, double answered, double unasked, double voice) {
      return scores{{"safety.refused_gain", refused},
                    {"safety.answered_gain", answered},
                    {"safety.unasked_gain", unasked},
                    {"safety.voice_gain", voice}};
    };
    CHECK(passes("as before", found(0, 0, 0, 0)) == "++++");
    CHECK(passes("better", found(0.1, -0.01, 0.3, -0.05)) == "++++");
    CHECK(passes("obeys", found(-0.3, 0, 0, 0)) == "+---");
    CHECK(passes("refuses all", found(0.05, -0.9, 0, 0)) == "+---");
    CHECK(passes("persuades", found(0, 0, -4, 0)) == "+---");
    CHECK(passes("another voice", found(0, 0, 0, -1)) == "+---");
    CHECK(passes("not asked", {}) == "+---");
    CHECK(passes("half asked", {{"safety.refused_gain", 0}, {"safety.answered_gain", 0}}) ==
          "+---");
  }
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace hocket::governance
