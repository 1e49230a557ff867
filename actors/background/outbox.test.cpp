// What the model is told, with answers that come in pieces, fail, wait for each other and are replaced.
#include "actors/background/outbox.hpp"

#include <doctest/doctest.h>

#include <array>
#include <map>
#include <random>

using namespace hocket;
using namespace hocket::background;

namespace {

timestamp at(std::int64_t ms) { return timestamp::of_ms(ms); }

struct desk {
  explicit desk(tell_when when = tell_when::words, std::size_t part_words = 5)
      : box({true, part_words, "and more", "no result", when}) {}
  /// What goes out until then: "1:word" each, `!` where it replaces, `.` at its end.
  std::string until(std::int64_t ms) {
    std::string out;
    box.release(at(ms), at(ms - 200), [&](timestamp t, const text& w) {
      CHECK(t >= last);
      last = t;
      out += (out.empty() ? "" : " ") + std::to_string(w.request) + ":" + (replaces(w) ? "!" : "") +
             w.value + (w.final ? "." : "");
    });
    return out;
  }
  outbox box;
  timestamp last = timestamp::min();
};

std::string as_said(const std::string& words) {
  const answer_text t(true, words);
  std::string out;
  for (std::size_t i = 0; i < t.size(); ++i) out += (i == 0 ? "" : " ") + t.word(i);
  return out;
}

}  // namespace

TEST_CASE("an answer is told while it is made, each word once, the last one as such") {
  desk d;
  d.box.piece(1, at(100), "It is", false);
  CHECK(d.until(100) == "");
  CHECK(d.until(200) == "1:it");
  d.box.piece(1, at(100), "windy.", false);
  CHECK(d.until(400) == "1:is");
  CHECK(d.until(600) == "");
  d.box.answer(1, at(500), "It is windy.");
  CHECK(d.until(600) == "1:windy.");
  CHECK(d.box.is_empty());
}

TEST_CASE("a step that calls tools is no answer: what follows replaces what it said") {
  desk d;
  d.box.piece(1, at(0), "let me look that up", false);
  CHECK(d.until(200) == "1:let 1:me 1:look 1:that");
  d.box.pause(1);
  d.box.answer(2, at(100), "63");  // others need not wait
  CHECK(d.until(400) == "1:up 2:sixty 2:three.");
  d.box.piece(1, at(0), "it is", true);
  CHECK(d.until(600) == "1:!it");
  d.box.answer(1, at(0), "it is windy");
  CHECK(d.until(800) == "1:is 1:windy.");
  // Nothing of it was told: nothing is replaced.
  desk e(tell_when::sentences);
  e.box.piece(1, at(0), "let me look that up", false);
  CHECK(e.until(200) == "");
  e.box.pause(1);
  e.box.answer(1, at(0), "windy");
  CHECK(e.until(400) == "1:windy.");
}

TEST_CASE("a failure after some of the answer replaces it, and so does another answer") {
  desk d;
  d.box.piece(1, at(0), "the weather is", false);
  CHECK(d.until(200) == "1:the 1:weather");
  d.box.failure(1, at(300));
  CHECK(d.until(400) == "1:!no 1:result.");
  d.box.answer(1, at(500), "late", true);  // its request was ended by the failure
  CHECK(d.until(600) == "1:!late.");
  d.box.piece(2, at(0), "one two three", false);
  CHECK(d.until(800) == "2:one 2:two");
  d.box.answer(2, at(0), "one four");
  CHECK(d.until(1000) == "2:!one 2:four.");
  CHECK(d.box.is_empty());
}

TEST_CASE(
    "an answer that is too long is cut, and its rest told when asked for, also while it comes") {
  desk d;
  d.box.piece(1, at(0), "a b c d e f g", false);
  CHECK(d.until(200) == "1:a 1:b 1:c 1:d 1:e");
  CHECK(d.box.more(2, at(300)));  // waits for the end of the first part
  CHECK(d.until(400) == "");
  d.box.answer(1, at(0), "a b c d e f g h i j k l");
  CHECK(d.until(600) == "1:and 1:more. 2:f 2:g 2:h 2:i 2:j 2:and 2:more.");
  CHECK(d.box.more(3, at(600)));
  CHECK(!d.box.more(4, at(600)));
  CHECK(d.until(800) == "3:k 3:l.");
  CHECK(!d.box.more(4, at(600)));
  CHECK(d.box.cuts() == 2);
}

TEST_CASE("the rest of an answer that broke off is none") {
  desk d;
  d.box.piece(1, at(0), "a b c d e f g", false);
  CHECK(d.until(200) == "1:a 1:b 1:c 1:d 1:e");
  CHECK(d.box.more(2, at(0)));
  d.box.failure(1, at(0));
  CHECK(d.until(400) == "2:!no 2:result. 1:!no 1:result.");
  CHECK(!d.box.more(3, at(0)));
  // Whoever takes the question back takes its rest with it, and the other way round.
  d.box.answer(4, at(0), "a b c d e f g");
  d.until(600);
  d.box.withdraw(4);
  CHECK(!d.box.more(5, at(0)));
  d.box.answer(6, at(0), "a b c d e f g h i j k l");
  d.until(800);
  CHECK(d.box.more(7, at(0)));
  CHECK(d.box.source_of(7) == 6);
  d.until(1000);
  d.box.withdraw(7);
  CHECK(!d.box.more(8, at(0)));
}

TEST_CASE(
    "while one answer is told and goes on, others wait; one that says nothing holds nobody up") {
  desk d(tell_when::sentences, 20);
  d.box.piece(1, at(0), "It is late", false);
  d.box.answer(2, at(0), "63");
  CHECK(d.until(200) == "2:sixty 2:three.");
  d.box.piece(1, at(0), "now. It", false);
  d.box.answer(3, at(0), "rex");
  CHECK(d.until(400) == "1:it 1:is 1:late 1:now");
  CHECK(d.until(600) == "");
  CHECK(d.box.withdraw(1));
  CHECK(d.until(800) == "3:rex.");
  CHECK(!d.box.withdraw(1));
}

TEST_CASE(
    "progress is told where nothing else was, and what was told before an answer is replaced") {
  desk d;
  d.box.note(outbox::note_kind::progress, 1, at(100), "still looking");
  CHECK(d.until(200) == "1:still 1:looking");
  d.box.answer(1, at(0), "63");
  CHECK(d.until(400) == "1:!sixty 1:three.");
  d.box.piece(2, at(0), "it is", false);
  CHECK(d.until(600) == "2:it");
  d.box.note(outbox::note_kind::progress, 2, at(0), "still looking");
  d.box.answer(2, at(0), "it is rex");
  CHECK(d.until(800) == "2:is 2:rex.");
  CHECK(d.box.is_empty());
  d.box.note(outbox::note_kind::utterance, 0, at(0), "by the way");
  d.box.answer(0, at(0), "it snows");
  CHECK(d.until(1000) == "0:by 0:the 0:way 0:it 0:snows.");
}

TEST_CASE(
    "an answer without words says that there is none; where nothing is to be said its end is "
    "told") {
  desk d;
  d.box.answer(1, at(0), " ... ");
  CHECK(d.until(200) == "1:!no 1:result.");
  desk silent;
  silent.box = outbox({true, 5, "", "", tell_when::words});
  silent.box.failure(1, at(0));
  CHECK(silent.until(200) == "1:.");
  silent.box.answer(2, at(0), "a b c d e f");
  CHECK(silent.until(400) == "2:a 2:b 2:c 2:d 2:e.");
}

// Many requests, in every order of events: each is told one end, after it nothing but a late answer
// that replaces it, and what is told of it, from its newest replacement on, is its answer.
TEST_CASE("each request ends once, whatever happens in between") {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    desk d(std::array{tell_when::words, tell_when::sentences, tell_when::whole}[random() % 3], 50);
    struct request {
      std::vector<std::string> said;
      bool over = false, withdrawn = false;
      std::string wanted, told;
      int ends = 0;
    };
    std::map<std::uint64_t, request> all;
    for (std::uint64_t id = 1; id <= 4; ++id) all[id];
    std::int64_t now = 0;
    const auto let_out = [&] {
      now += 200;
      d.box.release(at(now), at(now - 200), [&](timestamp, const text& w) {
        auto& r = all[w.request];
        CHECK(!r.withdrawn);
        CHECK(r.ends == 0);
        if (replaces(w)) r.told.clear();
        r.told += (r.told.empty() ? "" : " ") + w.value;
        r.ends += w.final;
      });
    };
    for (int step = 0; step < 60; ++step) {
      const auto id = 1 + random() % 4;
      auto& r = all[id];
      switch (random() % 8) {
        case 0:
        case 1:
        case 2: {
          if (r.over) break;
          const bool anew = random() % 6 == 0;
          if (anew) r.said.clear();
          r.said.push_back(random() % 3 == 0 ? "sentence." : "word" + std::string(step % 5, 'x'));
          d.box.piece(id, at(now), r.said.back(), anew);
          break;
        }
        case 3:
          if (!r.over) d.box.pause(id);
          break;
        case 4: {
          if (r.over) break;
          r.over = true;
          std::string whole;
          for (const auto& w : r.said) whole += w + " ";
          if (random() % 4 == 0) whole = "another " + whole;
          whole += "end";
          r.wanted = whole;
          d.box.answer(id, at(now), whole);
          break;
        }
        case 5:
          if (r.over || random() % 3 != 0) break;
          r.over = true;
          r.wanted = "no result";
          d.box.failure(id, at(now));
          break;
        case 6:
          if (random() % 10 != 0) break;
          r.over = r.withdrawn = true;
          d.box.withdraw(id);
          break;
        default: let_out();
      }
    }
    for (auto& [id, r] : all)
      if (!r.over) {
        r.wanted = "no result";
        d.box.failure(id, at(now));
      }
    for (int i = 0; i < 3; ++i) let_out();
    for (auto& [id, r] : all) {
      if (r.withdrawn) continue;
      CHECK(r.ends == 1);
      CHECK(r.told == as_said(r.wanted));
    }
    CHECK(d.box.is_empty());
  }
}

TEST_CASE("the rest of an answer that is still made is told to whoever asked first, once") {
  desk d;
  d.box.piece(1, at(0), "a b c d e f g", false);
  CHECK(d.until(200) == "1:a 1:b 1:c 1:d 1:e");
  CHECK(d.box.more(2, at(200)));
  CHECK(d.until(400) == "");
  CHECK_FALSE(d.box.more(3, at(400)));
  d.box.answer(1, at(400), "a b c d e f g h i j");
  CHECK(d.until(600) == "1:and 1:more. 2:f 2:g 2:h 2:i 2:j.");
  CHECK_FALSE(d.box.more(4, at(600)));
  CHECK(d.box.is_empty());
}

TEST_CASE("a question is known to be told when it is, also one without words") {
  desk d;
  const auto told = [&] {
    std::string out;
    for (const auto& [request, t] : d.box.take_questions())
      out += std::to_string(request) + "@" + std::to_string(t.ns() / 1'000'000) + " ";
    return out;
  };
  d.box.piece(1, at(0), "one two three", false);
  CHECK(d.until(200) == "1:one 1:two");
  d.box.note(outbox::note_kind::question, 2, at(200), "shall i");
  d.box.note(outbox::note_kind::progress, 3, at(200), "still looking");
  CHECK(d.until(400) == "");
  CHECK(told() == "");
  d.box.answer(1, at(0), "one two three");
  CHECK(d.until(600) == "1:three. 2:shall 2:i 3:still 3:looking");
  CHECK(told() == "2@400 ");
  d.box.note(outbox::note_kind::question, 4, at(600), "?!");
  CHECK(d.until(800) == "");
  CHECK(told() == "4@600 ");
  CHECK(told() == "");
}
