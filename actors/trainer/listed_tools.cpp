#include "actors/trainer/listed_tools.hpp"

#include <nlohmann/json.hpp>

#include "engine/language/files/strict_json.hpp"
#include "graph/trust/capability.hpp"

namespace hocket::trainer {

using nlohmann::json;

result<void> listed_tools::open(const tool_source_context& where) {
  const auto bad = [&](const std::string& what) {
    return fail("trainer.bad_tools", config_.file + ": " + what);
  };
  auto path = config_.file;
  if (where.may) {
    auto may = where.may->readable(path);
    if (!may) return fail(may);
    path = std::move(*may);
  }
  const auto list = language::load_json(path, 4u << 20);
  if (!list) return fail(list);
  if (!list->is_array() || list->empty()) return bad("it must be a list of tools");
  for (const auto& t : *list) {
    const auto text = [&](const char* key) {
      const auto v = t.is_object() ? t.value(key, json()) : json();
      return v.is_string() ? v.get<std::string>() : std::string();
    };
    const auto name = text("name");
    if (name.empty()) return bad("a tool has no `name`");
    if (says_.contains(name)) return bad("`" + name + "` stands in it twice");
    const auto parameters = t.value("parameters", json{{"type", "object"}});
    if (!parameters.is_object()) return bad("`parameters` of `" + name + "` are no schema");
    tools_.push_back({name, text("description"), parameters.dump()});
    says_[name] = text("says").empty() ? "done" : text("says");
  }
  return {};
}

result<std::string> listed_tools::call(const std::string& tool, const std::string&,
                                       const tool_context&) {
  const auto at = says_.find(tool);
  if (at == says_.end()) return fail("trainer.no_such_tool", "there is no tool `" + tool + "`");
  return at->second;
}

}  // namespace hocket::trainer
