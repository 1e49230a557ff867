#include "graph/contract/registry.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <set>

#include <fmt/format.h>

#include "graph/text/clean.hpp"

namespace hocket {
namespace {

bool is_word(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// A word, `pii.word`, or `group.word` for a key of a map inside.
bool is_key(std::string_view s) {
  const auto dot = s.find('.');
  return dot == s.npos ? is_word(s) : is_word(s.substr(0, dot)) && is_word(s.substr(dot + 1));
}

/// `python.module.Class`: what a Python file calls its own.
bool is_python_name(std::string_view s) {
  return s.starts_with("python.") && s.find('.', 7) != s.npos && s.back() != '.' &&
         s.find("..") == s.npos && std::all_of(s.begin(), s.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '.';
         });
}

bool is_component_name(std::string_view s) {
  if (is_python_name(s)) return true;
  const auto dot = s.find('.');
  return dot != std::string_view::npos && is_word(s.substr(0, dot)) && is_word(s.substr(dot + 1));
}

/// A name that may be anything, for a message.
std::string shown(const std::string& name) { return clean_text(cut_text(name, 100)); }

bool is_amount(double v) { return std::isfinite(v) && v >= 0; }

/// Why nothing of this type can flow; "" where it can.
std::string why_no_media(const media_type& t) {
  if (static_cast<int>(t.kind) >= payload_kind_count) return "its kind is none";
  if (t.rate_hz < 0 || t.channels < 0) return "its rate and channels may not be negative";
  if (t.element && *t.element > dtype::f64) return "its element type is none";
  if (std::any_of(t.shape.begin(), t.shape.end(), [](std::int64_t n) { return n < -1; }))
    return "an extent is -1 (any) or more";
  return is_amount(t.packets_per_s) ? "" : "its packets per second are no amount";
}
std::string why_bad_port(const output_port& p) { return why_no_media(p.type); }
std::string why_bad_port(const input_port& p) {
  if (p.queue.size < 0 || p.queue.max_age_ms < 0 || p.queue.full > full_policy::latest)
    return "its queue has no size, age or policy that there is";
  return why_no_media(p.type);
}

template <class Ports>
result<void> check_ports(const std::string& type, const Ports& ports) {
  std::set<std::string> seen;
  for (const auto& p : ports) {
    if (!is_word(p.name) || !seen.insert(p.name).second)
      return fail(
          "registry.bad_port",
          fmt::format("{}: port `{}` is no lower-case word or stands twice", type, shown(p.name)));
    if (const auto why = why_bad_port(p); !why.empty())
      return fail("registry.bad_port", fmt::format("{}: port `{}`: {}", type, p.name, why));
  }
  return {};
}

result<void> check_times(const component_info& i) {
  const auto known = [](input_policy p) { return p <= input_policy::micro_turn; };
  if (i.period_ms >= 1 && is_amount(i.latency_ms) && known(i.policy) &&
      std::all_of(i.policies.begin(), i.policies.end(), known))
    return {};
  return fail("registry.bad_limit",
              fmt::format("{}: its period ({} ms) must be 1 ms or more, its latency ({} ms) an "
                          "amount, and its input policies some that there are",
                          i.type, i.period_ms, i.latency_ms));
}

/// What the config of a type says of itself; its code runs for the first time here.
result<void> check_config(const std::string& owner,
                          const std::function<std::unique_ptr<config_base>()>& make,
                          const std::vector<std::string>& reserved) {
  std::string why = "it makes none";
  try {
    const auto config = make ? make() : nullptr;
    std::set<std::string> seen(reserved.begin(), reserved.end());
    if (config) {
      why.clear();
      for (const auto& f : document(*config))
        if (!is_key(f.info.name) || !seen.insert(f.info.name).second)
          return fail("registry.bad_field",
                      fmt::format("{}: key `{}` is no lower-case word, stands twice or is one of "
                                  "the graph file's own keys",
                                  owner, shown(f.info.name)));
    }
  } catch (const std::exception& e) {
    why = fmt::format("it throws: {}", shown(e.what() != nullptr ? e.what() : ""));
  } catch (...) {
    why = "it throws what is no std::exception";
  }
  if (why.empty()) return {};
  return fail("registry.bad_config", fmt::format("{}: its config cannot be read: {}", owner, why));
}

constexpr std::int32_t longest_call_ms = 3'600'000;
constexpr std::size_t largest_result = 16 << 20;

template <class Part>
result<void> add_part(const char* what, std::map<std::string, Part, std::less<>>& into,
                      Part& type) {
  const auto name = type.name;
  if (!is_word(name))
    return fail("registry.bad_name",
                fmt::format("{} `{}` must be a lower-case word", what, shown(name)));
  HOCKET_TRY(check_config(name, type.make_config, {"use"}));
  if (!into.emplace(name, std::move(type)).second)
    return fail("registry.duplicate", fmt::format("{} `{}` is registered twice", what, name));
  return {};
}

template <class T>
const T* find(const std::map<std::string, T, std::less<>>& in, std::string_view name) {
  const auto it = in.find(name);
  return it == in.end() ? nullptr : &it->second;
}

template <class T>
std::vector<std::string> names_of(const std::map<std::string, T, std::less<>>& in) {
  std::vector<std::string> names;
  for (const auto& [name, type] : in) names.push_back(name);
  return names;
}

}  // namespace

const std::vector<std::string>& reserved_actor_keys() {
  static const std::vector<std::string> keys = {"component", "on",          "inputs",  "policy",
                                                "restart",   "watchdog_ms", "doc",     "include",
                                                "replicas",  "process",     "payloads"};
  return keys;
}

result<void> registry::add(component_type type) {
  const auto name = type.info.type;
  if (!is_component_name(name))
    return fail("registry.bad_name",
                fmt::format("component type `{}` must read group.name in lower case", shown(name)));
  HOCKET_TRY(check_ports(name, type.info.inputs));
  HOCKET_TRY(check_ports(name, type.info.outputs));
  HOCKET_TRY(check_times(type.info));
  HOCKET_TRY(check_config(name, type.make_config, reserved_actor_keys()));
  if (!type.make)
    return fail("registry.bad_config", fmt::format("{}: nothing makes a component of it", name));
  for (auto& p : type.info.inputs)
    if (p.queue.size == 0) p.queue = default_queue(p.type.kind);
  if (!components_.emplace(name, std::move(type)).second)
    return fail("registry.duplicate", fmt::format("component type `{}` is registered twice", name));
  return {};
}

result<void> registry::add(tool_type type) {
  const auto name = type.info.name;
  if (!is_word(name))
    return fail("registry.bad_name",
                fmt::format("tool `{}` must be a lower-case word", shown(name)));
  const auto& policy = type.info.policy;
  if (policy.time_limit_ms < 1 || policy.time_limit_ms > longest_call_ms ||
      policy.max_result_bytes < 1 || policy.max_result_bytes > largest_result)
    return fail(
        "registry.bad_limit",
        fmt::format("tool `{}`: its time limit ({} ms) must be 1 to {} ms and its result ({} "
                    "bytes) at most 1 to {} bytes",
                    name, policy.time_limit_ms, longest_call_ms, policy.max_result_bytes,
                    largest_result));
  if (!tools_.emplace(name, std::move(type)).second)
    return fail("registry.duplicate", fmt::format("tool `{}` is registered twice", name));
  return {};
}

result<void> registry::add(planner_type type) { return add_part("planner", planners_, type); }

result<void> registry::add(tool_source_type type) {
  return add_part("tool source", sources_, type);
}

result<void> registry::add(tool_words words) {
  const auto name = words.tool;
  if (name.empty() || !words.arguments_for)
    return fail("registry.bad_name", "words for a tool need its name and a function");
  if (!words_.emplace(name, std::move(words)).second)
    return fail("registry.duplicate",
                fmt::format("words for tool `{}` are registered twice", name));
  return {};
}

const component_type* registry::find_component(std::string_view type) const {
  return find(components_, type);
}
const tool_type* registry::find_tool(std::string_view name) const { return find(tools_, name); }
const planner_type* registry::find_planner(std::string_view name) const {
  return find(planners_, name);
}
const tool_source_type* registry::find_source(std::string_view name) const {
  return find(sources_, name);
}
const tool_words* registry::find_words(std::string_view tool) const { return find(words_, tool); }

const part_type* registry::find_part(part_kind kind, std::string_view name) const {
  switch (kind) {
    case part_kind::planner: return find_planner(name);
    case part_kind::tool_source: return find_source(name);
    case part_kind::none: break;
  }
  return nullptr;
}

std::vector<std::string> registry::component_names() const { return names_of(components_); }
std::vector<std::string> registry::tool_names() const { return names_of(tools_); }
std::vector<std::string> registry::part_names(part_kind kind) const {
  return kind == part_kind::planner       ? names_of(planners_)
         : kind == part_kind::tool_source ? names_of(sources_)
                                          : std::vector<std::string>();
}

}  // namespace hocket
