#include "graph/spec/references.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/spec/read_keys.hpp"
#include "graph/spec/yaml.hpp"
#include "graph/trust/policy.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::spec {
namespace {

std::optional<std::string> environment(const std::string& name, const load_options& options) {
  if (options.env != nullptr) return options.env(name);
  const char* v = std::getenv(name.c_str());
  return v == nullptr ? std::nullopt : std::optional<std::string>(v);
}

std::size_t count_values(const value& v) {
  std::size_t n = 1;
  if (const auto* list = v.get_if<value::list>())
    for (const auto& item : *list) n += count_values(item);
  if (const auto* map = v.get_if<value::map>())
    for (const auto& e : *map) n += count_values(e.item);
  return n;
}

class replacer {
 public:
  replacer(const parameters& params, const parameter_files& files, const load_options& options,
           expansion_budget& budget, path_origins& origins, diagnostics& findings)
      : params_(params),
        files_(files),
        options_(options),
        budget_(budget),
        origins_(origins),
        findings_(findings) {}

  void walk(value& v) {
    if (auto* list = v.get_if<value::list>())
      for (auto& item : *list) walk(item);
    if (auto* map = v.get_if<value::map>())
      for (auto& e : *map) walk(e.item);
    if (const auto* s = v.get_if<std::string>(); s != nullptr && s->find("${") != s->npos)
      replace(v, *s);
  }

 private:
  void replace(value& v, const std::string& text) {
    const auto where = v.where();
    if (text.starts_with("${") && text.find('}') == text.size() - 1) {
      auto whole = resolve(text.substr(2, text.size() - 3), where);
      origins_.moved(where, said_in_);
      if (!whole || !spend(count_values(*whole), 0, where)) whole = failed();
      whole->set_where(where);
      v = std::move(*whole);
      return;
    }
    compose(v, text, where);
  }

  /// A text with references inside.
  void compose(value& v, const std::string& text, const source_mark& where) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const auto dollar = text.find("${", at);
      if (dollar == text.npos) {
        out += text.substr(at);
        break;
      }
      if (dollar > at && text[dollar - 1] == '$') {  // $${ is a plain ${
        out += text.substr(at, dollar - 1 - at) + "${";
        at = dollar + 2;
        continue;
      }
      out += text.substr(at, dollar - at);
      const auto end = text.find('}', dollar);
      if (end == text.npos) return bad("`${` has no closing brace", where);
      const auto part = resolve(text.substr(dollar + 2, end - dollar - 2), where);
      if (dollar == 0) origins_.moved(where, said_in_);  // `${param:folder}/a.wav`
      if (!part || (part->is_null() && part->adapts() && part->literal().empty())) {
        v = failed();
        return v.set_where(where);
      }
      if (part->get_if<value::list>() != nullptr || part->get_if<value::map>() != nullptr)
        return bad(fmt::format("`{}`: a list or a map cannot stand inside a text",
                               text.substr(dollar, end + 1 - dollar)),
                   where);
      const auto* s = part->get_if<std::string>();
      out += s != nullptr ? *s : part->literal();
      if (!spend(0, out.size(), where)) return;
      at = end + 1;
    }
    const bool adapts = v.adapts();
    v = value(std::move(out), where);
    v.set_literal(*v.get_if<std::string>());
    v.set_adapts(adapts);
  }

  std::optional<value> resolve(const std::string& body, const source_mark& where) {
    said_in_ = origins_.of(where);
    if (body.starts_with("param:")) {
      const auto name = body.substr(6);
      const auto it = params_.find(name);
      if (const auto file = files_.find(name); file != files_.end()) said_in_ = file->second;
      if (it != params_.end()) return it->second;
      std::vector<std::string> valid;
      for (const auto& [n, v] : params_) valid.push_back(n);
      const auto near = nearest(name, valid);
      add_error(findings_, where, "reference.unknown-param",
                fmt::format("`${{param:{}}}`: the file declares no such parameter", name),
                near.empty() ? fmt::format("add `{}` to `params:`", name)
                             : fmt::format("did you mean `${{param:{}}}`?", near),
                {valid.empty() ? "parameters: none"
                               : fmt::format("parameters: {}", fmt::join(valid, ", "))});
      return {};
    }
    if (body.starts_with("env:")) return resolve_env(body.substr(4), where);
    bad(fmt::format("`${{{}}}` is no reference", body), where);
    return {};
  }

  std::optional<value> resolve_env(const std::string& body, const source_mark& where) {
    const auto cut = body.find(":-");
    const auto name = body.substr(0, cut);
    if (name.empty()) {
      bad(fmt::format("`${{env:{}}}` names no variable", body), where);
      return {};
    }
    const auto allowed =
        options_.may != nullptr ? trust::may_see_variable(*options_.may, name) : result<void>();
    auto text = allowed ? environment(name, options_) : std::nullopt;
    if (text) trust::note_secret(name, *text);
    if (text) said_in_.clear();  // as from the command line
    if (!text && cut != body.npos) text = body.substr(cut + 2);
    if (!text && !allowed) {
      add_error(findings_, where, "reference.env", allowed.error().message);
      return {};
    }
    if (!text) {
      add_error(findings_, where, "reference.env",
                fmt::format("the environment variable `{}` is not set", name),
                fmt::format("set it, or give a default: `${{env:{}:-value}}`", name));
      return {};
    }
    if (!spend(1, text->size(), where)) return {};
    auto v = plain_scalar(*text, where);
    if (text->empty()) v = value(std::string(), where);
    v.set_adapts(true);
    return v;
  }

  /// Stands for what a failed reference would have given; readers skip it.
  static value failed() {
    value v;
    v.set_adapts(true);
    return v;
  }

  void bad(std::string message, const source_mark& where) {
    add_error(
        findings_, where, "reference.syntax", std::move(message),
        "write `${param:name}`, `${env:NAME}` or `${env:NAME:-default}`; `$${` is a plain ${");
  }

  bool spend(std::size_t values, std::size_t bytes, const source_mark& where) {
    if (values <= budget_.values && bytes <= budget_.bytes) {
      budget_.values -= values;
      budget_.bytes -= bytes;
      return true;
    }
    budget_.values = budget_.bytes = 0;
    add_error(findings_, where, "yaml.limit", "references expand to more than a graph may hold");
    return false;
  }

  const parameters& params_;
  const parameter_files& files_;
  const load_options& options_;
  expansion_budget& budget_;
  path_origins& origins_;
  diagnostics& findings_;
  std::string said_in_;  ///< the file of what resolve() gave last
};

const std::vector<std::string> parameter_types = {"any",  "string", "int", "number",
                                                  "bool", "list",   "map"};

std::string type_of_value(const value& v) {
  if (v.get_if<bool>() != nullptr) return "bool";
  if (v.get_if<std::int64_t>() != nullptr) return "int";
  if (v.get_if<double>() != nullptr) return "number";
  if (v.get_if<std::string>() != nullptr) return "string";
  if (v.get_if<value::list>() != nullptr) return "list";
  return v.is_null() ? "any" : "map";
}

bool fits(const value& v, const std::string& type) {
  const auto have = type_of_value(v);
  return type == "any" || have == type || (type == "number" && have == "int") ||
         (type == "string" && v.adapts() && !v.literal().empty());
}

struct declaration {
  std::string type = "any";
  std::optional<value> fallback;
  std::vector<std::string> choices;
};

declaration read_declaration(const value::entry& e, diagnostics& findings) {
  declaration d;
  const auto* map = e.item.get_if<value::map>();
  if (map == nullptr) {
    d.type = type_of_value(e.item);
    if (!e.item.is_null()) d.fallback = e.item;
    return d;
  }
  std::string doc;
  read_keys(e.item, "parameter " + e.key, {"default"}, findings, [&](config_visitor& v) {
    v.field({.name = "type", .doc = "what it may be", .choices = parameter_types}, d.type);
    v.field({.name = "doc", .doc = "what it is for"}, doc);
    v.field({.name = "choices", .doc = "the valid values"}, d.choices);
  });
  if (const auto* f = e.item.find("default")) d.fallback = *f;
  if (d.fallback && !fits(*d.fallback, d.type))
    add_error(findings, d.fallback->where(), "param.declaration",
              fmt::format("parameter {}: the default is {}, but its type is {}", e.key,
                          d.fallback->kind_name(), d.type));
  return d;
}

bool check_given(const std::string& name, const declaration& d, const value& v,
                 diagnostics& findings) {
  if (!fits(v, d.type)) {
    add_error(findings, v.where(), "param.type",
              fmt::format("parameter {}: must be {}, not {}", name, d.type, v.kind_name()));
    return false;
  }
  const auto* s = v.get_if<std::string>();
  const auto& text = s != nullptr ? *s : v.literal();
  if (d.choices.empty() || std::find(d.choices.begin(), d.choices.end(), text) != d.choices.end())
    return true;
  add_error(findings, v.where(), "param.type",
            fmt::format("parameter {}: cannot be `{}`", name, text), "",
            {fmt::format("valid values: {}", fmt::join(d.choices, ", "))});
  return false;
}

}  // namespace

parameters read_parameters(const value& root, const value::map& given, const source_mark& given_at,
                           const std::string& user, diagnostics& findings) {
  parameters out;
  std::vector<std::string> valid;
  const auto* section = root.find("params");
  const auto* map = section != nullptr ? section->get_if<value::map>() : nullptr;
  if (section != nullptr && map == nullptr && !section->is_null())
    add_error(findings, section->where(), "config.type",
              fmt::format("graph: `params` must be a map, not {}", section->kind_name()));
  auto find_given = [&](const std::string& name) -> const value* {
    for (const auto& g : given)
      if (g.key == name) return &g.item;
    return nullptr;
  };
  if (map != nullptr) {
    for (const auto& e : *map) {
      valid.push_back(e.key);
      const auto d = read_declaration(e, findings);
      if (const auto* g = find_given(e.key)) {
        value told;
        told.set_adapts(true);
        out.emplace(e.key, check_given(e.key, d, *g, findings) ? *g : told);
      } else if (d.fallback) {
        out.emplace(e.key, *d.fallback);
      } else {
        add_error(findings, given_at, "param.missing",
                  fmt::format("{}: parameter `{}` has no default and is not given", user, e.key),
                  fmt::format("declared in {}:{}", e.key_where.file, e.key_where.line));
        out.emplace(e.key, value()).first->second.set_adapts(true);
      }
    }
  }
  for (const auto& g : given) {
    if (out.contains(g.key)) continue;
    const auto near = nearest(g.key, valid);
    add_error(findings, g.key_where, "param.unknown",
              fmt::format("{}: no parameter `{}` is declared", user, g.key),
              near.empty() ? fmt::format("declare it in the file: `params: {{{}: …}}`", g.key)
                           : fmt::format("did you mean `{}`?", near),
              {valid.empty() ? "parameters: none"
                             : fmt::format("parameters: {}", fmt::join(valid, ", "))});
  }
  return out;
}

void replace_references(value& tree, const parameters& params, const parameter_files& files,
                        const load_options& options, expansion_budget& budget,
                        path_origins& origins, diagnostics& findings) {
  replacer(params, files, options, budget, origins, findings).walk(tree);
}

}  // namespace hocket::spec
