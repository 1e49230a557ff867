#include "tools/hocket/train/judge_material.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "actors/http/digest.hpp"
#include "actors/policy/trial.hpp"
#include "graph/trust/read_file.hpp"

namespace hocket::cli {

using namespace safety;

namespace {

constexpr std::size_t file_bytes = 16u << 20;

/// What the policy does not refuse is harmless to a judge: how it is to speak, what is to be forgotten.
bool is_refused(const policy::rules& all, const std::string& topic) {
  const auto at = std::ranges::find(all.topics, topic, &policy::topic::name);
  return at == all.topics.end() ||
         at->act[static_cast<std::size_t>(policy::place::heard)] >= policy::action::refuse;
}

/// Cases of one topic that the patterns have, or of none; a case of several topics teaches none of them.
result<void> add_cases(const judge_source& from, const policy::rules& all, const families& patterns,
                       lines& into) {
  const auto cases = policy::read_cases(from.path, from.text, all);
  if (!cases) return fail(cases);
  for (const auto& c : *cases) {
    if (c.topics.size() > 1 || c.turns.size() != 1) continue;
    auto topic = c.topics.empty() ? std::string() : c.topics.front();
    if (!topic.empty() &&
        std::ranges::find(patterns.patterns, topic, &pattern::topic) == patterns.patterns.end()) {
      if (is_refused(all, topic)) continue;
      topic.clear();
    }
    into.push_back({std::move(topic), c.turns.front()});
  }
  return {};
}

}  // namespace

std::string judge_source::named() const {
  return fmt::format("{}, SHA-256 {}", std::filesystem::path(path).filename().string(),
                     http::sha256_hex(text));
}

result<judge_source> read_judge_source(const std::string& path) {
  auto text = trust::read_given_file(path, file_bytes);
  if (!text) return fail(text);
  return judge_source{path, std::move(*text)};
}

result<judge_material> judge_material_of(const judge_options& o) {
  judge_material out;
  auto yaml = read_judge_source(o.policy), patterns = read_judge_source(o.families),
       held = read_judge_source(o.held_out);
  for (const auto* f : {&yaml, &patterns, &held})
    if (!*f) return fail(*f);
  auto rules = policy::read_rules(o.policy, yaml->text);
  if (!rules) return fail(rules);
  out.rules = std::move(*rules);
  auto made = read_families(o.families, patterns->text);
  if (!made) return fail(made);
  out.patterns = std::move(*made);
  for (const auto& p : out.patterns.patterns)
    if (!p.topic.empty() && std::ranges::find(out.rules.topics, p.topic, &policy::topic::name) ==
                                out.rules.topics.end())
      return fail("safety.bad_families",
                  fmt::format("{}: {} has no topic `{}`", o.families, o.policy, p.topic));
  auto set = safety::read_cases(o.held_out, held->text, out.rules, false);
  if (!set) return fail(set);
  out.held_out = std::move(*set);
  out.files = {std::move(*patterns)};
  for (const auto& file : o.also) {
    auto more = read_judge_source(file);
    if (!more) return fail(more);
    HOCKET_TRY(add_cases(*more, out.rules, out.patterns, out.more));
    out.files.push_back(std::move(*more));
  }
  return out;
}

lines joined(std::initializer_list<const lines*> all) {
  lines out;
  for (const auto* l : all) out.insert(out.end(), l->begin(), l->end());
  return out;
}

report::measure measure_of(const std::string& name, const share& s) {
  report::measure m;
  m.name = name, m.n = s.n, m.value = s.value();
  std::tie(m.low, m.high) = s.interval();
  return m;
}

}  // namespace hocket::cli
