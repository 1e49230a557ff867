#include "actors/background/language/language_planner.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "actors/background/language/addresses.hpp"
#include "actors/background/language/answer_stream.hpp"
#include "actors/background/language/plain_text.hpp"
#include "actors/background/language/served/served_chat.hpp"
#include "engine/language/files/strict_json.hpp"
#include "graph/text/clean.hpp"
#include "graph/trust/capability.hpp"

namespace hocket::background {
namespace {

constexpr std::size_t most_remembered = 256;
constexpr std::size_t most_calls = 4;
constexpr std::int64_t fewest_tokens = 32;

/// The key in the variable `name`; none is read where there is no name.
result<void> read_key(const planner_context& where, const std::string& name, const char* setting,
                      std::string& key) {
  if (name.empty()) return {};
  if (where.may) HOCKET_TRY(where.may->variable(name));
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0')
    return fail("language.bad_config", "the variable " + name + " (`" + setting + "`) is not set");
  key = value;
  return {};
}

}  // namespace

result<void> language_planner::open(const planner_context& where) {
  count_ = where.count;
  HOCKET_TRY(read_examples());
  if (model_) return {};
  const bool endpoint = !config_.base_url.empty(), served = !config_.served_url.empty();
  if (int{endpoint} + int{served} + int{!config_.model.empty()} != 1)
    return fail(
        "language.bad_config",
        "one of `model` (a file), `openai` (an endpoint) and `served` (an inference server) "
        "says which model thinks");
  if (endpoint) return open_endpoint(where);
  if (served) return open_served(where);
  engine_settings s{config_.model, config_.threads,
                    static_cast<std::size_t>(config_.prefix_mb) * 1'000'000};
  if (where.may) {
    const auto path = where.may->readable(config_.model);
    if (!path) return fail(path);
  }
  auto opened = open_engine_chat(s);
  if (!opened) return fail(opened);
  model_ = std::move(*opened);
  return {};
}

result<void> language_planner::open_endpoint(const planner_context& where) {
  endpoint_settings s;
  s.base_url = config_.base_url;
  s.model = config_.endpoint_model;
  s.ca_file = config_.ca_file;
  s.retries = config_.retries;
  s.silence_ms = static_cast<int>(config_.silence_ms);
  if (where.may) HOCKET_TRY(where.may->address(s.base_url));
  HOCKET_TRY(read_key(where, config_.key_env, "openai.key_env", s.key));
  model_ = make_endpoint(std::move(s));
  return {};
}

result<void> language_planner::open_served(const planner_context& where) {
  served_settings s;
  s.base_url = config_.served_url;
  s.engine = config_.served_engine == "vllm" ? served_engine::vllm : served_engine::sglang;
  s.model = config_.served_model;
  s.ca_file = config_.served_ca_file;
  s.retries = config_.retries;
  s.silence_ms = static_cast<int>(config_.silence_ms);
  if (config_.served_words.empty())
    return fail(
        "language.bad_config",
        "`served.words` is missing: the folder or file with the model's tokenizer and template");
  if (where.may) HOCKET_TRY(where.may->address(s.base_url));
  if (where.may)
    if (const auto path = where.may->readable(config_.served_words); !path) return fail(path);
  HOCKET_TRY(read_key(where, config_.served_key_env, "served.key_env", s.key));
  auto opened = open_served_chat(std::move(s), config_.served_words);
  if (!opened) return fail(opened);
  model_ = std::move(*opened);
  return {};
}

result<void> language_planner::read_examples() {
  for (const auto& lines : config_.examples) {
    auto one = read_example(lines);
    if (!one) return fail(one);
    examples_.push_back(std::move(*one));
  }
  return {};
}

result<chat_reply> language_planner::ask(const chat_request& r) {
  auto reply = model_->ask(r);
  if (!reply) return reply;
  count_("model_turns", 1);
  if (reply->prompt_tokens > 0) {
    count_("prompt_tokens", reply->prompt_tokens);
    count_("reused_prompt_tokens", reply->reused_tokens);
    count_("first_token_ms", static_cast<std::int64_t>(reply->first_token_ms));
  }
  return reply;
}

chat_request language_planner::request_for(const plan_view& view) const {
  chat_request r;
  r.max_tokens = std::clamp<std::int64_t>(config_.answer_tokens, 1,
                                          std::max<std::int64_t>(1, view.tokens_left));
  r.temperature = config_.temperature;
  r.seed = static_cast<std::uint64_t>(config_.seed);
  r.time_left_ms = config_.step_ms;
  r.held = config_.held;
  r.cancelled = view.cancelled;
  return r;
}

prompt_limits language_planner::limits() const {
  return {std::size_t(config_.transcript_bytes), std::size_t(config_.result_bytes),
          config_.instructions, examples_};
}

result<std::vector<std::string>> language_planner::choose(const plan_view& view,
                                                          const tool_names& names,
                                                          std::int64_t& tokens) {
  std::vector<std::string> all;
  for (const auto& t : view.tools) all.push_back(t.name);
  if (!config_.choose_tools || all.size() < 2) return all;
  auto r = request_for(view);
  r.max_tokens = std::min<std::int64_t>(r.max_tokens, 64);
  r.messages = messages_to_choose(
      view, names, {std::size_t(config_.transcript_bytes), std::size_t(config_.result_bytes), ""});
  for (const auto& name : all) r.names.push_back(names.shown(name));
  const auto reply = ask(r);
  if (!reply) return fail(reply);
  tokens += reply->tokens;
  auto chosen = chosen_in(reply->text, view.tools, names);
  for (const auto& c : reply->calls)  // some call at once
    if (auto name = names.real(c.name);
        !name.empty() && std::ranges::find(chosen, name) == chosen.end())
      chosen.push_back(std::move(name));
  return chosen;
}

std::vector<std::string> language_planner::allowed_for(const plan_view& view) {
  const std::lock_guard lock(mutex_);
  const auto at = allowed_.find(view.task.request);
  if (at != allowed_.end()) return at->second;
  std::vector<std::string> asked;  // forgotten: what it called already
  for (const auto& a : view.so_far) asked.push_back(a.tool);
  return asked;
}

void language_planner::remember(std::uint64_t request, std::vector<std::string> allowed) {
  const std::lock_guard lock(mutex_);
  allowed_[request] = std::move(allowed);
  if (allowed_.size() > most_remembered) allowed_.erase(allowed_.begin());
}

result<plan_step> language_planner::next(const plan_view& view, const teller& tell) {
  const tool_names names(view.tools);
  const auto limits = this->limits();
  std::int64_t tokens = 0;
  if (view.so_far.empty()) {
    auto chosen = choose(view, names, tokens);
    if (!chosen) return fail(chosen);
    remember(view.task.request, std::move(*chosen));
  }
  auto allowed = allowed_for(view);
  const bool may_answer = follow_examples(view, allowed);
  const bool may_call =
      !allowed.empty() && view.steps_left > 1 && view.tokens_left - tokens > 4 * fewest_tokens;
  auto r = request_for(view);
  const auto now = std::time(nullptr);
  r.messages = messages_for(view, names, limits, now, may_call);
  const auto known = known_addresses(view, config_.instructions);
  if (may_call)
    r.tools = names.definitions(view.tools, allowed, config_.known_addresses ? &known : nullptr);
  r.must_call = !may_answer && !r.tools.empty();
  // What each tool is for is told in each turn, so that turns begin alike.
  r.plain = plain_for(view, names, limits, names.definitions(view.tools, allowed_for(view)));
  answer_stream told([&](std::string_view words) { tell({words}); });
  if (!r.must_call) r.on_text = [&](std::string_view text) { told.push(text); };
  auto reply = ask(r);
  if (!reply) return fail(reply);
  tokens += reply->tokens;
  return step_from(std::move(*reply), view, names, may_call ? allowed : std::vector<std::string>(),
                   tokens);
}

// Leaves those that follow the last call (or the request) in an example; whether an answer does.
bool language_planner::follow_examples(const plan_view& view,
                                       std::vector<std::string>& allowed) const {
  if (!config_.as_in_examples || examples_.empty()) return true;
  const auto last = view.so_far.empty() ? std::string() : view.so_far.back().tool;
  bool may_answer = false;
  std::vector<std::string> next;
  for (const auto& e : examples_)
    for (std::size_t i = 0; i <= e.calls.size(); ++i) {
      if ((i == 0 ? std::string() : e.calls[i - 1].tool) != last) continue;
      if (i == e.calls.size())
        may_answer = true;
      else
        next.push_back(e.calls[i].tool);
    }
  if (next.empty()) may_answer = true;
  std::erase_if(allowed, [&](const auto& t) { return std::ranges::find(next, t) == next.end(); });
  return may_answer;
}

bool language_planner::may_reach(const plan_view& view, const std::string& tool,
                                 const json& arguments) const {
  if (!config_.known_addresses) return true;
  const auto at = std::ranges::find(view.tools, tool, &tool_info::name);
  return at != view.tools.end() && addresses_are_known(at->parameters_json_schema, arguments,
                                                       known_addresses(view, config_.instructions));
}

plan_step language_planner::step_from(chat_reply reply, const plan_view& view,
                                      const tool_names& names,
                                      const std::vector<std::string>& allowed,
                                      std::int64_t tokens) {
  plan_step out;
  out.tokens = tokens;
  std::size_t refused = 0;
  std::string not_offered;
  for (auto& c : reply.calls) {
    auto tool = names.real(c.name);
    const bool offered = std::ranges::find(allowed, tool) != allowed.end();
    if (!offered) not_offered = cut_text(clean_text(c.name), 64);
    if (!offered || out.calls.size() >= most_calls) {
      ++refused;
      continue;
    }
    // Bounded in depth: a model may write any.
    const json arguments =
        language::strict_ordered_json(c.arguments_json, "arguments").value_or(json());
    // The same call with the same arguments has its answer already: a model that asks again, turns.
    const bool known = std::ranges::any_of(view.so_far, [&](const auto& a) {
      return a.tool == tool && json::parse(a.arguments_json, nullptr, false) == arguments;
    });
    if (known || !arguments.is_object() || !may_reach(view, tool, arguments)) {
      ++refused;
      continue;
    }
    out.calls.push_back({std::move(tool), arguments.dump()});
  }
  if (refused > 0) count_("refused_calls", static_cast<std::int64_t>(refused));
  if (!out.calls.empty()) {
    out.what = plan_step::kind::call;
    return out;
  }
  out.text = spoken(without_reasoning(reply.text));
  out.what = out.text.empty() ? plan_step::kind::give_up : plan_step::kind::answer;
  // A model that only asks for what it may not have said nothing: the newest good result is an answer.
  if (out.text.empty())
    for (const auto& a : view.so_far)
      if (a.status == outcome::ok && !a.content.empty())
        out.text = spoken(a.content), out.what = plan_step::kind::answer;
  if (out.text.empty())
    out.text = not_offered.empty() ? "the model gave neither a call nor an answer"
                                   : "the model calls `" + not_offered +
                                         "`, which is not among the tools of this request";
  return out;
}

}  // namespace hocket::background
