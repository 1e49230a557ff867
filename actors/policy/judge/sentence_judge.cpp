#include "actors/policy/judge/sentence_judge.hpp"

#include <cmath>

namespace hocket::policy {

double harm_log_odds(const sentence_head& head, std::span<const float> scaled,
                     double words_margin) {
  return head.harm.log_odds(scaled) + head.words * words_margin;
}

result<sentence_judge> sentence_judge::open(topic_head words, const std::string& file,
                                            const std::string& json, const states_settings& model) {
  auto head = sentence_head::read(file, json);
  if (!head) return fail(head);
  auto passed = model;
  passed.layers = head->layer;
  auto states = open_hidden_states(passed);
  if (!states && states.error().code == "language.bad_input")  // it has fewer layers
    return fail("policy.bad_head",
                file + ": it was learnt from " + head->model + "; " + states.error().message);
  if (!states) return fail(states);
  const auto& s = **states;
  HOCKET_TRY(head->fits(file, s.name(), s.sha256(), s.layers(), s.width()));
  return sentence_judge(std::move(words), std::move(*head), std::move(*states));
}

result<std::optional<topic_head::finding>> sentence_judge::of(std::string_view text,
                                                              const counts& is_wanted,
                                                              std::int64_t* tokens) {
  const auto sentences = sentences_of(text);
  std::optional<topic_head::finding> out;
  if (sentences.front().empty()) return out;
  std::int64_t read = 0;
  const auto states = states_->of(sentences, read);
  if (tokens != nullptr) *tokens += read;
  if (!states) return fail(states);
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    const auto scaled = scaled_state((*states)[i]);
    const double margin = head_.words > 0 ? words_.margin(sentences[i]) : 0;
    const double score = 1 / (1 + std::exp(-harm_log_odds(head_, scaled, margin)));
    if (score < head_.at_least || (out && score <= out->score)) continue;
    const sentence_head::topic* surest = nullptr;
    double most = 0;
    for (const auto& t : head_.topics) {
      if (!is_wanted(t.name)) continue;
      const double odds = t.by.log_odds(scaled);
      if (surest == nullptr || odds > most) surest = &t, most = odds;
    }
    if (surest != nullptr) out = topic_head::finding{surest->name, score};
  }
  return out;
}

}  // namespace hocket::policy
