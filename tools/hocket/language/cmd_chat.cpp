#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/language/constraint/json_schema.hpp"
#include "engine/language/files/mapped_file.hpp"
#include "engine/language/files/strict_json.hpp"
#include "engine/language/generation/generation.hpp"
#include "engine/language/packages/packages.hpp"
#include "tools/hocket/language/commands.hpp"
#include "tools/hocket/language/line_input.hpp"
#include "tools/hocket/output.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/signals.hpp"
#include "tools/hocket/terminal.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

using json = nlohmann::ordered_json;
using clock = std::chrono::steady_clock;

double seconds_since(clock::time_point from) {
  return std::chrono::duration<double>(clock::now() - from).count();
}

/// What an answer took.
struct answer_figures {
  std::int64_t prompt = 0, reused = 0, tokens = 0;
  double first_s = 0, decode_s = 0;
  std::string end;

  double prompt_rate() const {
    const auto read = static_cast<double>(prompt - reused);
    return first_s > 0 ? read / first_s : 0;
  }
  /// The first token comes with the prompt.
  double decode_rate() const {
    return tokens > 1 && decode_s > 0 ? static_cast<double>(tokens - 1) / decode_s : 0;
  }
  std::string line() const {
    return fmt::format(
        "{} tokens, {:.1f} tokens/s; first after {:.2f} s ({} read, {} remembered, {:.0f} "
        "tokens/s); ended by {}",
        tokens, decode_rate(), first_s, prompt - reused, reused, prompt_rate(), end);
  }
};

class chat {
 public:
  chat(const chat_options& o, std::shared_ptr<const language::chat_model> model,
       std::shared_ptr<language::constraint> held_to)
      : o_(o),
        window_(this_terminal()),
        input_(window_.is_terminal),
        running_(std::move(model), o.threads) {
    config_.held_to = std::move(held_to);
    config_.sampling.temperature = o.temperature;
    config_.sampling.top_k = o.top_k;
    config_.sampling.top_p = o.top_p;
    config_.sampling.min_p = o.min_p;
    config_.sampling.repetition_penalty = o.repetition_penalty;
    config_.sampling.seed = o.seed;
    config_.sampling.logprobs = -1;
    config_.stops = o.stops;
    config_.max_tokens = o.max_tokens;
    forget();
  }

  int run() {
    if (interactive())
      fmt::print("{}\n", paint(window_, "2", "/help lists commands, /quit or Ctrl-D ends."));
    while (!over()) {
      if (interactive()) {
        fmt::print("{}", paint(window_, "1;34", "> "));
        std::fflush(stdout);
      }
      const auto line = input_.next([this] { return over(); });
      if (!line) break;
      if (line->find_first_not_of(" \t\r") == std::string::npos) continue;
      if (line->starts_with('/') && interactive()) {
        if (!obey(*line)) break;
        continue;
      }
      if (const int code = answer(*line); code != exit_fine && !interactive()) return code;
    }
    if (interactive()) fmt::print("\n");
    return exit_fine;
  }

 private:
  bool interactive() const { return window_.is_terminal && input_.is_terminal() && !o_.json; }
  static bool over() { return signal_that_came() != 0 || output_abandoned(); }

  void forget() {
    messages_ = json::array();
    if (!o_.system.empty()) messages_.push_back({{"role", "system"}, {"content", o_.system}});
  }

  /// A command of the person's; false ends the chat.
  bool obey(const std::string& line) {
    const auto blank = std::min(line.find(' '), line.size());
    const auto word = line.substr(0, blank);
    const auto rest = blank < line.size() ? line.substr(blank + 1) : std::string();
    if (word == "/quit" || word == "/exit") return false;
    if (word == "/help") {
      fmt::print(
          "/new            forget the talk\n/system TEXT    say TEXT to the model first, and begin "
          "anew\n/temperature T  0: always the most probable token\n/max N          longest answer "
          "in tokens\n/seed N         seed of what comes next\n/again          another answer to "
          "the last message\n/stats          what the last answer took\n/quit           end\n");
    } else if (word == "/new") {
      forget();
    } else if (word == "/system") {
      o_.system = rest;
      forget();
    } else if (word == "/stats") {
      say("{}\nmemory of the talk: {} B\n", figures_.line(),
          short_count(static_cast<double>(running_.memory_bytes())));
    } else if (word == "/again") {
      again();
    } else if (!set(word, rest)) {
      say("no such command: {}; /help lists them\n", word);
    }
    return true;
  }

  void again() {
    if (messages_.empty() || messages_.back()["role"] != "assistant") {
      fmt::print("nothing was answered yet\n");
      return;
    }
    messages_.erase(messages_.size() - 1);
    const auto last = messages_.back()["content"].get<std::string>();
    messages_.erase(messages_.size() - 1);
    ++config_.sampling.seed;
    answer(last);
  }

  /// A number that a command sets.
  bool set(const std::string& word, const std::string& value) {
    auto changed = config_;
    try {
      if (word == "/temperature")
        changed.sampling.temperature = std::stod(value);
      else if (word == "/max")
        changed.max_tokens = std::max<std::int64_t>(1, std::stoll(value));
      else if (word == "/seed")
        changed.sampling.seed = std::stoull(value);
      else
        return false;
    } catch (const std::exception&) {
      say("{} takes a number\n", word);
      return true;
    }
    if (const auto fine = language::check(changed.sampling); !fine)
      say("{}\n", fine.error().message);
    else
      config_ = changed;
    return true;
  }

  int answer(const std::string& line) {
    messages_.push_back({{"role", "user"}, {"content", line}});
    const auto& model = running_.model();
    const auto prompt =
        o_.raw ? model.text_prompt(line) : model.prompt(messages_, json(), std::time(nullptr));
    if (!prompt)
      return complain(prompt.error(), exit_failed,
                      prompt.error().code == "model.no_template"
                          ? "`--raw` continues a text with any model"
                          : "");
    figures_ = {};
    const auto began = clock::now();
    std::stop_source stop;
    while_blocked([] { return signal_that_came() != 0; });
    // A long prompt takes seconds: a signal ends its reading, too.
    std::jthread watch([&](std::stop_token end) {
      while (!end.stop_requested() && !over())
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (!end.stop_requested()) stop.request_stop();
    });
    const auto read = running_.begin(*prompt, config_, stop.get_token());
    watch.request_stop();
    if (!read && read.error().code == "language.cancelled") return exit_fine;
    if (!read)
      return complain(read.error(), exit_failed,
                      read.error().code == "language.too_long" ? "/new forgets the talk" : "");
    const auto text = speak(began);
    if (!text) return complain(text.error(), exit_failed);
    messages_.push_back({{"role", "assistant"}, {"content", *text}});
    tell(*text);
    return exit_fine;
  }

  /// Prints the answer while it comes.
  result<std::string> speak(clock::time_point began) {
    std::string text;
    clock::time_point first = began;
    figures_.end = "signal";
    while (!over()) {
      const auto piece = running_.next();
      if (!piece) return fail(piece);
      if (++figures_.tokens == 1) {
        first = clock::now();
        figures_.first_s = seconds_since(began);
      }
      text += piece->text;
      if (!o_.json && !piece->text.empty()) {
        print_clean(stdout, piece->text);
        std::fflush(stdout);
      }
      if (piece->end != language::answer_end::none) {
        figures_.end = language::name_of(piece->end);
        break;
      }
    }
    figures_.decode_s = seconds_since(first);
    figures_.prompt = running_.prompt_tokens();
    figures_.reused = running_.reused_tokens();
    return text;
  }

  void tell(const std::string& text) {
    if (o_.json) {
      fmt::print("{}\n", json{{"text", text},
                              {"end", figures_.end},
                              {"tokens", figures_.tokens},
                              {"tokens_per_s", figures_.decode_rate()},
                              {"prompt_tokens", figures_.prompt},
                              {"prompt_tokens_reused", figures_.reused},
                              {"prompt_tokens_per_s", figures_.prompt_rate()},
                              {"time_to_first_token_s", figures_.first_s}}
                             .dump());
      std::fflush(stdout);
      return;
    }
    fmt::print("\n");
    if (interactive()) fmt::print("{}\n", paint(window_, "2", figures_.line()));
  }

  chat_options o_;
  terminal window_;
  line_input input_;
  language::generation running_;
  language::answer_config config_;
  json messages_;
  answer_figures figures_;
};

/// What answers are held to; null: nothing.
result<std::shared_ptr<const language::grammar>> constraint_of(const chat_options& o) {
  if (!o.pattern.empty()) return language::grammar_of_pattern(o.pattern);
  if (o.schema.empty()) return std::shared_ptr<const language::grammar>();
  const auto text = language::read_text(o.schema, 16u << 20);
  if (!text) return fail(text);
  const auto schema = language::strict_ordered_json(*text, o.schema);
  if (!schema) return fail(schema);
  auto g = language::grammar_of_schema(*schema);
  return g ? g : fail(g.error().code, o.schema + ": " + g.error().message);
}

}  // namespace

int run_chat(const chat_options& o) {
  language::sampling_config sampling;
  sampling.top_p = o.top_p;
  sampling.repetition_penalty = o.repetition_penalty;
  if (const auto fine = language::check(sampling); !fine)
    return complain(fine.error(), exit_bad_input);
  const auto path = language::find_model(o.model);
  if (!path) return complain(path.error(), exit_bad_input);
  keep_output();
  end_in_order_on_signals();
  const auto model = language::chat_model::open(*path, o.context);
  if (!model) return complain(model.error(), exit_bad_input, "`hocket model info` says more");
  if (!o.raw && !(*model)->words().layout)
    return complain({"model.no_template", *path + ": the model has no chat template"},
                    exit_bad_input, "`--raw` continues a text with any model");
  const auto held_to = constraint_of(o);
  if (!held_to) return complain(held_to.error(), exit_bad_input);
  return chat(o, *model,
              *held_to ? std::make_shared<language::constraint>(*held_to, (*model)->tree())
                       : nullptr)
      .run();
}

}  // namespace hocket::cli
