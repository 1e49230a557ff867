#include "actors/trainer/data/datum.hpp"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "actors/http/digest.hpp"
#include "actors/trainer/examples/text_example.hpp"
#include "engine/language/files/json_lines.hpp"
#include "engine/language/files/mapped_file.hpp"

namespace hocket::trainer {
namespace {

using language::chat_words;
using language::token_id;
using nlohmann::json;
using nlohmann::ordered_json;

/// Tokens, and whether each is learnt.
struct labelled {
  std::vector<token_id> tokens;
  std::vector<double> learnt;

  void add(const std::vector<token_id>& more, bool is_learnt) {
    tokens.insert(tokens.end(), more.begin(), more.end());
    learnt.resize(tokens.size(), is_learnt ? 1 : 0);
  }
};

/// Every text in it, so that no control token comes out.
ordered_json guarded(const json& v, const language::tokenizer& t) {
  if (v.is_string()) return t.guard(v.get<std::string>());
  if (v.is_array()) {
    auto out = ordered_json::array();
    for (const auto& each : v) out.push_back(guarded(each, t));
    return out;
  }
  if (!v.is_object()) return ordered_json(v);
  auto out = ordered_json::object();
  for (const auto& [key, each] : v.items()) out[t.guard(key)] = guarded(each, t);
  return out;
}

result<std::vector<token_id>> rendered(const json& example, std::size_t count, bool opens,
                                       const chat_words& w) {
  ordered_json variables{{"messages", ordered_json::array()},
                         {"add_generation_prompt", opens},
                         {"bos_token", w.begin_text},
                         {"eos_token", w.end_text}};
  for (std::size_t i = 0; i < count; ++i)
    variables["messages"].push_back(guarded(example["messages"][i], w.tokens));
  if (example.contains("tools")) variables["tools"] = guarded(example["tools"], w.tokens);
  const auto text = w.layout->render(variables, std::time_t{0});
  if (!text) return fail(text);
  return w.tokens.encode_prompt(*text);
}

result<labelled> from_messages(const json& example, const chat_words& w) {
  const auto& messages = example["messages"];
  if (!w.layout)
    return fail("train.data", "the model has no chat template: give prompt and completion");
  if (!messages.is_array() || messages.size() < 2)
    return fail("train.data", "messages must be a list of two or more");
  for (const auto& each : messages)
    if (!each.is_object() || !each.value("role", json()).is_string() ||
        !(each.value("content", json()).is_string() || each.value("tool_calls", json()).is_array()))
      return fail("train.data", "every message needs a role and a content that is a text");
  const auto before = rendered(example, messages.size() - 1, true, w);
  if (!before) return fail(before);
  const auto all = rendered(example, messages.size(), false, w);
  if (!all) return fail(all);
  if (all->size() <= before->size() || !std::equal(before->begin(), before->end(), all->begin()))
    return fail("train.data",
                "the chat template writes the last message elsewhere than after its prompt");
  labelled out;
  out.add(*before, false);
  out.add({all->begin() + static_cast<std::ptrdiff_t>(before->size()), all->end()}, true);
  return out;
}

result<labelled> from_segments(const json& segments, const chat_words& w) {
  if (!segments.is_array()) return fail("train.data", "segments must be a list");
  labelled out;
  for (const auto& s : segments) {
    if (!s.is_object() || !s.value("text", json()).is_string() ||
        !s.value("learnt", json(false)).is_boolean())
      return fail("train.data", "every segment needs a text, and `learnt` that is true or false");
    const auto ids = w.tokens.encode(s["text"].get<std::string>());
    if (!ids) return fail(ids);
    const auto& rules = w.tokens.rules();
    if (out.tokens.empty() && rules.begin != language::no_token && rules.adds_begin)
      out.add({rules.begin}, false);
    out.add(*ids, s.value("learnt", false));
  }
  return out;
}

result<labelled> from_texts(const std::string& prompt, const std::string& completion,
                            const chat_words& w) {
  const auto before = w.tokens.encode(prompt);
  auto after = w.tokens.encode(completion);
  if (!before) return fail(before);
  if (!after) return fail(after);
  auto ends = w.tokens.rules().ends;
  if (!ends.empty()) after->push_back(*std::min_element(ends.begin(), ends.end()));
  labelled out;
  out.add(*before, false);
  out.add(*after, true);
  return out;
}

result<labelled> from_json(const json& j, const chat_words& w) {
  if (!j.is_object()) return fail("train.data", "no JSON object");
  if (j.contains("messages")) return from_messages(j, w);
  if (j.contains("segments")) return from_segments(j["segments"], w);
  const auto text = [&](const char* key) { return j.value(key, json()); };
  if (text("prompt").is_string() && text("completion").is_string())
    return from_texts(j["prompt"], j["completion"], w);
  if (text("text").is_string()) return from_texts("", j["text"], w);
  return fail("train.data", "it needs messages, segments, prompt and completion, or text");
}

/// Numbers of a tensor with one axis.
result<std::vector<double>> numbers_of(const tensor& t, const char* name) {
  std::vector<double> out;
  const auto take = [&](auto values) { out.assign(values.begin(), values.end()); };
  switch (t.type) {
    case dtype::i32: take(t.data.as<std::int32_t>()); break;
    case dtype::i64: take(t.data.as<std::int64_t>()); break;
    case dtype::f32: take(t.data.as<float>()); break;
    default: return fail("train.data", fmt::format("`{}` has another type of number", name));
  }
  if (t.shape.size() != 1 || static_cast<std::size_t>(t.shape[0]) != out.size())
    return fail("train.data", fmt::format("`{}` must have one axis", name));
  return out;
}

result<labelled> from_tokens(const training_example& e, std::size_t vocabulary) {
  const auto tokens = numbers_of(*e.find("tokens"), "tokens");
  if (!tokens) return fail(tokens);
  labelled out;
  for (const double id : *tokens) {
    if (!(id >= 0 && id < static_cast<double>(vocabulary)))
      return fail("train.data", fmt::format("token {} is outside of the vocabulary", id));
    out.tokens.push_back(static_cast<token_id>(id));
  }
  out.learnt.assign(out.tokens.size(), 1);
  if (const auto* w = e.find("weights")) {
    auto weights = numbers_of(*w, "weights");
    if (!weights) return fail(weights);
    if (weights->size() != out.tokens.size())
      return fail("train.data", "`weights` has another length than `tokens`");
    out.learnt = std::move(*weights);
  }
  return out;
}

result<lora::training_datum> finished(const labelled& l, std::int64_t most_tokens) {
  const auto n = static_cast<std::int64_t>(l.tokens.size()) - 1;
  if (n < 1) return fail("train.data", "fewer than two tokens");
  if (n + 1 > most_tokens)
    return fail("train.data", fmt::format("{} tokens, and max_tokens is {}", n + 1, most_tokens));
  lora::training_datum d;
  d.tokens.assign(l.tokens.begin(), l.tokens.end() - 1);
  d.inputs["target_tokens"] = {{n}, {l.tokens.begin() + 1, l.tokens.end()}};
  std::vector<double> weights(l.learnt.begin() + 1, l.learnt.end());
  if (std::ranges::all_of(weights, [](double w) { return w == 0; }))
    return fail("train.data", "nothing in it is learnt");
  d.inputs["weights"] = {{n}, std::move(weights)};
  return d;
}

}  // namespace

result<lora::training_datum> datum_of(const json& example, const chat_words& words,
                                      std::int64_t most_tokens) {
  const auto l = from_json(example, words);
  if (!l) return fail(l);
  return finished(*l, most_tokens);
}

result<lora::training_datum> datum_of(const training_example& example, const chat_words& words,
                                      std::int64_t most_tokens) {
  if (example.find("tokens") != nullptr) {
    const auto l = from_tokens(example, words.tokens.size());
    if (!l) return fail(l);
    return finished(*l, most_tokens);
  }
  const auto j = json_of(example);
  if (!j) return fail(j);
  return datum_of(*j, words, most_tokens);
}

result<read_examples> read_data(const std::string& path, const chat_words& words,
                                std::int64_t most_tokens) {
  const auto text = language::read_text(path, std::size_t{1} << 30);
  if (!text) return fail(text);
  std::vector<lora::training_datum> all;
  const auto count = language::for_each_json_line(*text, path, [&](const json& j) -> result<void> {
    auto d = datum_of(j, words, most_tokens);
    if (!d) return fail(d);
    all.push_back(std::move(*d));
    return {};
  });
  if (!count) return fail("train.data", count.error().message);
  if (all.empty()) return fail("train.data", path + ": no example");
  return read_examples{std::move(all), http::sha256_hex(*text), *count};
}

}  // namespace hocket::trainer
