#include "actors/policy/grown_up.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hocket::policy {
namespace {

using json = nlohmann::json;

auto bad(std::string why) { return fail("policy.bad_setting", std::move(why)); }

result<void> set_length(grown_up_settings& s, const json& v, const grown_up_bounds& may) {
  s.length_min.reset();
  if (v.is_null()) return {};
  if (!v.is_number() || !std::isfinite(v.get<double>()) || v.get<double>() < may.shortest_min ||
      v.get<double>() > may.longest_min)
    return bad(fmt::format("length_min: {} to {} minutes", may.shortest_min, may.longest_min));
  s.length_min = v.get<double>();
  return {};
}

result<void> set_hours(grown_up_settings& s, const json& v, bool knows_time) {
  s.hours.reset();
  s.hours_text.clear();
  if (v.is_null()) return {};
  if (!knows_time) return bad("hours: this graph knows no time of day");
  const auto span = v.is_string() ? span_of_day(v.get_ref<const std::string&>()) : std::nullopt;
  if (!span) return bad("hours: write HH:MM-HH:MM, such as 07:00-20:00");
  s.hours = span;
  s.hours_text = v.get<std::string>();
  return {};
}

result<void> set_topics(grown_up_settings& s, const json& v, const grown_up_bounds& may) {
  s.topics.clear();
  if (v.is_null()) return {};
  if (!v.is_array() || v.size() > may.topics.size()) return bad("topics: a list of names");
  for (const auto& t : v) {
    if (!t.is_string() || std::ranges::find(may.topics, t.get<std::string>()) == may.topics.end())
      return bad("topics: the policy lets nobody allow one of these");
    s.topics.insert(t.get<std::string>());
  }
  return {};
}

}  // namespace

result<grown_up_settings> changed(grown_up_settings now, const json& wanted,
                                  const grown_up_bounds& may, bool knows_time) {
  if (!wanted.is_object()) return bad("settings are an object");
  for (const auto& [key, v] : wanted.items()) {
    const auto truth = [&](bool& into, bool otherwise) -> result<void> {
      if (!v.is_boolean() && !v.is_null()) return bad(key + ": true or false");
      into = v.is_null() ? otherwise : v.get<bool>();
      return {};
    };
    const bool is_his = (key == "length_min" && may.longest_min > 0) ||
                        (key == "hours" && may.hours) || (key == "topics" && !may.topics.empty()) ||
                        (key == "recordings" && may.recordings) || (key == "leave" && may.leave);
    if (!is_his) return bad("the policy lets nobody set `" + key.substr(0, 40) + "`");
    result<void> done;
    if (key == "length_min") done = set_length(now, v, may);
    if (key == "hours") done = set_hours(now, v, knows_time);
    if (key == "topics") done = set_topics(now, v, may);
    if (key == "recordings") done = truth(now.recordings, true);
    if (key == "leave") done = truth(now.leaves, false);
    if (!done) return fail(done);
  }
  return now;
}

json to_json(const grown_up_settings& s) {
  return {{"length_min", s.length_min ? json(*s.length_min) : json()},
          {"hours", s.hours ? json(s.hours_text) : json()},
          {"topics", s.topics},
          {"recordings", s.recordings},
          {"leave", s.leaves}};
}

json to_json(const grown_up_bounds& b, bool knows_time) {
  return {{"length_min", b.longest_min > 0 ? json::array({b.shortest_min, b.longest_min}) : json()},
          {"hours", b.hours && knows_time},
          {"topics", b.topics},
          {"recordings", b.recordings},
          {"leave", b.leave}};
}

}  // namespace hocket::policy
