// A model in this process: all answers go through it together, held to the tools' schemas where that is wanted.
#include <chrono>
#include <ctime>
#include <list>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>

#include "actors/background/language/chat.hpp"
#include "actors/background/language/chat_adapters.hpp"
#include "actors/background/language/holdable.hpp"
#include "actors/background/language/plain_text.hpp"
#include "engine/language/calls/answer_reader.hpp"
#include "engine/language/calls/call_format.hpp"
#include "engine/language/constraint/json_schema.hpp"
#include "engine/language/generation/generation.hpp"
#include "engine/language/generation/shared_passes.hpp"
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

/// A model that all planners with its path share.
struct shared_model {
  shared_model(std::shared_ptr<const language::chat_model> m, std::string path,
               std::size_t prefix_bytes)
      : model(std::move(m)),
        file(std::move(path)),
        prefixes(std::make_shared<language::prefix_cache>(prefix_bytes)),
        adapters(prefix_bytes) {}

  std::shared_ptr<const language::chat_model> model;
  std::string file;  ///< or folder
  std::shared_ptr<language::prefix_cache> prefixes;
  chat_adapters adapters;

  /// All who work with as many threads go through the weights together.
  std::shared_ptr<language::shared_passes> passes(int threads) {
    const std::lock_guard lock(mutex_);
    auto& there = passes_[threads];
    if (!there) there = std::make_shared<language::shared_passes>(model->network(), threads);
    return there;
  }

 private:
  std::mutex mutex_;
  std::map<int, std::shared_ptr<language::shared_passes>> passes_;
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

/// What one answer needs for itself while it is made: keys and values of what was read, and the state
/// of what it is held to.
struct answer_place {
  language::generation answers;
  std::shared_ptr<const chat_adapter> read_through;
  std::list<std::pair<std::string, held_grammar>> grammars = {};  ///< used last comes first
};

class engine_chat final : public chat_backend {
 public:
  engine_chat(std::shared_ptr<shared_model> shared, const engine_settings& s)
      : shared_(std::move(shared)),
        model_(shared_->model),
        passes_(shared_->passes(static_cast<int>(s.threads))),
        keeps_prefixes_(s.prefix_bytes > 0) {
    const auto& source = model_->words().template_source;
    format_ = &language::format_of(source);
    // A template that does not know tools would leave them out without a word.
    knows_tools_ = source.find("tools") != std::string::npos;
  }

  result<void> prepare(const adapter& a) override {
    auto opened = shared_->adapters.open(*model_->network(), a);
    if (!opened) return fail(opened);
    const std::lock_guard lock(mutex_);
    prepared_ = std::move(*opened);  // kept until it is taken
    return {};
  }

  result<void> adapt(const adapter& a) override {
    auto opened = shared_->adapters.open(*model_->network(), a);
    if (!opened) return fail(opened);
    const std::lock_guard lock(mutex_);
    adapter_ = std::move(*opened);
    prepared_.reset();
    idle_.reset();  // what it read was not read through this one
    return {};
  }

  std::string model_path() const override { return shared_->file; }

  bool reads_lines() const override { return !knows_tools_; }

  result<chat_reply> ask(const chat_request& request) override {
    const auto began = steady::now();
    const auto until = began + std::chrono::milliseconds(request.time_left_ms);
    const bool plain = !knows_tools_ && !request.plain.request.empty();
    const auto prompt = plain ? plain_ids(request)
                              : model_->prompt(request.messages, request.tools, std::time(nullptr));
    if (!prompt) return fail(prompt);
    auto place = take_place();
    auto reply = answer(*place, *prompt, request, plain, began, until);
    give_back(std::move(place));
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
  /// The one that was used last, else a new one.
  std::unique_ptr<answer_place> take_place() {
    std::shared_ptr<const chat_adapter> through;
    {
      const std::lock_guard lock(mutex_);
      if (idle_) return std::move(idle_);
      through = adapter_;
    }
    return std::make_unique<answer_place>(new_generation(through), through);
  }

  /// One is kept, for the next request of this conversation; memory of others is not.
  void give_back(std::unique_ptr<answer_place> place) {
    if (!keeps_prefixes_)  // as if nothing had been read before
      place->answers = new_generation(place->read_through);
    const std::lock_guard lock(mutex_);
    if (place->read_through == adapter_) idle_ = std::move(place);
  }

  language::generation new_generation(const std::shared_ptr<const chat_adapter>& through) const {
    const auto& prefixes = through ? through->prefixes : shared_->prefixes;
    return {model_, passes_, keeps_prefixes_ ? prefixes : nullptr,
            through ? through->weights : nullptr};
  }

  static bool is_over(const chat_request& request, steady::time_point until) {
    return (request.cancelled != nullptr && request.cancelled->load()) || steady::now() >= until;
  }

  result<std::vector<language::token_id>> plain_ids(const chat_request& r) const {
    return model_->text_prompt(plain_prompt(r.plain, !r.tools.empty()));
  }

  result<language::answer_config> how_to_answer(answer_place& place, const chat_request& request,
                                                bool plain) const {
    language::answer_config how;
    how.sampling.temperature = request.temperature;
    how.sampling.seed = request.seed;
    how.sampling.logprobs = -1;
    how.max_tokens = request.max_tokens;
    if (request.held) {
      auto held = held_for(place, request, plain);
      if (!held) return fail(held);
      how.held_to = std::move(*held);
    } else if (plain) {
      how.stops = plain_stops();
    }
    return how;
  }

  result<chat_reply> answer(answer_place& place, const std::vector<language::token_id>& prompt,
                            const chat_request& request, bool plain, steady::time_point began,
                            steady::time_point until) const {
    const auto how = how_to_answer(place, request, plain);
    if (!how) return fail(how);
    auto& answers = place.answers;
    text_teller told(request, plain, *format_);
    const auto over = [&] { return is_over(request, until); };
    // The prompt is read in chunks, and left where nobody waits for it any more.
    std::stop_source stop;
    std::jthread watch([&](std::stop_token end) {
      while (!end.stop_requested() && !over())
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (!end.stop_requested()) stop.request_stop();
    });
    if (const auto begun = answers.begin(prompt, *how, stop.get_token()); !begun)
      return fail(begun);
    chat_reply out;
    for (;;) {
      if (over()) return fail("language.out_of_time", "the time for the answer is over");
      const auto piece = answers.next();
      if (!piece) return fail(piece);
      if (answers.answer_tokens() == 1)
        out.first_token_ms =
            std::chrono::duration<double, std::milli>(steady::now() - began).count();
      out.text += piece->markup + piece->text;
      told.more(piece->markup + piece->text);
      if (piece->end != language::answer_end::none) break;
    }
    out.prompt_tokens = answers.prompt_tokens();
    out.reused_tokens = answers.reused_tokens();
    out.tokens = out.prompt_tokens + answers.answer_tokens();
    return out;
  }

  /// What the answer is held to; none where it is free text.
  result<held_grammar> held_for(answer_place& place, const chat_request& request,
                                bool plain) const {
    auto& grammars = place.grammars;
    const bool names = !request.names.empty();
    if (!names && !plain && request.tools.empty()) return held_grammar();
    auto key = std::string(plain ? "p" : "c") + (request.must_call ? "!" : "") +
               request.tools.dump(-1, ' ', false, json::error_handler_t::replace);
    for (const auto& n : request.names) key += "\n" + n;
    for (auto at = grammars.begin(); at != grammars.end(); ++at)
      if (at->first == key) {
        grammars.splice(grammars.begin(), grammars, at);
        return at->second;
      }
    const auto tools = holdable(request.tools);
    const auto made =
        names   ? names_grammar(request.names)
        : plain ? plain_grammar(tools, request.must_call)
                : language::grammar_of_calls(*format_, tools,
                                             request.must_call ? language::call_choice::required
                                                               : language::call_choice::optional,
                                             model_->tokens());
    if (!made) return fail(made);
    auto held = std::make_shared<language::constraint>(*made, model_->tree());
    grammars.emplace_front(std::move(key), held);
    if (grammars.size() > most_grammars) grammars.pop_back();
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

  std::shared_ptr<shared_model> shared_;
  std::shared_ptr<const language::chat_model> model_;
  std::shared_ptr<language::shared_passes> passes_;
  const language::call_format* format_ = nullptr;
  bool keeps_prefixes_ = true;
  bool knows_tools_ = false;
  std::mutex mutex_;
  std::unique_ptr<answer_place> idle_;
  std::shared_ptr<const chat_adapter> adapter_, prepared_;
};

/// Weights and prefixes by path: a conversation of its own needs none of its own.
result<std::shared_ptr<shared_model>> open_shared(const engine_settings& s) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<shared_model>> opened;
  const auto path = language::find_model(s.path);
  if (!path) return fail(path);
  const std::lock_guard lock(mutex);
  if (auto there = opened[*path].lock()) return there;
  auto model = language::chat_model::open(*path);
  if (!model) return fail(model);
  auto made = std::make_shared<shared_model>(std::move(*model), *path, s.prefix_bytes);
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
