#include "actors/gateway/edit/change.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "actors/gateway/edit/places.hpp"
#include "actors/gateway/edit/values.hpp"
#include "graph/spec/yaml.hpp"

namespace hocket::gateway::edit {
namespace {

constexpr std::size_t widest_column = 110;

tl::unexpected<error> no_place(const std::vector<std::string>& path, std::string_view why) {
  return fail("edit.no_place", fmt::format("`{}` {}", fmt::join(path, "."), why));
}

// --- where ------------------------------------------------------------------------------------------

std::optional<std::size_t> index_of(const std::string& s) {
  std::size_t n = 0;
  const auto [end, failed] = std::from_chars(s.data(), s.data() + s.size(), n);
  if (failed != std::errc() || end != s.data() + s.size()) return {};
  return n;
}

/// The map that holds what a path ends with, and what of the path there is.
struct found_map {
  value* map = nullptr;           ///< the deepest that is there
  std::size_t depth = 0;          ///< of the path, behind it
  bool in_flow = false;           ///< it is written `{…}`
  std::size_t begin = 0;          ///< of it, in the text
  value::entry* entry = nullptr;  ///< path[depth] in it; none: it is not there
};

result<found_map> find(value& root, const places& where, const std::vector<std::string>& path) {
  found_map out{&root, 0, false, 0, nullptr};
  out.begin = where.skip_space(0);
  out.in_flow = where.is_flow(out.begin);
  for (;; ++out.depth) {
    if (auto* list = out.map->get_if<value::list>()) {
      const auto n = index_of(path[out.depth]);
      if (!n || *n >= list->size() || out.depth + 1 == path.size())
        return no_place(path, "names no entry of an item of a list");
      out.map = &(*list)[*n];
      out.begin = where.at(out.map->where());
      out.in_flow = out.in_flow || where.is_flow(out.begin);
      continue;
    }
    auto* map = out.map->get_if<value::map>();
    if (map == nullptr) return no_place(path, "leads through what is no map");
    const auto it = std::ranges::find(*map, path[out.depth], &value::entry::key);
    out.entry = it == map->end() ? nullptr : &*it;
    if (out.entry == nullptr || out.depth + 1 == path.size()) return out;
    if (out.entry->item.is_null()) return out;  // `inputs:` and nothing behind it
    const auto place = where.of(*out.entry, out.in_flow);
    out.map = &out.entry->item;
    out.begin = place.value;
    out.in_flow = out.in_flow || where.is_flow(place.value);
  }
}

// --- changes of a text ------------------------------------------------------------------------------

/// One text, and one map of it that changes.
class editor {
 public:
  editor(const std::string& text, const found_map& at)
      : text_(text),
        where_(text),
        at_(at),
        map_(*at.map->get_if<value::map>()),
        newline_(text.find("\r\n") == text.npos ? "\n" : "\r\n") {}

  std::string replace(const value::entry& e, const std::string& by) const {
    const auto p = where_.of(e, at_.in_flow);
    if (!p.has_value) return spliced(p.colon, p.colon, " " + by);
    // What stood in lines of its own comes behind its key.
    const bool below = where_.line_begin(p.value) != where_.line_begin(p.key) && !at_.in_flow;
    return below ? spliced(p.colon, p.end, " " + by) : spliced(p.value, p.end, by);
  }

  std::string add(const std::string& key, const std::string& item) const {
    if (at_.in_flow) return add_in_flow(scalar_text(key) + ": " + item);
    const auto last = where_.of(map_.back(), false);
    const auto column = where_.of(map_.front(), false).key;
    const auto end = where_.line_end(last.end);
    auto line = std::string(column - where_.line_begin(column), ' ') + scalar_text(key) + ":";
    line.resize(std::max(line.size() + 1, item.empty() ? 0 : aligned_column()), ' ');
    line += item;
    if (end >= text_.size()) return text_ + newline_ + line + newline_;
    return spliced(end + 1, end + 1, line + newline_);
  }

  std::string remove(const value::entry& e) const {
    const auto p = where_.of(e, at_.in_flow);
    if (at_.in_flow) return remove_in_flow(e, p);
    if (map_.size() == 1) return {};  // the caller gives its map the value {}
    return spliced(where_.line_begin(p.key), std::min(where_.line_end(p.end) + 1, text_.size()),
                   "");
  }

 private:
  std::string spliced(std::size_t from, std::size_t to, const std::string& by) const {
    return text_.substr(0, from) + by + text_.substr(to);
  }

  /// Where the values of all neighbours begin, if they stand beneath each other.
  std::size_t aligned_column() const {
    std::optional<std::size_t> column;
    for (const auto& e : map_) {
      const auto p = where_.of(e, false);
      const auto begin = where_.line_begin(p.key);
      if (!p.has_value || where_.line_begin(p.value) != begin) continue;
      if (column && *column != p.value - begin) return 0;
      column = p.value - begin;
    }
    return map_.size() > 1 ? column.value_or(0) : 0;
  }

  std::string add_in_flow(const std::string& entry) const {
    if (map_.empty()) return spliced(at_.begin + 1, at_.begin + 1, entry);
    const auto last = where_.of(map_.back(), true);
    const auto line = where_.line_begin(last.end);
    if (where_.line_end(last.end) - line + entry.size() + 2 <= widest_column)
      return spliced(last.end, last.end, ", " + entry);
    const auto first = where_.of(map_.front(), true).key;
    return spliced(last.end, last.end,
                   "," + newline_ + std::string(first - where_.line_begin(first), ' ') + entry);
  }

  std::string remove_in_flow(const value::entry& e, const entry_place& p) const {
    const auto n = static_cast<std::size_t>(&e - map_.data());
    if (map_.size() == 1) return spliced(p.key, p.end, "");
    if (n + 1 == map_.size()) {
      const auto comma = where_.skip_space(where_.of(map_[n - 1], true).end);
      // A comment behind the one before stays, and with it its line break.
      const auto between = text_.substr(comma + 1, p.key - comma - 1);
      if (between.find('#') == between.npos) return spliced(comma, p.end, "");
      return text_.substr(0, comma) + between + text_.substr(p.end);
    }
    const auto comma = where_.skip_space(p.end);
    auto rest = where_.skip_blanks(comma + 1);
    const bool ends_line = rest >= text_.size() || text_[rest] == '\n' || text_[rest] == '#';
    if (!ends_line) return spliced(p.key, rest, "");
    // What follows in the line is about it.
    rest = where_.line_end(rest);
    if (where_.is_first_of_line(p.key)) return spliced(where_.line_begin(p.key), rest + 1, "");
    const auto next = where_.skip_blanks(rest + 1);
    const bool comment = next < text_.size() && text_[next] == '#';
    return spliced(p.key, comment ? rest : next, "");
  }

  const std::string& text_;
  const places where_;
  const found_map& at_;
  const value::map& map_;
  const std::string newline_;
};

result<value> parsed(const std::string& text) {
  diagnostics findings;
  auto root = spec::parse_yaml("the graph", text, findings);
  if (!root || findings.has_errors()) return fail("edit.bad_text", findings.to_string());
  if (!root->get_if<value::map>() || root->get_if<value::map>()->empty())
    return fail("edit.bad_text", "the graph: it holds no keys");
  return std::move(*root);
}

/// Parsed again, it has to say what was wanted.
result<std::string> held(std::string text, const value& wanted, const change& c) {
  auto now = parsed(text);
  if (now && same(*now, wanted)) return text;
  return fail("edit.cannot",
              fmt::format("`{}` is written in a way that this cannot change without harm: change "
                          "it in the text",
                          fmt::join(c.path, ".")));
}

result<std::string> with_set(const std::string& text, const change& c) {
  auto root = parsed(text);
  if (!root) return fail(root);
  const places where(text);
  const auto at = find(*root, where, c.path);
  if (!at) return fail(at);
  // Maps that are not there yet are made around it.
  auto to = c.to;
  for (auto n = c.path.size() - 1; n > at->depth; --n) to = json{{c.path[n], to}};
  const editor e(text, *at);
  auto& map = *at->map->get_if<value::map>();
  auto out = at->entry != nullptr          ? e.replace(*at->entry, flow_text(to))
             : map.empty() && !at->in_flow ? std::string()
                                           : e.add(c.path[at->depth], flow_text(to));
  if (at->entry != nullptr)
    at->entry->item = value_of(to);
  else
    map.push_back({c.path[at->depth], {}, value_of(to)});
  return held(std::move(out), *root, c);
}

result<std::string> with_removed(const std::string& text, const change& c) {
  auto root = parsed(text);
  if (!root) return fail(root);
  const places where(text);
  const auto at = find(*root, where, c.path);
  if (!at) return fail(at);
  if (at->entry == nullptr || at->depth + 1 != c.path.size())
    return no_place(c.path, "is not there");
  auto& map = *at->map->get_if<value::map>();
  if (map.size() == 1 && !at->in_flow && c.path.size() > 1) {
    auto parent = c.path;
    parent.pop_back();
    return with_set(text, {change::kind::set, std::move(parent), json::object()});
  }
  auto out = editor(text, *at).remove(*at->entry);
  map.erase(map.begin() + (at->entry - map.data()));
  return held(std::move(out), *root, c);
}

bool is_of(const std::string& output, const std::string& actor) {
  return output.starts_with(actor + ".");
}

/// "mic.audio" of "mic.audio" and of {from: mic.audio}.
std::string source_of(const value& link) {
  if (const auto* s = link.get_if<std::string>()) return *s;
  const auto* from = link.find("from");
  const auto* s = from != nullptr ? from->get_if<std::string>() : nullptr;
  return s != nullptr ? *s : "";
}

/// What inputs get from an actor, as changes that take it away.
std::vector<change> without_links_from(const value& root, const std::string& name) {
  std::vector<change> out;
  const auto* actors = root.find("actors");
  const auto* all = actors != nullptr ? actors->get_if<value::map>() : nullptr;
  for (const auto& actor : all != nullptr ? *all : value::map()) {
    const auto* inputs = actor.item.find("inputs");
    const auto* ports = inputs != nullptr ? inputs->get_if<value::map>() : nullptr;
    if (actor.key == name || ports == nullptr) continue;
    for (const auto& port : *ports) {
      const std::vector<std::string> path = {"actors", actor.key, "inputs", port.key};
      const auto* links = port.item.get_if<value::list>();
      if (links == nullptr) {
        if (is_of(source_of(port.item), name)) out.push_back({change::kind::remove, path, nullptr});
        continue;
      }
      auto stay = json::array();
      for (const auto& link : *links)
        if (!is_of(source_of(link), name)) stay.push_back(json_of(link));
      if (stay.size() == links->size()) continue;
      if (stay.empty())
        out.push_back({change::kind::remove, path, nullptr});
      else
        out.push_back({change::kind::set, path, stay.size() == 1 ? stay.front() : stay});
    }
  }
  return out;
}

result<std::string> with(const std::string& text, const change& c) {
  if (c.what == change::kind::set) return with_set(text, c);
  if (c.what == change::kind::remove) return with_removed(text, c);
  const auto root = parsed(text);
  if (!root) return fail(root);
  auto out = with_removed(text, {change::kind::remove, c.path, nullptr});
  if (!out) return out;
  return changed(*out, without_links_from(*root, c.path.back()));
}

}  // namespace

result<change> read_change(const json& j) {
  const auto bad = [](const char* why) { return fail("edit.bad_request", why); };
  if (!j.is_object()) return bad("a change is an object");
  const auto text = [&](const char* key) {
    const auto it = j.find(key);
    return it != j.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  change out;
  const auto op = text("op");
  if (op == "remove_actor") {
    out.what = change::kind::remove_actor;
    out.path = {"actors", text("actor")};
    if (out.path.back().empty()) return bad("`remove_actor` needs `actor`");
    return out;
  }
  if (op != "set" && op != "remove") return bad("`op` is set, remove or remove_actor");
  out.what = op == "set" ? change::kind::set : change::kind::remove;
  const auto path = j.find("path");
  if (path == j.end() || !path->is_array() || path->empty() || path->size() > 16)
    return bad("`path` is a list of 1 to 16 keys");
  for (const auto& key : *path) {
    if (!key.is_string() || key.get_ref<const std::string&>().empty())
      return bad("`path` is a list of words");
    out.path.push_back(key.get<std::string>());
  }
  if (out.what == change::kind::remove) return out;
  const auto to = j.find("value");
  if (to == j.end()) return bad("`set` needs `value`");
  if (to->is_number_unsigned() && to->get<std::uint64_t>() > INT64_MAX)
    return bad("a number is too large");
  out.to = *to;
  return out;
}

result<std::string> changed(const std::string& text, std::span<const change> changes) {
  auto out = text;
  if (changes.empty())
    if (const auto root = parsed(text); !root) return fail(root);
  for (const auto& c : changes) {
    auto next = with(out, c);
    if (!next) return next;
    out = std::move(*next);
  }
  return out;
}

}  // namespace hocket::gateway::edit
