// OpenAI's completions and chat over any sampler.
#include <algorithm>
#include <ctime>
#include <mutex>
#include <optional>

#include <fmt/format.h>

#include "actors/gateway/tinker/service_state.hpp"
#include "actors/gateway/tinker/wire/messages.hpp"

namespace hocket::tinker {
namespace {

using nlohmann::json;

tl::unexpected<error> bad(const std::string& what) { return fail("tinker.bad_request", what); }

/// A request of either kind, on its way to the sampler.
struct wish {
  sampling_source source;
  std::string model;
  sample_request ask;
  std::vector<std::vector<std::int32_t>> prompts;
  bool is_chat = false, streams = false, echo = false, tells_usage = false;
  int logprobs = -1;  ///< alternatives with each token; -1: none
  std::vector<std::string> stops;
};

result<std::vector<std::int32_t>> tokens_of(const wish& w, const json& prompt) {
  if (prompt.is_string()) {
    if (!w.source.base->tokenizer) return bad("this model has no tokenizer here: send token ids");
    return w.source.base->tokenizer->encode(prompt.get<std::string>());
  }
  std::vector<std::int32_t> ids;
  if (!prompt.is_array()) return bad("prompt must be a text or a list of token ids");
  for (const auto& t : prompt) {
    if (!t.is_number_integer()) return bad("prompt must be texts or lists of token ids");
    ids.push_back(t);
  }
  return ids;
}

/// One text, one list of token ids, or a list of either.
result<std::vector<std::vector<std::int32_t>>> prompts_of(const wish& w, const json& prompt) {
  constexpr std::size_t most_prompts = 128;
  const bool several = prompt.is_array() && !prompt.empty() && !prompt.front().is_number();
  std::vector<std::vector<std::int32_t>> all;
  if (several && prompt.size() > most_prompts)
    return bad(fmt::format("prompt holds more than {} prompts", most_prompts));
  for (const auto& each : several ? prompt : json::array({prompt})) {
    auto tokens = tokens_of(w, each);
    if (!tokens) return fail(tokens);
    all.push_back(std::move(*tokens));
  }
  return all;
}

/// A message's text: as it is, or the parts of it.
result<std::string> content_of(const json& message) {
  const auto content = message.is_object() ? message.value("content", json()) : json();
  if (content.is_string()) return content.get<std::string>();
  const auto wrong = bad("every message needs a role and a content that is a text");
  if (!content.is_array()) return wrong;
  std::string text;
  for (const auto& part : content) {
    if (!part.is_object() || !part.value("type", json()).is_string()) return wrong;
    if (part["type"] != "text" || !part.value("text", json()).is_string())
      return bad("content: this model reads text only, and a part is of type `" +
                 part["type"].get<std::string>().substr(0, 40) + "`");
    text += part["text"].get<std::string>();
  }
  return text;
}

result<std::vector<std::int32_t>> chat_tokens(const wish& w, const json& messages) {
  const auto& base = *w.source.base;
  if (!base.chat || !base.tokenizer) return bad("this model has no chat template here");
  if (!messages.is_array() || messages.empty()) return bad("messages must be a list");
  nlohmann::ordered_json variables{{"messages", nlohmann::ordered_json::array()},
                                   {"add_generation_prompt", true},
                                   {"bos_token", base.begin_text},
                                   {"eos_token", base.end_text}};
  for (const auto& m : messages) {
    const auto content = content_of(m);
    if (!content) return fail(content);
    if (!m.value("role", json()).is_string()) return bad("every message needs a role");
    variables["messages"].push_back(
        {{"role", m["role"].get<std::string>()}, {"content", base.tokenizer->guard(*content)}});
  }
  const auto text = base.chat->render(variables, std::time(nullptr));
  if (!text) return bad(text.error().message);
  return base.tokenizer->encode_prompt(*text);
}

template <class T>
result<void> number(const json& body, const char* key, T& into, double low, double high) {
  const auto v = body.value(key, json());
  if (v.is_null()) return {};
  if (!v.is_number() || !(v.get<double>() >= low && v.get<double>() <= high))
    return bad(fmt::format("{} must be {} to {}", key, low, high));
  into = v.get<T>();
  return {};
}

result<void> read_numbers(const json& body, wish& w) {
  auto& a = w.ask;
  std::int64_t most = 16, seed = 0;
  const char* key = body.contains("max_completion_tokens") ? "max_completion_tokens" : "max_tokens";
  HOCKET_TRY(number(body, key, most, 0, 1e9));
  if (!w.is_chat || !body.value(key, json()).is_null()) a.max_tokens = most;
  HOCKET_TRY(number(body, "seed", seed, -9e18, 9e18));
  if (!body.value("seed", json()).is_null()) a.seed = static_cast<std::uint64_t>(seed);
  HOCKET_TRY(number(body, "temperature", a.temperature, 0, 100));
  HOCKET_TRY(number(body, "top_p", a.top_p, 1e-9, 1));
  HOCKET_TRY(number(body, "n", a.num_samples, 1, 128));
  const auto lp = body.value("logprobs", json());
  if (lp.is_boolean() && lp == true) w.logprobs = 0;
  if (lp.is_number_integer()) HOCKET_TRY(number(body, "logprobs", w.logprobs, 0, 20));
  HOCKET_TRY(number(body, "top_logprobs", w.logprobs, 0, 20));
  a.topk_sample = std::max(0, w.logprobs);
  return {};
}

result<wish> read_wish(service::state& s, call& c, bool is_chat) {
  wish w;
  w.is_chat = is_chat;
  const auto model = text_of(c.body, "model");
  if (!model) return fail(model);
  w.model = *model;
  std::string base;
  const bool path = model->starts_with("tinker://");
  auto source = open_source(s, c.owner, path ? "" : *model, path ? *model : "", base);
  if (!source) return fail(source);
  w.source = std::move(*source);
  HOCKET_TRY(read_numbers(c.body, w));
  if (is_chat) {
    auto prompt = chat_tokens(w, c.body.value("messages", json()));
    if (!prompt) return fail(prompt);
    w.prompts.push_back(std::move(*prompt));
  } else {
    auto prompts = prompts_of(w, c.body.value("prompt", json()));
    if (!prompts) return fail(prompts);
    w.prompts = std::move(*prompts);
  }
  for (const auto& each : w.prompts)
    if (each.empty()) return bad("prompt must have at least one token");
  w.echo = !is_chat && c.body.value("echo", json(false)) == true;
  if (w.echo && w.logprobs >= 0)
    return bad("echo: with logprobs it is not offered; asample gives those of a prompt");
  const auto stop = c.body.value("stop", json());
  for (const auto& t : stop.is_array() ? stop : json::array({stop}))
    if (t.is_string() && t != "") w.stops.push_back(t);
  w.ask.stop_texts = w.stops;
  w.ask.default_stops = w.stops.empty();
  if (!w.stops.empty())  // here a model's own end still ends
    w.ask.stop_tokens = w.source.base->ends;
  w.streams = c.body.value("stream", json(false)) == true;
  const auto options = c.body.value("stream_options", json());
  w.tells_usage = options.is_object() && options.value("include_usage", json(false)) == true;
  return w;
}

/// The text of a sequence, cut before a stop text; ends are left out.
std::string text_of(const wish& w, const sample_answer::sequence& s) {
  const auto& t = w.source.base->tokenizer;
  if (!t) return "";
  auto text = t->decode(s.tokens);
  auto cut = std::string::npos;
  for (const auto& stop : w.stops) cut = std::min(cut, text.find(stop));
  return cut == std::string::npos ? text : text.substr(0, cut);
}

std::string token_text(const wish& w, std::int32_t id) {
  return w.source.base->tokenizer ? std::string(w.source.base->tokenizer->bytes_of(id)) : "";
}

json logprobs_of(const wish& w, const sample_answer::sequence& s) {
  if (w.logprobs < 0) return nullptr;
  json content = json::array(), tokens = json::array(), tops = json::array(),
       offsets = json::array();
  std::size_t offset = 0;
  for (std::size_t i = 0; i < s.tokens.size(); ++i) {
    const auto text = token_text(w, s.tokens[i]);
    json top = json::array(), top_map = json::object();
    for (std::size_t k = 0; i < s.top.size() && k < s.top[i].ids.size(); ++k) {
      const auto other = token_text(w, s.top[i].ids[k]);
      top.push_back({{"token", other}, {"logprob", s.top[i].logprobs[k]}, {"bytes", nullptr}});
      top_map[other] = s.top[i].logprobs[k];
    }
    content.push_back(
        {{"token", text}, {"logprob", s.logprobs[i]}, {"bytes", nullptr}, {"top_logprobs", top}});
    tokens.push_back(text), tops.push_back(top_map), offsets.push_back(offset);
    offset += text.size();
  }
  if (w.is_chat) return {{"content", content}};
  return {{"tokens", tokens},
          {"token_logprobs", s.logprobs},
          {"top_logprobs", tops},
          {"text_offset", offsets}};
}

json answer_of(const wish& w, const std::vector<sample_answer>& all) {
  json choices = json::array();
  std::size_t sampled = 0, read = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    read += w.prompts[i].size();
    const auto& t = w.source.base->tokenizer;
    const auto before = w.echo && t ? t->decode(w.prompts[i]) : std::string();
    for (const auto& s : all[i].sequences) {
      sampled += s.tokens.size();
      json choice{{"index", choices.size()},
                  {"finish_reason", s.stopped ? "stop" : "length"},
                  {"logprobs", logprobs_of(w, s)}};
      if (w.is_chat)
        choice["message"] = {{"role", "assistant"}, {"content", text_of(w, s)}};
      else
        choice["text"] = before + text_of(w, s);
      choices.push_back(choice);
    }
  }
  return {{"id", unguessable(w.is_chat ? "chatcmpl-" : "cmpl-")},
          {"object", w.is_chat ? "chat.completion" : "text_completion"},
          {"created", std::time(nullptr)},
          {"model", w.model},
          {"choices", choices},
          {"usage",
           {{"prompt_tokens", read},
            {"completion_tokens", sampled},
            {"total_tokens", read + sampled}}}};
}

/// The whole answer as the events of a stream.
http::response as_stream(const wish& w, json answer) {
  std::string events;
  const auto event = [&](const json& j) {
    events += "data: " + j.dump(-1, ' ', false, json::error_handler_t::replace) + "\n\n";
  };
  const auto choices = answer["choices"], usage = answer["usage"];
  answer.erase("usage");
  if (w.is_chat) answer["object"] = "chat.completion.chunk";
  for (auto choice : choices) {
    const auto reason = choice["finish_reason"];
    if (w.is_chat) {
      choice["delta"] = choice["message"];
      choice.erase("message");
    }
    choice["finish_reason"] = nullptr;
    answer["choices"] = {choice};
    event(answer);
    json last{{"index", choice["index"]}, {"finish_reason", reason}, {"logprobs", nullptr}};
    last[w.is_chat ? "delta" : "text"] = w.is_chat ? json(json::object()) : json("");
    answer["choices"] = {last};
    event(answer);
  }
  if (w.tells_usage) {
    answer["choices"] = json::array(), answer["usage"] = usage;
    event(answer);
  }
  return {200, "text/event-stream", events + "data: [DONE]\n\n", {{"Cache-Control", "no-cache"}}};
}

/// What the prompts of one request gave; the last that ends answers.
struct gathered {
  std::mutex mutex;
  std::vector<sample_answer> answers;
  std::size_t left = 0;
  std::optional<error> problem;
};

void take(const wish& w, gathered& all, std::size_t place, result<sample_answer> a,
          const http::responder& reply) {
  {
    const std::lock_guard lock(all.mutex);
    if (a) all.answers[place] = std::move(*a);
    if (!a) all.problem = a.error();
    if (--all.left > 0) return;
  }
  if (all.problem)
    return reply(json_answer({{"error",
                               {{"message", all.problem->message},
                                {"type", "server_error"},
                                {"code", all.problem->code}}}},
                             503));
  auto body = answer_of(w, all.answers);
  reply(w.streams ? as_stream(w, std::move(body)) : json_answer(body));
}

answered complete(service::state& s, call& c, bool is_chat) {
  auto read = read_wish(s, c, is_chat);
  if (!read) return fail(read);
  const auto w = std::make_shared<wish>(std::move(*read));
  std::vector<sample_job> jobs;
  std::int64_t tokens = 0;
  for (const auto& prompt : w->prompts) {
    jobs.push_back({c.owner, w->source, w->ask, {}, {}, {}});
    jobs.back().ask.prompt = prompt;
    HOCKET_TRY(check(jobs.back()));
    tokens += tokens_of(jobs.back().ask, *w->source.base);
  }
  if (jobs.size() > static_cast<std::size_t>(c.who.most.futures))
    return fail("tinker.quota",
                fmt::format("QuotaExceeded: {} prompts in one request, and {} requests of this key "
                            "may wait at once: send fewer prompts",
                            jobs.size(), c.who.most.futures));
  if (s.sampling->queued(c.owner) + jobs.size() > static_cast<std::size_t>(c.who.most.futures))
    return fail("tinker.busy", too_many_waiting);
  HOCKET_TRY(s.usage.take(c.who, tokens, clock::now()));
  const auto all = std::make_shared<gathered>();
  all->answers.resize(jobs.size()), all->left = jobs.size();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto& ask = jobs[i].ask;
    const auto unused =
        tokens_of(ask, *w->source.base) - static_cast<std::int64_t>(ask.prompt.size());
    jobs[i].done = [&s, w, all, i, unused, who = c.who, reply = c.reply](result<sample_answer> a) {
      s.usage.give_back(who, unused - (a ? tokens_of(*a) : 0), clock::now());
      take(*w, *all, i, std::move(a), reply);
    };
    s.sampling->submit(std::move(jobs[i]));
  }
  return std::optional<http::response>();
}

answered list_models(service::state& s, call& c) {
  json all = json::array();
  const auto add = [&](const std::string& id, std::int64_t time_s) {
    all.push_back({{"id", id}, {"object", "model"}, {"created", time_s}, {"owned_by", c.owner}});
  };
  for (const auto& m : s.options.models)
    for (const auto& name : m->names) add(name, 0);
  for (const auto& k : s.store->list(c.owner))
    if (k.path.kind == "sampler_weights") add(k.path.text(), k.time_s);
  return json_answer({{"object", "list"}, {"data", all}});
}

}  // namespace

answered openai_route(service::state& s, call& c) {
  const auto& p = c.parts;
  const bool post = c.request.method == "POST";
  if (post && p == std::vector<std::string>{"completions"}) return complete(s, c, false);
  if (post && p == std::vector<std::string>{"chat", "completions"}) return complete(s, c, true);
  if (!post && p == std::vector<std::string>{"models"}) return list_models(s, c);
  return fail("tinker.not_found",
              fmt::format("there is no {} {}", c.request.method, c.request.path));
}

}  // namespace hocket::tinker
