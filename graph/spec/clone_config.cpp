#include "graph/spec/clone_config.hpp"

#include <variant>
#include <vector>

#include "graph/core/assert.hpp"

namespace hocket::spec {
namespace {

using field_value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>,
                                 std::vector<double>, part_choice, named_parts>;

struct reader final : config_visitor {
  std::vector<field_value> values;
  void field(const field_info&, bool& v) override { values.emplace_back(v); }
  void field(const field_info&, std::int64_t& v) override { values.emplace_back(v); }
  void field(const field_info&, double& v) override { values.emplace_back(v); }
  void field(const field_info&, std::string& v) override { values.emplace_back(v); }
  void field(const field_info&, std::vector<std::string>& v) override { values.emplace_back(v); }
  void field(const field_info&, std::vector<double>& v) override { values.emplace_back(v); }
  void field(const field_info&, part_choice& v) override { values.emplace_back(v); }
  void field(const field_info&, named_parts& v) override { values.emplace_back(v); }
};

struct writer final : config_visitor {
  std::vector<field_value> values;
  std::size_t at = 0;
  template <class T>
  void put(T& v) {
    HOCKET_ASSERT(at < values.size());
    v = std::get<T>(values[at++]);
  }
  void field(const field_info&, bool& v) override { put(v); }
  void field(const field_info&, std::int64_t& v) override { put(v); }
  void field(const field_info&, double& v) override { put(v); }
  void field(const field_info&, std::string& v) override { put(v); }
  void field(const field_info&, std::vector<std::string>& v) override { put(v); }
  void field(const field_info&, std::vector<double>& v) override { put(v); }
  void field(const field_info&, part_choice& v) override { put(v); }
  void field(const field_info&, named_parts& v) override { put(v); }
};

}  // namespace

std::unique_ptr<config_base> clone_config(const component_type& type, config_base& config) {
  reader from;
  config.visit(from);
  writer to;
  to.values = std::move(from.values);
  auto copy = type.make_config();
  copy->visit(to);
  return copy;
}

}  // namespace hocket::spec
