#include "actors/trainer/examples_file.hpp"

#include <algorithm>

#include "actors/trainer/examples/text_example.hpp"
#include "engine/language/files/json_lines.hpp"
#include "engine/language/files/mapped_file.hpp"
#include "graph/trust/capability.hpp"

namespace hocket::trainer {

void examples_file::config::visit(config_visitor& v) {
  v.field({.name = "file",
           .doc = "one JSON object a line: {\"messages\"}, {\"segments\"}, {\"prompt\", "
                  "\"completion\"} or {\"text\"}",
           .required = true,
           .is_path = true},
          file);
  v.field(
      {.name = "provenance", .doc = "for cards of what is trained on it; empty: the file's name"},
      provenance);
  v.field({.name = "per_s", .doc = "examples a second", .min = 1, .max = 100'000}, per_s);
}

component_info examples_file::info() {
  return {
      .type = "trainer.examples",
      .summary = "A file of training examples, one JSON object a line, as packets.",
      .inputs = {},
      .outputs = {{"examples", {.kind = payload_kind::training_example}, "in the file's order"}},
      .source = true,
      .period_ms = 50};
}

result<void> examples_file::open(const context& where) {
  context_ = where;
  auto path = config_.file;
  if (where.may) {
    auto may = where.may->readable(path);
    if (!may) return fail(may);
    path = std::move(*may);
  }
  const auto bytes = language::read_text(path, std::size_t{1} << 28);
  if (!bytes) return fail(bytes);
  const auto name = path.substr(path.rfind('/') + 1);
  const auto provenance = config_.provenance.empty() ? name : config_.provenance;
  const auto read =
      language::for_each_json_line(*bytes, path, [&](const nlohmann::json& j) -> result<void> {
        all_.push_back(json_example(j, provenance));
        return {};
      });
  if (!read) return fail("train.data", read.error().message);
  if (all_.empty()) return fail("train.data", path + ": no example");
  return {};
}

result<source_state> examples_file::produce(timestamp until, emitter& out) {
  const auto due =
      static_cast<std::size_t>(std::max(0.0, until.seconds() * static_cast<double>(config_.per_s)));
  for (; next_ < std::min(due, all_.size()); ++next_)
    out.emit(0, context_.time->now(), all_[next_]);
  return next_ == all_.size() ? source_state::end_of_stream : source_state::more;
}

}  // namespace hocket::trainer
