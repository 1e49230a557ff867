// A turn at an inference server: a prompt in tokens, an answer taken apart as the model's family writes it.
#include "actors/background/language/served/served_chat.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <mutex>
#include <vector>

#include "engine/language/calls/answer_reader.hpp"
#include "engine/language/generation/chat_model.hpp"
#include "engine/language/tokenizer/utf8.hpp"

namespace hocket::background {
namespace {

using steady = std::chrono::steady_clock;
using language::token_id;
constexpr std::size_t most_sessions = 4;

/// Tokens as text, control tokens as their names, while they come.
class token_text {
 public:
  explicit token_text(const language::tokenizer& tokens) : tokens_(tokens) {}

  std::string push(std::span<const token_id> ids) {
    std::string out;
    for (const auto id : ids) {
      if (id < 0 || static_cast<std::size_t>(id) >= tokens_.size() || tokens_.ends_turn(id))
        continue;
      if (tokens_.is_control(id))
        (out += characters_.finish()) += tokens_.bytes_of(id);
      else
        out += characters_.push(tokens_.bytes_of(id));
    }
    return out;
  }
  std::string finish() { return characters_.finish(); }

 private:
  const language::tokenizer& tokens_;
  language::utf8_stream characters_;
};

class served_chat final : public chat_backend {
 public:
  served_chat(served_settings s, language::chat_words words)
      : settings_(std::move(s)),
        words_(std::move(words)),
        format_(&language::format_of(words_.template_source)) {}

  result<chat_reply> ask(const chat_request& request) override {
    const auto began = steady::now();
    const auto prompt =
        language::prompt_of(words_, request.messages, request.tools, std::time(nullptr));
    if (!prompt) return fail(prompt);
    auto session = take_for(*prompt);
    auto reply = answer(*session, *prompt, request, began);
    give_back(std::move(session));
    return reply;
  }

 private:
  result<chat_reply> answer(token_session& session, const std::vector<token_id>& prompt,
                            const chat_request& request, steady::time_point began) const {
    chat_reply out;
    std::string text;
    token_text words(words_.tokens);
    language::answer_reader told(*format_);
    token_request q;
    q.prompt = prompt;
    q.max_tokens = request.max_tokens, q.temperature = request.temperature, q.seed = request.seed;
    q.ends = words_.tokens.rules().ends;
    q.time_left_ms = request.time_left_ms, q.cancelled = request.cancelled;
    q.on_tokens = [&](std::span<const token_id> ids) {
      if (out.first_token_ms == 0)
        out.first_token_ms =
            std::chrono::duration<double, std::milli>(steady::now() - began).count();
      const auto more = words.push(ids);
      text += more;
      if (!request.on_text || !request.names.empty()) return;
      for (const auto& p : told.push(more))
        if (p.what == language::answer_part::kind::text) request.on_text(p.text);
    };
    const auto answered = session.ask(q);
    if (!answered) return fail(answered);
    text += words.finish();
    out.prompt_tokens = static_cast<std::int64_t>(prompt.size());
    out.reused_tokens = out.prompt_tokens - answered->sent;
    out.tokens = out.prompt_tokens + static_cast<std::int64_t>(answered->tokens.size());
    take_apart(text, out);
    return out;
  }

  void take_apart(const std::string& text, chat_reply& reply) const {
    language::answer_reader reader(*format_);
    auto parts = reader.push(text);
    for (auto& p : reader.finish()) parts.push_back(std::move(p));
    for (auto& p : parts) {
      if (p.what == language::answer_part::kind::text) reply.text += p.text;
      if (p.what == language::answer_part::kind::call)
        reply.calls.push_back({std::move(p.name), std::move(p.text)});
    }
    if (reply.calls.empty()) reply.calls = calls_in_text(reply.text);
  }

  /// The idle one that holds most of the prompt; else a new one, or the one that was used longest ago.
  std::unique_ptr<token_session> take_for(const std::vector<token_id>& prompt) {
    const std::lock_guard lock(mutex_);
    auto best = idle_.end();
    std::size_t most = 0;
    for (auto at = idle_.begin(); at != idle_.end(); ++at)
      if (const auto held = (*at)->holds_of(prompt); held > most) most = held, best = at;
    if (best == idle_.end() && idle_.size() >= most_sessions) best = idle_.begin();
    if (best == idle_.end()) return std::make_unique<token_session>(settings_);
    auto taken = std::move(*best);
    idle_.erase(best);
    return taken;
  }

  void give_back(std::unique_ptr<token_session> session) {
    std::unique_ptr<token_session> oldest;  // closed without the lock
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(session));
    if (idle_.size() <= most_sessions) return;
    oldest = std::move(idle_.front());
    idle_.erase(idle_.begin());
  }

  const served_settings settings_;
  const language::chat_words words_;
  const language::call_format* const format_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<token_session>> idle_;  ///< used last comes last
};

}  // namespace

result<std::shared_ptr<chat_backend>> open_served_chat(served_settings s,
                                                       const std::string& words) {
  auto opened = language::open_chat_words(words);
  if (!opened) return fail(opened);
  if (!opened->layout || opened->template_source.find("tools") == std::string::npos)
    return fail(
        "language.bad_config",
        words + ": its chat template knows no tools; `openai` speaks to such a server in words");
  s.begin = opened->tokens.rules().begin;
  return std::make_shared<served_chat>(std::move(s), std::move(*opened));
}

}  // namespace hocket::background
