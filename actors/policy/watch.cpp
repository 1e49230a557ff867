#include "actors/policy/watch.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace hocket::policy {
namespace {

constexpr std::size_t remembered = 256;
constexpr std::int64_t spelled_max = 32;
/// Words of one phrase, and letters of one word, do not stand further apart.
constexpr std::chrono::seconds phrase_pause{10}, letter_pause{4};
/// A pause that ends what is compared with an example.
constexpr std::chrono::milliseconds utterance_pause{1500};

}  // namespace

watch::watch(const rules& all, bool with_minors)
    : rules_(&all), with_minors_(with_minors), taken_(all.topics.size()) {}

void watch::forget() {
  begin_ = end();
  words_.clear();
  waiting_.clear();
}

void watch::add(folded_word w, timestamp at) {
  if (w.is_letter && !words_.empty()) {
    auto& before = words_.back();
    const bool goes_on = before.is.is_letter || before.letters > 0;
    if (goes_on && at - before.at <= letter_pause && before.letters < spelled_max) {
      before.letters = std::max<std::int64_t>(before.letters, 1) + 1;
      before.is.text += w.text;
      before.is.is_letter = false;
      before.at = at;
      return;
    }
  }
  words_.push_back({std::move(w), at, 0});
  if (words_.size() <= remembered) return;
  words_.pop_front();
  ++begin_;
}

bool watch::is(const pattern_word& wanted, std::int64_t i) const {
  const auto& w = at(i);
  if (w.letters == 0) return wanted.is_by(w.is);
  // "a b o m b": "a" is a word of its own.
  const auto fits = [&](std::string_view spelled) {
    return wanted.is_prefix ? spelled.starts_with(wanted.text) : spelled == wanted.text;
  };
  const std::string_view all = w.is.text;
  return fits(all) || ((all[0] == 'a' || all[0] == 'i') && fits(all.substr(1)));
}

// The first `count` words of a phrase, the last of them at `last`, none before `first`; its indexes. Backwards,
// word by word, all places that lead there: a person who repeats a word costs no more than one who does not.
std::vector<std::int64_t> watch::phrase_at(std::int64_t gap, const std::vector<pattern_word>& p,
                                           std::size_t count, std::int64_t last,
                                           std::int64_t first) const {
  if (last < first || !is(p[count - 1], last)) return {};
  std::vector<std::map<std::int64_t, std::int64_t>> leads(
      count);  // by word: place -> place of the next word
  leads[count - 1][last] = last;
  for (auto k = count - 1; k > 0; --k) {
    for (const auto& [i, _] : leads[k]) {
      std::int64_t between = 0;
      for (auto j = i - 1; j >= first && between <= gap && at(i).at - at(j).at <= phrase_pause;
           --j) {
        if (is(p[k - 1], j)) leads[k - 1].emplace(j, i);
        between += is_filler(at(j).is.text) ? 0 : 1;
      }
    }
    if (leads[k - 1].empty()) return {};
  }
  std::vector<std::int64_t> out{leads[0].rbegin()->first};
  for (std::size_t k = 0; k + 1 < count; ++k) out.push_back(leads[k].at(out.back()));
  return out;
}

std::vector<std::int64_t> watch::together_at(const topic& t, const std::vector<pattern_word>& p,
                                             std::int64_t first) const {
  const auto newest = end() - 1;
  std::vector<std::int64_t> out;
  bool with_newest = false;
  for (const auto& wanted : p) {
    auto i = newest;
    const auto span = std::chrono::duration<double>(t.together_s);
    while (i >= first && (at(newest).at - at(i).at > span || !is(wanted, i))) --i;
    if (i < first) return {};
    with_newest = with_newest || i == newest;
    out.push_back(i);
  }
  if (!with_newest) return {};
  std::ranges::sort(out);
  return out;
}

std::vector<std::int64_t> watch::example_at(const topic& t, const std::vector<pattern_word>& p,
                                            std::int64_t first) const {
  const auto newest = end() - 1;
  auto from = newest;
  while (from > first && at(from).at - at(from - 1).at < utterance_pause) --from;
  std::vector<std::int64_t> out;
  bool with_newest = false;
  for (const auto& wanted : p)
    for (auto i = newest; i >= from; --i)
      if (is(wanted, i)) {
        with_newest = with_newest || i == newest;
        out.push_back(i);
        break;
      }
  const auto share = static_cast<double>(out.size()) / static_cast<double>(p.size());
  if (!with_newest || out.size() < 2 || share < t.similar) return {};
  std::ranges::sort(out);
  return out;
}

watch::found watch::find(std::size_t index) const {
  const auto& t = rules_->topics[index];
  const auto first = std::max(begin_, taken_[index]);
  const auto among = [&](const char* kind, const auto& list, const auto& search) -> found {
    for (std::size_t i = 0; i < list.size(); ++i)
      if (auto where = search(list[i]); !where.empty())
        return {index, fmt::format("{} {}", kind, i + 1), std::move(where), {}};
    return {};
  };
  // All of it is spelled: "s t o p i t".
  for (std::size_t i = 0; i < t.spelled.size(); ++i)
    if (words_.back().letters > 0 && end() > first && words_.back().is.text.ends_with(t.spelled[i]))
      return {index, fmt::format("phrase {}", i + 1), {end() - 1}, {}};
  using pattern = std::vector<pattern_word>;
  auto f = among("phrase", t.phrases,
                 [&](const pattern& p) { return phrase_at(t.gap, p, p.size(), end() - 1, first); });
  if (f.at.empty())
    f = among("together", t.together, [&](const pattern& p) { return together_at(t, p, first); });
  if (f.at.empty())
    f = among("example", t.examples, [&](const pattern& p) { return example_at(t, p, first); });
  return f;
}

watch::standing watch::standing_of(const found& f) const {
  const auto& t = rules_->topics[f.topic];
  const auto shares_word = [&](const std::vector<std::int64_t>& span) {
    return std::ranges::any_of(f.at, [&](auto i) { return i >= span.front() && i <= span.back(); });
  };
  auto out = standing::free;
  for (const auto& p : t.excepts) {
    for (auto last = std::max(begin_, f.at.front()); last < end(); ++last)
      if (const auto span = phrase_at(0, p, p.size(), last, begin_);
          !span.empty() && shares_word(span))
        return standing::excepted;
    for (std::size_t count = 1; count < p.size(); ++count)
      if (const auto span = phrase_at(0, p, count, end() - 1, begin_);
          !span.empty() && shares_word(span))
        out = standing::waits;
  }
  return out;
}

// What the newest word brings, and what it decides of what was waited for.
void watch::look(std::vector<match>& out) {
  const auto now = words_.back().at;
  std::vector<found> all = std::move(waiting_);
  waiting_.clear();
  for (std::size_t i = 0; i < rules_->topics.size(); ++i) {
    if (rules_->topics[i].only_minors && !with_minors_) continue;
    if (std::ranges::any_of(all, [&](const found& f) { return f.topic == i; })) continue;
    if (auto f = find(i); !f.at.empty()) all.push_back(std::move(f));
  }
  for (auto& f : all) {
    const auto stands = f.at.front() < begin_ ? standing::free : standing_of(f);
    if (stands == standing::waits) {
      f.until = now + patience;
      waiting_.push_back(std::move(f));
      continue;
    }
    taken_[f.topic] = f.at.back() + 1;
    if (stands == standing::free) out.push_back({&rules_->topics[f.topic], f.rule});
  }
}

std::vector<match> watch::hear(std::string_view words, timestamp at) {
  std::vector<match> out = settle(at);
  for (auto& w : folded_words(words)) {
    add(std::move(w), at);
    look(out);
  }
  return out;
}

std::vector<match> watch::settle(timestamp now) {
  std::vector<match> out;
  std::erase_if(waiting_, [&](const found& f) {
    if (now < f.until) return false;
    taken_[f.topic] = f.at.back() + 1;
    out.push_back({&rules_->topics[f.topic], f.rule});
    return true;
  });
  return out;
}

}  // namespace hocket::policy
