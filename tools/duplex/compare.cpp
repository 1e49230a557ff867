#include "tools/duplex/compare.hpp"

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "tools/duplex/statistics.hpp"

namespace hocket::duplex {
namespace {

using json = nlohmann::json;

result<json> items_of(const std::string& file) {
  std::ifstream in(file);
  if (!in) return fail("duplex.file", "cannot read " + file);
  const auto j = json::parse(in, nullptr, false);
  if (!j.is_object() || !j.contains("items") || !j["items"].is_object())
    return fail("duplex.file", file + " is no report of `hocket eval duplex`: it has no items");
  return j["items"];
}

}  // namespace

result<cli::measures> compare_runs(const std::string& file_a, const std::string& file_b) {
  const auto a = items_of(file_a);
  if (!a) return fail(a);
  const auto b = items_of(file_b);
  if (!b) return fail(b);
  std::map<std::string, std::vector<double>> differences;
  std::int64_t pairs = 0;
  for (const auto& [key, one] : a->items()) {
    const auto other = b->find(key);
    if (other == b->end()) continue;
    ++pairs;
    const auto condition = key.find('@');
    const auto family =
        key.substr(0, key.find('/')) + (condition == key.npos ? "" : key.substr(condition));
    differences[family + ".good"].push_back(other->value("good", 0.0) - one.value("good", 0.0));
    const auto mine = one.value("values", json::object());
    const auto theirs = other->value("values", json::object());
    for (const auto& [name, value] : mine.items())
      if (theirs.contains(name))
        differences[family + "." + name].push_back(theirs[name].get<double>() -
                                                   value.get<double>());
  }
  if (differences.empty())
    return fail("duplex.compare", file_a + " and " + file_b + " have no item in common");
  cli::measures out;
  for (const auto& [name, values] : differences) {
    const auto e = bootstrap({values}, [](auto g) { return mean_of(g[0]); });
    out.add({name, e.value, "", e.low, e.high, {}, cli::goal::none, e.n, {}});
  }
  out.note("mean of B - A over " + std::to_string(pairs) + " common items, A = " + file_a +
           ", B = " + file_b + "; 95 % paired bootstraps; `good` is 1 for an item as wanted");
  return out;
}

}  // namespace hocket::duplex
