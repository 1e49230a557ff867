#include "tools/safety/families.hpp"

#include <algorithm>
#include <random>
#include <set>

#include <fmt/format.h>

#include "actors/policy/topic_head.hpp"
#include "graph/spec/yaml.hpp"

namespace hocket::safety {
namespace {

constexpr int deepest = 8;

std::string text_of(const value& v) {
  const auto* quoted = v.get_if<std::string>();
  return quoted != nullptr ? *quoted : v.literal();
}

const std::vector<std::string>* slot_of(const families& all, const std::string& name) {
  const auto at = std::ranges::find(all.slots, name, [](const auto& s) { return s.first; });
  return at == all.slots.end() ? nullptr : &at->second;
}

/// Whether all slots that a text names are there, and come to an end.
std::string fault_of(const families& all, const std::string& text, int depth) {
  if (depth > deepest) return "slots name each other in a circle";
  for (auto from = text.find('{'); from != text.npos; from = text.find('{', from + 1)) {
    const auto to = text.find('}', from);
    if (to == text.npos) return "a `{` is not closed";
    const auto name = text.substr(from + 1, to - from - 1);
    const auto* slot = slot_of(all, name);
    if (slot == nullptr) return fmt::format("there is no slot `{}`", name);
    for (const auto& w : *slot)
      if (auto fault = fault_of(all, w, depth + 1); !fault.empty()) return fault;
  }
  return "";
}

std::string filled(const families& all, std::string text, std::mt19937_64& random) {
  for (auto from = text.find('{'); from != text.npos; from = text.find('{')) {
    const auto to = text.find('}', from);
    const auto& ways = *slot_of(all, text.substr(from + 1, to - from - 1));
    text.replace(from, to + 1 - from, ways[random() % ways.size()]);
  }
  std::string out;
  for (const auto& w : words_of(text)) out += (out.empty() ? "" : " ") + w;
  return out;
}

class reader {
 public:
  explicit reader(diagnostics& findings) : findings_(findings) {}

  families read(const value& tree) {
    families out;
    const auto* top = tree.get_if<value::map>();
    if (top == nullptr) return bad("families: this is no map", tree.where()), out;
    for (const auto& e : *top) {
      if (e.key == "families")
        out.name = text_of(e.item);
      else if (e.key == "classes")
        each_list(e.item, [&](const std::string& name, const value&, std::vector<std::string> all) {
          out.classes.emplace_back(name, std::move(all));
        });
      else if (e.key == "counterparts")
        each_list(e.item, [&](const std::string& name, const value&, std::vector<std::string> all) {
          out.counterparts.emplace_back(name, std::move(all));
        });
      else if (e.key == "slots")
        each_list(e.item, [&](const std::string& name, const value&, std::vector<std::string> all) {
          out.slots.emplace_back(name, std::move(all));
        });
      else if (e.key == "topics")
        each_list(e.item, [&](const std::string& name, const value&, std::vector<std::string> all) {
          for (auto& p : all) out.patterns.push_back({name == "none" ? "" : name, std::move(p)});
        });
      else
        bad(fmt::format("families: there is no part `{}`", e.key), e.key_where);
    }
    if (out.name.empty()) bad("families: `families` should name the file", tree.where());
    for (const auto& p : out.patterns)
      if (auto fault = fault_of(out, p.text, 0); !fault.empty())
        bad(fmt::format("families: `{}`: {}", p.text, fault), tree.where());
    for (const auto& [name, slots] : out.counterparts)
      for (const auto& slot : slots)
        if (slot_of(out, slot) == nullptr || slots.size() != 1)
          bad(fmt::format("families: the counterpart of {} should be one slot that there is", name),
              tree.where());
    for (const auto& [name, slots] : out.classes)
      for (const auto& slot : slots)
        if (slot_of(out, slot) == nullptr)
          bad(fmt::format("families: the class {}: there is no slot `{}`", name, slot),
              tree.where());
    return out;
  }

 private:
  template <class Take>
  void each_list(const value& v, const Take& take) {
    const auto* map = v.get_if<value::map>();
    if (map == nullptr) return bad("families: lists by name are wanted", v.where());
    for (const auto& e : *map) {
      const auto* list = e.item.get_if<value::list>();
      if (list == nullptr || list->empty()) {
        bad(fmt::format("families: {}: a list of texts is wanted", e.key), e.key_where);
        continue;
      }
      std::vector<std::string> all;
      for (const auto& item : *list) all.push_back(text_of(item));
      take(e.key, e.item, std::move(all));
    }
  }

  void bad(std::string what, const source_mark& where) {
    findings_.add({severity::error, where, "safety.bad_families", std::move(what), {}, {}});
  }

  diagnostics& findings_;
};

}  // namespace

result<families> read_families(const std::string& file, const std::string& yaml) {
  diagnostics findings;
  const auto tree = spec::parse_yaml(file, yaml, findings);
  families out;
  if (tree) out = reader(findings).read(*tree);
  if (!tree || findings.has_errors()) {
    findings.sort();
    return fail("safety.bad_families", findings.to_string());
  }
  return out;
}

policy::word_classes classes_of(const families& all) {
  policy::word_classes out;
  for (const auto& [name, slots] : all.classes)
    for (const auto& slot : slots)
      for (const auto& words : *slot_of(all, slot))
        if (words.find('{') == words.npos) out.add(name, words);
  return out;
}

namespace {

/// The pattern with every slot that has a counterpart replaced; empty where it has none.
std::string counterpart_of(const families& all, const std::string& text) {
  std::string out = text;
  bool is_other = false;
  for (const auto& [slot, other] : all.counterparts) {
    const auto name = "{" + slot + "}", instead = "{" + other.front() + "}";
    for (auto at = out.find(name); at != out.npos; at = out.find(name, at + instead.size()))
      out.replace(at, name.size(), instead), is_other = true;
  }
  return is_other ? out : "";
}

}  // namespace

std::vector<wording> wordings_of(const families& all, std::int64_t each, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<wording> out;
  const auto classes = classes_of(all);
  const auto is_of_harm = [&](const std::string& text) {
    const auto words = policy::head_words_of(text);
    return std::ranges::any_of(classes.in(words), [&](const policy::word_classes::place& p) {
      return std::ranges::find(all.counterparts, p.name, [](const auto& c) { return c.first; }) !=
             all.counterparts.end();
    });
  };
  for (std::size_t i = 0; i < all.patterns.size(); ++i) {
    const auto& p = all.patterns[i];
    std::set<std::string> made, harmless;
    if (const auto other = p.topic.empty() ? "" : counterpart_of(all, p.text); !other.empty())
      for (std::int64_t n = 0; n < 3 * each && static_cast<std::int64_t>(harmless.size()) < each;
           ++n)
        if (auto text = filled(all, other, random);
            !is_of_harm(text) && harmless.insert(text).second)
          out.push_back({{"", std::move(text)}, i});
    // A pattern with few words gives them again; three tries for each wording that is wanted.
    for (std::int64_t n = 0; n < 3 * each && static_cast<std::int64_t>(made.size()) < each; ++n)
      if (auto text = filled(all, p.text, random); made.insert(text).second)
        out.push_back({{p.topic, std::move(text)}, i});
  }
  return out;
}

}  // namespace hocket::safety
