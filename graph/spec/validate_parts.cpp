// What an actor's config chooses from the registry.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/contract/config.hpp"
#include "graph/spec/read_keys.hpp"
#include "graph/spec/validate.hpp"

namespace hocket::spec {
namespace {

std::string near_hint(std::string_view name, const std::vector<std::string>& valid) {
  const auto near = nearest(name, valid);
  return near.empty() ? "" : fmt::format("did you mean `{}`?", near);
}

std::string known(std::string_view what, const std::vector<std::string>& names) {
  return fmt::format("known {}: {}", what,
                     names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
}

std::string_view spoken(part_kind kind) {
  return kind == part_kind::tool_source ? "tool source" : to_string(kind);
}

/// Looks parts up, and checks and completes their settings.
class part_checker final : public config_visitor {
 public:
  part_checker(validation& v, const actor_spec& actor) : v_(v), actor_(actor) {}
  named_parts sources;  ///< of tools, as the actor names them

  void field(const field_info&, bool&) override {}
  void field(const field_info&, std::int64_t&) override {}
  void field(const field_info&, double&) override {}
  void field(const field_info&, std::string&) override {}
  void field(const field_info&, std::vector<std::string>&) override {}
  void field(const field_info&, std::vector<double>&) override {}
  void field(const field_info& info, part_choice& v) override {
    check(info, info.name, v, actor_.body.find(info.name));
  }
  void field(const field_info& info, named_parts& parts) override {
    const auto* map = actor_.body.find(info.name);
    for (auto& p : parts)
      check(info, fmt::format("{}.{}", info.name, p.name), p.what,
            map != nullptr ? map->find(p.name) : nullptr);
    if (info.parts == part_kind::tool_source)
      sources.insert(sources.end(), parts.begin(), parts.end());
  }

 private:
  void check(const field_info& info, const std::string& key, part_choice& p, const value* item) {
    if (p.use.empty()) return;  // told by the reader, or an optional part that is not there
    const auto where = item != nullptr ? item->where() : actor_.where;
    const auto* type = v_.types.find_part(info.parts, p.use);
    if (type == nullptr) {
      const auto valid = v_.types.part_names(info.parts);
      add_error(v_.findings, where, "actor.unknown-part",
                fmt::format("{}: `{}`: no {} is called `{}`", actor_.title(), key,
                            spoken(info.parts), p.use),
                near_hint(p.use, valid), {known(fmt::format("{}s", spoken(info.parts)), valid)});
      return;
    }
    const auto config = type->make_config();
    p.settings.set_where(where);
    read_config(p.settings, *config, fmt::format("{}: {} {}", actor_.title(), key, p.use), {"use"},
                v_.findings);
    p.settings = to_value(*config);
    p.settings.set_where(where);
  }

  validation& v_;
  const actor_spec& actor_;
};

/// Checks names of tools as far as they can be known before a run.
class tool_checker final : public config_visitor {
 public:
  tool_checker(validation& v, const actor_spec& actor, const named_parts& sources)
      : v_(v), actor_(actor), sources_(sources) {}

  void field(const field_info&, bool&) override {}
  void field(const field_info&, std::int64_t&) override {}
  void field(const field_info&, double&) override {}
  void field(const field_info&, std::string&) override {}
  void field(const field_info&, std::vector<double>&) override {}
  void field(const field_info& info, std::vector<std::string>& tools) override {
    if (!info.is_tool_list) return;
    const auto* item = actor_.body.find(info.name);
    const auto* marks = item != nullptr ? item->get_if<value::list>() : nullptr;
    for (std::size_t i = 0; i < tools.size(); ++i) {
      where_ = marks != nullptr && i < marks->size() ? (*marks)[i].where() : actor_.where;
      const auto dot = tools[i].find('.');
      if (dot != tools[i].npos)
        check_of_source(tools[i].substr(0, dot), tools[i].substr(dot + 1));
      else if (tools[i] != "*" && v_.types.find_tool(tools[i]) == nullptr)
        no_such_tool(tools[i], v_.types.tool_names(), find(tools[i]) != nullptr);
    }
  }

 private:
  const part_type* find(std::string_view source) const {
    for (const auto& s : sources_)
      if (s.name == source) return v_.types.find_part(part_kind::tool_source, s.what.use);
    return v_.types.find_part(part_kind::tool_source, source);
  }

  void check_of_source(const std::string& source, const std::string& name) {
    const bool declared = std::any_of(sources_.begin(), sources_.end(),
                                      [&](const auto& s) { return s.name == source; });
    const auto* type = static_cast<const tool_source_type*>(find(source));
    if (type == nullptr) {
      if (declared) return;  // its type is unknown, and told
      std::vector<std::string> valid = v_.types.part_names(part_kind::tool_source);
      for (const auto& s : sources_) valid.push_back(s.name);
      add("no tool source is called", source, near_hint(source, valid), {known("sources", valid)});
      return;
    }
    if (name != "*" && (name.empty() || name.find('*') != name.npos))
      return add("no pattern of tools is", source + "." + name,
                 fmt::format("all tools of a source are `{}.*`", source), {});
    if (type->tools.empty() || name == "*" ||
        std::find(type->tools.begin(), type->tools.end(), name) != type->tools.end())
      return;
    std::vector<std::string> valid;
    for (const auto& t : type->tools) valid.push_back(source + "." + t);
    no_such_tool(source + "." + name, valid, false);
  }

  void no_such_tool(const std::string& name, const std::vector<std::string>& valid,
                    bool is_source) {
    add("no tool is called", name,
        is_source ? fmt::format("all tools of source `{}` are `{}.*`", name, name)
                  : near_hint(name, valid),
        {known("tools", valid)});
  }

  void add(std::string_view what, const std::string& name, std::string hint,
           std::vector<std::string> notes) {
    add_error(v_.findings, where_, "actor.unknown-tool",
              fmt::format("{}: {} `{}`", actor_.title(), what, name), std::move(hint),
              std::move(notes));
  }

  validation& v_;
  const actor_spec& actor_;
  const named_parts& sources_;
  source_mark where_;
};

}  // namespace

void resolve_parts(validation& v, const actor_spec& spec, config_base& config) {
  part_checker parts(v, spec);
  config.visit(parts);
  tool_checker tools(v, spec, parts.sources);
  config.visit(tools);
}

}  // namespace hocket::spec
