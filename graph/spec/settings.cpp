#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/spec/read_keys.hpp"
#include "graph/spec/references.hpp"
#include "graph/spec/yaml.hpp"

namespace hocket::spec {
namespace {

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (true) {
    const auto dot = path.find('.', at);
    const auto part = path.substr(at, dot == path.npos ? dot : dot - at);
    if (!parts.empty() && parts.back() == "pii")  // the one kind of key with a dot in it
      parts.back() += "." + part;
    else
      parts.push_back(part);
    if (dot == path.npos) return parts;
    at = dot + 1;
  }
}

/// Scalars type themselves; `[…]`, `{…}` and quoted text are YAML.
std::optional<value> read_setting_value(const std::string& text, const source_mark& where,
                                        diagnostics& findings) {
  if (!text.empty() && (text[0] == '[' || text[0] == '{' || text[0] == '"' || text[0] == '\'')) {
    diagnostics inner;
    auto v = parse_yaml(where.file, text, inner);
    for (auto d : inner.items()) {
      d.where = where;
      findings.add(std::move(d));
    }
    if (v) v->set_where(where);
    return inner.has_errors() ? std::nullopt : v;
  }
  auto v = text.empty() ? value(std::string()) : plain_scalar(text, where);
  v.set_where(where);
  v.set_adapts(true);
  return v;
}

class setter {
 public:
  setter(const std::string& setting, diagnostics& findings)
      : setting_(setting), where_{"--set " + setting, 0, 0}, findings_(findings) {}

  void apply(value& tree, std::map<std::string, std::vector<std::string>>& inner) {
    const auto equals = setting_.find('=');
    const auto path = split(setting_.substr(0, equals));
    for (const auto& p : path)
      if (equals == setting_.npos || p.empty())
        return add_error(findings_, where_, "set.syntax",
                         fmt::format("`{}` is no setting", setting_),
                         "write `--set actors.model.device=cpu`");
    if (belongs_inside(tree, path)) {
      inner[path[1]].push_back("actors." + setting_.substr(7 + path[1].size() + 1));
      return;
    }
    auto v = read_setting_value(setting_.substr(equals + 1), where_, findings_);
    if (!v) return;
    if (auto* place = find(tree, path)) *place = std::move(*v);
  }

 private:
  /// actors.person.mic.device, where `person` includes a file and `mic` is not a key of its own.
  static bool belongs_inside(const value& tree, const std::vector<std::string>& path) {
    if (path.size() < 3 || path[0] != "actors") return false;
    const auto* actors = tree.find("actors");
    const auto* entry = actors != nullptr ? actors->find(path[1]) : nullptr;
    if (entry == nullptr || entry->find("include") == nullptr) return false;
    return path[2] != "include" && path[2] != "on" && path[2] != "inputs" && path[2] != "doc";
  }

  void wrong_path(const std::string& what, const std::string& word,
                  const std::vector<std::string>& valid) {
    const auto near = nearest(word, valid);
    add_error(findings_, where_, "set.path", what,
              near.empty() ? "" : fmt::format("did you mean `{}`?", near),
              valid.empty() ? std::vector<std::string>()
                            : std::vector{fmt::format("here are: {}", fmt::join(valid, ", "))});
  }

  /// The value that the path names. Named things (actors, hosts) must exist, other keys may be new.
  value* find(value& tree, const std::vector<std::string>& path) {
    auto* at = &tree;
    for (std::size_t i = 0; i < path.size(); ++i) {
      const auto& word = path[i];
      if (auto* list = at->get_if<value::list>()) {
        at = list_item(*list, word);
        if (at == nullptr) return nullptr;
        continue;
      }
      if (at->is_null()) *at = value(value::map{}, where_);
      auto* map = at->get_if<value::map>();
      if (map == nullptr) {
        wrong_path(fmt::format("`{}` is {}: nothing can be set inside", path[i - (i > 0)],
                               at->kind_name()),
                   word, {});
        return nullptr;
      }
      auto* next = at->find(word);
      const bool named = i == 1 && (path[0] == "actors" || path[0] == "hosts");
      if (next == nullptr && (named || (i == 0 && path.size() > 1 && word == "actors"))) {
        std::vector<std::string> valid;
        for (const auto& e : *map) valid.push_back(e.key);
        wrong_path(fmt::format("there is no `{}` to set anything in", word), word, valid);
        return nullptr;
      }
      if (next == nullptr) {
        map->push_back({word, where_, value()});
        next = &map->back().item;
        next->set_where(where_);
      }
      at = next;
    }
    return at;
  }

  value* list_item(value::list& list, const std::string& word) {
    std::size_t n = 0;
    const bool digits =
        !word.empty() && word.size() < 6 && word.find_first_not_of("0123456789") == word.npos;
    if (digits) n = static_cast<std::size_t>(std::stoi(word));
    if (digits && n < list.size()) return &list[n];
    wrong_path(
        fmt::format("`{}` is no place in a list of {} (they count from 0)", word, list.size()),
        word, {});
    return nullptr;
  }

  const std::string& setting_;
  source_mark where_;
  diagnostics& findings_;
};

}  // namespace

void apply_settings(value& tree, const std::vector<std::string>& settings,
                    std::map<std::string, std::vector<std::string>>& inner, diagnostics& findings) {
  for (const auto& s : settings) setter(s, findings).apply(tree, inner);
}

}  // namespace hocket::spec
