// hocket train judge --language-model: the head of policy.judge over a language model's hidden states.
#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "actors/http/digest.hpp"
#include "actors/policy/judge/sentence_judge.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/train/judge_material.hpp"
#include "tools/hocket/types.hpp"
#include "tools/safety/head_training.hpp"
#include "tools/safety/sentence_training.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;
using namespace safety;

constexpr std::size_t read_at_once = 256;

/// What it is made of besides the files that every head is made of.
struct sentence_material {
  judge_material base;
  std::vector<families> patterns;
  policy::topic_head words;
};

result<sentence_material> material_of(const judge_options& o) {
  sentence_material out;
  auto base = judge_material_of(o);
  if (!base) return fail(base);
  out.base = std::move(*base);
  out.patterns.push_back(out.base.patterns);
  for (const auto& file : o.kinds) {
    auto text = read_judge_source(file);
    if (!text) return fail(text);
    auto more = read_families(file, text->text);
    if (!more) return fail(more);
    out.patterns.push_back(std::move(*more));
    out.base.files.push_back(std::move(*text));
  }
  auto words = read_judge_source(o.words);
  if (!words) return fail(words);
  auto head = policy::topic_head::read(o.words, words->text);
  if (!head) return fail(head);
  out.words = std::move(*head);
  out.base.files.push_back(std::move(*words));
  return out;
}

/// States of all sentences, some at a time; who watches sees how far it is.
states_of reading(policy::hidden_states& model, bool tells) {
  return [&model,
          tells](const std::vector<std::string>& texts) -> result<std::vector<std::vector<float>>> {
    std::vector<std::vector<float>> out;
    std::int64_t tokens = 0;
    for (std::size_t from = 0; from < texts.size(); from += read_at_once) {
      const auto to = std::min(texts.size(), from + read_at_once);
      auto part = model.of({texts.begin() + static_cast<std::ptrdiff_t>(from),
                            texts.begin() + static_cast<std::ptrdiff_t>(to)},
                           tokens);
      if (!part) return fail(part);
      for (const auto& s : *part) out.push_back(policy::scaled_state(s));
      if (tells) say(stderr, "read {} of {} sentences, {} tokens\n", to, texts.size(), tokens);
    }
    return out;
  };
}

std::string card_of(const judge_options& o, const sentence_material& from,
                    const trained_sentences& made, const report::measures& numbers,
                    const std::string& file) {
  const auto& head = made.head;
  std::string out = fmt::format(
      "# {} over hidden states\nA head of a `policy.judge`: whether a sentence asks for harm, by "
      "one "
      "linear layer over {} numbers, the states of {} (SHA-256 {}) behind a sentence's last token, "
      "after {} layers, scaled; one more a topic names it. It counts the head over words {} times. "
      "Harm is from the probability {} on. Made by `hocket train judge --language-model`; SHA-256 "
      "of "
      "the file {}.\n\n",
      head.name, head.harm.weights.size(), head.model, head.model_sha256, head.layer, head.words,
      head.at_least, http::sha256_hex(file));
  out += fmt::format(
      "Seed {}, at most {} wordings of a pattern: {} of topics, {} harmless; {} left out, since "
      "they "
      "are held out word for word. Made of:\n\n",
      o.seed, o.each, made.wordings, made.harmless, made.left_out);
  for (const auto& f : from.base.files) out += "* " + f.named() + "\n";
  out += "\n| measure | value | 95 % interval | n |\n|---|---|---|---|\n";
  for (const auto& m : numbers.items())
    out += fmt::format("| {} | {:.3f} | {:.3f} to {:.3f} | {} |\n", m.name, m.value,
                       m.low.value_or(0), m.high.value_or(1), m.n);
  out +=
      "\n`apart`: patterns and lines that no weight had seen when the threshold was chosen, by "
      "their "
      "harmless ones. `held_out`: " +
      fs::path(o.held_out).filename().string() +
      ". Whoever wrote the sentences knew that file and half of XSTest. What strangers' sets say: "
      "`tests/bench/judge`.\n";
  return out;
}

}  // namespace

int run_train_sentences(const judge_options& given) {
  auto o = given;
  if (o.out.empty()) o.out = "out/judge/house.sentences.json";
  if (o.each == 0) o.each = 12;
  const auto from = material_of(o);
  if (!from) return complain(from.error(), exit_bad_input);
  const auto model =
      policy::open_hidden_states({o.language_model, o.threads, static_cast<int>(o.layer)});
  if (!model) return complain(model.error(), exit_bad_input);
  sentence_options how;
  how.seed = o.seed, how.each = o.each, how.words = o.words_count;
  how.over_refused = o.over_refused;
  const auto& held = from->base.held_out;
  auto made =
      train_sentences(from->patterns, from->base.more,
                      joined({&held.asks, &held.near, &held.languages, &held.pieces, &held.care}),
                      from->words, reading(**model, !o.json), how);
  if (!made) return complain(made.error(), exit_bad_input);
  auto& head = made->head;
  head.model = (*model)->name(), head.model_sha256 = (*model)->sha256(),
  head.layer = (*model)->layers();
  report::measures numbers;
  numbers.add(measure_of("judge.apart.states.refused", made->apart_refused));
  numbers.add(measure_of("judge.apart.states.over_refused", made->apart_over_refused));
  const auto file = head.to_json();
  // As its file has it.
  auto read = policy::sentence_head::read(o.out, file);
  if (!read) return tell(read.error(), exit_failed);
  policy::sentence_judge both(from->words, std::move(*read), *model);
  const auto figures = figures_of(
      [&](const std::string& words) {
        const auto found = both.of(words, [](const std::string&) { return true; });
        return found && *found;
      },
      joined({&held.asks, &held.near}));
  numbers.add(measure_of("judge.held_out.states.refused", figures.refused));
  numbers.add(measure_of("judge.held_out.states.over_refused", figures.over_refused));
  auto card = fs::path(o.out);
  card.replace_extension(".md");
  for (const auto& [path, text] :
       {std::pair(o.out, file), std::pair(card.string(), card_of(o, *from, *made, numbers, file))})
    if (const auto done = trust::write_file(path, text); !done)
      return tell(done.error(), exit_failed);
  if (o.json) {
    say("{}", numbers.to_json());
  } else {
    say("{}\n", numbers.to_table());
    for (const auto& m : figures.missed) say("not as wanted: {}\n", m);
    say("wrote {} and {}\n", o.out, card.string());
  }
  return exit_fine;
}

}  // namespace hocket::cli
