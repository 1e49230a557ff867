// What a judge is asked, and what becomes of its verdicts.
#include <algorithm>

#include "actors/policy/guard.hpp"
#include "graph/contract/answer_pieces.hpp"

namespace hocket::policy {
namespace {

constexpr std::size_t open_questions = 64;
/// What was said so short a time before may be the beginning of the same request.
constexpr std::chrono::seconds same_request{12};

}  // namespace

void guard::note_topics(utterance& u, const matches& all) {
  for (const auto& m : all) u.came_up->insert(m.what);
}

void guard::ask_about(place from, utterance& u, timestamp at, emitter& out) {
  ask_judge(from, from == place::heard ? with_before(u) : u.words, &u, nullptr, at, out);
  if (from == place::heard) before_ = u;
  u = {};
}

// A request may come in pieces. What came up already is over: what follows is judged alone.
std::string guard::with_before(const utterance& u) const {
  const bool goes_on = before_.count > 0 && u.began - before_.last <= same_request &&
                       before_.came_up->empty() && u.came_up->empty();
  return goes_on ? before_.words + " " + u.words : u.words;
}

void guard::ask_judge(place from, const std::string& words, const utterance* of,
                      const packet* request, timestamp at, emitter& out) {
  const auto number = next_question_++;
  question q;
  q.from = from;
  q.until = at + std::chrono::milliseconds(config_.judge_ms);
  q.began = of != nullptr ? of->began : at;
  if (of != nullptr) q.came_up = of->came_up;
  if (request != nullptr) {
    q.held = *request;
    q.request = request->get_if<delegation>()->request;
  }
  if (is_judge_lost_ || questions_.size() >= open_questions) return judge_failed(std::move(q), out);
  questions_.emplace(number, std::move(q));
  delegation d;
  d.request = number;
  d.task = words;
  d.transcript = std::string(to_string(from));
  send(questions_out, make_packet(at, std::move(d)), out);
}

// A topic's name, else the first topic that its words name, else the word of approval; a judge may say more.
void guard::take_verdict(const text& t, emitter& out) {
  const auto at = questions_.find(t.request);
  if (at == questions_.end()) return;  // too late: it was decided
  auto& q = at->second;
  const bool failed = t.role == failure_role || t.role == over_role || t.role == left_role;
  if (t.role == replacing_role) q.verdict.clear();
  if (q.verdict.size() < 400) q.verdict += (q.verdict.empty() ? "" : " ") + t.value;
  if (!failed && !t.final) return;
  const auto said = failed ? std::vector<folded_word>() : folded_words(q.verdict);
  const auto is_named = [&](const std::string& name) {
    const auto words = folded_words(name);
    return !words.empty() &&
           std::ranges::search(said, words, {}, &folded_word::text, &folded_word::text).size() > 0;
  };
  // The name of one topic may stand in that of another.
  auto what =
      failed ? rules_.topics.end() : std::ranges::find(rules_.topics, q.verdict, &topic::name);
  if (what == rules_.topics.end())
    what = std::ranges::find_if(rules_.topics, [&](const topic& t) { return is_named(t.name); });
  if (what != rules_.topics.end()) return end_question(at, &*what, out);
  if (is_named(config_.approval)) return end_question(at, nullptr, out);
  auto unclear = std::move(q);
  questions_.erase(at);
  judge_failed(std::move(unclear), out);
}

void guard::end_question(std::map<std::uint64_t, question>::iterator at, const topic* what,
                         emitter& out) {
  const auto q = std::move(at->second);
  questions_.erase(at);
  context_.count("judged", 1);
  const bool is_known = what != nullptr && q.came_up && !q.came_up->insert(what).second;
  const bool passes = what == nullptr || is_known || !concerns(*what) ||
                      act({{what, "judge"}}, q.from, q.request, out);
  if (q.from == place::heard && !passes && !is_ended_) take_back_since(q.began, what, out);
  if (q.from != place::request || !fails_closed() || !passes || is_ended_) return;
  if (holds_all()) return withhold(q.request, nullptr, out);
  start(q.held, out);
}

// Nobody answers what was asked: it is decided at once, not once its time is over.
void guard::lose_judge(emitter& out) {
  for (auto& [_, q] : std::exchange(questions_, {})) judge_failed(std::move(q), out);
}

// The verdict came behind what the model had made of these words.
void guard::take_back_since(timestamp began, const topic* what, emitter& out) {
  if (context_.time->now() - last_heard_ <= request_follows) is_utterance_refused_ = true;
  std::vector<std::uint64_t> since;
  for (const auto& [request, p] : started_)
    if (p.header.ts >= began) since.push_back(request);
  // A request that waits has a verdict to come, which is of its own words alone.
  if (fails_closed())
    std::erase_if(questions_, [&](const auto& numbered) {
      const auto& q = numbered.second;
      const bool is_of_them = q.from == place::request && q.held.header.ts >= began;
      if (is_of_them) since.push_back(q.request);
      return is_of_them;
    });
  for (const auto request : since) withhold(request, what, out);
}

void guard::judge_failed(question q, emitter& out) {
  context_.count("judge_failed", 1);
  // Nobody knows what it is: it is not done.
  if (q.from == place::request && fails_closed()) withhold(q.request, nullptr, out);
}

}  // namespace hocket::policy
