#include "actors/policy/rules.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "graph/contract/config.hpp"
#include "graph/spec/yaml.hpp"

namespace hocket::policy {
namespace {

constexpr const char* places[] = {"heard", "said", "requests", "results", "evidence"};
constexpr const char* actions[] = {"pass",   "note",   "answer", "adapt",
                                   "forget", "refuse", "stop",   "end"};

action action_of(const std::string& name) {
  return static_cast<action>(std::ranges::find(actions, name) - std::begin(actions));
}

/// What may be done where words are from there: pages, tools and the model itself have nothing forgotten,
/// and do not say how it is to speak.
std::vector<std::string> actions_at(int from) {
  std::vector<std::string> out(std::begin(actions), std::end(actions));
  if (from != static_cast<int>(place::heard))
    std::erase_if(out, [](const std::string& a) { return a == "forget" || a == "adapt"; });
  return out;
}

struct topic_keys final : config_base {
  std::vector<std::string> phrases, together, examples, except, say, wording;
  std::int64_t gap = 2, times = 0;
  double together_s = 60, similar = 0.75, pace = 0;
  std::array<std::string, place_count> act{"refuse", "refuse", "refuse", "refuse", "note"};
  std::string then = "end", people = "everyone";
  bool incident = false;

  void visit(config_visitor& v) override {
    v.field({.name = "phrases", .doc = "words in this order; `*` ends a beginning of a word"},
            phrases);
    v.field({.name = "together", .doc = "words in any order, also over several turns"}, together);
    v.field({.name = "examples", .doc = "requests; what is worded nearly so counts"}, examples);
    v.field({.name = "except", .doc = "phrases whose words do not count"}, except);
    v.field({.name = "say", .doc = "`LANGUAGE: words`, instead of the policy's refusal"}, say);
    v.field({.name = "gap", .doc = "other words between two of a phrase", .min = 0, .max = 20},
            gap);
    v.field({.name = "together_s", .doc = "span of `together`", .unit = "s", .min = 1, .max = 3600},
            together_s);
    v.field({.name = "similar", .doc = "share of an example's words", .min = 0.3, .max = 1},
            similar);
    for (int i = 0; i < place_count; ++i)
      v.field({.name = places[i],
               .doc = "what is done where the words are from there",
               .choices = actions_at(i)},
              act[static_cast<std::size_t>(i)]);
    v.field({.name = "people", .doc = "whom it concerns", .choices = {"everyone", "minors"}},
            people);
    v.field({.name = "times",
             .doc = "from this time on `then` is done; 0: never",
             .min = 0,
             .max = 1000},
            times);
    v.field({.name = "then", .doc = "what is done then", .choices = {"refuse", "stop", "end"}},
            then);
    v.field({.name = "incident", .doc = "each time is an incident"}, incident);
    v.field({.name = "pace",
             .doc = "for `adapt`: of the pace until then, 0.5 to 1; 1: its own again; 0: left",
             .min = 0,
             .max = 1},
            pace);
    v.field({.name = "wording",
             .doc = "for `adapt`: `LANGUAGE: words`, which a language model is asked from then on"},
            wording);
  }
};

struct notice_keys final : config_base {
  double after_min = 0, again_min = 0;
  std::string people = "everyone", between;
  bool ends = false;
  std::vector<std::string> say;

  void visit(config_visitor& v) override {
    v.field({.name = "after_min",
             .doc = "of the conversation",
             .unit = "min",
             .min = 0.01,
             .max = 10000,
             .required = true},
            after_min);
    v.field({.name = "again_min",
             .doc = "and each time after so long; 0: once",
             .unit = "min",
             .min = 0,
             .max = 10000},
            again_min);
    v.field({.name = "people", .doc = "whom it concerns", .choices = {"everyone", "minors"}},
            people);
    v.field({.name = "between", .doc = "only at these times of day: `23:00-05:00`"}, between);
    v.field({.name = "ends", .doc = "the conversation ends half a minute later"}, ends);
    v.field({.name = "say", .doc = "`LANGUAGE: words`", .required = true}, say);
  }
};

struct grown_up_keys final : config_base {
  std::vector<double> length_min;
  std::vector<std::string> topics;
  bool hours = false, recordings = false, leave = false;

  void visit(config_visitor& v) override {
    v.field({.name = "length_min",
             .doc = "of a conversation: the shortest and the longest that he may set",
             .unit = "min",
             .min = 1,
             .max = 1440},
            length_min);
    v.field({.name = "topics", .doc = "of those for minors, which he may allow"}, topics);
    v.field({.name = "hours", .doc = "he may say at which times of day they may talk"}, hours);
    v.field({.name = "recordings", .doc = "he may forbid them"}, recordings);
    v.field({.name = "leave", .doc = "he may end the mode for minors, in one conversation"}, leave);
  }
};

struct top_keys final : config_base {
  std::string policy, language = "en";
  std::vector<std::string> refusal;

  void visit(config_visitor& v) override {
    v.field({.name = "policy", .doc = "its name", .required = true}, policy);
    v.field(
        {.name = "language", .doc = "of texts where the graph wants another one that is not there"},
        language);
    v.field({.name = "refusal", .doc = "`LANGUAGE: words`", .required = true}, refusal);
  }
};

class reader {
 public:
  explicit reader(diagnostics& findings) : findings_(findings) {}

  rules read(const value& tree) {
    rules out;
    top_keys top;
    read_config(tree, top, "policy", {"topics", "notices", "grown_up"}, findings_);
    out.name = top.policy;
    out.language = top.language;
    out.refusal = texts_of(top.refusal, tree, "refusal");
    each(tree, "topics",
         [&](const std::string& name, const value& v) { out.topics.push_back(topic_of(name, v)); });
    each(tree, "notices", [&](const std::string& name, const value& v) {
      out.notices.push_back(notice_of(name, v));
    });
    if (const auto* v = tree.find("grown_up")) out.grown_up = grown_up_of(*v, out);
    if (out.topics.empty() && out.notices.empty())
      bad("policy.empty", "policy: neither `topics` nor `notices` names anything", tree.where());
    return out;
  }

 private:
  template <class Take>
  void each(const value& tree, const char* key, const Take& take) {
    const auto* all = tree.find(key);
    if (all == nullptr) return;
    const auto* map = all->get_if<value::map>();
    if (map == nullptr)
      return bad(
          "policy.type",
          fmt::format("policy: `{}` is {}, and should be a map of names", key, all->kind_name()),
          all->where());
    for (const auto& e : *map) take(e.key, e.item);
  }

  topic topic_of(const std::string& name, const value& v) {
    const auto owner = "topics." + name;
    topic_keys k;
    read_config(v, k, owner, {}, findings_);
    topic t;
    t.name = name;
    if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") != name.npos)
      bad("policy.bad_name", owner + ": a topic's name has small letters, digits, `_` and `-`",
          v.where(), "judges name it");
    t.phrases = patterns(k.phrases, owner, v);
    for (auto& p : t.phrases) {
      auto& letters = t.spelled.emplace_back();
      for (const auto& w : p) letters[0] += w.text;
      p = without_articles(std::move(p));
      for (const auto& w : p) letters[1] += w.text;
    }
    t.together = patterns(k.together, owner, v);
    t.excepts = patterns(k.except, owner, v, true);
    for (auto& example : patterns(k.examples, owner, v)) {
      std::erase_if(example, [](const pattern_word& w) { return is_filler(w.text); });
      if (example.size() < 2)
        bad("policy.short_example", owner + ": an example needs two words that say what is wanted",
            v.where(), "give it as a phrase, or in more words");
      t.examples.push_back(std::move(example));
    }
    if (t.phrases.empty() && t.together.empty() && t.examples.empty())
      bad("policy.no_rule", owner + ": nothing says when it comes up", v.where(),
          "give `phrases`, `together` or `examples`");
    t.gap = k.gap, t.together_s = k.together_s, t.similar = k.similar, t.times = k.times;
    for (std::size_t i = 0; i < place_count; ++i) t.act[i] = action_of(k.act[i]);
    t.then = action_of(k.then);
    t.only_minors = k.people == "minors";
    t.is_incident = k.incident;
    t.say = texts_of(k.say, v, owner);
    t.pace = k.pace;
    t.wording = texts_of(k.wording, v, owner);
    check_manner(t, v, owner);
    for (const auto needs : {action::answer, action::forget})
      if (t.say.empty() && std::ranges::find(t.act, needs) != t.act.end())
        bad("policy.no_words", fmt::format("{}: `{}` needs words", owner, to_string(needs)),
            v.where(), "give `say: [\"en: ...\"]`");
    return t;
  }

  void check_manner(const topic& t, const value& v, const std::string& owner) {
    const bool adapts = t.act[static_cast<std::size_t>(place::heard)] == action::adapt;
    const bool has_manner = t.pace > 0 || !t.wording.empty();
    if (adapts && !has_manner)
      bad("policy.no_manner", owner + ": `adapt` to what?", v.where(),
          "give `pace: 0.8`, `wording: [\"en: ...\"]`, or `pace: 1` for its own manner again");
    if (!adapts && has_manner)
      bad("policy.no_manner", owner + ": `pace` and `wording` are for `heard: adapt`", v.where());
    if (t.pace > 0 && t.pace < slowest_pace)
      bad("policy.no_manner", owner + ": `pace` is from 0.5 to 1", v.where());
  }

  grown_up_bounds grown_up_of(const value& v, const rules& all) {
    grown_up_keys k;
    read_config(v, k, "grown_up", {}, findings_);
    grown_up_bounds b;
    b.hours = k.hours, b.recordings = k.recordings, b.leave = k.leave, b.topics = k.topics;
    for (const auto& name : k.topics) {
      const auto at = std::ranges::find(all.topics, name, &topic::name);
      if (at == all.topics.end() || !at->only_minors)
        bad("policy.bad_name", fmt::format("grown_up: {} is no topic for minors", quoted(name)),
            v.where(), "he may allow what `people: minors` keeps from them, and nothing else");
    }
    if (k.length_min.empty()) return b;
    if (k.length_min.size() != 2 || k.length_min[0] > k.length_min[1])
      bad("policy.bad-time", "grown_up: `length_min` is the shortest and the longest", v.where(),
          "write [10, 120]");
    else if (std::ranges::none_of(all.notices, [](const notice& n) {
               return n.only_minors && n.ends && !n.between;
             }))
      bad("policy.no_rule", "grown_up: no notice for minors ends a conversation after `length_min`",
          v.where(), "give `notices` one with `people: minors` and `ends: true`");
    else
      b.shortest_min = k.length_min[0], b.longest_min = k.length_min[1];
    return b;
  }

  notice notice_of(const std::string& name, const value& v) {
    notice_keys k;
    read_config(v, k, "notices." + name, {}, findings_);
    const auto between = span_of_day(k.between);
    if (!k.between.empty() && !between)
      bad("policy.bad-time",
          "notices." + name + ": `" + k.between + "` is not `HH:MM-HH:MM`, from 00:00 to 23:59",
          v.where());
    return {name,        k.after_min,
            k.again_min, k.people == "minors",
            k.ends,      texts_of(k.say, v, "notices." + name),
            between};
  }

  std::vector<std::vector<pattern_word>> patterns(const std::vector<std::string>& lines,
                                                  const std::string& owner, const value& v,
                                                  bool takes_any = false) {
    std::vector<std::vector<pattern_word>> out;
    for (const auto& line : lines) {
      out.push_back(pattern_words(line));
      // Elsewhere `gap` already lets words stand between, so that it says nothing there.
      if (!takes_any) std::erase_if(out.back(), [](const pattern_word& w) { return w.is_any; });
      if (!out.back().empty() && std::ranges::all_of(out.back(), &pattern_word::is_any))
        bad("policy.bad_star", fmt::format("{}: {} is any word", owner, quoted(line)), v.where(),
            "an exception names at least one word beside `*`");
      if (out.back().empty())
        bad("policy.no_word", fmt::format("{}: {} has no word", owner, quoted(line)), v.where());
      if (out.back().size() > 32)
        bad("policy.long", fmt::format("{}: {} has more than 32 words", owner, quoted(line)),
            v.where());
    }
    return out;
  }

  texts texts_of(const std::vector<std::string>& lines, const value& v, const std::string& owner) {
    texts out;
    for (const auto& line : lines) {
      const auto colon = line.find(": ");
      const auto language = line.substr(0, colon);
      if (colon == line.npos || language.empty() || language.size() > 12 ||
          line.find_first_not_of(' ', colon + 1) == line.npos) {
        bad("policy.bad_text", fmt::format("{}: {} is not `LANGUAGE: words`", owner, quoted(line)),
            v.where(), "write \"en: words\"");
      } else if (!out.emplace(language, line.substr(line.find_first_not_of(' ', colon + 1)))
                      .second) {
        bad("policy.twice", fmt::format("{}: there are two texts for `{}`", owner, language),
            v.where());
      }
    }
    return out;
  }

  void bad(const char* code, std::string what, const source_mark& where, std::string hint = {}) {
    findings_.add({severity::error, where, code, std::move(what), std::move(hint), {}});
  }

  diagnostics& findings_;
};

}  // namespace

std::string_view to_string(place p) { return places[static_cast<int>(p)]; }
std::string_view to_string(action a) { return actions[static_cast<int>(a)]; }

const std::string& rules::in(const texts& all, const std::string& wanted) const {
  static const std::string none;
  for (const auto* l : {&wanted, &language})
    if (const auto at = all.find(*l); at != all.end()) return at->second;
  return all.empty() ? none : all.begin()->second;
}

result<rules> read_rules(const std::string& file, const std::string& yaml) {
  diagnostics findings;
  const auto tree = spec::parse_yaml(file, yaml, findings);
  rules out;
  if (tree) out = reader(findings).read(*tree);
  if (!tree || findings.has_errors()) {
    findings.sort();
    return fail("policy.bad_file", findings.to_string());
  }
  return out;
}

}  // namespace hocket::policy
