#include "tools/hocket/eval/background_cases.hpp"

#include <algorithm>
#include <random>

#include <fmt/format.h>

namespace hocket::cli {
namespace {

using nlohmann::json;

/// Draws without std's distributions, which differ between libraries.
class dice {
 public:
  explicit dice(std::uint64_t seed) : engine_(seed) {}
  std::int64_t number(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  const std::string& of(const std::vector<std::string>& all) {
    return all[static_cast<std::size_t>(number(0, static_cast<std::int64_t>(all.size()) - 1))];
  }

 private:
  std::mt19937_64 engine_;
};

const std::vector<std::string> cities = {"paris", "london", "berlin", "rome",
                                         "tokyo", "madrid", "cairo",  "oslo"};
const std::vector<std::string> people = {"Anna", "Mr Okafor", "Dr Lindqvist", "Yusuf",
                                         "Maria Delgado"};
const std::vector<std::string> things = {"milk", "eggs", "olive oil", "batteries", "rice"};
const std::vector<std::string> songs = {"Autumn Leaves", "Clair de Lune", "Take Five", "So What"};
const std::vector<std::string> currencies = {"euros", "dollars", "pounds", "yen"};

/// A wish in words, after "please" or "and then", and the call behind it.
struct wish {
  std::string words;
  expected_call call;
};

wish sum(dice& d) {
  const auto a = d.number(2, 99), b = d.number(2, 99);
  switch (d.number(0, 2)) {
    case 0:
      return {fmt::format("work out {} times {}", a, b),
              {"calculator", {{"expression", fmt::format("{} * {}", a, b)}}}};
    case 1:
      return {fmt::format("add {} and {}", a, b),
              {"calculator", {{"expression", fmt::format("{} + {}", a, b)}}}};
    default:
      return {fmt::format("work out {} minus {}", a, b),
              {"calculator", {{"expression", fmt::format("{} - {}", a, b)}}}};
  }
}

wish any(dice& d) {
  switch (d.number(0, 11)) {
    case 0: return sum(d);
    case 1: return {"tell me what time it is", {"clock", json::object()}};
    case 2: {
      const auto& city = d.of(cities);
      return {"look up the weather in " + city, {"weather_demo", {{"city", city}}}};
    }
    case 3: {
      const auto n = d.number(2, 59);
      return {fmt::format("set a timer for {} minutes", n), {"set_timer", {{"minutes", n}}}};
    }
    case 4: {
      const auto hour = d.number(5, 11);
      return {fmt::format("wake me at {} thirty tomorrow morning", hour),
              {"set_alarm", {{"time", fmt::format("{:02}:30", hour)}}}};
    }
    case 5: {
      const auto& thing = d.of(things);
      return {"put " + thing + " on the shopping list",
              {"add_to_list", {{"list", "shopping"}, {"item", thing}}}};
    }
    case 6: {
      const auto& name = d.of(people);
      return {"call " + name, {"call_person", {{"name", name}}}};
    }
    case 7: {
      const auto& name = d.of(people);
      return {"send " + name + " a message that I am late",
              {"send_message", {{"to", name}, {"text", "I am late"}}}};
    }
    case 8: {
      const auto& song = d.of(songs);
      return {"play " + song, {"play_music", {{"title", song}}}};
    }
    case 9: {
      const auto& to = d.of(cities);
      return {"find a train to " + to, {"find_train", {{"to", to}}}};
    }
    case 10: {
      const auto n = d.number(10, 900);
      const auto& from = d.of(currencies);
      auto to = d.of(currencies);
      while (to == from) to = d.of(currencies);
      return {fmt::format("convert {} {} to {}", n, from, to),
              {"convert_money", {{"amount", n}, {"from", from}, {"to", to}}}};
    }
    default: {
      const auto percent = d.number(1, 20) * 5;
      return {fmt::format("dim the lights to {} percent", percent),
              {"set_lights", {{"percent", percent}}}};
    }
  }
}

background_case several(dice& d, int count) {
  static const std::vector<std::string> joins = {", and ", ", and then ", ". After that, "};
  background_case out;
  out.kind = count == 1 ? "one" : count == 2 ? "two" : "three";
  for (int i = 0; i < count; ++i) {
    auto w = any(d);
    while (std::ranges::any_of(out.calls, [&](const auto& c) { return c.tool == w.call.tool; }))
      w = any(d);
    out.task += (i == 0 ? "" : d.of(joins)) + w.words;
    out.calls.push_back(std::move(w.call));
  }
  return out;
}

background_case correction(dice& d) {
  background_case out{.kind = "correction", .task = "", .transcript = "", .calls = {}};
  if (d.number(0, 1) == 0) {
    const auto a = d.number(2, 29), b = d.number(30, 59);
    out.task = fmt::format("set a timer for {} minutes, no wait, make that {} minutes", a, b);
    out.calls = {{"set_timer", {{"minutes", b}}}};
  } else {
    const auto& first = d.of(cities);
    auto second = d.of(cities);
    while (second == first) second = d.of(cities);
    out.transcript = "person: what is the weather in " + first +
                     "\nmodel: let me see\nperson: sorry, I meant " + second;
    out.task = "the weather in " + second;
    out.calls = {{"weather_demo", {{"city", second}}}};
  }
  return out;
}

background_case nothing(dice& d, bool impossible) {
  static const std::vector<std::string> talk = {"thank you, that was all", "how are you today",
                                                "tell me a joke about ducks", "what did I just say",
                                                "that is funny"};
  static const std::vector<std::string> cannot = {"book a table for two at the harbour restaurant",
                                                  "read me my last letter from the bank",
                                                  "open the garage door",
                                                  "tell me who won the match last night",
                                                  "order a taxi to the airport",
                                                  "print the report from yesterday"};
  return {.kind = impossible ? "impossible" : "talk",
          .task = d.of(impossible ? cannot : talk),
          .transcript = "",
          .calls = {}};
}

tool_info tool(std::string name, std::string summary,
               std::vector<std::pair<std::string, std::string>> arguments) {
  json properties = json::object(), required = json::array();
  for (auto& [key, type] : arguments) {
    properties[key] = {{"type", type}};
    required.push_back(key);
  }
  const json schema = {{"type", "object"}, {"properties", properties}, {"required", required}};
  return {std::move(name), std::move(summary), schema.dump()};
}

}  // namespace

std::vector<tool_info> background_tools() {
  return {tool("calculator", "Works out a sum.", {{"expression", "string"}}),
          tool("clock", "Tells the time of day.", {}),
          tool("weather_demo", "Tells the weather of a city.", {{"city", "string"}}),
          tool("set_timer", "Starts a timer.", {{"minutes", "integer"}}),
          tool("set_alarm", "Sets an alarm clock, as HH:MM.", {{"time", "string"}}),
          tool("add_to_list", "Puts an item on a list.", {{"list", "string"}, {"item", "string"}}),
          tool("call_person", "Calls somebody on the telephone.", {{"name", "string"}}),
          tool("send_message", "Sends a text message.", {{"to", "string"}, {"text", "string"}}),
          tool("play_music", "Plays a piece of music.", {{"title", "string"}}),
          tool("find_train", "Finds the next train to a city.", {{"to", "string"}}),
          tool("convert_money", "Converts money.",
               {{"amount", "number"}, {"from", "string"}, {"to", "string"}}),
          tool("set_lights", "Dims the lights.", {{"percent", "integer"}})};
}

std::vector<background_case> background_cases(std::uint64_t seed, std::size_t count) {
  dice d(seed);
  std::vector<background_case> out;
  // Of ten: four with one call, two with two, one with three, one correction, one talk, one impossible.
  for (std::size_t i = 0; i < count; ++i) {
    switch (i % 10) {
      case 4:
      case 5: out.push_back(several(d, 2)); break;
      case 6: out.push_back(several(d, 3)); break;
      case 7: out.push_back(correction(d)); break;
      case 8: out.push_back(nothing(d, false)); break;
      case 9: out.push_back(nothing(d, true)); break;
      default: out.push_back(several(d, 1));
    }
  }
  return out;
}

trainer::labelled_request labelled(const background_case& c) {
  trainer::labelled_request r{c.kind, c.task, c.transcript, {}, "done"};
  if (c.kind == "talk") r.answer = "you are welcome";
  if (c.kind == "impossible") r.answer = "sorry, i cannot do that";
  for (const auto& w : c.calls) r.calls.push_back({w.tool, w.arguments});
  return r;
}

}  // namespace hocket::cli
