#include "graph/spec/yaml.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace hocket::spec {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool all_digits(std::string_view s) {
  if (s.empty()) return false;
  for (const char c : s)
    if (!is_digit(c)) return false;
  return true;
}

std::string_view without_sign(std::string_view s) {
  if (!s.empty() && (s[0] == '-' || s[0] == '+')) s.remove_prefix(1);
  return s;
}

std::optional<std::int64_t> as_integer(std::string_view s) {
  int base = 10;
  std::string_view digits = s;
  if (s.starts_with("0x") || s.starts_with("0o")) {
    base = s[1] == 'x' ? 16 : 8;
    digits.remove_prefix(2);
    if (digits.empty() || digits[0] == '-') return {};
  } else {
    if (!all_digits(without_sign(s))) return {};
    if (s[0] == '+') digits.remove_prefix(1);
  }
  std::int64_t v = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), v, base);
  if (ec != std::errc() || end != digits.data() + digits.size()) return {};
  return v;
}

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?  and the infinities.
std::optional<double> as_float(std::string_view s) {
  const auto body = without_sign(s);
  if (body == ".inf" || body == ".Inf" || body == ".INF")
    return s[0] == '-' ? -std::numeric_limits<double>::infinity()
                       : std::numeric_limits<double>::infinity();
  if (s == ".nan" || s == ".NaN" || s == ".NAN") return std::nan("");
  std::size_t i = 0, digits = 0;
  while (i < body.size() && is_digit(body[i])) ++i, ++digits;
  if (i < body.size() && body[i] == '.') {
    ++i;
    while (i < body.size() && is_digit(body[i])) ++i, ++digits;
  }
  if (digits == 0) return {};
  if (i < body.size() && (body[i] == 'e' || body[i] == 'E')) {
    const auto exponent = without_sign(body.substr(i + 1));
    if (!all_digits(exponent)) return {};
    i = body.size();
  }
  if (i != body.size()) return {};
  double v = 0;
  const auto [end, ec] = std::from_chars(body.data(), body.data() + body.size(), v);
  if (ec == std::errc::result_out_of_range) return {};
  if (end != body.data() + body.size()) return {};
  return s[0] == '-' ? -v : v;
}

/// Ends parsing from inside the library's callbacks; never leaves parse_yaml.
struct stop_parsing {};

/// Builds the tree from the library's events, within the limits.
class builder final : public YAML::EventHandler {
 public:
  builder(const std::string& file, const yaml_limits& limits, diagnostics& findings)
      : file_(file), limits_(limits), findings_(findings) {}

  value root;

  source_mark start;  ///< of the document

  void OnDocumentStart(const YAML::Mark& m) override { start = mark(m); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& m, YAML::anchor_t anchor) override {
    count(1, m);
    value v;
    v.set_where(mark(m));
    finish(std::move(v), anchor, 1);
  }

  void OnAlias(const YAML::Mark& m, YAML::anchor_t anchor) override {
    const auto it = anchors_.find(anchor);
    if (it == anchors_.end()) {
      add(mark(m), "yaml.syntax", "an alias cannot stand inside what it names", "");
      throw stop_parsing{};
    }
    count(it->second.nodes, m);
    const auto nodes = it->second.nodes;
    finish(value(it->second.item), 0, nodes);
  }

  void OnScalar(const YAML::Mark& m, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    count(1, m);
    check_tag(tag, m);
    const bool plain = tag != "!";
    const bool is_key = !stack_.empty() && stack_.back().wants_key();
    value v;
    if (!plain || is_key) {
      v = value(text, mark(m));
      v.set_literal(plain ? text : fmt::format("\"{}\"", text));
    } else {
      if (looks_octal(text))
        add(mark(m), "yaml.number",
            fmt::format("`{}` reads as two different numbers in YAML 1.1 and 1.2", text),
            fmt::format("write {} for the decimal number, 0o… for octal, \"{}\" for text",
                        without_zeros(text), text));
      v = plain_scalar(text, mark(m));
    }
    finish(std::move(v), anchor, 1);
  }

  void OnSequenceStart(const YAML::Mark& m, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(value(value::list{}, mark(m)), tag, anchor, m);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& m, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(value(value::map{}, mark(m)), tag, anchor, m);
  }
  void OnMapEnd() override { close(); }

  void add(source_mark where, std::string code, std::string message, std::string hint) {
    findings_.add({severity::error,
                   std::move(where),
                   std::move(code),
                   std::move(message),
                   std::move(hint),
                   {}});
  }

 private:
  struct level {
    value item;
    YAML::anchor_t anchor = 0;
    std::size_t nodes = 1;
    bool has_key = false;  // maps: a key waits for its value
    bool skip = false;     // maps: the waiting key is a duplicate
    value::entry pending;
    std::map<std::string, source_mark> seen = {};

    bool is_map() const { return item.get_if<value::map>() != nullptr; }
    bool wants_key() const { return is_map() && !has_key; }
  };
  struct anchored {
    value item;
    std::size_t nodes = 0;
  };

  source_mark mark(const YAML::Mark& m) const { return {file_, m.line + 1, m.column + 1}; }

  static std::string without_zeros(const std::string& text) {
    auto digits = std::string(without_sign(text));
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
    return (text[0] == '-' ? "-" : "") + digits;
  }

  void count(std::size_t nodes, const YAML::Mark& m) {
    nodes_ += nodes;
    if (nodes_ <= limits_.max_nodes) return;
    add(mark(m), "yaml.limit",
        fmt::format("more than {} values (aliases count with all they stand for)",
                    limits_.max_nodes),
        "");
    throw stop_parsing{};
  }

  void check_tag(const std::string& tag, const YAML::Mark& m) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    add(mark(m), "yaml.unsupported", fmt::format("tag `{}`: a graph file has no tags", tag),
        "leave the tag out; quote a scalar to make it text");
  }

  void open(value v, const std::string& tag, YAML::anchor_t anchor, const YAML::Mark& m) {
    count(1, m);
    check_tag(tag, m);
    if (!stack_.empty() && stack_.back().wants_key()) {
      add(mark(m), "yaml.unsupported", "a list or a map cannot be a key", "");
      throw stop_parsing{};
    }
    if (static_cast<int>(stack_.size()) >= limits_.max_depth) {
      add(mark(m), "yaml.limit", fmt::format("nested deeper than {} levels", limits_.max_depth),
          "");
      throw stop_parsing{};
    }
    stack_.push_back({std::move(v), anchor, 1, false, false, {}});
  }

  void close() {
    auto top = std::move(stack_.back());
    stack_.pop_back();
    finish(std::move(top.item), top.anchor, top.nodes);
  }

  void finish(value v, YAML::anchor_t anchor, std::size_t nodes) {
    if (anchor != 0) anchors_[anchor] = {v, nodes};
    if (stack_.empty()) {
      root = std::move(v);
      return;
    }
    auto& top = stack_.back();
    top.nodes += nodes;
    if (auto* list = top.item.get_if<value::list>()) {
      list->push_back(std::move(v));
    } else if (!top.has_key) {
      take_key(top, v);
    } else {
      top.pending.item = std::move(v);
      if (!top.skip) top.item.get_if<value::map>()->push_back(std::move(top.pending));
      top.pending = {};
      top.has_key = false;
    }
  }

  void take_key(level& top, const value& v) {
    const auto* text = v.get_if<std::string>();
    top.pending.key = text != nullptr ? *text : v.literal();
    top.pending.key_where = v.where();
    top.has_key = true;
    top.skip = false;
    if (text == nullptr || text->empty()) {
      add(v.where(), "yaml.unsupported", "a key must be a word", "");
      top.skip = true;
    } else if (*text == "<<") {
      add(v.where(), "yaml.unsupported", "merge keys (`<<`) are not part of YAML 1.2",
          "use `include:` with parameters, or write the keys out");
      top.skip = true;
    } else if (const auto [it, fresh] = top.seen.emplace(*text, v.where()); !fresh) {
      add(v.where(), "yaml.duplicate-key",
          fmt::format("key `{}` stands twice in the same map", *text),
          fmt::format("the first is in line {}", it->second.line));
      top.skip = true;
    }
  }

  const std::string& file_;
  const yaml_limits& limits_;
  diagnostics& findings_;
  std::vector<level> stack_;
  std::map<YAML::anchor_t, anchored> anchors_;
  std::size_t nodes_ = 0;
};

std::string line_of(const std::string& text, int line) {
  std::istringstream in(text);
  std::string out;
  for (int i = 0; i < line && std::getline(in, out); ++i) {
  }
  return out;
}

/// The first line, up to `last`, whose indentation has a tab; nothing where none has.
std::optional<source_mark> tab_before(const std::string& text, const std::string& file, int last) {
  std::istringstream in(text);
  std::string line;
  for (int number = 1; number <= last && std::getline(in, line); ++number) {
    const auto tab = line.find('\t');
    if (tab != line.npos && line.find_first_not_of(" \t") > tab)
      return source_mark{file, number, static_cast<int>(tab) + 1};
  }
  return {};
}

/// Where the next document begins, if there is one; what is in it does not matter.
std::optional<source_mark> next_document(YAML::Parser& parser, const std::string& file,
                                         const yaml_limits& limits) {
  diagnostics ignored;
  builder b(file, limits, ignored);
  try {
    if (!parser.HandleNextDocument(b)) return {};
  } catch (const stop_parsing&) {
  }
  return b.start;
}

}  // namespace

bool looks_octal(const std::string& text) {
  const auto digits = without_sign(text);
  return digits.size() > 1 && digits[0] == '0' && all_digits(digits);
}

value plain_scalar(const std::string& text, source_mark where) {
  value v;
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL")
    v = value();
  else if (text == "true" || text == "True" || text == "TRUE")
    v = value(true);
  else if (text == "false" || text == "False" || text == "FALSE")
    v = value(false);
  else if (const auto i = as_integer(text))
    v = value(*i);
  else if (const auto d = as_float(text))
    v = value(*d);
  else
    v = value(text);
  v.set_where(std::move(where));
  v.set_literal(text);
  return v;
}

std::optional<value> parse_yaml(const std::string& file, const std::string& text,
                                diagnostics& findings, const yaml_limits& limits) {
  builder b(file, limits, findings);
  if (text.size() > limits.max_bytes) {
    b.add({file, 0, 0}, "yaml.limit",
          fmt::format("{} bytes are more than the {} a graph file may have", text.size(),
                      limits.max_bytes),
          "");
    return {};
  }
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    if (!parser.HandleNextDocument(b)) {
      b.root = value();
      b.root.set_where({file, 1, 1});
      return b.root;
    }
    if (const auto second = next_document(parser, file, limits))
      b.add(*second, "yaml.unsupported", "a second document in the same file",
            "one file holds one graph: use `include:`");
    return std::move(b.root);
  } catch (const stop_parsing&) {
    return {};
  } catch (const YAML::Exception& e) {
    const int line = e.mark.line >= 0 ? e.mark.line + 1 : 0;
    if (const auto tab = tab_before(text, file, line)) {
      b.add(*tab, "yaml.syntax", "a tab in the indentation", "YAML is indented with spaces alone");
      return {};
    }
    const bool reference = line_of(text, line).find("${") != std::string::npos;
    b.add({file, line, line > 0 ? e.mark.column + 1 : 0}, "yaml.syntax", e.msg,
          reference ? "inside {…} and […] quote references: \"${param:name}\"" : "");
    return {};
  } catch (const std::exception& e) {
    b.add({file, 0, 0}, "yaml.syntax", fmt::format("unreadable: {}", e.what()), "");
    return {};
  }
}

}  // namespace hocket::spec
