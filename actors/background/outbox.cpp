#include "actors/background/outbox.hpp"

#include <algorithm>
#include <utility>

namespace hocket::background {

outbox::words_of outbox::text_of(const std::string& words) const {
  return std::make_shared<answer_text>(settings_.in_speech, words);
}

void outbox::add(telling t) {
  t.id = next_id_++;
  waiting_.push_back(std::move(t));
}

outbox::telling* outbox::open_answer(std::uint64_t request) {
  const auto at = std::ranges::find_if(waiting_, [&](const telling& t) {
    return t.request == request && t.final && t.source == 0 && !t.words->is_over();
  });
  return at == waiting_.end() ? nullptr : &*at;
}

void outbox::note(note_kind what, std::uint64_t request, timestamp due, const std::string& words) {
  add({.due = due, .request = request, .words = text_of(words), .final = false, .what = what});
}

// Whoever tells the rest of these words learns that there is none.
void outbox::void_words(telling& t) {
  t.words->fail();
  t.words = std::make_shared<answer_text>(settings_.in_speech);
  t.told = t.from = 0;
  t.paused = t.begun = t.rest_taken = false;
  if (speaking_ == t.id) speaking_ = 0;
}

void outbox::piece(std::uint64_t request, timestamp due, const std::string& words, bool replaces) {
  if (open_answer(request) == nullptr)
    add({.due = due,
         .request = request,
         .words = std::make_shared<answer_text>(settings_.in_speech)});
  auto& t = *open_answer(request);
  if (replaces) void_words(t);
  t.words->add(words);
}

void outbox::pause(std::uint64_t request) {
  if (auto* t = open_answer(request)) t->paused = true;
}

void outbox::answer(std::uint64_t request, timestamp due, const std::string& words, bool replaces) {
  auto whole = text_of(words);
  const bool fails = whole->size() == 0;
  if (fails) whole = text_of(settings_.failure_words);
  auto* t = open_answer(request);
  if (t == nullptr)
    return add({.due = due,
                .request = request,
                .words = std::move(whole),
                .replaces = replaces,
                .fails = fails});
  t->fails = fails;
  if (!whole->begins_like(*t->words, t->told)) void_words(*t);
  if (whole->begins_like(*t->words, t->words->size())) {
    *t->words = *whole;  // also for who tells its rest
  } else {
    t->words->fail();
    t->words = std::move(whole);
  }
  t->paused = false;
  if (t->told == t->from) t->due = std::max(t->due, due);
}

void outbox::failure(std::uint64_t request, timestamp due) {
  if (auto* t = open_answer(request)) {
    void_words(*t);
    std::erase_if(waiting_, [id = t->id](const telling& w) { return w.id == id; });
  }
  auto words = text_of(settings_.failure_words);
  add({.due = due, .request = request, .words = std::move(words), .fails = true});
}

bool outbox::more(std::uint64_t request, timestamp due) {
  if (!rest_.words || rest_.words->has_failed()) return false;
  for (auto& t : waiting_)  // of one that is still made, whose part is cut again
    if (t.final && t.request == rest_.told_for && t.words == rest_.words) t.rest_taken = true;
  add({.due = due,
       .request = request,
       .words = std::move(rest_.words),
       .from = rest_.from,
       .told = rest_.from,
       .source = rest_.request});
  rest_ = {};
  return true;
}

std::uint64_t outbox::source_of(std::uint64_t request) const {
  const auto at = std::ranges::find(waiting_, request, &telling::request);
  return at == waiting_.end() ? 0 : at->source;
}

std::set<std::uint64_t> outbox::requests() const {
  std::set<std::uint64_t> out;
  for (const auto& t : waiting_)
    if (t.final) out.insert(t.request);
  return out;
}

bool outbox::withdraw(std::uint64_t request) {
  for (auto& t : waiting_)
    if (t.request == request && !t.words->is_over()) t.words->fail();
  const auto gone = std::erase_if(waiting_, [&](const telling& t) {
    if (t.request == request && speaking_ == t.id) speaking_ = 0;
    return t.request == request;
  });
  if (rest_.request == request || rest_.told_for == request) rest_ = {};
  begun_.erase(request);
  return gone > 0;
}

void outbox::withdraw_notes(std::uint64_t request) {
  std::erase_if(waiting_, [&](const telling& t) { return t.request == request && !t.final; });
}

std::vector<std::pair<std::uint64_t, timestamp>> outbox::take_questions() {
  return std::exchange(questions_, {});
}

void outbox::release(timestamp until, timestamp now, const teller& tell) {
  std::ranges::stable_sort(waiting_, {}, &telling::due);
  const auto remove = [&](std::uint64_t id) {
    std::erase_if(waiting_, [id](const telling& t) { return t.id == id; });
  };
  const auto speaker = std::ranges::find(waiting_, speaking_, &telling::id);
  if (const auto id = std::exchange(speaking_, 0); speaker != waiting_.end()) {
    if (advance(*speaker, now, tell)) {
      remove(id);
    } else if (!speaker->paused) {
      speaking_ = id;
      return;
    }
  }
  for (std::size_t i = 0; i < waiting_.size() && waiting_[i].due < until;) {
    const auto id = waiting_[i].id;
    if (advance(waiting_[i], now, tell)) {
      remove(id);
      i = 0;  // its notes have gone, too
    } else if (waiting_[i].begun && !waiting_[i].paused) {
      speaking_ = id;
      return;
    } else {
      ++i;
    }
  }
}

bool outbox::is_stale(const telling& t) const {
  return !t.final && t.what == note_kind::progress &&
         std::ranges::any_of(waiting_, [&](const telling& w) {
           return w.request == t.request && w.final && w.begun;
         });
}

/// Tells what can be told of it; true where it is done. Its notes may be removed then.
bool outbox::advance(telling& t, timestamp now, const teller& tell) {
  if (is_stale(t)) return true;
  if (t.words->has_failed()) {  // the rest of an answer that came to nothing
    t.words = text_of(settings_.failure_words);
    t.from = t.told = 0;
    t.begun = false;
    t.fails = true;
  }
  const auto& w = *t.words;
  const bool done = w.is_over();
  const auto cut = t.final ? w.cut(t.from, settings_.part_words) : std::nullopt;
  auto end = cut ? std::max(*cut, t.told) : w.ready(settings_.when);
  if (t.paused) end = !t.begun ? t.told : cut ? end : w.size();
  std::vector<std::string> out;
  for (; t.told < end; ++t.told) out.push_back(w.word(t.told));
  if (cut && !t.rest_taken)
    rest_ = {t.words, end, t.source != 0 ? t.source : t.request, t.request};
  else if (!cut && t.final && done)
    rest_ = {};
  if (cut && done) {
    const answer_text sign(false, settings_.cut_words);
    for (std::size_t i = 0; i < sign.size(); ++i) out.push_back(sign.word(i));
    ++cuts_;
  }
  put(t, now, std::move(out), done && t.final, tell);
  if (done && !t.final && t.what == note_kind::question)
    questions_.emplace_back(t.request, std::max({last_, t.due, now}));
  return done;
}

void outbox::put(telling& t, timestamp now, std::vector<std::string> words, bool ends,
                 const teller& tell) {
  if (words.empty() && ends) words.emplace_back();  // an end is told, though there are no words
  if (words.empty()) return;
  last_ = std::max({last_, t.due, now});
  const bool anew = t.final && !t.begun && t.request != 0 &&
                    (t.replaces || settings_.second_life || begun_.contains(t.request));
  std::string_view first = anew ? replacing_role : "background";
  if (t.fails && !t.begun && !words.front().empty()) first = failure_role;
  for (std::size_t i = 0; i < words.size(); ++i)
    tell(last_, {std::move(words[i]), i == 0 ? std::string(first) : "background", t.request,
                 ends && i + 1 == words.size()});
  t.begun = true;
  const auto request = t.request;
  if (!ends) {
    if (request != 0 && (t.final || t.what != note_kind::utterance)) begun_.insert(request);
    return;
  }
  begun_.erase(request);
  std::erase_if(waiting_, [&](const telling& w) { return w.request == request && !w.final; });
}

}  // namespace hocket::background
