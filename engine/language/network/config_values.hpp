// How a family's config.json is read; private to engine/language. No torch.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "engine/language/network/config.hpp"

namespace hocket::language {

using nlohmann::json;

/// Values of a config.json; remembers the first that does not fit.
class values {
 public:
  explicit values(const nlohmann::json& object) : object_(object) {}

  bool has(const char* key) const { return object_.contains(key) && !object_[key].is_null(); }
  const nlohmann::json& at(const char* key) const { return object_[key]; }
  std::int64_t integer(const char* key, std::int64_t low, std::int64_t high,
                       std::optional<std::int64_t> otherwise = {}) {
    if (!has(key)) return otherwise ? *otherwise : missing(key, low);
    const nlohmann::json& v = object_[key];
    const bool fits = v.is_number_integer() && v.get<std::int64_t>() >= low &&
                      v.get<std::int64_t>() <= high &&
                      (!v.is_number_unsigned() || v.get<std::uint64_t>() <= std::uint64_t(high));
    if (fits) return v.get<std::int64_t>();
    note(key,
         v.dump() + " is no integer from " + std::to_string(low) + " to " + std::to_string(high));
    return low;
  }
  int size(const char* key, std::optional<std::int64_t> otherwise = {}) {
    return static_cast<int>(integer(key, 1, 1 << 24, otherwise));
  }
  double number(const char* key, std::optional<double> otherwise = {}) {
    if (!has(key)) return otherwise ? *otherwise : static_cast<double>(missing(key, 1));
    if (object_[key].is_number()) return object_[key].get<double>();
    note(key, object_[key].dump() + " is no number");
    return 1;
  }
  /// From `low` to `high`.
  double number(const char* key, double low, double high, std::optional<double> otherwise = {}) {
    const double x = number(key, otherwise);
    if (x >= low && x <= high) return x;
    note(key,
         json(x).dump() + " is no number from " + json(low).dump() + " to " + json(high).dump());
    return low;
  }
  /// What a network multiplies or divides by; fp32 holds it and its inverse.
  double factor(const char* key, std::optional<double> otherwise = {}) {
    return number(key, 1e-6, 1e6, otherwise);
  }
  /// What is added before a square root is divided by.
  double epsilon(const char* key, double otherwise) { return number(key, 1e-30, 0.1, otherwise); }
  /// A bound that tanh approaches; 0: none.
  double softcap(const char* key) { return number(key, 0) == 0 ? 0 : factor(key, 0); }
  bool flag(const char* key, bool otherwise) {
    if (!has(key)) return otherwise;
    if (object_[key].is_boolean()) return object_[key].get<bool>();
    note(key, object_[key].dump() + " is neither true nor false");
    return otherwise;
  }
  std::string text(const char* key, const std::string& otherwise) {
    if (!has(key)) return otherwise;
    if (object_[key].is_string()) return object_[key].get<std::string>();
    note(key, object_[key].dump() + " is no text");
    return otherwise;
  }
  void note(const std::string& key, const std::string& what) {
    if (problem.empty()) problem = key + ": " + what;
  }

  std::string problem;

 private:
  std::int64_t missing(const char* key, std::int64_t instead) {
    note(key, "missing");
    return instead;
  }
  const nlohmann::json& object_;
};

/// What a family makes of the values; fills everything that differs between families.
struct draft {
  network_config c;
  engine::attention_config attention;  ///< of every layer, where `per_layer` does not differ
  engine::feed_forward_config feed;
  int layers = 0;
  std::function<void(int, engine::layer_config&)> per_layer;
};

/// Nemotron-H; `d` has what all families share.
void read_nemotron_h(values& v, draft& d);
/// The published Inkling models: fill everything of a draft, sizes included.
void read_inkling(values& v, draft& d);
void read_inkling2(values& v, draft& d);
void read_inkling2_loop(values& v, draft& d);

}  // namespace hocket::language
