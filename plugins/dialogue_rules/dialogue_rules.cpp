#include "plugins/dialogue_rules/dialogue_rules.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "graph/contract/answer_pieces.hpp"
#include "graph/text/number_words.hpp"
#include "graph/contract/plugin.hpp"

namespace hocket::dialogue_rules {
namespace {

enum input : std::size_t { text_in, events_in, results_in };
enum output : std::size_t { say_out, delegations_out };
using std::chrono::milliseconds;
constexpr std::size_t longest_transcript = 8;
// A timer runs from where the model would begin to answer: so soon after the person's last sound.
constexpr auto answer_delay = milliseconds(300);

std::string spelt(const std::string& word) {
  std::string letters;
  for (const char c : word)
    if (c != ' ') letters += (letters.empty() ? "" : ", ") + std::string(1, c);
  return letters;
}

delegation cancellation_of(std::uint64_t request) {
  delegation d;
  d.request = request;
  d.what = delegation::action::cancel;
  return d;
}

}  // namespace

void dialogue::config::visit(config_visitor& v) {
  v.field({.name = "replies",
           .doc = "file of fixed answers, lines `phrase = reply`; empty: none",
           .is_path = true},
          replies);
  v.field({.name = "join_ms",
           .doc = "the rest of a broken-off request may come so long after it",
           .unit = "ms",
           .min = 0,
           .max = 60000},
          join_ms);
  v.field({.name = "settle_ms",
           .doc = "after an utterance: how long to wait for its words before anything is said",
           .unit = "ms",
           .min = 0,
           .max = 10000},
          settle_ms);
}

component_info dialogue::info() {
  const media_type words{.kind = payload_kind::text};
  const auto queue = default_queue(payload_kind::text);
  return {
      .type = "dialogue.rules",
      .summary = "A turn-based manager of the domain: one utterance in, one answer out.",
      .inputs = {{"text", words, "what was heard, an utterance a packet", true, queue},
                 {"events", words, "`speech_begin` and `speech_end` of the person", false, queue},
                 {"results", words, "answers of the background, word by word", false, queue}},
      .outputs = {{"say", words, "what to say, role `model`, or `resume`"},
                  {"delegations", {.kind = payload_kind::delegation}, "for the background"}},
      .ticks = true,
      .latency_ms = 1};
}

result<void> dialogue::open(const context& where) {
  context_ = where;
  if (config_.replies.empty()) return {};
  std::ifstream in(config_.replies, std::ios::binary);
  if (!in) return fail("dialogue.no_file", config_.replies + " cannot be read");
  auto read = read_replies(std::string(std::istreambuf_iterator<char>(in), {}));
  if (!read) return fail(read.error().code, config_.replies + ": " + read.error().message);
  replies_ = std::move(*read);
  return {};
}

result<void> dialogue::process(std::size_t port, const packet& p, emitter& out) {
  const auto* t = p.get_if<text>();
  if (!t) return {};
  if (port == events_in) {
    hear_event(p);
  } else if (port == results_in) {
    hear_result(*t);
  } else {
    // The words belong to the utterance that began last before their end.
    const auto its = std::find_if(turns_.rbegin(), turns_.rend(),
                                  [&](const turn& u) { return u.begin < p.header.ts && !u.words; });
    if (its != turns_.rend())
      its->words = t->value;
    else
      turns_.push_back({p.header.ts, p.header.ts, t->value, p.header.ts});
  }
  take_turns(out);
  return {};
}

void dialogue::hear_event(const packet& p) {
  const auto& what = p.get_if<text>()->value;
  if (what == "speech_begin") turns_.push_back({p.header.ts, {}, {}, {}});
  if (what != "speech_end") return;
  for (auto& u : turns_) {
    if (u.end) continue;
    u.end = p.header.ts;
    u.ended_at = context_.time->now();
  }
}

result<void> dialogue::tick(std::int64_t, emitter& out) {
  take_turns(out);
  const auto now = context_.time->now();
  const auto ahead = now + context_.grid.length;
  for (auto& t : timers_)
    while (t.next < ahead && floor_is_free()) {
      out.emit(say_out, last_said_ = std::max(t.next, last_said_), text{"ping", "model"});
      note("model", "ping");
      t.next = t.period.count() > 0 ? t.next + t.period : timestamp::max();
    }
  std::erase_if(timers_, [](const timer& t) { return t.next == timestamp::max(); });
  return {};
}

// Answers the utterances that ended and whose words came; those that nobody understood are given up.
void dialogue::take_turns(emitter& out) {
  const auto now = context_.time->now();
  while (!turns_.empty() && turns_.front().end) {
    const auto& u = turns_.front();
    if (u.words) {
      answer(u, out);
    } else if (now - u.ended_at < milliseconds(config_.settle_ms)) {
      break;
    } else {
      context_.count("not_understood", 1);
      say("", "resume");
    }
    turns_.pop_front();
  }
  if (!floor_is_free()) return;
  say_results();
  speak(out);
}

// Nothing is said while the person speaks or while the words of an utterance are awaited.
bool dialogue::floor_is_free() const { return turns_.empty(); }

// What an utterance says together with the beginning that waits for it, if they fit.
understanding dialogue::understand_turn(const turn& u) {
  using kind = understanding::kind;
  auto heard = understand(*u.words, replies_, last_tokens_);
  auto words = *u.words;
  if (!pending_.empty() && u.begin - pending_end_ <= milliseconds(config_.join_ms)) {
    const auto both = pending_ + " " + words;
    auto joined = understand(both, replies_, last_tokens_);
    if (joined.what == kind::requests || joined.what == kind::incomplete ||
        joined.what == kind::bystander) {
      context_.count("joined", 1);
      heard = std::move(joined);
      words = both;
    }
  }
  // "ten" may go on with "plus four".
  if (heard.what == kind::items && !translating_ && !cueing_) heard.what = kind::incomplete;
  pending_ = heard.what == kind::incomplete ? words : "";
  pending_end_ = *u.end;
  return heard;
}

void dialogue::answer(const turn& u, emitter& out) {
  using kind = understanding::kind;
  context_.count("utterances", 1);
  note("person", *u.words);
  const auto heard = understand_turn(u);
  const bool story_ends = std::ranges::any_of(heard.requests, [](const auto& r) {
    return r.what == request::kind::story_end || r.what == request::kind::stop;
  });
  if (listening_ && !story_ends) return say("uh huh");
  switch (heard.what) {
    case kind::incomplete: return;
    case kind::items: return answer_items(heard);
    case kind::requests: return answer_requests(heard, u, out);
    case kind::backchannel: break;
    case kind::bystander: context_.count("bystander", 1); break;
    case kind::nothing: context_.count("not_understood", 1); break;
  }
  say("", "resume");
}

void dialogue::answer_requests(const understanding& heard, const turn& u, emitter& out) {
  if (heard.corrects) context_.count("corrected", 1);
  last_tokens_ = heard.tokens;
  if (!heard.corrects) last_group_.clear();
  cueing_ = false;
  const auto wanted = static_cast<std::size_t>(
      std::ranges::count(heard.requests, request::kind::delegate, &request::what));
  std::size_t delegated = 0;
  for (const auto& r : heard.requests) {
    if (r.what != request::kind::delegate) {
      answer_request(r, u, out);
      continue;
    }
    delegate(r, wanted, u, heard.corrects && delegated == 0, out);
    if (++delegated == wanted) say(heard.corrects ? "okay" : "let me check");
  }
}

// In a mode: every number in Spanish, or yes where one of the things is a colour.
void dialogue::answer_items(const understanding& heard) {
  std::string words;
  for (const auto& token : heard.tokens) {
    if (cueing_ && is_color(token)) words = "yes";
    if (!translating_) continue;
    const auto other = spanish(std::atoll(token.c_str()));
    if (!other.empty()) words += (words.empty() ? "" : ", ") + std::string(other);
  }
  if (!words.empty()) say(words);
}

void dialogue::answer_request(const request& r, const turn& u, emitter& out) {
  using kind = request::kind;
  const auto number = [&](std::size_t i) { return i < r.numbers.size() ? r.numbers[i] : 0; };
  switch (r.what) {
    case kind::sum:
      return say("that is " +
                 number_words(r.sign == '-' ? number(0) - number(1) : number(0) + number(1)));
    case kind::count: {
      std::string words;
      for (std::int64_t n = 1; n <= std::min<std::int64_t>(number(0), 100); ++n)
        words += (n == 1 ? "" : ", ") + number_words(n);
      return say(words);
    }
    case kind::timer:
    case kind::ping_once: {
      const auto period = std::chrono::seconds(std::clamp<std::int64_t>(number(0), 1, 3600));
      timers_.push_back(
          {*u.end + answer_delay + period, r.what == kind::timer ? duration(period) : duration(0)});
      return say("okay");
    }
    case kind::spell: return say(spelt(r.words));
    case kind::translate: translating_ = true; return say("okay");
    case kind::cue: cueing_ = true; return say("okay");
    case kind::story_begin: listening_ = true; return say("okay");
    case kind::story_end: return listening_ ? (listening_ = false, say("good story")) : void();
    case kind::start_clock: clock_ = u.end; return say("okay");
    case kind::how_long:
      if (!clock_) return say("i can't say");
      return say(number_words(std::llround((u.begin - *clock_).count() / 1e9)) + " seconds");
    case kind::is_it_done: return say(tasks_.empty() ? "yes" : "not yet");
    case kind::never_mind: cancel_tasks(out); return say("okay");
    case kind::stop: stop_all(); return say("okay");
    case kind::reply: return say(r.words);
    case kind::delegate: return;
  }
}

void dialogue::stop_all() {
  timers_.clear();
  translating_ = cueing_ = listening_ = false;
  unsaid_.clear();
}

void dialogue::delegate(const request& r, std::size_t of, const turn& u, bool replaces,
                        emitter& out) {
  context_.count("delegated", 1);
  const auto now = context_.time->now();
  delegation d;
  d.request = next_request_++;
  d.task = r.words;
  for (const auto& line : transcript_) d.transcript += (d.transcript.empty() ? "" : "\n") + line;
  d.from_micro_turn = context_.grid.index_of(u.begin);
  d.to_micro_turn = context_.grid.index_of(*u.end);
  if (replaces) {
    // The first new task names one that it replaces; what else the old request asked is cancelled.
    for (const auto id : std::exchange(last_group_, {})) {
      const auto removed = std::erase_if(tasks_, [&](const task& t) { return t.request == id; });
      if (removed == 0) continue;
      if (d.supersedes == 0)
        d.supersedes = id;
      else
        out.emit(delegations_out, now, cancellation_of(id));
    }
  }
  last_group_.push_back(d.request);
  tasks_.push_back(
      {d.request, last_group_.front(), r.about, of == 1, "", false, r.words.starts_with("name ")});
  out.emit(delegations_out, now, std::move(d));
}

void dialogue::cancel_tasks(emitter& out) {
  for (const auto& t : tasks_)
    out.emit(delegations_out, context_.time->now(), cancellation_of(t.request));
  tasks_.clear();
}

void dialogue::hear_result(const text& t) {
  const auto its = std::ranges::find(tasks_, t.request, &task::request);
  if (its == tasks_.end() || t.role == left_role) return;  // given up meanwhile, or it may come
  if (t.role == over_role) return void(tasks_.erase(its));
  if (replaces(t)) its->result.clear();
  its->result += (its->result.empty() ? "" : " ") + t.value;
  its->done = t.final;
}

// What is done and not behind an unfinished task of its own utterance.
void dialogue::say_results() {
  for (auto t = tasks_.begin(); t != tasks_.end();) {
    if (!t->done) {
      const auto group = t->group;
      while (t != tasks_.end() && t->group == group) ++t;
      continue;
    }
    context_.count("answered", 1);
    if (t->result.starts_with("no "))
      say(t->result);
    else if (t->spelt)  // a name: nobody knows how to read it
      say("it is " + spelt(t->result));
    else
      say((t->alone || t->about.empty() ? "it" : t->about) + " is " + t->result);
    t = tasks_.erase(t);
  }
}

void dialogue::say(const std::string& words, const std::string& role) {
  unsaid_.push_back({words, role, 0, true});
}

void dialogue::speak(emitter& out) {
  last_said_ = std::max(last_said_, context_.time->now());
  for (auto& t : unsaid_) {
    if (t.role == "model") note("model", t.value);
    out.emit(say_out, last_said_, std::move(t));
  }
  unsaid_.clear();
}

void dialogue::note(const std::string& who, const std::string& words) {
  transcript_.push_back(who + ": " + words);
  if (transcript_.size() > longest_transcript) transcript_.pop_front();
}

}  // namespace hocket::dialogue_rules

HOCKET_PLUGIN(dialogue_rules) {
  return into.add(hocket::type_of<hocket::dialogue_rules::dialogue>());
}
