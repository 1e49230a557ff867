#include "engine/language/generation/generation.hpp"

#include <algorithm>

#include "engine/transformer/background.hpp"

namespace hocket::language {

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
                       std::shared_ptr<prefix_cache> shared)
    : model_(std::move(model)), shared_(std::move(shared)), sequence_(model_->network()) {
  if (threads > 1) helpers_ = std::make_shared<engine::work_pool>(threads);
  sequence_.help_with(helpers_);
}

void generation::start_anew() {
  sequence_ = language_sequence(model_->network());
  sequence_.help_with(helpers_);
  read_.clear();
}

result<void> generation::read(std::span<const token_id> ids) {
  auto scores = sequence_.append(ids);
  if (!scores) {
    // What the sequence holds now is not known: the next prompt begins anew.
    start_anew();
    return fail(scores);
  }
  scores_ = std::move(*scores);
  read_.insert(read_.end(), ids.begin(), ids.end());
  return {};
}

result<void> generation::begin(const std::vector<token_id>& prompt, const answer_config& config,
                               std::stop_token stop) {
  HOCKET_TRY(check(config.sampling));
  const auto context = model_->network()->config().trunk.context;
  const auto size = static_cast<std::int64_t>(prompt.size());
  if (prompt.empty()) return fail("language.bad_input", "an empty prompt");
  if (size >= context)
    return fail("language.too_long", "the prompt has " + std::to_string(size) +
                                         " tokens, the model remembers " + std::to_string(context));
  if (config.held_to) {
    config.held_to->reset();
    if (config.held_to->shortest_end() > std::min(config.max_tokens, context - size))
      return fail("language.too_short", "the shortest answer that is allowed has " +
                                            std::to_string(config.held_to->shortest_end()) +
                                            " bytes, more than the tokens that may come");
  }
  // The last token is always read: its scores are wanted.
  const auto same =
      std::mismatch(prompt.begin(), prompt.end() - 1, read_.begin(), read_.end()).first -
      prompt.begin();
  auto kept = static_cast<std::int64_t>(same);
  if (!sequence_.rewind(kept)) {
    start_anew();
    kept = 0;
  }
  read_.resize(static_cast<std::size_t>(kept));
  if (shared_)
    if (auto other = shared_->find(*model_->network(), prompt, static_cast<std::size_t>(kept))) {
      sequence_ = std::move(other->sequence);
      sequence_.help_with(helpers_);
      kept = static_cast<std::int64_t>(other->length);
      read_.assign(prompt.begin(), prompt.begin() + kept);
    }
  prompt_tokens_ = size;
  reused_tokens_ = kept;
  answer_tokens_ = 0;
  config_ = config;
  sampler_.emplace(config.sampling);
  sampler_->remember(prompt);
  watch_.emplace(config.stops);
  characters_ = {};
  at_start_ = true;
  while (kept < size) {
    if (stop.stop_requested()) return fail("language.cancelled", "cancelled while reading");
    const auto n = std::min(prompt_chunk, size - kept);
    HOCKET_TRY(read(
        std::span(prompt).subspan(static_cast<std::size_t>(kept), static_cast<std::size_t>(n))));
    kept += n;
  }
  // A prompt that was all but known already is not worth a copy.
  if (shared_ && size - reused_tokens_ > prompt_chunk) shared_->keep(sequence_, read_);
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
  // The token before this one is read only now: an answer that is given up costs nothing more.
  const auto context = model_->network()->config().trunk.context;
  const token_mask* mask = nullptr;
  if (config_.held_to)
    mask = &config_.held_to->allowed(
        std::min(config_.max_tokens - answer_tokens_, context - sequence_.length()));
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
  else if (sequence_.length() + 1 >= context)
    piece.end = answer_end::context;
  if (piece.end == answer_end::none) {
    HOCKET_TRY(read({&piece.id, 1}));
  } else if (piece.end != answer_end::stop) {
    piece.text += rest();
  }
  return piece;
}

}  // namespace hocket::language
