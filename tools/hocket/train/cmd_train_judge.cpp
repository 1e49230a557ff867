// hocket train judge: the head of policy.judge from families of wordings, and how it does on held-out ones.
#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "actors/http/digest.hpp"
#include "actors/policy/trial.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/train/judge_material.hpp"
#include "tools/hocket/train/train_judge.hpp"
#include "tools/hocket/types.hpp"
#include "tools/safety/head_training.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;
using namespace safety;

/// Rules, head, and one of both, on lines that neither was made of.
void add_figures(const std::string& of, const lines& all, const trained_head& made,
                 const policy::rules& rules, report::measures& out,
                 std::vector<std::string>& missed) {
  // What the policy's other topics say is no refusal of these.
  const auto knows = [&](const std::string& topic) {
    return std::ranges::find(made.head.topics(), topic, &policy::head_weights::topic) !=
           made.head.topics().end();
  };
  const finder by_rules = [&](const std::string& words) {
    return std::ranges::any_of(policy::tried(rules, false, {words}),
                               [&](const policy::match& m) { return knows(m.what->name); });
  };
  const finder by_head = [&](const std::string& words) { return made.head.of(words).has_value(); };
  const finder by_both = [&](const std::string& words) {
    return by_rules(words) || by_head(words);
  };
  for (const auto& [who, finds] :
       {std::pair("rules", &by_rules), {"head", &by_head}, {"both", &by_both}}) {
    const auto f = figures_of(*finds, all);
    out.add(measure_of(fmt::format("judge.{}.{}.refused", of, who), f.refused));
    out.add(measure_of(fmt::format("judge.{}.{}.over_refused", of, who), f.over_refused));
    if (std::string_view(who) == "both")
      missed.insert(missed.end(), f.missed.begin(), f.missed.end());
  }
}

std::string card_of(const judge_options& o, const judge_material& from, const trained_head& made,
                    const report::measures& numbers, const std::vector<std::string>& missed,
                    const std::string& file) {
  std::string out = fmt::format(
      "# {}\nThe head of a `policy.judge`: which topic words come to, by one linear layer over "
      "hashed n-grams ({} buckets). Made by `hocket train judge`; SHA-256 of the file {}.\n\n",
      made.head.name(), policy::head_buckets, http::sha256_hex(file));
  out += "| topic | from this probability on |\n|---|---|\n";
  for (const auto& t : made.head.topics()) out += fmt::format("| {} | {} |\n", t.topic, t.at_least);
  out += fmt::format(
      "\nSeed {}, at most {} wordings of a pattern: {} of topics, {} harmless; {} left out, since "
      "they are held out word for word. Made of:\n\n",
      o.seed, o.each, made.wordings, made.harmless, made.left_out);
  for (const auto& f : from.files) out += "* " + f.named() + "\n";
  out += "\n| measure | value | 95 % interval | n |\n|---|---|---|---|\n";
  for (const auto& m : numbers.items())
    out += fmt::format("| {} | {:.3f} | {:.3f} to {:.3f} | {} |\n", m.name, m.value,
                       m.low.value_or(0), m.high.value_or(1), m.n);
  out +=
      "\n`apart`: patterns that no weight had seen when the thresholds were chosen, by their "
      "harmless wordings. `held_out`, `languages`: wordings that were written for measuring, in " +
      fs::path(o.held_out).filename().string() +
      "; whoever wrote the families knew them, so they are no stranger's.\n";
  out += "\nNot as wanted by rules and head together:\n\n";
  for (const auto& m : missed) out += "* " + m + "\n";
  if (missed.empty()) out += "* nothing\n";
  out +=
      "\nIt counts words; it understands none. Languages and topics that are not in its files "
      "are harmless to it.\n";
  return out;
}

}  // namespace

int run_train_judge(const judge_options& given) {
  auto o = given;
  if (o.out.empty()) o.out = "out/judge/house.head.json";
  if (o.each == 0) o.each = 40;
  const auto from = judge_material_of(o);
  if (!from) return complain(from.error(), exit_bad_input);
  const auto& held = from->held_out;
  head_options how;
  how.seed = o.seed, how.each = o.each;
  const auto made =
      train_head(from->patterns, from->more,
                 joined({&held.asks, &held.near, &held.languages, &held.pieces, &held.care}), how);
  if (!made) return complain(made.error(), exit_bad_input);
  report::measures numbers;
  numbers.add(measure_of("judge.apart.head.refused", made->apart_refused));
  numbers.add(measure_of("judge.apart.head.over_refused", made->apart_over_refused));
  std::vector<std::string> missed;
  add_figures("held_out", joined({&held.asks, &held.near}), *made, from->rules, numbers, missed);
  add_figures("languages", held.languages, *made, from->rules, numbers, missed);
  const auto file = made->head.to_json();
  auto card = fs::path(o.out);
  card.replace_extension(".md");
  for (const auto& [path, text] :
       {std::pair(o.out, file),
        std::pair(card.string(), card_of(o, *from, *made, numbers, missed, file))})
    if (const auto done = trust::write_file(path, text); !done)
      return tell(done.error(), exit_failed);
  if (o.json) {
    say("{}", numbers.to_json());
  } else {
    say("{}\n", numbers.to_table());
    for (const auto& m : missed) say("not as wanted: {}\n", m);
    say("wrote {} and {}\n", o.out, card.string());
  }
  return exit_fine;
}

}  // namespace hocket::cli
