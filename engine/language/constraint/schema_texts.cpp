// Random texts of JSON Schemas. Standard input: a JSON array of schemas. Argument: texts of each.
// Output: a line of JSON for each schema, {"texts": […]} or {"error": "code: message"}.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <random>

#include <nlohmann/json.hpp>

#include "engine/language/constraint/constraint.hpp"
#include "engine/language/constraint/json_schema.hpp"

namespace {

using namespace hocket::language;
using json = nlohmann::ordered_json;

/// A walk byte by byte that goes home after `patience` bytes.
std::string random_text(const std::shared_ptr<const grammar>& g, std::mt19937& random,
                        std::size_t patience) {
  grammar_walk walk(g);
  std::string out;
  int state = walk.start();
  while (true) {
    const bool home = out.size() > patience;
    if (walk.may_end(state) && (home || random() % 4 == 0)) return out;
    std::vector<std::pair<std::uint8_t, int>> ways;
    for (int b = 0; b < 256; ++b) {
      const auto byte = static_cast<std::uint8_t>(b);
      const int to = walk.step(state, byte);
      if (to == grammar_walk::nowhere) continue;
      if (home && walk.distance(to) >= walk.distance(state)) continue;
      // Bytes of longer characters are many; letters are what texts are made of.
      const int weight = b >= 0x80 ? 1 : 6;
      for (int i = 0; i < weight; ++i) ways.emplace_back(byte, to);
    }
    if (ways.empty()) return out;
    const auto [byte, to] = ways[random() % ways.size()];
    out += static_cast<char>(byte);
    state = to;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 20;
  const std::string all(std::istreambuf_iterator<char>(std::cin), {});
  const auto schemas = json::parse(all, nullptr, false);
  if (!schemas.is_array()) {
    std::fputs("standard input is no JSON array\n", stderr);
    return 2;
  }
  std::mt19937 random(1);
  for (const auto& schema : schemas) {
    json line;
    const auto g = grammar_of_schema(schema);
    if (!g) {
      line["error"] = g.error().code + ": " + g.error().message;
    } else {
      line["texts"] = json::array();
      for (int i = 0; i < count; ++i)
        line["texts"].push_back(random_text(*g, random, i < count / 2 ? 20 : 200));
    }
    std::cout << line.dump() << "\n";
  }
}
