#include "actors/policy/judge.hpp"

#include "actors/policy/rules.hpp"
#include "engine/language/files/mapped_file.hpp"
#include "graph/contract/answer_pieces.hpp"
#include "graph/contract/capability.hpp"

namespace hocket::policy {
namespace {

constexpr std::size_t file_bytes = 8 << 20;

result<std::string> read(const context& where, const std::string& file) {
  const auto path = capability_of(where)->readable(file);
  if (!path) return fail(path);
  auto text = language::read_text(*path, file_bytes);
  if (!text) return fail("policy.no_file", text.error().message);
  return text;
}

}  // namespace

void judge::config::visit(config_visitor& v) {
  v.field({.name = "head",
           .doc = "what it learnt; `hocket train judge` makes one",
           .required = true,
           .is_path = true},
          head);
  v.field({.name = "rules",
           .doc = "the guard's policy file: only its topics are told",
           .required = true,
           .is_path = true},
          rules);
  v.field({.name = "approval", .doc = "said of what no topic concerns; the guard's `approval`"},
          approval);
}

component_info judge::info() {
  return {.type = "policy.judge",
          .summary = "Says which topic of a policy words come to, by a small trained head.",
          .inputs = {{"questions",
                      {.kind = payload_kind::delegation},
                      "a guard's: who said what",
                      true,
                      default_queue(payload_kind::delegation)}},
          .outputs = {{"verdicts",
                       {.kind = payload_kind::text},
                       "for each question a topic's name, or `approval`"}}};
}

result<void> judge::open(const context& where) {
  context_ = where;
  const auto head = read(where, config_.head);
  if (!head) return fail(head);
  auto learnt = topic_head::read(config_.head, *head);
  if (!learnt) return fail(learnt);
  head_ = std::move(*learnt);
  const auto yaml = read(where, config_.rules);
  if (!yaml) return fail(yaml);
  const auto all = read_rules(config_.rules, *yaml);
  if (!all) return fail(all);
  topics_.clear();
  for (const auto& t : all->topics) topics_.insert(t.name);
  return {};
}

result<void> judge::process(std::size_t, const packet& p, emitter& out) {
  const auto* d = p.get_if<delegation>();
  if (d == nullptr || d->what != delegation::action::start) return {};
  context_.count("asked", 1);
  if (topic_head::is_too_long(d->task)) {
    context_.count("too_long", 1);
    out.emit(0, p.header.ts, text{"", std::string(failure_role), d->request, true});
    return {};
  }
  const auto found = head_.of(d->task);
  const bool counts = found && topics_.contains(found->topic);
  if (counts) context_.count("found", 1);
  out.emit(0, p.header.ts,
           text{counts ? found->topic : config_.approval, "judge", d->request, true});
  return {};
}

}  // namespace hocket::policy
