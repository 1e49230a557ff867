#include "actors/policy/judge/judge.hpp"

#include <chrono>

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
  v.field({.name = "language_model",
           .doc = "whose hidden states it reads besides: a GGUF file, a folder with config.json, "
                  "or a package "
                  "that `hocket model get` fetched; empty: words are counted alone",
           .is_path = true},
          language_model);
  v.field({.name = "sentences",
           .doc = "the head over those states; `hocket train judge --language-model` makes one",
           .is_path = true},
          sentences);
  v.field({.name = "most_words",
           .doc = "with `language_model`: longer texts are not judged, and fail",
           .min = 1,
           .max = 2048},
          most_words);
  v.field({.name = "threads", .doc = "of the language model", .min = 1, .max = 64}, threads);
}

component_info judge::info() {
  return {.type = "policy.judge",
          .summary =
              "Says which topic of a policy words come to, by small trained heads over words and, "
              "where "
              "one is named, over a language model's states.",
          .inputs = {{"questions",
                      {.kind = payload_kind::delegation},
                      "a guard's: who said what",
                      true,
                      default_queue(payload_kind::delegation)}},
          .outputs = {{"verdicts",
                       {.kind = payload_kind::text},
                       "for each question a topic's name, or `approval`"}},
          .blocking = true};
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
  return open_sentences();
}

result<void> judge::open_sentences() {
  sentences_.reset();
  if (config_.sentences.empty() && config_.language_model.empty()) return {};
  if (config_.sentences.empty() || config_.language_model.empty())
    return fail("policy.bad_judge",
                "`language_model` and `sentences`, the head that was learnt from it, go together");
  const auto model = capability_of(context_)->readable(config_.language_model);
  if (!model) return fail(model);
  const auto json = read(context_, config_.sentences);
  if (!json) return fail(json);
  auto opened = sentence_judge::open(head_, config_.sentences, *json, {*model, config_.threads});
  if (!opened) return fail(opened);
  sentences_ = std::move(*opened);
  return {};
}

result<std::string> judge::verdict_of(const std::string& words) {
  std::optional<topic_head::finding> found;
  if (sentences_) {
    using clock = std::chrono::steady_clock;
    const auto began = clock::now();
    std::int64_t tokens = 0;
    auto read = sentences_->of(
        words, [this](const std::string& topic) { return topics_.contains(topic); }, &tokens);
    context_.count("tokens", tokens);
    context_.count(
        "reading_ms",
        std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - began).count());
    if (!read) return fail(read);
    found = std::move(*read);
  } else {
    found = head_.of(words);
  }
  const bool counts = found && topics_.contains(found->topic);
  if (counts) context_.count("found", 1);
  return counts ? found->topic : config_.approval;
}

result<void> judge::process(std::size_t, const packet& p, emitter& out) {
  const auto* d = p.get_if<delegation>();
  if (d == nullptr || d->what != delegation::action::start) return {};
  context_.count("asked", 1);
  const auto fails = [&](const char* counter) {
    context_.count(counter, 1);
    out.emit(0, p.header.ts, text{"", std::string(failure_role), d->request, true});
  };
  const auto most = sentences_ ? static_cast<std::size_t>(config_.most_words) : head_words;
  if (head_words_of(d->task).size() > most || topic_head::is_too_long(d->task)) {
    fails("too_long");
    return {};
  }
  const auto verdict = verdict_of(d->task);
  if (!verdict) {
    context_.log("the language model failed: " + verdict.error().code);
    fails("failed");
    return {};
  }
  out.emit(0, p.header.ts, text{*verdict, "judge", d->request, true});
  return {};
}

}  // namespace hocket::policy
