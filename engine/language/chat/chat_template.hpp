#pragma once

#include <cstddef>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "graph/core/result.hpp"

namespace hocket::language {

namespace jinja {
struct node;
}

/// A model's chat template: the subset of Jinja that the families' templates use, with the settings
/// of Hugging Face (`trim_blocks`, `lstrip_blocks`, `break` and `continue`, `raise_exception`,
/// `strftime_now`, `tojson` that keeps order). It opens nothing, and every run is bounded.
///
/// *Errors*, with the line: `template.syntax`; `template.unsupported` for what is not in the subset,
/// by name; of `render` `template.failed` (an operation on a value of the wrong kind),
/// `template.refused` (the template's own `raise_exception`), `template.too_much` (steps, depth,
/// bytes). *Threads*: immutable.
class chat_template {
 public:
  struct limits {
    std::size_t steps = 5'000'000;
    std::size_t output_bytes = 16u << 20;
    std::size_t depth = 100;  ///< macros inside macros
  };
  static result<chat_template> parse(std::string_view source);

  /// `variables`: an object (`messages`, `tools`, `add_generation_prompt`, `bos_token`, …).
  /// `now`: what `strftime_now` formats, UTC.
  result<std::string> render(const nlohmann::ordered_json& variables, std::time_t now,
                             const limits& bounds) const;
  result<std::string> render(const nlohmann::ordered_json& variables, std::time_t now) const {
    return render(variables, now, limits());
  }

 private:
  std::shared_ptr<const jinja::node> root_;
};

}  // namespace hocket::language
