#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <fmt/format.h>

#include "graph/spec/codes.hpp"
#include "graph/spec/dot.hpp"
#include "graph/spec/plan.hpp"
#include "tests/golden/fake_types.hpp"

// Random graph files: valid ones give plans that keep their promises, damaged ones give findings.
namespace hocket {
namespace {

using generator = std::mt19937;

const registry& types() {
  static const registry r = test::fake_types();
  return r;
}

result<std::string> no_files(const std::string&) { return fail("file.missing", "no such file"); }
std::optional<std::string> no_env(const std::string&) { return {}; }

std::optional<plan> load(const std::string& text, diagnostics& findings,
                         std::vector<std::string> sets = {}) {
  const load_options options = {
      .params = {}, .sets = std::move(sets), .env = no_env, .read_file = no_files};
  return load_plan("r.yaml", text, types(), options, findings);
}

/// A graph in which every actor is fed by earlier ones, and some by later ones over back edges.
std::string random_graph(generator& random) {
  auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  std::vector<std::string> audio16, frames, voices, requests, results, mind_of;
  std::string out = "hocket: 1\nname: random\nactors:\n";
  const auto count = 1 + below(12);
  auto pick = [&](const std::vector<std::string>& from) { return from[below(from.size())]; };
  for (std::size_t i = 0; i < count; ++i) {
    const auto name = fmt::format("a{}", i);
    switch (below(6)) {
      case 0:
        if (audio16.empty()) break;
        out += fmt::format("  {}: {{component: fake.ears, inputs: {{audio: {}}}}}\n", name,
                           pick(audio16));
        frames.push_back(name + ".frames");
        continue;
      case 1:
        if (frames.empty()) break;
        out += fmt::format(
            "  {}: {{component: fake.model, model: m, inputs: {{audio: {{from: {}, "
            "queue: {{size: {}, full: drop_oldest}}}}{}}}}}\n",
            name, pick(frames), 1 + below(9),
            results.empty() ? "" : fmt::format(", text: [{}]", pick(results)));
        voices.push_back(name + ".audio");
        requests.push_back(name + ".requests");
        continue;
      case 2:
        if (requests.empty()) break;
        out += fmt::format("  {}: {{component: fake.mind, inputs: {{requests: {}}}}}\n", name,
                           pick(requests));
        results.push_back(name + ".results");
        continue;
      case 3:
        if (voices.empty()) break;
        out += fmt::format("  {}: {{component: fake.speaker, inputs: {{audio: {}}}}}\n", name,
                           pick(voices));
        continue;
      default: break;
    }
    out += fmt::format("  {}: {{component: fake.mic, gain_db: {}}}\n", name, below(60));
    audio16.push_back(name + ".audio");
  }
  return out;
}

std::vector<std::string> golden_texts() {
  std::vector<std::filesystem::path> paths;
  for (const auto& e : std::filesystem::directory_iterator(HOCKET_SOURCE_DIR "/tests/golden/graph"))
    if (e.path().extension() == ".yaml") paths.push_back(e.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> out;
  for (const auto& p : paths) {
    std::ostringstream text;
    text << std::ifstream(p, std::ios::binary).rdbuf();
    out.push_back(std::move(text).str());
  }
  return out;
}

void damage(std::string& text, generator& random) {
  static const std::string pieces[] = {
      "{",  "}", "[",    "]",  ":",          ",",        "- ",     "&a ",  "*a",
      "\"", "'", "\n",   "  ", "${param:x}", "${env:Y}", "!!int ", "?",    "|",
      ">",  "#", "null", "-1", "1e999",      ".nan",     "\t",     "\xff", "%"};
  for (auto n = 1 + random() % 4; n > 0 && !text.empty(); --n) {
    const auto at = random() % text.size();
    switch (random() % 4) {
      case 0: text.erase(at, 1 + random() % 8); break;
      case 1: text.insert(at, pieces[random() % std::size(pieces)]); break;
      case 2: text[at] = static_cast<char>(random()); break;
      default: text.insert(at, text.substr(random() % text.size(), random() % 40)); break;
    }
  }
}

void check_findings(const diagnostics& findings) {
  const auto& items = findings.items();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& d = items[i];
    REQUIRE(!d.message.empty());
    REQUIRE(std::any_of(spec::all_codes().begin(), spec::all_codes().end(),
                        [&](const auto& c) { return c.code == d.code && c.level == d.level; }));
    if (i == 0) continue;
    const auto &a = items[i - 1].where, &b = d.where;
    REQUIRE(std::tie(a.file, a.line, a.column) <= std::tie(b.file, b.line, b.column));
  }
}

}  // namespace

TEST_CASE("property: valid random graphs give plans that keep their promises") {
  generator random(11);
  for (int round = 0; round < 1500; ++round) {
    const auto text = random_graph(random);
    CAPTURE(text);
    diagnostics findings;
    const auto p = load(text, findings);
    REQUIRE_MESSAGE(p, findings.to_string());
    REQUIRE(p->start_order.size() == p->actors.size());
    std::vector<std::size_t> place(p->actors.size(), p->actors.size());
    for (std::size_t i = 0; i < p->start_order.size(); ++i) place[p->start_order[i]] = i;
    for (const auto& l : p->links) {
      REQUIRE(place[l.to] < place[l.from]);
      REQUIRE(l.queue.size >= 1);
      REQUIRE(l.from_port < p->actors[l.from].type->info.outputs.size());
      REQUIRE(l.to_port < p->actors[l.to].type->info.inputs.size());
      REQUIRE(why_incompatible(p->actors[l.from].type->info.outputs[l.from_port].type,
                               p->actors[l.to].type->info.inputs[l.to_port].type)
                  .empty());
    }
    diagnostics again;
    REQUIRE(load(text, again)->hash == p->hash);
    REQUIRE(load(text, again, {"name=else"})->hash != p->hash);
    REQUIRE(spec::to_dot(*p).starts_with("digraph \"random\""));
  }
}

TEST_CASE("property: damaged graph files give findings or a plan, never harm") {
  generator random(12);
  const auto texts = golden_texts();
  for (int round = 0; round < 6000; ++round) {
    auto text = texts[random() % texts.size()];
    if (text.size() > 4000) continue;
    damage(text, random);
    CAPTURE(text);
    diagnostics findings;
    const auto p = load(text, findings);
    REQUIRE(p.has_value() != findings.has_errors());
    check_findings(findings);
  }
}

TEST_CASE("property: any setting gives findings or a plan") {
  generator random(13);
  const std::string words[] = {"actors", "mic",   "ears",    "a",    "inputs", "audio",
                               "0",      "7",     "queue",   "size", "name",   "budgets",
                               "hosts",  "clock", "include", "with", ""};
  const std::string values[] = {"", "1", "[1, 2]", "{a: b}", "{", "x", "~", "\"q\"", "${env:N}"};
  const std::string text =
      "hocket: 1\nname: s\nactors:\n  mic: {component: fake.mic}\n"
      "  ears: {component: fake.ears, inputs: {audio: mic.audio}}\n"
      "  part: {include: nowhere.yaml}\n";
  for (int round = 0; round < 3000; ++round) {
    std::string set = words[random() % std::size(words)];
    for (auto n = random() % 4; n > 0; --n) set += "." + words[random() % std::size(words)];
    if (random() % 10 > 0) set += "=" + values[random() % std::size(values)];
    CAPTURE(set);
    diagnostics findings;
    const auto p = load(text, findings, {set});
    REQUIRE(p.has_value() != findings.has_errors());
    check_findings(findings);
  }
}

}  // namespace hocket
