#include "actors/policy/watch.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace hocket::policy {
namespace {

constexpr std::size_t remembered = 256;
constexpr std::int64_t letters_max = 64;
/// Words of one phrase, and letters of one word, do not stand further apart.
constexpr std::chrono::seconds phrase_pause{10}, letter_pause{4};
/// The pause after which a spelled word is whole.
constexpr std::chrono::seconds run_pause{1};
/// A pause that ends what is compared with an example.
constexpr std::chrono::milliseconds utterance_pause{1500};
/// A phrase without blanks is looked for from so many letters on.
constexpr std::size_t whole_phrase = 6;
/// Letters that an article and an ending add to a word.
constexpr std::size_t parted_more = 8;

}  // namespace

watch::watch(const rules& all, bool with_minors)
    : rules_(&all), with_minors_(with_minors), out_(all.topics.size()) {}

void watch::forget() {
  begin_ = end();
  words_.clear();
  waiting_.clear();
  is_run_ = false;
}

// A letter that goes on with the word that is being spelled.
bool watch::takes_letter(const folded_word& w, timestamp at) {
  if (!w.is_letter || words_.empty()) return false;
  auto& before = words_.back();
  if ((!before.is.is_letter && before.letters == 0) || at - before.at > letter_pause) return false;
  before.letters = std::max<std::int64_t>(before.letters, 1) + 1;
  before.is.text += w.text;
  if (before.letters > letters_max) before.is.text.erase(0, 1);
  before.is.is_letter = false;
  before.at = at;
  is_run_ = true;
  return true;
}

bool watch::is(std::size_t topic, const pattern_word& wanted, std::int64_t i) const {
  if (topic != any_topic && (i < out_[topic].before || out_[topic].free.contains(i))) return false;
  const auto& w = at(i);
  if (w.letters == 0) return wanted.is_by(w.is);
  // "a b o m b": "a" is a word of its own.
  const auto fits = [&](std::string_view spelled) {
    return wanted.is_prefix ? spelled.starts_with(wanted.text) : spelled == wanted.text;
  };
  const std::string_view all = w.is.text;
  return fits(all) || ((all[0] == 'a' || all[0] == 'i') && fits(all.substr(1)));
}

bool watch::is_hidden(std::size_t topic, const pattern_word& wanted, std::int64_t i) const {
  if (topic == any_topic || i < out_[topic].before || out_[topic].free.contains(i)) return false;
  const auto& w = at(i);
  if (w.letters > 0) return false;
  const bool has_before = i > begin_ && at(i - 1).letters == 0;
  return wanted.is_hidden_in(w.is.text,
                             has_before ? std::string_view(at(i - 1).is.text) : std::string_view());
}

// The first `count` words of a phrase, the last of them at `last`; its places. Backwards, word by word, all
// places that lead there: a person who repeats a word costs no more than one who does not.
watch::places watch::phrase_at(std::size_t topic, const std::vector<pattern_word>& p,
                               std::size_t count, std::int64_t last) const {
  // One word alone may look like another by chance; those of a phrase hardly do.
  const auto is_at = [&](std::size_t k, std::int64_t i) {
    return is(topic, p[k], i) || (p.size() > 1 && is_hidden(topic, p[k], i));
  };
  if (!is_at(count - 1, last)) return {};
  const auto gap_of = [&](const pattern_word& next) {
    return topic == any_topic || next.is_joined ? 0 : rules_->topics[topic].gap;
  };
  std::vector<std::map<std::int64_t, std::int64_t>> leads(
      count);  // by word: place -> place of the next word
  leads[count - 1][last] = last;
  for (auto k = count - 1; k > 0; --k) {
    const auto gap = gap_of(p[k]);
    for (const auto& [i, _] : leads[k]) {
      std::int64_t between = 0;
      for (auto j = i - 1; j >= begin_ && between <= gap && at(i).at - at(j).at <= phrase_pause;
           --j) {
        if (is_at(k - 1, j)) leads[k - 1].emplace(j, i);
        between += is_filler(at(j).is.text) ? 0 : 1;
      }
    }
    if (leads[k - 1].empty()) return {};
  }
  places out{leads[0].rbegin()->first};
  for (std::size_t k = 0; k + 1 < count; ++k) out.push_back(leads[k].at(out.back()));
  return out;
}

bool watch::brings(std::size_t topic, const std::vector<pattern_word>& p) const {
  return std::ranges::any_of(
      p, [&](const pattern_word& wanted) { return is(topic, wanted, end() - 1); });
}

watch::places watch::together_at(std::size_t topic, const std::vector<pattern_word>& p) const {
  const auto newest = end() - 1;
  if (!brings(topic, p)) return {};
  const auto span = std::chrono::duration<double>(rules_->topics[topic].together_s);
  places out;
  for (const auto& wanted : p) {
    auto i = newest;
    while (i >= begin_ && (at(newest).at - at(i).at > span || !is(topic, wanted, i))) --i;
    if (i < begin_) return {};
    out.push_back(i);
  }
  std::ranges::sort(out);
  return out;
}

watch::places watch::example_at(std::size_t topic, const std::vector<pattern_word>& p) const {
  const auto newest = end() - 1;
  if (!brings(topic, p)) return {};
  auto from = newest;
  while (from > begin_ && at(from).at - at(from - 1).at < utterance_pause) --from;
  places out;
  for (const auto& wanted : p)
    for (auto i = newest; i >= from; --i)
      if (is(topic, wanted, i)) {
        out.push_back(i);
        break;
      }
  const auto share = static_cast<double>(out.size()) / static_cast<double>(p.size());
  if (out.size() < 2 || share < rules_->topics[topic].similar) return {};
  std::ranges::sort(out);
  return out;
}

// All of a phrase is spelled ("s t o p i t"), or written without blanks.
bool watch::is_spelled(const std::array<std::string, 2>& whole) const {
  const auto& w = words_.back();
  return std::ranges::any_of(whole, [&](const std::string& phrase) {
    if (w.letters > 0) return is(any_topic, {phrase, phrase, false}, end() - 1);
    return phrase.size() >= whole_phrase && pattern_word{phrase, phrase, false}.is_by(w.is);
  });
}

// "b uild a bo mb", "m a k e a bom b": blanks stand anywhere, but the letters begin and end where words do.
watch::places watch::parted_at(std::size_t topic, const std::vector<pattern_word>& p) const {
  std::size_t size = 0;
  for (const auto& wanted : p) size += wanted.text.size();
  if (size < whole_phrase) return {};
  std::string letters;
  for (auto i = end() - 1; i >= begin_ && i >= out_[topic].before; --i) {
    if (out_[topic].free.contains(i) || at(end() - 1).at - at(i).at > phrase_pause) return {};
    letters.insert(0, at(i).is.text + (letters.empty() ? "" : " "));
    if (letters.size() > 2 * size + parted_more * p.size()) return {};
    // "i b u i l d" is spelled in one run, of which the first letter is a word of its own.
    const bool has_word = at(i).letters > 0 && (letters[0] == 'a' || letters[0] == 'i');
    if (is_run_of(p, letters) || (has_word && is_run_of(p, std::string_view(letters).substr(1))))
      return {i, end() - 1};
  }
  return {};
}

watch::found watch::find(std::size_t index) const {
  const auto& t = rules_->topics[index];
  const auto among = [&](const char* kind, const auto& list, const auto& search) -> found {
    for (std::size_t i = 0; i < list.size(); ++i)
      if (auto where = search(list[i]); !where.empty())
        return {index, fmt::format("{} {}", kind, i + 1), std::move(where), {}};
    return {};
  };
  using pattern = std::vector<pattern_word>;
  const auto newest = end() - 1;
  auto f = among("phrase", t.phrases,
                 [&](const pattern& p) { return phrase_at(index, p, p.size(), newest); });
  if (f.at.empty() && newest >= out_[index].before && !out_[index].free.contains(newest))
    f = among("phrase", t.spelled,
              [&](const auto& whole) { return is_spelled(whole) ? places{newest} : places{}; });
  if (f.at.empty())
    f = among("phrase", t.phrases, [&](const pattern& p) { return parted_at(index, p); });
  if (f.at.empty())
    f = among("together", t.together, [&](const pattern& p) { return together_at(index, p); });
  if (f.at.empty())
    f = among("example", t.examples, [&](const pattern& p) { return example_at(index, p); });
  return f;
}

std::pair<watch::standing, watch::places> watch::standing_of(const found& f) const {
  const auto shares_word = [&](const places& span) {
    return std::ranges::any_of(f.at, [&](auto i) { return i >= span.front() && i <= span.back(); });
  };
  auto out = standing::free;
  if (f.at.front() < begin_) return {out, {}};
  for (const auto& p : rules_->topics[f.topic].excepts) {
    for (auto last = f.at.front(); last < end(); ++last)
      if (auto span = phrase_at(any_topic, p, p.size(), last); !span.empty() && shares_word(span))
        return {standing::excepted, std::move(span)};
    for (std::size_t count = 1; count < p.size(); ++count)
      if (const auto span = phrase_at(any_topic, p, count, end() - 1);
          !span.empty() && shares_word(span))
        out = standing::waits;
  }
  return {out, {}};
}

// Whether nothing more is to be looked for: it holds, or waits. Words of an exception are out of play.
bool watch::decides(found f, std::vector<match>& out) {
  auto& played = out_[f.topic];
  const auto [stands, span] = standing_of(f);
  if (stands == standing::excepted) {
    for (auto i = span.front(); i <= span.back(); ++i) played.free.insert(i);
    return false;
  }
  if (stands == standing::waits) {
    f.until = words_.back().at + patience;
    waiting_.push_back(std::move(f));
    return true;
  }
  played.before = f.at.back() + 1;
  out.push_back({&rules_->topics[f.topic], f.rule});
  return true;
}

// What the newest word brings, and what it decides of what was waited for.
void watch::look(std::vector<match>& out) {
  auto waited = std::exchange(waiting_, {});
  for (std::size_t i = 0; i < rules_->topics.size(); ++i) {
    if (rules_->topics[i].only_minors && !with_minors_) continue;
    auto& free = out_[i].free;
    free.erase(free.begin(), free.lower_bound(begin_));
    bool decided = false;
    for (auto& f : waited)
      if (f.topic == i) decided = decides(std::move(f), out) || decided;
    while (!decided) {
      auto f = find(i);
      if (f.at.empty()) break;
      decided = decides(std::move(f), out);
    }
  }
}

void watch::close_run(std::vector<match>& out) {
  if (std::exchange(is_run_, false)) look(out);
}

std::vector<match> watch::hear(std::string_view words, timestamp at) {
  std::vector<match> out = settle(at);
  for (auto& w : folded_words(words)) {
    if (takes_letter(w, at)) continue;
    close_run(out);
    words_.push_back({std::move(w), at, 0});
    if (words_.size() > remembered) words_.pop_front(), ++begin_;
    look(out);
  }
  return out;
}

std::vector<match> watch::settle(timestamp now) {
  std::vector<match> out;
  if (is_run_ && words_.back().at + run_pause <= now) close_run(out);
  std::erase_if(waiting_, [&](const found& f) {
    if (now < f.until) return false;
    out_[f.topic].before = f.at.back() + 1;
    out.push_back({&rules_->topics[f.topic], f.rule});
    return true;
  });
  return out;
}

}  // namespace hocket::policy
