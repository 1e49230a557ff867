#include "graph/contract/config.hpp"

#include <doctest/doctest.h>

#include "graph/contract/harness.hpp"

namespace hocket {
namespace {

struct everything final : config_base {
  bool loud = false;
  std::int64_t rate_hz = 16000;
  double gain_db = 0.5;
  std::string mode = "fast";
  std::string name;
  std::vector<std::string> tags = {"a", "b\n"};
  std::vector<double> weights = {1, 2.5};

  void visit(config_visitor& v) override {
    v.field({.name = "loud", .doc = "shout"}, loud);
    v.field({.name = "rate_hz", .doc = "rate", .unit = "Hz", .min = 8000, .max = 48000}, rate_hz);
    v.field({.name = "gain_db", .doc = "gain", .unit = "dB", .max = 20}, gain_db);
    v.field({.name = "mode", .doc = "how", .choices = {"fast", "slow"}}, mode);
    v.field({.name = "name", .doc = "who", .required = true}, name);
    v.field({.name = "tags", .doc = "words"}, tags);
    v.field({.name = "weights", .doc = "numbers", .min = 0}, weights);
  }
};

std::vector<std::string> codes_of(const value& from, everything& into) {
  diagnostics findings;
  read_config(from, into, "it", {"component"}, findings);
  std::vector<std::string> out;
  for (const auto& d : findings.items()) out.push_back(d.code);
  return out;
}

using codes = std::vector<std::string>;

}  // namespace

TEST_CASE("read_config fills what is given and keeps defaults") {
  everything c;
  const auto list = value(value::list{value(std::int64_t{3}), value(0.5)});
  const auto got = codes_of(settings({{"name", "x"},
                                      {"rate_hz", 8000},
                                      {"gain_db", -3},
                                      {"loud", true},
                                      {"weights", list},
                                      {"component", "a.b"}}),
                            c);
  CHECK(got.empty());
  CHECK(c.name == "x");
  CHECK(c.rate_hz == 8000);
  CHECK(c.gain_db == -3.0);
  CHECK(c.loud);
  CHECK(c.weights == std::vector<double>{3, 0.5});
  CHECK(c.mode == "fast");
  CHECK(c.tags.size() == 2);
}

TEST_CASE("read_config collects every finding and leaves refused fields alone") {
  everything c;
  const auto got = codes_of(settings({{"rate_hz", 1},
                                      {"gain_db", "3 dB"},
                                      {"mode", "fats"},
                                      {"loud", "yes"},
                                      {"tags", "a"},
                                      {"gain", 1.0}}),
                            c);
  CHECK(got == codes{"config.type", "config.range", "config.unit", "config.choice",
                     "config.missing-key", "config.type", "config.unknown-key"});
  CHECK(c.rate_hz == 16000);
  CHECK(c.mode == "fast");
}

TEST_CASE("a dotted name is a key of a map inside the map") {
  struct grouped final : config_base {
    std::string url = "none";
    std::int64_t count = 3;
    std::string model;
    bool words = false;
    void visit(config_visitor& v) override {
      v.field({.name = "model", .doc = "m"}, model);
      v.field({.name = "pii.words", .doc = "one key, as it stands"}, words);
      v.field({.name = "openai.url", .doc = "u"}, url);
      v.field({.name = "openai.count", .doc = "c", .min = 1, .max = 5}, count);
    }
  };
  const auto read = [](value from, grouped& into) {
    diagnostics findings;
    read_config(from, into, "it", {}, findings);
    std::string out;
    for (const auto& d : findings.items()) out += d.message + " [" + d.code + "]\n";
    return out;
  };
  grouped c;
  CHECK(read(settings({{"openai", settings({{"url", "x"}, {"count", 5}})}, {"pii.words", true}}),
             c) == "");
  CHECK(c.words);
  CHECK(c.url == "x");
  CHECK(c.count == 5);
  const auto again = to_value(c);
  grouped same;
  CHECK(read(again, same) == "");
  CHECK(canonical_text(same) == canonical_text(c));
  CHECK(read(settings({{"openai", settings({{"uri", "x"}, {"count", 9}})}}), c) ==
        "it: `openai.count` is 9, outside its range [config.range]\n"
        "it: `openai`: unknown key `uri` [config.unknown-key]\n");
  CHECK(read(settings({{"openai", "x"}}), c) ==
        "it: `openai` must be a map, not a string [config.type]\n");
  CHECK(read(settings({{"url", "x"}}), c).starts_with("it: unknown key `url`"));
}

TEST_CASE("read_config: text from outside the file adapts, failed references are skipped") {
  everything c;
  auto number = value(std::int64_t{42});
  number.set_literal("042");
  number.set_adapts(true);
  value failed;
  failed.set_adapts(true);
  CHECK(codes_of(settings({{"name", number}, {"rate_hz", failed}}), c).empty());
  CHECK(c.name == "042");
  CHECK(c.rate_hz == 16000);
}

TEST_CASE("read_config refuses what is no map, and infinite numbers") {
  everything c;
  CHECK(codes_of(value(std::string("x")), c) == codes{"config.type"});
  CHECK(codes_of(settings({{"name", "x"}, {"gain_db", 1.0 / 0.0}}), c) == codes{"config.type"});
}

TEST_CASE("document gives one row per field with its default as YAML") {
  everything c;
  const auto rows = document(c);
  REQUIRE(rows.size() == 7);
  CHECK(rows[0].type == "bool");
  CHECK(rows[0].default_text == "false");
  CHECK(rows[1].default_text == "16000");
  CHECK(rows[2].default_text == "0.5");
  CHECK(rows[3].default_text == "\"fast\"");
  CHECK(rows[4].default_text == "");
  CHECK(rows[5].default_text == "[\"a\", \"b\\n\"]");
  CHECK(rows[6].type == "number list");
  everything other;
  other.gain_db = 0.25;
  CHECK(canonical_text(c) != canonical_text(other));
}

namespace {
struct chooser final : config_base {
  part_choice plan = {.use = "rule"};
  named_parts sources;
  void visit(config_visitor& v) override {
    v.field({.name = "plan", .doc = "how", .parts = part_kind::planner}, plan);
    v.field({.name = "sources", .doc = "whence", .parts = part_kind::tool_source}, sources);
  }
};
}  // namespace

TEST_CASE("parts are chosen by name, with settings of their own") {
  chooser c;
  diagnostics findings;
  read_config(settings({{"plan", "other"},
                        {"sources", settings({{"a", "drawer"},
                                              {"b", settings({{"use", "shed"}, {"size", 3}})}})}}),
              c, "it", {}, findings);
  CHECK(findings.items().empty());
  CHECK(c.plan.use == "other");
  REQUIRE(c.sources.size() == 2);
  CHECK(c.sources[1].name == "b");
  CHECK(*c.sources[1].what.settings.find("size")->get_if<std::int64_t>() == 3);
  // What is written is what can be read, and says the same.
  const auto text = canonical_text(c);
  CHECK(text ==
        "plan: \"other\"\nsources: {\"a\": \"drawer\", \"b\": {\"use\": \"shed\", "
        "\"size\": 3}}\n");
  chooser again;
  read_config(to_value(c), again, "it", {}, findings);
  CHECK(findings.items().empty());
  CHECK(canonical_text(again) == text);

  for (auto& bad :
       {settings({{"plan", 3}}), settings({{"plan", settings({{"size", 3}})}}),
        settings({{"sources", "drawer"}}), settings({{"sources", settings({{"a b", "drawer"}})}}),
        settings({{"sources", settings({{"a", 7}})}})}) {
    chooser d;
    diagnostics all;
    read_config(bad, d, "it", {}, all);
    REQUIRE(all.items().size() == 1);
    CHECK(all.items()[0].code == "config.type");
  }
}

}  // namespace hocket
