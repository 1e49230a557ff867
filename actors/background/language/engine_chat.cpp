// A model in this process: one answer at a time for all agents that share it, held to the tools' schemas where that is wanted.
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>

#include "actors/background/language/chat.hpp"
#include "actors/background/language/plain_text.hpp"
#include "engine/language/calls/answer_reader.hpp"
#include "engine/language/calls/call_format.hpp"
#include "engine/language/constraint/json_schema.hpp"
#include "engine/language/generation/generation.hpp"
#include "engine/language/packages/packages.hpp"

namespace hocket::background {
namespace {

using steady = std::chrono::steady_clock;
using language::grammar_builder;
using held_grammar = std::shared_ptr<language::constraint>;
constexpr std::size_t most_grammars = 16;

/// One line of text, at least a character of it that is no blank, and its end.
int text_line(grammar_builder& g) {
  const auto end = g.literal("\n", g.finish());
  const auto all = language::char_set::all().without(language::char_set::of({{0, 31}, {127, 127}}));
  const auto rest = g.star([&](int next) { return g.character(all, next); }, end);
  return g.literal(" ", g.character(all.without(language::char_set::of({{' ', ' '}})), rest));
}

/// What follows "Function:" in a plain prompt: a call of a tool with arguments that its schema allows,
/// or an answer.
result<std::shared_ptr<const language::grammar>> plain_grammar(const json& tools, bool must_call) {
  grammar_builder g;
  const auto answer = text_line(g);
  if (tools.empty()) return g.build(answer);
  std::vector<int> ways;
  if (!must_call) ways.push_back(g.literal(" none\nAnswer:", answer));
  const auto end = g.literal("\n", g.finish());
  for (const auto& t : tools) {
    const auto& f = t["function"];
    const auto arguments = language::add_json(g, f["parameters"], end);
    const auto name = f["name"].get<std::string>();
    if (!arguments) return fail(arguments.error().code, name + ": " + arguments.error().message);
    ways.push_back(g.literal(" " + name + "\nArguments: ", *arguments));
  }
  return g.build(g.choice(ways));
}

/// Some of the names, or "none".
result<std::shared_ptr<const language::grammar>> names_grammar(
    const std::vector<std::string>& names) {
  grammar_builder g;
  const auto end = g.finish();
  const auto one = [&](int next) {
    std::vector<int> ways;
    for (const auto& n : names) ways.push_back(g.literal(n, next));
    return g.choice(ways);
  };
  const auto more = g.star([&](int next) { return g.literal(", ", one(next)); }, end);
  return g.build(g.choice({g.literal("none", end), one(more)}));
}

/// One at a time, in the order in which they came.
class queue_of_turns {
 public:
  /// False where `over` came before the turn.
  bool enter(const std::function<bool()>& over) {
    std::unique_lock lock(mutex_);
    const auto mine = waiting_.insert(waiting_.end(), next_++);
    while (waiting_.front() != *mine) {
      if (over()) {
        waiting_.erase(mine);
        return false;
      }
      changed_.wait_for(lock, std::chrono::milliseconds(20));
    }
    return true;
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    waiting_.pop_front();
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<std::uint64_t> waiting_;  ///< the first one has its turn
  std::uint64_t next_ = 0;
};

/// A model that all planners with its path share.
struct shared_model {
  std::shared_ptr<const language::chat_model> model;
  std::shared_ptr<language::prefix_cache> prefixes;
  std::shared_ptr<queue_of_turns> turns = std::make_shared<queue_of_turns>();
};

/// Tells what of an answer is text, while it is written.
class text_teller {
 public:
  text_teller(const chat_request& request, bool plain, const language::call_format& format)
      : request_(request), plain_(plain), reader_(format) {}

  void more(const std::string& piece) {
    if (!request_.on_text || !request_.names.empty()) return;
    if (!plain_) {
      for (const auto& p : reader_.push(piece))
        if (p.what == language::answer_part::kind::text) request_.on_text(p.text);
      return;
    }
    said_ += piece;
    const auto so_far = plain_answer_so_far(said_, !request_.tools.empty());
    if (so_far.size() <= told_) return;
    request_.on_text(so_far.substr(told_));
    told_ = so_far.size();
  }

 private:
  const chat_request& request_;
  bool plain_;
  language::answer_reader reader_;
  std::string said_;
  std::size_t told_ = 0;
};

class engine_chat final : public chat_backend {
 public:
  engine_chat(std::shared_ptr<const shared_model> shared, const engine_settings& s)
      : shared_(std::move(shared)),
        model_(shared_->model),
        answers_(model_, static_cast<int>(s.threads),
                 s.prefix_bytes > 0 ? shared_->prefixes : nullptr),
        threads_(static_cast<int>(s.threads)),
        keeps_prefixes_(s.prefix_bytes > 0) {
    const auto& source = model_->words().template_source;
    format_ = &language::format_of(source);
    // A template that does not know tools would leave them out without a word.
    knows_tools_ = source.find("tools") != std::string::npos;
  }

  result<chat_reply> ask(const chat_request& request) override {
    const auto began = steady::now();
    const auto until = began + std::chrono::milliseconds(request.time_left_ms);
    if (!shared_->turns->enter([&] { return is_over(request, until); }))
      return fail("language.out_of_time", "the model was busy with other requests for too long");
    const auto leave = [](queue_of_turns* t) { t->leave(); };
    const std::unique_ptr<queue_of_turns, decltype(leave)> turn(shared_->turns.get(), leave);
    const bool plain = !knows_tools_ && !request.plain.request.empty();
    const auto prompt = plain ? plain_ids(request)
                              : model_->prompt(request.messages, request.tools, std::time(nullptr));
    if (!prompt) return fail(prompt);
    language::answer_config how;
    how.sampling.temperature = request.temperature;
    how.sampling.seed = request.seed;
    how.sampling.logprobs = -1;
    how.max_tokens = request.max_tokens;
    if (request.held) {
      auto held = held_for(request, plain);
      if (!held) return fail(held);
      how.held_to = std::move(*held);
    } else if (plain) {
      how.stops = plain_stops();
    }
    if (!keeps_prefixes_) forget();
    text_teller told(request, plain, *format_);
    auto reply = answer(*prompt, how, request, until, began, told);
    if (!reply) return reply;
    if (plain) {
      auto made = plain_reply(reply->text, !request.tools.empty());
      reply->text = std::move(made.text);
      reply->calls = std::move(made.calls);
    } else if (request.names.empty()) {
      take_apart(*reply);
    }
    return reply;
  }

 private:
  static bool is_over(const chat_request& request, steady::time_point until) {
    return (request.cancelled != nullptr && request.cancelled->load()) || steady::now() >= until;
  }

  result<std::vector<language::token_id>> plain_ids(const chat_request& r) const {
    return model_->text_prompt(plain_prompt(r.plain, !r.tools.empty()));
  }

  /// As if nothing had been read before.
  void forget() { answers_ = language::generation(model_, threads_, nullptr); }

  result<chat_reply> answer(const std::vector<language::token_id>& prompt,
                            const language::answer_config& how, const chat_request& request,
                            steady::time_point until, steady::time_point began, text_teller& told) {
    const auto over = [&] { return is_over(request, until); };
    // The prompt is read in chunks, and left where nobody waits for it any more.
    std::stop_source stop;
    std::jthread watch([&](std::stop_token end) {
      while (!end.stop_requested() && !over())
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (!end.stop_requested()) stop.request_stop();
    });
    if (const auto begun = answers_.begin(prompt, how, stop.get_token()); !begun)
      return fail(begun);
    chat_reply out;
    for (;;) {
      if (over()) return fail("language.out_of_time", "the time for the answer is over");
      const auto piece = answers_.next();
      if (!piece) return fail(piece);
      if (answers_.answer_tokens() == 1)
        out.first_token_ms =
            std::chrono::duration<double, std::milli>(steady::now() - began).count();
      out.text += piece->markup + piece->text;
      told.more(piece->markup + piece->text);
      if (piece->end != language::answer_end::none) break;
    }
    out.prompt_tokens = answers_.prompt_tokens();
    out.reused_tokens = answers_.reused_tokens();
    out.tokens = out.prompt_tokens + answers_.answer_tokens();
    return out;
  }

  /// What the answer is held to; none where it is free text.
  result<held_grammar> held_for(const chat_request& request, bool plain) {
    const bool names = !request.names.empty();
    if (!names && !plain && request.tools.empty()) return held_grammar();
    auto key = std::string(plain ? "p" : "c") + (request.must_call ? "!" : "") +
               request.tools.dump(-1, ' ', false, json::error_handler_t::replace);
    for (const auto& n : request.names) key += "\n" + n;
    for (auto at = grammars_.begin(); at != grammars_.end(); ++at)
      if (at->first == key) {
        grammars_.splice(grammars_.begin(), grammars_, at);
        return at->second;
      }
    const auto made =
        names   ? names_grammar(request.names)
        : plain ? plain_grammar(request.tools, request.must_call)
                : language::grammar_of_calls(*format_, request.tools,
                                             request.must_call ? language::call_choice::required
                                                               : language::call_choice::optional,
                                             model_->tokens());
    if (!made) return fail(made);
    auto held = std::make_shared<language::constraint>(*made, model_->tree());
    grammars_.emplace_front(std::move(key), held);
    if (grammars_.size() > most_grammars) grammars_.pop_back();
    return held;
  }

  /// Text and calls, as the family writes them; else as models write them that were asked in words.
  void take_apart(chat_reply& reply) const {
    language::answer_reader reader(*format_);
    auto parts = reader.push(reply.text);
    for (auto& p : reader.finish()) parts.push_back(std::move(p));
    std::string text;
    for (auto& p : parts) {
      if (p.what == language::answer_part::kind::text) text += p.text;
      if (p.what == language::answer_part::kind::call)
        reply.calls.push_back({std::move(p.name), std::move(p.text)});
    }
    reply.text = std::move(text);
    if (reply.calls.empty()) reply.calls = calls_in_text(reply.text);
  }

  std::shared_ptr<const shared_model> shared_;
  std::shared_ptr<const language::chat_model> model_;
  language::generation answers_;
  const language::call_format* format_ = nullptr;
  std::list<std::pair<std::string, held_grammar>> grammars_;  ///< used last comes first
  int threads_ = 1;
  bool keeps_prefixes_ = true;
  bool knows_tools_ = false;
};

/// Weights and prefixes by path: a conversation of its own needs none of its own.
result<std::shared_ptr<const shared_model>> open_shared(const engine_settings& s) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<const shared_model>> opened;
  const auto path = language::find_model(s.path);
  if (!path) return fail(path);
  const std::lock_guard lock(mutex);
  if (auto there = opened[*path].lock()) return there;
  auto model = language::chat_model::open(*path);
  if (!model) return fail(model);
  auto made = std::make_shared<const shared_model>(
      std::move(*model), std::make_shared<language::prefix_cache>(s.prefix_bytes));
  opened[*path] = made;
  return made;
}

}  // namespace

result<std::shared_ptr<chat_backend>> open_engine_chat(const engine_settings& s) {
  auto shared = open_shared(s);
  if (!shared) return fail(shared);
  return std::make_shared<engine_chat>(std::move(*shared), s);
}

}  // namespace hocket::background
