#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "actors/host/duration_buckets.hpp"

namespace hocket::observe {

/// Writes Prometheus' text format (version 0.0.4): families one after the other, each with its help
/// and type, labels escaped.
class exposition {
 public:
  using label = std::pair<std::string_view, std::string_view>;
  using labels = std::initializer_list<label>;

  /// Begins a family; the samples that follow belong to it. `type`: counter, gauge, histogram.
  void family(std::string_view name, std::string_view type, std::string_view help);
  void sample(labels of, double value);
  /// All lines of one histogram.
  void sample(labels of, const host::duration_buckets& b);

  std::string text() && { return std::move(text_); }

 private:
  void line(std::string_view suffix, labels of, std::string_view bound, std::string_view value);

  std::string text_;
  std::string name_;
};

}  // namespace hocket::observe
