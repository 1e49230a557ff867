#include "engine/language/generation/generation.hpp"

#include <algorithm>
#include <utility>

#include "graph/core/assert.hpp"

namespace hocket::language {
namespace {

/// Whether a sequence forgets what lies far back: behind windows, or in a state.
bool forgets(const language_model& model) {
  return std::ranges::any_of(model.config().trunk.layers, [](const auto& layer) {
    return layer.attention.window > 0 || layer.mixer == engine::mixer_kind::state_space;
  });
}

}  // namespace

const char* name_of(answer_end end) {
  switch (end) {
    case answer_end::none: return "none";
    case answer_end::turn: return "turn";
    case answer_end::stop: return "stop";
    case answer_end::limit: return "limit";
    case answer_end::context: return "context";
  }
  return "none";
}

generation::generation(std::shared_ptr<const chat_model> model, int threads,
                       std::shared_ptr<prefix_cache> shared,
                       std::shared_ptr<const engine::adapter> adapter)
    : generation(model, std::make_shared<shared_passes>(model->network(), threads),
                 std::move(shared), std::move(adapter)) {}

generation::generation(std::shared_ptr<const chat_model> model,
                       std::shared_ptr<shared_passes> passes, std::shared_ptr<prefix_cache> shared,
                       std::shared_ptr<const engine::adapter> adapter)
    : model_(std::move(model)),
      adapter_(std::move(adapter)),
      seat_(std::make_unique<shared_passes::seat>(std::move(passes))),
      shared_(std::move(shared)),
      sequence_(model_->network(), adapter_) {}

void generation::start_anew() {
  sequence_ = language_sequence(model_->network(), adapter_);
  read_.clear();
  ahead_.clear();
}

/// Reads without noting it. What was not read for another reason than `stop` leaves nothing behind.
result<std::vector<float>> generation::read(std::span<const token_id> ids, scores_of which,
                                            shared_passes::part_of of,
                                            const std::stop_token& stop) {
  auto scores = seat_->read({&sequence_, ids, which}, stop, of);
  if (!scores && scores.error().code != "language.cancelled") start_anew();
  return scores;
}

result<void> generation::check_prompt(const std::vector<token_id>& prompt,
                                      const answer_config& config) {
  HOCKET_TRY(check(config.sampling));
  const auto context = model_->network()->config().trunk.context;
  const auto size = static_cast<std::int64_t>(prompt.size());
  if (prompt.empty()) return fail("language.bad_input", "an empty prompt");
  if (size >= context)
    return fail("language.too_long", "the prompt has " + std::to_string(size) +
                                         " tokens, the model remembers " + std::to_string(context));
  if (!config.held_to) return {};
  config.held_to->reset();
  if (config.held_to->shortest_end() > std::min(config.max_tokens, context - size))
    return fail("language.too_short", "the shortest answer that is allowed has " +
                                          std::to_string(config.held_to->shortest_end()) +
                                          " bytes, more than the tokens that may come");
  return {};
}

/// Keeps what was read of the prompt, here or by others; gives its tokens. The last one is always read:
/// its scores are wanted.
std::int64_t generation::take_over(const std::vector<token_id>& prompt) {
  auto kept = std::mismatch(prompt.begin(), prompt.end() - 1, read_.begin(), read_.end()).first -
              prompt.begin();
  ahead_.clear();
  if (!sequence_.rewind(kept)) {
    start_anew();
    kept = 0;
  }
  read_.resize(static_cast<std::size_t>(kept));
  if (!shared_) return kept;
  if (auto other = shared_->find(*model_->network(), prompt, static_cast<std::size_t>(kept))) {
    sequence_ = std::move(other->sequence);
    kept = static_cast<std::int64_t>(other->length);
    read_.assign(prompt.begin(), prompt.begin() + kept);
  }
  return kept;
}

result<void> generation::begin(const std::vector<token_id>& prompt, const answer_config& config,
                               std::stop_token stop) {
  unread_ = no_token;
  HOCKET_TRY(check_prompt(prompt, config));
  prompt_scores_.clear();
  if (config.prompt_logprobs >= 0) start_anew();  // every token's scores are wanted
  const auto kept = config.prompt_logprobs >= 0 ? 0 : take_over(prompt);
  const auto size = static_cast<std::int64_t>(prompt.size());
  prompt_tokens_ = size;
  reused_tokens_ = kept;
  answer_tokens_ = guessed_tokens_ = 0;
  guesses_ = came_true_ = 0;
  luck_ = 0.5;
  config_ = config;
  sampler_.emplace(config.sampling);
  sampler_->remember(prompt);
  watch_.emplace(config.stops);
  characters_ = {};
  at_start_ = true;
  HOCKET_TRY(read_prompt(prompt, kept, stop));
  // A prompt that was all but known already is not worth an entry.
  if (shared_ && size - reused_tokens_ > prompt_chunk) shared_->keep(sequence_, read_);
  return {};
}

result<void> generation::read_prompt(const std::vector<token_id>& prompt, std::int64_t kept,
                                     const std::stop_token& stop) {
  const auto size = static_cast<std::int64_t>(prompt.size());
  const bool scored = config_.prompt_logprobs >= 0;
  if (scored) prompt_scores_.push_back({prompt[0], 0, {}});
  constexpr std::int64_t kept_each = 4 * prompt_chunk;
  std::int64_t since_kept = 0;
  for (std::int64_t n = 0; kept < size; kept += n) {
    if (stop.stop_requested()) return fail("language.cancelled", "cancelled while reading");
    n = std::min(prompt_chunk, size - kept);
    const auto ids =
        std::span(prompt).subspan(static_cast<std::size_t>(kept), static_cast<std::size_t>(n));
    auto scores = read(ids, scored ? scores_of::every : scores_of::last,
                       shared_passes::part_of::prompt, stop);
    if (!scores) return fail(scores);
    read_.insert(read_.end(), ids.begin(), ids.end());
    // Later, what this prompt may share with others will be forgotten.
    since_kept += n;
    if (shared_ && since_kept >= kept_each && forgets(*model_->network())) {
      shared_->keep(sequence_, read_);
      since_kept = 0;
    }
    if (scored) score_chunk(prompt, kept, *scores);
    const auto vocabulary = static_cast<std::ptrdiff_t>(model_->network()->config().vocabulary);
    scores_.assign(scores->end() - vocabulary, scores->end());
  }
  return {};
}

/// `scores` [tokens, vocabulary] are those after the tokens from `first` on.
void generation::score_chunk(const std::vector<token_id>& prompt, std::int64_t first,
                             std::span<const float> scores) {
  const auto vocabulary = static_cast<std::size_t>(model_->network()->config().vocabulary);
  for (std::size_t i = 0; (i + 1) * vocabulary <= scores.size(); ++i) {
    const auto next = static_cast<std::size_t>(first) + i + 1;
    if (next >= prompt.size()) return;
    const auto row = scores.subspan(i * vocabulary, vocabulary);
    prompt_scores_.push_back(
        {prompt[next], logprob_of(row, prompt[next]), top_logprobs(row, config_.prompt_logprobs)});
  }
}

/// What followed the last time that the same tokens were said.
std::vector<token_id> generation::guess(token_id id) const {
  constexpr std::size_t least_same = 2, most_same = 6;
  constexpr std::int64_t most = 12;  // a window keeps what a rewind of 16 needs
  const auto context = model_->network()->config().trunk.context;
  const auto room = std::min({static_cast<std::int64_t>(config_.most_guessed), most,
                              config_.max_tokens - answer_tokens_ - 1,
                              context - static_cast<std::int64_t>(read_.size()) - 2});
  if (room <= 0 || luck_ < 0.3) return {};
  const auto at = [&](std::size_t i) { return i == read_.size() ? id : read_[i]; };
  const auto end = read_.size();  // the place of `id`
  std::size_t best = 0, longest = least_same - 1;
  for (std::size_t last = end; last-- > 0 && longest < most_same;) {
    std::size_t same = 0;
    while (same < most_same && same <= last && at(last - same) == at(end - same)) ++same;
    if (same > longest) longest = same, best = last + 1;
  }
  std::vector<token_id> out;
  if (best == 0) return out;
  for (std::size_t i = best; i <= end && out.size() < static_cast<std::size_t>(room); ++i)
    out.push_back(at(i));
  return out;
}

void generation::judge_guesses() {
  if (guesses_ == 0) return;
  luck_ = 0.7 * luck_ + 0.3 * static_cast<double>(came_true_) / static_cast<double>(guesses_);
  guesses_ = came_true_ = 0;
}

/// Reads the token that was drawn, and with it what may follow.
result<void> generation::go_on(token_id id) {
  if (!ahead_.empty() && ahead_.front().id == id) {
    scores_ = std::move(ahead_.front().scores);
    ahead_.pop_front();
    read_.push_back(id);
    ++came_true_, ++guessed_tokens_;
    return {};
  }
  judge_guesses();
  ahead_.clear();
  const bool back = sequence_.rewind(static_cast<std::int64_t>(read_.size()));
  HOCKET_ASSERT(back);  // paged_layer::slack is longer than any guess
  auto ids = guess(id);
  if (ids.empty()) luck_ = std::min(0.5, luck_ + 0.01);  // another try some time later
  guesses_ = ids.size();
  ids.insert(ids.begin(), id);
  auto scores = read(ids, ids.size() > 1 ? scores_of::every : scores_of::last,
                     shared_passes::part_of::answer);
  if (!scores) return fail(scores);
  read_.push_back(id);
  const auto vocabulary = scores->size() / ids.size();
  for (std::size_t i = 1; i < ids.size(); ++i) {
    const auto from = scores->begin() + static_cast<std::ptrdiff_t>(i * vocabulary);
    ahead_.push_back({ids[i], {from, from + static_cast<std::ptrdiff_t>(vocabulary)}});
  }
  scores->resize(vocabulary);
  scores_ = std::move(*scores);
  return {};
}

std::string generation::shown(std::string_view bytes) {
  auto text = characters_.push(bytes);
  if (at_start_ && !text.empty()) {
    at_start_ = false;
    if (model_->tokens().rules().drops_prefix && text.starts_with(' ')) text.erase(0, 1);
  }
  return watch_->push(text);
}

std::string generation::rest() {
  auto text = watch_->push(characters_.finish());
  return text + watch_->finish();
}

result<answer_piece> generation::next() {
  // The token before this one is read only now: what was said is heard before that, and an answer that
  // is given up costs nothing more.
  if (unread_ != no_token) HOCKET_TRY(go_on(std::exchange(unread_, no_token)));
  const auto context = model_->network()->config().trunk.context;
  const auto held = static_cast<std::int64_t>(read_.size());
  const token_mask* mask = nullptr;
  if (config_.held_to)
    mask = &config_.held_to->allowed(std::min(config_.max_tokens - answer_tokens_, context - held));
  const auto drawn = sampler_->draw(scores_, mask);
  if (!drawn) return fail(drawn);
  if (config_.held_to) HOCKET_TRY(config_.held_to->accept(drawn->id));
  const auto& tokens = model_->tokens();
  answer_piece piece;
  piece.id = drawn->id;
  piece.logprob = drawn->logprob;
  piece.top = drawn->top;
  ++answer_tokens_;
  if (tokens.ends_turn(piece.id)) {
    piece.end = answer_end::turn;
    piece.text = rest();
    if (watch_->stopped()) piece.end = answer_end::stop;
    return piece;
  }
  if (tokens.is_control(piece.id))
    piece.markup = tokens.rules().tokens[static_cast<std::size_t>(piece.id)].bytes;
  piece.text = shown(tokens.bytes_of(piece.id));
  if (watch_->stopped())
    piece.end = answer_end::stop;
  else if (config_.held_to && config_.held_to->must_end())
    piece.end = answer_end::turn;
  else if (answer_tokens_ >= config_.max_tokens)
    piece.end = answer_end::limit;
  else if (held + 1 >= context)
    piece.end = answer_end::context;
  if (piece.end == answer_end::none) {
    unread_ = piece.id;
  } else if (piece.end != answer_end::stop) {
    piece.text += rest();
  }
  return piece;
}

}  // namespace hocket::language
