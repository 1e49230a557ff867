#include "tools/hocket/train/lora_data.hpp"

#include <algorithm>
#include <ctime>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/http/digest.hpp"
#include "engine/language/files/mapped_file.hpp"

namespace hocket::cli {
namespace {

using nlohmann::json;
using ids = std::vector<std::int32_t>;

/// What is read first, and what is learnt after it.
struct parts {
  ids before, learnt;
};

result<ids> rendered(const json& messages, std::size_t count, bool opens,
                     const tinker::served_model& m) {
  nlohmann::ordered_json variables{{"messages", nlohmann::ordered_json::array()},
                                   {"add_generation_prompt", opens},
                                   {"bos_token", m.begin_text},
                                   {"eos_token", m.end_text}};
  for (std::size_t i = 0; i < count; ++i)
    variables["messages"].push_back(
        {{"role", messages[i]["role"].get<std::string>()},
         {"content", m.tokenizer->guard(messages[i]["content"].get<std::string>())}});
  const auto text = m.chat->render(variables, std::time_t{0});
  if (!text) return fail(text);
  return m.tokenizer->encode_prompt(*text);
}

result<parts> from_messages(const json& messages, const tinker::served_model& m) {
  if (!m.chat)
    return fail("train.data", "the model has no chat template: give prompt and completion");
  if (!messages.is_array() || messages.size() < 2)
    return fail("train.data", "messages must be a list of two or more");
  for (const auto& each : messages)
    if (!each.is_object() || !each.value("role", json()).is_string() ||
        !each.value("content", json()).is_string())
      return fail("train.data", "every message needs a role and a content that is a text");
  const auto before = rendered(messages, messages.size() - 1, true, m);
  if (!before) return fail(before);
  const auto all = rendered(messages, messages.size(), false, m);
  if (!all) return fail(all);
  if (all->size() <= before->size() || !std::equal(before->begin(), before->end(), all->begin()))
    return fail("train.data",
                "the chat template writes the last message elsewhere than after its prompt");
  return parts{*before, {all->begin() + static_cast<std::ptrdiff_t>(before->size()), all->end()}};
}

result<parts> from_texts(const std::string& prompt, const std::string& completion,
                         const tinker::served_model& m) {
  auto before = m.tokenizer->encode(prompt), learnt = m.tokenizer->encode(completion);
  if (!before) return fail(before);
  if (!learnt) return fail(learnt);
  if (!m.ends.empty()) learnt->push_back(m.ends.front());
  return parts{std::move(*before), std::move(*learnt)};
}

result<parts> read_line(const json& j, const tinker::served_model& m) {
  if (!j.is_object()) return fail("train.data", "no JSON object");
  if (j.contains("messages")) return from_messages(j["messages"], m);
  const auto text = [&](const char* key) { return j.value(key, json()); };
  if (text("prompt").is_string() && text("completion").is_string())
    return from_texts(j["prompt"], j["completion"], m);
  if (text("text").is_string()) return from_texts("", j["text"], m);
  return fail("train.data", "it needs messages, prompt and completion, or text");
}

lora::training_datum datum_of(const parts& p) {
  ids all = p.before;
  all.insert(all.end(), p.learnt.begin(), p.learnt.end());
  const auto n = static_cast<std::int64_t>(all.size()) - 1;
  lora::training_datum d;
  d.tokens.assign(all.begin(), all.end() - 1);
  d.inputs["target_tokens"] = {{n}, {all.begin() + 1, all.end()}};
  std::vector<double> weights(static_cast<std::size_t>(n), 1);
  for (std::size_t i = 0; i + 1 < p.before.size(); ++i) weights[i] = 0;
  d.inputs["weights"] = {{n}, std::move(weights)};
  return d;
}

}  // namespace

result<lora_data> read_lora_data(const std::string& path, const tinker::served_model& model,
                                 std::int64_t most_tokens) {
  const auto text = language::read_text(path, std::size_t{1} << 30);
  if (!text) return fail(text);
  if (!model.tokenizer) return fail("train.data", path + ": the model has no tokenizer");
  std::vector<lora::training_datum> all;
  std::istringstream lines(*text);
  std::string line;
  for (int n = 1; std::getline(lines, line); ++n) {
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const auto p = read_line(json::parse(line, nullptr, false), model);
    const auto at = fmt::format("{}:{}: ", path, n);
    if (!p) return fail("train.data", at + p.error().message);
    const auto tokens = static_cast<std::int64_t>(p->before.size() + p->learnt.size());
    if (tokens < 2) return fail("train.data", at + "fewer than two tokens");
    if (tokens > most_tokens)
      return fail("train.data",
                  fmt::format("{}{} tokens, and max_tokens is {}", at, tokens, most_tokens));
    all.push_back(datum_of(*p));
  }
  if (all.empty()) return fail("train.data", path + ": no example");
  const auto count = static_cast<std::int64_t>(all.size());
  return lora_data{std::move(all), http::sha256_hex(*text), count};
}

}  // namespace hocket::cli
