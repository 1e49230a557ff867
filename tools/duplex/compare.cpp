#include "tools/duplex/compare.hpp"

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "tools/duplex/statistics.hpp"

namespace hocket::duplex {
namespace {

using json = nlohmann::json;

result<json> report_of(const std::string& file) {
  std::ifstream in(file);
  if (!in) return fail("duplex.file", "cannot read " + file);
  const auto j = json::parse(in, nullptr, false);
  if (!j.is_object() || !j.contains("items") || !j["items"].is_object())
    return fail("duplex.file", file + " is no report of `hocket eval duplex`: it has no items");
  return j;
}

// What else differs than what is to be compared. Older reports do not say how they were taken.
void note_ways(const json& a, const json& b, report::measures& out) {
  const auto clock = [](const json& r) { return r.value("clock", std::string("unknown")); };
  const auto batch = [](const json& r) {
    return r.value("at_once", json::object()).value("batch", 0);
  };
  if (clock(a) == "virtual" && clock(b) == "real")
    out.note(
        "A is virtual time, B real time: the differences are what computing costs, on the "
        "machine and under the load that B notes");
  else if (clock(a) != clock(b))
    out.note("the clocks differ: A is " + clock(a) + ", B is " + clock(b));
  if (batch(a) > 0 && batch(b) > 0 && batch(a) != batch(b))
    out.note("an item's place in its batch seeds the model's noise, and the batches differ (" +
             std::to_string(batch(a)) + " and " + std::to_string(batch(b)) +
             "): for what computing alone costs, run both with the same --batch");
}

}  // namespace

result<report::measures> compare_runs(const std::string& file_a, const std::string& file_b) {
  const auto report_a = report_of(file_a);
  if (!report_a) return fail(report_a);
  const auto report_b = report_of(file_b);
  if (!report_b) return fail(report_b);
  const auto &a = (*report_a)["items"], &b = (*report_b)["items"];
  std::map<std::string, std::vector<double>> differences;
  std::int64_t pairs = 0;
  for (const auto& [key, one] : a.items()) {
    const auto other = b.find(key);
    if (other == b.end()) continue;
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
  report::measures out;
  for (const auto& [name, values] : differences) {
    const auto e = bootstrap({values}, [](auto g) { return mean_of(g[0]); });
    out.add({name, e.value, "", e.low, e.high, {}, report::goal::none, e.n, {}});
  }
  out.note("mean of B - A over " + std::to_string(pairs) + " common items, A = " + file_a +
           ", B = " + file_b + "; 95 % paired bootstraps; `good` is 1 for an item as wanted");
  note_ways(*report_a, *report_b, out);
  return out;
}

}  // namespace hocket::duplex
