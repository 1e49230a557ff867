#pragma once

#include <string>
#include <variant>
#include <vector>

#include "graph/contract/config.hpp"

namespace hocket::spec {

/// A config whose fields are known at run time only: those of a component that is not loaded.
class open_config final : public config_base {
 public:
  using content = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>,
                               std::vector<double>>;
  struct field {
    field_info info;
    content item;
  };
  explicit open_config(std::vector<field> fields) : fields_(std::move(fields)) {}
  void visit(config_visitor& v) override {
    for (auto& f : fields_) std::visit([&](auto& item) { v.field(f.info, item); }, f.item);
  }

 private:
  std::vector<field> fields_;
};

}  // namespace hocket::spec
