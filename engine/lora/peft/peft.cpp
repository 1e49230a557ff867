#include "engine/lora/peft/peft.hpp"

#include <cmath>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "engine/language/files/strict_json.hpp"

namespace hocket::lora {
namespace {

using json = nlohmann::ordered_json;  // the order of patterns counts

/// Whether an expression matches a whole text, with bounded work.
result<bool> matches(const std::string& expression, const std::string& text) {
  int number = 0;
  PCRE2_SIZE at = 0;
  const std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                    PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &number, &at, nullptr),
      pcre2_code_free);
  const auto bad = [&](int why) {
    PCRE2_UCHAR words[128] = {};
    pcre2_get_error_message(why, words, sizeof words);
    return fail("lora.bad_config", fmt::format("`{}` is no expression that can be used: {}",
                                               expression, reinterpret_cast<const char*>(words)));
  };
  if (!code) return bad(number);
  const std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> limits(
      pcre2_match_context_create(nullptr), pcre2_match_context_free);
  pcre2_set_match_limit(limits.get(), 100'000);
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> found(
      pcre2_match_data_create_from_pattern(code.get(), nullptr), pcre2_match_data_free);
  const int n = pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0,
                            0, found.get(), limits.get());
  if (n < 0 && n != PCRE2_ERROR_NOMATCH) return bad(n);
  return n >= 0;
}

bool ends_as(const std::string& module, const std::string& part) {
  return module == part || module.ends_with("." + part);
}

/// The value of the first pattern that the end of a name matches.
template <class T>
T by_pattern(const std::vector<std::pair<std::string, T>>& patterns, const std::string& module,
             T otherwise) {
  for (const auto& [pattern, value] : patterns)
    if (matches("(.*\\.)?(" + pattern + ")", module).value_or(false)) return value;
  return otherwise;
}

}  // namespace

int lora_config::rank_of(const std::string& m) const { return by_pattern(rank_pattern, m, rank); }
double lora_config::alpha_of(const std::string& m) const {
  return by_pattern(alpha_pattern, m, alpha);
}
double lora_config::scale_of(const std::string& m) const {
  const double r = rank_of(m);
  return alpha_of(m) / (rank_stabilised ? std::sqrt(r) : r);
}

std::vector<std::string> modules_of(const lora_parts& parts) {
  std::vector<std::string> all;
  if (parts.attention)
    all = {"q_proj",        "k_proj",       "v_proj",        "o_proj",
           "q_a_proj",      "q_b_proj",     "in_proj",       "kv_a_proj_with_mqa",
           "out_proj",      "kv_b_proj",    "q_proj.linear", "k_proj.linear",
           "v_proj.linear", "o_proj.linear"};  // the last four: Inkling 2
  if (parts.feed_forward) all.insert(all.end(), {"gate_proj", "up_proj", "down_proj"});
  if (parts.unembed) all.push_back("lm_head");
  return all;
}

result<bool> selects(const lora_config& c, const std::string& module) {
  for (const auto& e : c.excluded)
    if (ends_as(module, e)) return false;
  if (c.expression) return matches(*c.expression, module);
  if (c.all_linear) return module != "lm_head" && !module.starts_with("head.");
  for (const auto& m : c.modules)
    if (ends_as(module, m)) return true;
  return false;
}

namespace {

tl::unexpected<error> bad(const std::string& what) {
  return fail("lora.bad_config", "adapter_config.json: " + what);
}

/// Keys that change what an adapter computes and that are not done here, with the values that mean
/// "not used".
result<void> refuse_unsupported(const json& j) {
  const auto refuse = [](const std::string& key, const json& value) {
    return fail("lora.unsupported",
                fmt::format("adapter_config.json: {} = {} is not supported", key, value.dump()));
  };
  for (const char* key : {"use_dora", "fan_in_fan_out", "lora_bias", "use_qalora", "use_bdlora",
                          "ensure_weight_tying"})
    if (j.contains(key) && j[key] != false && !j[key].is_null()) return refuse(key, j[key]);
  for (const char* key : {"modules_to_save", "layers_to_transform", "layers_pattern",
                          "layer_replication", "megatron_config", "trainable_token_indices",
                          "target_parameters", "alora_invocation_tokens", "arrow_config"})
    if (j.contains(key) && !j[key].is_null() && !j[key].empty()) return refuse(key, j[key]);
  if (j.contains("bias") && j["bias"] != "none" && !j["bias"].is_null())
    return refuse("bias", j["bias"]);
  return {};
}

result<void> read_targets(const json& j, lora_config& c) {
  const auto t = j.value("target_modules", json());
  if (t == "all-linear")
    c.all_linear = true;
  else if (t.is_string())
    c.expression = t.get<std::string>();
  else if (!t.is_array() || t.empty())
    return bad("target_modules must be names, an expression or \"all-linear\"");
  if (t.is_array())
    for (const auto& name : t) {
      if (!name.is_string()) return bad("target_modules holds what is no name");
      c.modules.push_back(name);
    }
  const auto e = j.value("exclude_modules", json());
  if (e.is_string()) return bad("exclude_modules as an expression is not supported: list names");
  if (e.is_array())
    for (const auto& name : e) {
      if (!name.is_string()) return bad("exclude_modules holds what is no name");
      c.excluded.push_back(name);
    }
  return {};
}

bool is_rank(const json& v) {
  return v.is_number_integer() && v.get<std::int64_t>() >= 1 && v.get<std::int64_t>() <= 65536;
}
bool is_alpha(const json& v) { return v.is_number() && std::isfinite(v.get<double>()); }

result<void> read_patterns(const json& j, lora_config& c) {
  const auto ranks = j.value("rank_pattern", json()), alphas = j.value("alpha_pattern", json());
  for (const auto* p : {&ranks, &alphas})
    if (!p->is_null() && !p->is_object()) return bad("rank_pattern and alpha_pattern are objects");
  for (const auto& [key, value] : ranks.items()) {
    if (!is_rank(value)) return bad("rank_pattern of `" + key + "` must be 1 to 65536");
    c.rank_pattern.emplace_back(key, value.get<int>());
  }
  for (const auto& [key, value] : alphas.items()) {
    if (!is_alpha(value)) return bad("alpha_pattern of `" + key + "` must be a number");
    c.alpha_pattern.emplace_back(key, value.get<double>());
  }
  for (const auto* p : {&ranks, &alphas})
    for (const auto& [key, value] : p->items())
      if (const auto ok = matches("(.*\\.)?(" + key + ")", ""); !ok) return fail(ok);
  return {};
}

}  // namespace

result<lora_config> read_peft_config(std::string_view text) {
  // Values are copied and written below, which a stack bounds.
  const auto parsed = language::strict_ordered_json(text, "adapter_config.json");
  if (!parsed) return fail("lora.bad_config", parsed.error().message);
  const auto& j = *parsed;
  if (!j.is_object()) return bad("not a JSON object");
  if (j.value("peft_type", json("LORA")) != "LORA")
    return fail("lora.unsupported",
                "adapter_config.json: peft_type = " + j["peft_type"].dump() + " is not supported");
  HOCKET_TRY(refuse_unsupported(j));
  lora_config c;
  if (!j.contains("r") || !is_rank(j["r"])) return bad("r must be 1 to 65536");
  c.rank = j["r"];
  const auto alpha = j.value("lora_alpha", json(8));
  if (!is_alpha(alpha)) return bad("lora_alpha must be a number");
  c.alpha = alpha;
  const auto stabilised = j.value("use_rslora", json(false));
  if (!stabilised.is_boolean()) return bad("use_rslora must be true or false");
  c.rank_stabilised = stabilised;
  HOCKET_TRY(read_targets(j, c));
  HOCKET_TRY(read_patterns(j, c));
  const auto base = j.value("base_model_name_or_path", json());
  if (base.is_string()) c.base_model = base;
  if (c.expression)
    if (const auto ok = matches(*c.expression, ""); !ok) return fail(ok);
  return c;
}

std::string write_peft_config(const lora_config& c) {
  json j{{"peft_type", "LORA"},
         {"task_type", "CAUSAL_LM"},
         {"base_model_name_or_path", c.base_model},
         {"r", c.rank},
         {"lora_alpha", c.alpha},
         {"use_rslora", c.rank_stabilised},
         {"lora_dropout", 0.0},
         {"bias", "none"},
         {"fan_in_fan_out", false},
         {"init_lora_weights", true},
         {"inference_mode", true}};
  if (c.alpha == std::floor(c.alpha) && std::abs(c.alpha) < 1e15)
    j["lora_alpha"] = static_cast<std::int64_t>(c.alpha);
  if (c.all_linear)
    j["target_modules"] = "all-linear";
  else if (c.expression)
    j["target_modules"] = *c.expression;
  else
    j["target_modules"] = c.modules;
  if (!c.excluded.empty()) j["exclude_modules"] = c.excluded;
  j["rank_pattern"] = j["alpha_pattern"] = json::object();
  for (const auto& [key, rank] : c.rank_pattern) j["rank_pattern"][key] = rank;
  for (const auto& [key, alpha] : c.alpha_pattern) j["alpha_pattern"][key] = alpha;
  return j.dump(2) + "\n";
}

}  // namespace hocket::lora
