#pragma once

#include <map>

#include "graph/contract/tool_source.hpp"

namespace hocket::trainer {

/// `use: listed`: tools that a file lists, for talks that are judged by which tools are called. Each does
/// nothing and says what its list says.
/// The file: a JSON list of {"name", "description", "parameters" (a JSON Schema), "says" ("done")}.
/// Errors: trainer.bad_tools (open).
class listed_tools final : public tool_source {
 public:
  struct config {
    std::string file;
    void visit(config_visitor& v) {
      v.field(
          {.name = "file",
           .doc = "a JSON list of tools: `name`, `description`, `parameters`, and what each `says`",
           .required = true,
           .is_path = true},
          file);
    }
  };

  explicit listed_tools(config c) : config_(std::move(c)) {}
  result<void> open(const tool_source_context&) override;
  result<std::vector<tool_info>> list() override { return tools_; }
  result<std::string> call(const std::string& tool, const std::string& arguments_json,
                           const tool_context&) override;

 private:
  config config_;
  std::vector<tool_info> tools_;
  std::map<std::string, std::string> says_;
};

}  // namespace hocket::trainer
