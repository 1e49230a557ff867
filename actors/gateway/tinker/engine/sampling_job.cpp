#include "actors/gateway/tinker/engine/sampling_job.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <sys/random.h>

namespace hocket::tinker {
namespace {

language::sampling_config config_of(const sample_request& ask, std::uint64_t seed) {
  language::sampling_config c;
  c.temperature = ask.temperature, c.top_k = ask.top_k, c.top_p = ask.top_p;
  c.seed = seed, c.logprobs = ask.topk_sample;
  return c;
}

std::uint64_t seed_of(const sample_request& ask) {
  if (ask.seed) return *ask.seed;
  std::uint64_t random = 0;
  (void)!getrandom(&random, sizeof random, 0);
  return random;
}

top_tokens as_top(const std::vector<language::token_logprob>& from) {
  top_tokens t;
  for (const auto& e : from)
    t.ids.push_back(e.id), t.logprobs.push_back(static_cast<float>(e.logprob));
  return t;
}

}  // namespace

sampling_hall::running::running(sample_job j)
    : job(std::move(j)),
      most_tokens_(job.ask.max_tokens.value_or(job.from.base->context() -
                                               static_cast<std::int64_t>(job.ask.prompt.size()))),
      prompt_(job.from.base->model, job.from.adapter ? job.from.adapter->here : nullptr) {
  const auto& ask = job.ask;
  const auto n = ask.prompt.size();
  answer.prompt_length = static_cast<std::int64_t>(n);
  answer.topk = ask.topk_prompt, answer.target_columns = ask.target_columns;
  answer.alternatives = ask.alternatives;
  if (ask.prompt_logprobs)
    answer.prompt_logprobs.assign(n, std::numeric_limits<float>::quiet_NaN());
  if (ask.topk_prompt > 0) answer.prompt_top.resize(n);
  answer.target_logprobs.resize(ask.targets.size());
  if (ask.alternatives > 0) answer.alternative_rows.resize(n - 1);
}

bool sampling_hall::running::wants_scores_of(std::size_t position) const {
  const auto& ask = job.ask;
  if (position == 0) return false;
  if (ask.target_columns > 0 || ask.alternatives > 0) return true;
  const auto n = static_cast<std::int64_t>(ask.prompt.size());
  return (ask.prompt_logprobs || ask.topk_prompt > 0) &&
         static_cast<std::int64_t>(position) >= n - ask.last_n.value_or(n);
}

/// `scores` are those from which the token at `position` of the prompt follows.
void sampling_hall::running::note_position(std::size_t position, std::span<const float> scores) {
  const auto& ask = job.ask;
  const language::log_softmax logprob(scores);
  const auto of = [&](std::int32_t token) {
    return static_cast<float>(logprob(scores[static_cast<std::size_t>(token)]));
  };
  const auto n = static_cast<std::int64_t>(ask.prompt.size());
  if (static_cast<std::int64_t>(position) >= n - ask.last_n.value_or(n)) {
    if (ask.prompt_logprobs) answer.prompt_logprobs[position] = of(ask.prompt[position]);
    if (ask.topk_prompt > 0)
      answer.prompt_top[position] = as_top(language::top_logprobs(scores, ask.topk_prompt));
  }
  for (std::int64_t k = 0; k < ask.target_columns; ++k) {
    const auto at =
        (position - 1) * static_cast<std::size_t>(ask.target_columns) + static_cast<std::size_t>(k);
    if (ask.targets[at] >= 0) answer.target_logprobs[at] = of(ask.targets[at]);
  }
  if (ask.alternatives > 0) {
    language::sampler draws(config_of({}, seed_of(ask) + position * 1'000'003));
    auto& row = answer.alternative_rows[position - 1];
    for (int k = 0; k < ask.alternatives; ++k)
      if (const auto drawn = draws.draw(scores)) {
        row.ids.push_back(drawn->id);
        row.logprobs.push_back(static_cast<float>(drawn->logprob));
      }
  }
}

language::reading sampling_hall::running::next_part(std::size_t most) {
  const auto count = std::min(most, unread());
  bool wanted = false;
  for (std::size_t i = 1; i <= count; ++i)
    wanted |= read_ + i < job.ask.prompt.size() && wants_scores_of(read_ + i);
  return {&prompt_, std::span(job.ask.prompt).subspan(read_, count),
          wanted ? language::scores_of::every : language::scores_of::last};
}

result<void> sampling_hall::running::took(const language::reading& part,
                                          const std::vector<float>& scores) {
  const auto count = part.tokens.size();
  const auto vocabulary = static_cast<std::size_t>(job.from.base->config.vocabulary);
  for (std::size_t i = 0; part.which == language::scores_of::every && i < count; ++i) {
    const auto position = read_ + i + 1;
    if (position < job.ask.prompt.size() && wants_scores_of(position))
      note_position(position, std::span(scores).subspan(i * vocabulary, vocabulary));
  }
  read_ += count;
  if (!prompt_is_read()) return {};
  const std::vector<float> last(scores.end() - static_cast<std::ptrdiff_t>(vocabulary),
                                scores.end());
  const auto seed = seed_of(job.ask);
  answer.sequences.resize(width());
  for (std::size_t i = 0; i < width() && most_tokens_ > 0; ++i)
    lines.push_back(
        {prompt_.fork(), language::sampler(config_of(job.ask, seed + i)), last, "", i, 0});
  return {};
}

bool sampling_hall::running::is_at_end(line& l, std::int32_t token) const {
  const auto& ask = job.ask;
  const auto& base = *job.from.base;
  if (ask.default_stops) return base.ends_with(token);
  if (std::find(ask.stop_tokens.begin(), ask.stop_tokens.end(), token) != ask.stop_tokens.end())
    return true;
  if (ask.stop_texts.empty() || !base.tokenizer) return false;
  const auto before = l.text.size();
  l.text += base.tokenizer->bytes_of(token);
  for (const auto& stop : ask.stop_texts) {
    const auto from = before >= stop.size() ? before - stop.size() + 1 : 0;
    if (l.text.find(stop, from) != std::string::npos) return true;
  }
  return false;
}

result<void> sampling_hall::running::draw() {
  for (auto& l : lines) {
    const auto drawn = l.sampler.draw(l.scores);
    if (!drawn) return fail(drawn);
    l.scores.clear();
    l.token = drawn->id;
    auto& to = answer.sequences[l.place];
    to.tokens.push_back(drawn->id);
    to.logprobs.push_back(static_cast<float>(drawn->logprob));
    if (job.ask.topk_sample > 0) to.top.push_back(as_top(drawn->top));
    to.stopped = is_at_end(l, drawn->id);
  }
  std::erase_if(lines, [&](const line& l) {
    const auto& to = answer.sequences[l.place];
    return to.stopped || static_cast<std::int64_t>(to.tokens.size()) >= most_tokens_;
  });
  return {};
}

result<void> check(const sample_job& job) {
  const auto& ask = job.ask;
  const auto& config = job.from.base->config;
  const auto bad = [](const std::string& what) { return fail("tinker.bad_request", what); };
  if (ask.problem) return tl::unexpected(*ask.problem);
  for (const auto* tokens : {&ask.prompt, &ask.targets})
    for (const auto t : *tokens)
      if (t >= config.vocabulary || (t < 0 && tokens == &ask.prompt))
        return bad(fmt::format("token {} is outside the vocabulary, which has {} tokens", t,
                               config.vocabulary));
  if (!ask.stop_texts.empty() && !job.from.base->tokenizer)
    return bad("stop: this model has no tokenizer here, so stop must be token ids");
  const auto n = static_cast<std::int64_t>(ask.prompt.size()), limit = job.from.base->context();
  const auto most = ask.max_tokens.value_or(1);
  if (n > limit || most > limit - n)
    return bad(
        fmt::format("PromptTooLong: Prompt length plus max_tokens exceeds the model's "
                    "context window: {} + {} > {}",
                    n, most, limit));
  return {};
}

}  // namespace hocket::tinker
