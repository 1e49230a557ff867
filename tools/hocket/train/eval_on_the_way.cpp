#include "tools/hocket/train/eval_on_the_way.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "graph/trust/files.hpp"
#include "tools/hocket/eval/heldout.hpp"

namespace hocket::cli {
namespace {

constexpr int batch = 32;
constexpr double micro_turns_per_min = 300;

double share(double found, double of) { return found / std::max(1.0, of); }

struct totals {
  double expected = 0, said = 0, found = 0;
};

totals totals_of(const engine::closed_loop_result& r) {
  totals out;
  for (const auto& conversation : r.conversations)
    for (const auto& c : conversation)
      out.expected += c.expected, out.said += c.said, out.found += c.found;
  return out;
}

/// Rows under a header of other columns would be read as something else.
void set_aside_older(const std::string& path) {
  std::string first;
  std::getline(std::ifstream(path) >> std::ws, first);
  if (first.empty() || first + "\n" == eval_row::header()) return;
  const auto to = std::filesystem::path(path).replace_extension("old.csv");
  std::error_code ignored;
  std::filesystem::rename(path, to, ignored);
}

}  // namespace

std::string eval_row::header() {
  return "step,recall,recall_low,recall_high,precision,precision_low,precision_high,n,heard,"
         "field_recall,field_precision,field_heard,other_talk_words_per_min\n";
}

std::string eval_row::line() const {
  return fmt::format(
      "{},{:.4f},{:.4f},{:.4f},{:.4f},{:.4f},{:.4f},{},{:.4f},{:.4f},{:.4f},{:.4f},{:.2f}\n", step,
      recall, recall_low, recall_high, precision, precision_low, precision_high, conversations,
      heard, field_recall, field_precision, field_heard, other_talk_words_per_min);
}

double false_words_per_min(const engine::closed_loop_result& r) {
  const totals all = totals_of(r);
  return (all.said - all.found) / std::max(1.0, r.micro_turns) * micro_turns_per_min;
}

result<void> eval_on_the_way::make(const engine::vocabulary& words) {
  if (words.tokens() == tokens_) return {};
  scenarios::source_options source;
  source.seed = heldout_seed, source.seconds = plan_.seconds, source.families = plan_.families;
  source.sound = plan_.variety;
  const auto count = plan_.eval_conversations;
  if (plan_.field > 0) {
    scenarios::source_options field = source;
    field.field = 1, field.bank = bank_;
    auto made = heldout_scripts(field, words, count);
    if (!made) return fail(made);
    field_ = std::move(*made);
    field.families = {"other_talk"};
    auto talk = heldout_scripts(field, words, std::max<std::int64_t>(1, count / 2));
    if (!talk) return fail(talk);
    other_talk_ = std::move(*talk);
  }
  auto made = heldout_scripts(source, words, count);
  if (!made) return fail(made);
  before_ = std::move(*made);
  tokens_ = words.tokens();
  return {};
}

result<eval_row> eval_on_the_way::run(const std::string& folder, std::int64_t step) {
  auto model = engine::interaction_model::load(folder, "cpu");
  if (!model) return fail(model);
  HOCKET_TRY(make((*model)->words()));
  const auto play = [&](const std::vector<engine::script>& scripts) {
    return engine::run_closed_loop(*model, scripts, {}, batch, tolerance_micro_turns, {});
  };
  eval_row row;
  row.step = step, row.conversations = plan_.eval_conversations;
  const auto before = play(before_);
  if (!before) return fail(before);
  const auto m = summarise_closed_loop(*before).items();
  row.recall = m[0].value, row.recall_low = *m[0].low, row.recall_high = *m[0].high;
  row.precision = m[1].value, row.precision_low = *m[1].low, row.precision_high = *m[1].high;
  row.heard = share(before->person_found, before->person_expected);
  if (!field_.empty()) {
    const auto field = play(field_), talk = play(other_talk_);
    if (!field) return fail(field);
    if (!talk) return fail(talk);
    const totals all = totals_of(*field);
    row.field_recall = share(all.found, all.expected);
    row.field_precision = share(all.found, all.said);
    row.field_heard = share(field->person_found, field->person_expected);
    row.other_talk_words_per_min = false_words_per_min(*talk);
  }
  const std::string path = plan_.engine.output + "/eval.csv";
  set_aside_older(path);
  std::error_code ignored;
  const bool fresh = !std::filesystem::exists(path, ignored);
  const auto file = trust::create_file(path, trust::create_as::appended);
  if (!file) return fail(file);
  HOCKET_TRY(file->write((fresh ? eval_row::header() : std::string()) + row.line()));
  return row;
}

}  // namespace hocket::cli
