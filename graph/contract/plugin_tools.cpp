#include "graph/contract/registry.hpp"
#include "graph/contract/starting_tool.hpp"

#include <map>
#include <mutex>

namespace hocket {
namespace {

class plugin_source final : public tool_source, public starting_source {
 public:
  explicit plugin_source(const registry& types) : types_(types) {
    for (const auto& name : types.tool_names()) tools_.emplace(name, nullptr);
  }
  result<std::vector<tool_info>> list() override {
    std::vector<tool_info> all;
    for (const auto& [name, _] : tools_) all.push_back(types_.find_tool(name)->info);
    return all;
  }
  // Each is made when it is first asked: a graph names few of those that were built in.
  result<std::string> call(const std::string& name, const std::string& arguments_json,
                           const tool_context& where) override {
    const auto asked = made(name);
    return asked ? (*asked)->call(arguments_json, where) : fail(asked);
  }
  result<void> start(const std::string& name) override {
    const auto asked = made(name);
    if (!asked) return fail(asked);
    auto* const starting = dynamic_cast<starting_tool*>(*asked);
    return starting != nullptr ? starting->start() : result<void>();
  }

 private:
  result<tool*> made(const std::string& name) {
    const auto found = tools_.find(name);
    if (found == tools_.end()) return fail("tool.unknown", "no tool is called `" + name + "`");
    const std::lock_guard lock(mutex_);
    if (!found->second) found->second = types_.find_tool(name)->make();
    return found->second.get();
  }

  const registry& types_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<tool>, std::less<>> tools_;
};

}  // namespace

std::unique_ptr<tool_source> plugin_tools(const registry& types) {
  return std::make_unique<plugin_source>(types);
}

}  // namespace hocket
