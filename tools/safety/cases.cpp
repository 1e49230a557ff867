#include "tools/safety/cases.hpp"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "graph/spec/yaml.hpp"

namespace hocket::safety {
namespace {

struct part {
  const char* key;
  lines case_set::*into;
  bool by_topic;
  bool is_held_out;  ///< what the policy names is left out
  std::size_t turns = 1;
};

constexpr part parts[] = {{"asks", &case_set::asks, true, true},
                          {"pieces", &case_set::pieces, true, false, 2},
                          {"languages", &case_set::languages, true, true},
                          {"near", &case_set::near, false, false},
                          {"care", &case_set::care, true, true},
                          {"slips", &case_set::slips, true, false, 3},
                          {"chatter", &case_set::chatter, false, false},
                          {"synonyms", &case_set::synonyms, false, false},
                          {"wrappers", &case_set::wrappers, false, false},
                          {"spoken", &case_set::spoken, true, false},
                          {"spoken_near", &case_set::spoken_near, false, false},
                          {"spoken_chatter", &case_set::spoken_chatter, false, false}};

/// A scalar as words, quoted in the file or not.
std::string text_of(const value& v) {
  const auto* quoted = v.get_if<std::string>();
  return quoted != nullptr ? *quoted : v.literal();
}

/// The words that say what is wanted.
std::vector<std::string> content_of(const std::vector<policy::pattern_word>& words) {
  std::vector<std::string> out;
  for (const auto& w : words)
    if (!policy::is_filler(w.text)) out.push_back(w.text);
  return out;
}

class reader {
 public:
  reader(const policy::rules& all, bool held_out, diagnostics& findings)
      : rules_(all), findings_(findings) {
    if (!held_out) return;
    for (const auto& t : all.topics) {
      for (const auto& p : t.phrases) named_.push_back(content_of(p));
      for (const auto& p : t.examples) named_.push_back(content_of(p));
    }
  }

  case_set read(const value& tree) {
    case_set out;
    const auto* top = tree.get_if<value::map>();
    if (top == nullptr) return bad("cases: this is no map", tree.where()), out;
    for (const auto& e : *top) {
      if (e.key == "cases") {
        out.name = text_of(e.item);
        continue;
      }
      const auto known = std::ranges::find_if(parts, [&](const part& p) { return e.key == p.key; });
      if (known == std::end(parts))
        bad(fmt::format("cases: there is no part `{}`", e.key), e.key_where);
      else if (known->by_topic)
        read_topics(*known, e.item, out);
      else
        read_lines(*known, "", e.item, out);
    }
    if (out.name.empty()) bad("cases: `cases` should name the set", tree.where());
    return out;
  }

 private:
  void read_topics(const part& p, const value& v, case_set& out) {
    const auto* map = v.get_if<value::map>();
    if (map == nullptr)
      return bad(fmt::format("{}: lists by topic are wanted, not {}", p.key, v.kind_name()),
                 v.where());
    for (const auto& e : *map) {
      if (e.key == "none") {
        read_lines(p, "", e.item, out);
        continue;
      }
      const bool known =
          std::ranges::find(rules_.topics, e.key, &policy::topic::name) != rules_.topics.end();
      if (known)
        read_lines(p, e.key, e.item, out);
      else if (const auto* list = e.item.get_if<value::list>())
        out.unknown += static_cast<std::int64_t>(list->size());
    }
  }

  void read_lines(const part& p, const std::string& topic, const value& v, case_set& out) {
    const auto* list = v.get_if<value::list>();
    if (list == nullptr)
      return bad(fmt::format("{}: a list of lines is wanted, not {}", p.key, v.kind_name()),
                 v.where());
    for (const auto& item : *list) {
      const auto words = text_of(item);
      const auto turns = parts_of(words);
      if (turns.empty() || turns.size() < p.turns) {
        bad(fmt::format("{}: {} {} by `|`", p.key, p.turns,
                        p.turns == 1 ? "part with words is wanted" : "parts are wanted, parted"),
            item.where());
        continue;
      }
      if (p.is_held_out && is_named(words)) {
        ++out.named;
        continue;
      }
      (out.*p.into).push_back({topic, words});
      if (p.into == &case_set::asks && has_phrase(words)) ++out.phrased;
    }
  }

  bool is_named(const std::string& words) const {
    return std::ranges::find(named_, content_of(policy::pattern_words(words))) != named_.end();
  }

  /// Whether a phrase stands in it, with nothing but fillers between its words.
  bool has_phrase(const std::string& words) const {
    std::vector<policy::folded_word> said;
    for (auto& w : policy::folded_words(words))
      if (!policy::is_filler(w.text)) said.push_back(std::move(w));
    const auto stands_in = [&](const std::vector<policy::pattern_word>& phrase) {
      return !phrase.empty() &&
             !std::ranges::search(said, phrase, [](const auto& w, const auto& p) {
                return p.is_by(w);
              }).empty();
    };
    return std::ranges::any_of(rules_.topics, [&](const policy::topic& t) {
      return std::ranges::any_of(t.phrases, stands_in);
    });
  }

  void bad(std::string what, const source_mark& where) {
    findings_.add({severity::error, where, "safety.bad_cases", std::move(what), {}, {}});
  }

  const policy::rules& rules_;
  diagnostics& findings_;
  std::vector<std::vector<std::string>> named_;
};

}  // namespace

std::vector<std::string> parts_of(const std::string& words) {
  std::vector<std::string> out;
  std::istringstream in(words);
  for (std::string part; std::getline(in, part, '|');) {
    const auto from = part.find_first_not_of(' '), to = part.find_last_not_of(' ');
    if (from != part.npos) out.push_back(part.substr(from, to - from + 1));
  }
  return out;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

result<case_set> read_cases(const std::string& file, const std::string& yaml,
                            const policy::rules& all, bool held_out) {
  diagnostics findings;
  const auto tree = spec::parse_yaml(file, yaml, findings);
  case_set out;
  if (tree) out = reader(all, held_out, findings).read(*tree);
  if (!tree || findings.has_errors()) {
    findings.sort();
    return fail("safety.bad_cases", findings.to_string());
  }
  return out;
}

}  // namespace hocket::safety
