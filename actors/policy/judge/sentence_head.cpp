#include "actors/policy/judge/sentence_head.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/policy/topic_head.hpp"

namespace hocket::policy {
namespace {

using nlohmann::json;

constexpr std::int64_t widest = 1 << 16;
constexpr std::size_t most_topics = 256;

/// What is wrong; empty: nothing.
std::string read_weights(const json& from, std::int64_t width, state_weights& out) {
  if (!from.is_object() || !from.contains("bias") || !from["bias"].is_number() ||
      !from.contains("weights") || !from["weights"].is_array())
    return "`bias` or `weights` is missing";
  out.bias = from["bias"].get<double>();
  if (std::ssize(from["weights"]) != width)
    return fmt::format("{} weights are wanted, not {}", width, from["weights"].size());
  for (const auto& w : from["weights"]) {
    const double value = w.is_number() ? w.get<double>() : std::nan("");
    // Of a state of this width no sum of such weights leaves what a double holds.
    if (!(std::fabs(value) <= 1e6)) return "a weight is no number up to 1000000";
    out.weights.push_back(static_cast<float>(value));
  }
  return std::isfinite(out.bias) ? "" : "`bias` is not finite";
}

/// Six digits are more than a head's own error.
nlohmann::ordered_json written(const state_weights& w) {
  nlohmann::ordered_json out{{"bias", w.bias}, {"weights", json::array()}};
  for (const float x : w.weights)
    out["weights"].push_back(std::stod(fmt::format("{:.6g}", static_cast<double>(x))));
  return out;
}

bool is_sum(const json& text) {
  return text.is_string() && text.get_ref<const std::string&>().size() == 64 &&
         text.get_ref<const std::string&>().find_first_not_of("0123456789abcdef") ==
             std::string::npos;
}

}  // namespace

double state_weights::log_odds(std::span<const float> state) const {
  double z = bias;
  for (std::size_t i = 0; i < weights.size(); ++i)
    z += static_cast<double>(weights[i]) * static_cast<double>(state[i]);
  return z;
}

std::vector<float> scaled_state(std::span<const float> state) {
  double square = 0;
  for (const float x : state) square += static_cast<double>(x) * static_cast<double>(x);
  const double mean = square / static_cast<double>(std::max<std::size_t>(1, state.size()));
  const double by = mean > 0 && std::isfinite(mean) ? 1 / std::sqrt(mean) : 0;
  std::vector<float> out;
  out.reserve(state.size());
  for (const float x : state) out.push_back(static_cast<float>(static_cast<double>(x) * by));
  return out;
}

result<sentence_head> sentence_head::read(const std::string& file, const std::string& text) {
  const auto bad = [&](const std::string& why) {
    return fail("policy.bad_head",
                file + ": " + why + "; `hocket train judge --language-model` makes such files");
  };
  const auto all = json::parse(text, nullptr, false);
  if (!all.is_object() || !all.contains("sentences") || !all["sentences"].is_string() ||
      !all.contains("topics") || !all["topics"].is_array())
    return bad("no JSON with `sentences` and `topics`");
  const auto number = [&](const char* key) {
    return all.contains(key) && all[key].is_number() ? all[key].get<double>() : std::nan("");
  };
  sentence_head out;
  out.name = all["sentences"].get<std::string>();
  if (!all.contains("model_sha256") || !is_sum(all["model_sha256"]) || !all.contains("model") ||
      !all["model"].is_string())
    return bad("`model` or `model_sha256`, 64 hexadecimal digits, is missing");
  out.model = all["model"].get<std::string>();
  out.model_sha256 = all["model_sha256"].get<std::string>();
  const double layer = number("layer"), width = number("width");
  if (!(layer >= 1 && layer <= 4096) || !(width >= 1 && width <= static_cast<double>(widest)))
    return bad("`layer` or `width` is missing, or out of range");
  out.layer = static_cast<int>(layer);
  out.at_least = number("at_least"), out.words = number("words");
  if (!(out.at_least > 0 && out.at_least < 1)) return bad("`at_least` in (0, 1) is missing");
  if (!(out.words >= 0 && out.words <= 100)) return bad("`words` from 0 to 100 is missing");
  const auto wide = static_cast<std::int64_t>(width);
  if (const auto why = read_weights(all.value("harm", json()), wide, out.harm); !why.empty())
    return bad("harm: " + why);
  if (all["topics"].empty() || all["topics"].size() > most_topics)
    return bad(fmt::format("one topic to {} are wanted", most_topics));
  for (const auto& t : all["topics"]) {
    topic one;
    if (!t.is_object() || !t.contains("topic") || !t["topic"].is_string())
      return bad("a topic without a name");
    one.name = t["topic"].get<std::string>();
    if (const auto why = read_weights(t, wide, one.by); !why.empty())
      return bad(one.name + ": " + why);
    out.topics.push_back(std::move(one));
  }
  return out;
}

std::string sentence_head::to_json() const {
  nlohmann::ordered_json out{{"sentences", name},
                             {"model", model},
                             {"model_sha256", model_sha256},
                             {"layer", layer},
                             {"width", harm.weights.size()},
                             {"at_least", at_least},
                             {"words", words},
                             {"harm", written(harm)},
                             {"topics", json::array()}};
  for (const auto& t : topics) {
    auto one = written(t.by);
    one["topic"] = t.name;
    out["topics"].push_back(std::move(one));
  }
  return out.dump(-1) + "\n";
}

result<void> sentence_head::fits(const std::string& file, const std::string& of,
                                 const std::string& sha256, int layers, std::int64_t width) const {
  const auto bad = [&](const std::string& why) {
    return fail(
        "policy.bad_head",
        fmt::format("{}: it was learnt from {}, SHA-256 {}; {} {}; take that model, or make "
                    "a head of this one: `hocket train judge --language-model`",
                    file, model, model_sha256, of, why));
  };
  if (sha256 != model_sha256) return bad("has " + sha256);
  if (layer != layers) return bad(fmt::format("has {} layers, not {}", layers, layer));
  if (width != std::ssize(harm.weights))
    return bad(fmt::format("has states of {} numbers, not {}", width, harm.weights.size()));
  return {};
}

std::vector<std::string> sentences_of(std::string_view text) {
  const auto words = head_words_of(text);
  std::vector<std::string> out;
  for (std::size_t from = 0;; from += sentence_step) {
    std::string one;
    for (auto i = from; i < std::min(words.size(), from + sentence_words); ++i)
      one += (one.empty() ? "" : " ") + words[i];
    out.push_back(std::move(one));
    if (from + sentence_words >= words.size()) return out;
  }
}

}  // namespace hocket::policy
