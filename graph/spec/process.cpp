#include "graph/spec/process.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/spec/plan.hpp"
#include "graph/spec/paths.hpp"
#include "graph/spec/read_keys.hpp"

namespace hocket::spec {
namespace {

std::string list_text(const std::vector<std::string>& paths) {
  std::vector<std::string> out;
  for (const auto& p : paths) out.push_back(quoted(p));
  return fmt::format("[{}]", fmt::join(out, ", "));
}

}  // namespace

std::optional<process_spec> read_process(const value& item, const std::string& owner,
                                         diagnostics& findings) {
  process_spec out;
  if (const auto* word = item.get_if<std::string>()) {
    if (*word == "own") return out;
    if (*word != "shared")
      add_error(findings, item.where(), "config.choice",
                fmt::format("{}: `{}` is neither `own` nor `shared`", owner, *word),
                "write `process: own`, or a map of limits: `process: {memory_mb: 512}`");
    return {};
  }
  if (item.get_if<value::map>() == nullptr) {
    add_error(findings, item.where(), "config.type",
              fmt::format("{} must be `own`, `shared` or a map of limits, not {}", owner,
                          item.kind_name()),
              "write `process: own`, or `process: {memory_mb: 512}`");
    return {};
  }
  std::string network = "none";
  std::int64_t memory_mb = out.memory_mb, cpu_s = out.cpu_s, file_mb = out.file_mb;
  read_keys(item, owner, {}, findings, [&](config_visitor& v) {
    v.field({.name = "network", .doc = "what it reaches", .choices = {"none", "any"}}, network);
    v.field({.name = "reaches", .doc = "host:port, through a proxy, where network is none"},
            out.reaches);
    v.field(
        {.name = "memory_mb", .doc = "of its own data", .unit = "MB", .min = 16, .max = 1 << 20},
        memory_mb);
    v.field({.name = "cpu_s",
             .doc = "processor time in its life; 0 = no limit",
             .unit = "s",
             .min = 0,
             .max = 1e9},
            cpu_s);
    v.field({.name = "file_mb",
             .doc = "of each file that it writes",
             .unit = "MB",
             .min = 0,
             .max = 1 << 20},
            file_mb);
    v.field({.name = "reads", .doc = "files and folders"}, out.reads);
    v.field({.name = "writes", .doc = "folders"}, out.writes);
  });
  out.network = network == "any";
  out.memory_mb = static_cast<std::int32_t>(memory_mb);
  out.cpu_s = static_cast<std::int32_t>(cpu_s);
  out.file_mb = static_cast<std::int32_t>(file_mb);
  return out;
}

std::string process_text(const process_spec* p) {
  if (p == nullptr) return "shared";
  return fmt::format(
      "{{network: {}, reaches: {}, memory_mb: {}, cpu_s: {}, file_mb: {}, reads: {}, writes: {}}}",
      p->network ? "any" : "none", list_text(p->reaches), p->memory_mb, p->cpu_s, p->file_mb,
      list_text(p->reads), list_text(p->writes));
}

namespace {

struct config_in_process final : config_base {
  std::shared_ptr<config_base> config;
  process_spec process;
  void visit(config_visitor& v) override { config->visit(v); }
};

}  // namespace

std::shared_ptr<config_base> in_process(std::shared_ptr<config_base> config, process_spec process) {
  auto out = std::make_shared<config_in_process>();
  out->config = std::move(config);
  out->process = std::move(process);
  return out;
}

const process_spec* process_of(const plan_actor& actor) {
  if (!actor.config) return nullptr;
  // Paths that lead elsewhere lie around it.
  const auto* own = dynamic_cast<const config_in_process*>(&said(*actor.config));
  return own == nullptr ? nullptr : &own->process;
}

}  // namespace hocket::spec
