#include "engine/training/warm_start.hpp"

#include <algorithm>
#include <map>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace hocket::engine {
namespace {

using row_pairs = std::vector<std::pair<std::int64_t, std::int64_t>>;  // old row, new row

row_pairs same_words(const vocabulary& old_words, const vocabulary& words) {
  row_pairs rows;
  for (std::size_t i = 0; i < old_words.size(); ++i) {
    const auto& word = old_words.tokens()[i];
    if (words.contains(word))
      rows.emplace_back(static_cast<std::int64_t>(i), std::int64_t{words.id_of(word)});
  }
  return rows;
}

row_pairs same_slots(const layout_config& from, const layout_config& to) {
  row_pairs rows;
  std::int64_t old_at = 0, new_at = 0;
  const auto kind = [&](int old_count, int new_count) {
    for (int i = 0; i < std::min(old_count, new_count); ++i)
      rows.emplace_back(old_at + i, new_at + i);
    old_at += old_count, new_at += new_count;
  };
  kind(from.audio, to.audio);
  kind(from.video, to.video);
  kind(from.text_in, to.text_in);
  kind(from.text_out, to.text_out);
  kind(from.speech, to.speech);
  return rows;
}

void copy_rows(const at::Tensor& from, at::Tensor& to, const row_pairs& rows) {
  for (const auto& [old_row, new_row] : rows) to[new_row].copy_(from[old_row]);
}

/// A picture that is not there is at first what an empty text slot is.
void blank_video(network& net, const std::map<std::string, at::Tensor*>& mine) {
  const auto& layout = net.config().layout;
  if (layout.text_in == 0) return;
  auto& slots = *mine.at("embed.slot");
  for (int v = 0; v < layout.video; ++v)
    slots[layout.audio + v].copy_(slots[layout.audio + layout.video]);
  mine.at("embed.no_video")->copy_((*mine.at("embed.token"))[vocabulary::pad]);
}

}  // namespace

result<void> warm_start(network& net, const vocabulary& words, const interaction_model& trained) {
  c10::NoGradGuard no_grad;
  network old = trained.net();
  std::map<std::string, at::Tensor*> mine;
  for (auto& p : net.parameters()) mine[p.name] = p.value;
  const auto by_word = same_words(trained.words(), words);
  const auto by_slot = same_slots(old.config().layout, net.config().layout);
  const std::map<std::string, const row_pairs*> by_row{{"embed.token", &by_word},
                                                       {"head.text", &by_word},
                                                       {"head.heard", &by_word},
                                                       {"embed.slot", &by_slot}};
  std::string unfit;
  for (auto& p : old.parameters()) {
    const auto found = mine.find(p.name);
    if (found == mine.end()) continue;
    at::Tensor& to = *found->second;
    const auto rows = by_row.find(p.name);
    const bool fits =
        rows == by_row.end() ? to.sizes() == p.value->sizes() : to.size(1) == p.value->size(1);
    if (!fits)
      unfit += " " + p.name;
    else if (rows == by_row.end())
      to.copy_(*p.value);
    else
      copy_rows(*p.value, to, *rows->second);
  }
  if (!unfit.empty())
    return fail("train.from", trained.description().folder + ": other shapes than this model's:" +
                                  unfit + "; give the training file the sizes of that model");
  if (old.config().layout.video == 0 && net.config().layout.video > 0) blank_video(net, mine);
  return {};
}

}  // namespace hocket::engine
