#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "actors/background/answer_text.hpp"
#include "graph/contract/answer_pieces.hpp"
#include "graph/core/timestamp.hpp"

namespace hocket::background {

/// What the model is told of its requests: each answer at its time, in parts of speakable length, one
/// answer after the other. Pure: the caller has the clock.
///
/// An answer may be told while it is made: `piece`, …, then `answer` or `failure`. While words of one
/// have been told and it goes on, those of others wait. Each word goes out once; the last one of an
/// answer is `final`. The first one `replaces` what was told of its request before, where that is not
/// the beginning of this answer; that of a failure says that it is one (`failure_role`).
class outbox {
 public:
  struct settings {
    bool in_speech = true;
    std::size_t part_words = 12;  ///< a longer answer is cut, and its rest kept for `more`
    std::string cut_words, failure_words;
    tell_when when = tell_when::sentences;
    bool second_life = false;  ///< an earlier one may have told some: each answer `replaces`
  };
  using teller = std::function<void(timestamp at, text words)>;

  outbox() {}
  explicit outbox(settings s) : settings_(std::move(s)) {}

  enum class note_kind {
    progress,  ///< left out where the answer has begun
    question,
    utterance,  ///< the beginning of one, whose end is another note or answer
  };
  /// Words beside an answer.
  void note(note_kind what, std::uint64_t request, timestamp due, const std::string& words);
  /// Whole words of an answer that is still made. `replaces`: those before are void.
  void piece(std::uint64_t request, timestamp due, const std::string& words, bool replaces);
  /// What was told of it is no answer, as far as anybody knows: others need not wait for more of it.
  void pause(std::uint64_t request);
  /// The whole answer. `replaces`: its request was ended before.
  void answer(std::uint64_t request, timestamp due, const std::string& words,
              bool replaces = false);
  /// There is none; `failure_words` say so.
  void failure(std::uint64_t request, timestamp due);
  /// The next part of the last answer that was cut, for another request; false where there is none.
  bool more(std::uint64_t request, timestamp due);
  /// Nothing more of this request; whether anything was left.
  bool withdraw(std::uint64_t request);
  void withdraw_notes(std::uint64_t request);
  /// Requests whose questions were told since the last call, and when each was.
  std::vector<std::pair<std::uint64_t, timestamp>> take_questions();
  /// Which answer the rest that this request tells belongs to; 0: to none.
  std::uint64_t source_of(std::uint64_t request) const;

  /// The time of something that is told beside these words, now.
  timestamp stamp(timestamp now) { return last_ = std::max(last_, now); }
  /// Tells what is due before `until`, at `now` at the earliest.
  void release(timestamp until, timestamp now, const teller& tell);

  /// Requests whose answers wait, or are being told.
  std::set<std::uint64_t> requests() const;
  bool is_empty() const { return waiting_.empty(); }
  bool has_begun(std::uint64_t request) const { return begun_.contains(request); }
  std::int64_t cuts() const { return cuts_; }

 private:
  using words_of = std::shared_ptr<answer_text>;
  struct telling {
    std::uint64_t id = 0;
    timestamp due;
    std::uint64_t request = 0;
    words_of words;
    std::size_t from = 0, told = 0;        ///< its first word, and the next
    bool final = true;                     ///< an answer
    note_kind what = note_kind::question;  ///< where it is none
    bool replaces = false, paused = false;
    bool fails = false;        ///< there is no answer, and its words say so
    bool begun = false;        ///< words of it were told
    bool rest_taken = false;   ///< another telling tells what is left of it
    std::uint64_t source = 0;  ///< of a rest: whose answer it is
  };
  words_of text_of(const std::string& words) const;
  void add(telling t);
  telling* open_answer(std::uint64_t request);
  bool is_stale(const telling& t) const;
  bool advance(telling& t, timestamp now, const teller& tell);
  void put(telling& t, timestamp now, std::vector<std::string> words, bool ends,
           const teller& tell);
  void void_words(telling& t);

  settings settings_;
  std::vector<telling> waiting_;
  std::uint64_t next_id_ = 1, speaking_ = 0;  ///< the telling that others wait for
  std::set<std::uint64_t> begun_;  ///< requests of which words, but no last one, were told
  struct {
    words_of words;
    std::size_t from = 0;
    std::uint64_t request = 0, told_for = 0;  ///< whose it is, and who was told its last part
  } rest_;                                    ///< of the last answer that was cut
  std::vector<std::pair<std::uint64_t, timestamp>> questions_;  ///< told, and not taken yet
  timestamp last_ = timestamp::min();
  std::int64_t cuts_ = 0;
};

}  // namespace hocket::background
