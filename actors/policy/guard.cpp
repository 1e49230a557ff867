#include "actors/policy/guard.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/language/files/mapped_file.hpp"
#include "graph/contract/answer_pieces.hpp"
#include "graph/contract/capability.hpp"

namespace hocket::policy {
namespace {

enum input : std::size_t {
  audio_in,
  said_in,
  heard_in,
  typed_in,
  requests_in,
  results_in,
  evidence_in,
  verdicts_in
};
enum output : std::size_t { audio_out, typed_out, requests_out, results_out, questions_out };

constexpr std::size_t policy_bytes = 1 << 20;
constexpr std::size_t followed_results = 64, open_questions = 64;
/// What a judge is asked about at once, and the pause that ends it.
constexpr std::int64_t utterance_words = 40;
constexpr std::chrono::milliseconds utterance_pause{800};

std::string_view first_word(std::string_view text) {
  const auto begins = text.find_first_not_of(" \t\n`\"'*");
  if (begins == text.npos) return "";
  text.remove_prefix(begins);
  return text.substr(0, text.find_first_of(" \t\n`\"'*.,;:!"));
}

}  // namespace

result<void> guard::read_policy(const context& where) {
  const auto path = capability_of(where)->readable(config_.rules);
  if (!path) return fail(path);
  const auto yaml = language::read_text(*path, policy_bytes);
  if (!yaml) return fail("policy.no_file", yaml.error().message);
  auto all = read_rules(config_.rules, *yaml);
  if (!all) return fail(all);
  rules_ = std::move(*all);
  return {};
}

result<void> guard::open(const context& where) {
  context_ = where;
  const auto now = context_.time->now();
  if (const auto read = read_policy(where); !read) {
    // A run never begins without its policy; one that goes on does as it was declared.
    if (where.restarts == 0 || fails_closed()) return fail(read);
    context_.log("unguarded, since the policy is gone: " + read.error().message);
    context_.count("unguarded", 1);
    is_unguarded_ = true;
  }
  const bool minors = config_.people == "minors";
  heard_ = std::make_unique<watch>(rules_, minors);
  said_ = std::make_unique<watch>(rules_, minors);
  began_ = where.restarts > 0 ? where.began : now;
  for (const auto& n : rules_.notices)
    due_.push_back(n.only_minors && !minors
                       ? timestamp::max()
                       : began_ + std::chrono::duration_cast<duration>(
                                      std::chrono::duration<double>(n.after_min * 60)));
  // What was being said when it broke was not heard to its end.
  if (where.restarts > 0 && fails_closed()) gate_.close(now);
  return {};
}

void guard::send(std::size_t port, packet p, emitter& out) {
  auto& last = sent_.try_emplace(port, timestamp::min()).first->second;
  last = p.header.ts = std::max(last, p.header.ts);
  out.emit(port, std::move(p));
}

result<void> guard::process(std::size_t port, const packet& p, emitter& out) {
  if (is_unguarded_) {
    constexpr std::size_t same[] = {audio_out, 0, 0, typed_out, requests_out, results_out};
    if (port == audio_in || (port >= typed_in && port <= results_in)) send(same[port], p, out);
    return {};
  }
  const auto* words = p.get_if<text>();
  if (port == audio_in) {
    const auto* chunk = p.get_if<audio_chunk>();
    if (chunk == nullptr) return {};
    if (!gate_.is_closed()) return send(audio_out, p, out), result<void>();
    const auto before = gate_.muted();
    auto heard = p;
    heard.body = std::make_shared<const payload>(gate_.through(*chunk));
    context_.count("muted_samples", gate_.muted() - before);
    return send(audio_out, std::move(heard), out), result<void>();
  }
  if (is_ended_) return {};
  if (words != nullptr && (port == said_in || port == heard_in))
    listen(port == said_in ? place::said : place::heard, words->value, p.header.ts, out);
  else if (words != nullptr && port == typed_in)
    take_typed(p, out);
  else if (words != nullptr && port == results_in)
    take_result(p, out);
  else if (words != nullptr && port == verdicts_in)
    take_verdict(*words, p.header.ts, out);
  else if (port == requests_in)
    take_request(p, out);
  else if (port == evidence_in)
    take_evidence(p, out);
  return {};
}

void guard::listen(place from, const std::string& words, timestamp at, emitter& out) {
  auto& follows = from == place::said ? *said_ : *heard_;
  for (const auto& m : follows.hear(words, at)) act(m, from, 0, out);
  if (config_.judge_ms == 0) return;
  auto& u = from == place::said ? model_ : person_;
  if (u.count > 0 && at - u.last >= utterance_pause) ask_about(from, u, at, out);
  u.words += (u.words.empty() ? "" : " ") + words;
  u.last = at;
  if (++u.count >= utterance_words || u.words.size() > 2000) ask_about(from, u, at, out);
}

void guard::ask_about(place from, utterance& u, timestamp at, emitter& out) {
  ask_judge(from, u.words, nullptr, at, out);
  u = {};
}

// A line that is typed is whole: nothing of it goes on before it was looked at.
void guard::take_typed(const packet& p, emitter& out) {
  const auto& words = p.get_if<text>()->value;
  bool passes = true;
  auto matches = heard_->hear(words, p.header.ts);
  for (auto& m : heard_->settle(timestamp::max())) matches.push_back(std::move(m));
  for (const auto& m : matches) passes = act(m, place::heard, 0, out) && passes;
  if (config_.judge_ms > 0) ask_judge(place::heard, words, nullptr, p.header.ts, out);
  if (passes) send(typed_out, p, out);
}

void guard::take_request(const packet& p, emitter& out) {
  const auto* d = p.get_if<delegation>();
  if (d == nullptr) return;
  if (d->what == delegation::action::cancel) {
    std::erase_if(questions_, [&](const auto& q) {
      return q.second.holds && q.second.held.template get_if<delegation>()->request == d->request;
    });
    return send(requests_out, p, out);
  }
  watch once(rules_, config_.people == "minors");
  auto matches = once.hear(d->task, p.header.ts);
  for (auto& m : once.settle(timestamp::max())) matches.push_back(std::move(m));
  bool passes = true;
  for (const auto& m : matches) passes = act(m, place::request, d->request, out) && passes;
  if (!passes || is_ended_) return;
  if (config_.judge_ms > 0) ask_judge(place::request, d->task, &p, p.header.ts, out);
  if (config_.judge_ms == 0 || !fails_closed()) pass_request(p, out);
}

void guard::pass_request(const packet& p, emitter& out) { send(requests_out, p, out); }

// Words of a result come one by one: those before the one that decides are made void by the refusal.
void guard::take_result(const packet& p, emitter& out) {
  const auto& t = *p.get_if<text>();
  if (t.request != 0 && refused_.contains(t.request)) return context_.count("withheld", 1);
  if (!is_result(t.role)) return send(results_out, p, out);
  if (results_.size() >= followed_results && !results_.contains(t.request))
    results_.erase(results_.begin());
  auto& follows = results_.try_emplace(t.request, rules_, config_.people == "minors").first->second;
  if (replaces(t)) follows.forget();
  auto matches = follows.hear(t.value, p.header.ts);
  if (t.final)
    for (auto& m : follows.settle(timestamp::max())) matches.push_back(std::move(m));
  if (t.final) results_.erase(t.request);
  bool passes = true;
  for (const auto& m : matches) passes = act(m, place::result, t.request, out) && passes;
  if (passes && !is_ended_) send(results_out, p, out);
}

void guard::take_evidence(const packet& p, emitter& out) {
  const auto* r = p.get_if<tool_result>();
  if (r == nullptr || refused_.contains(r->request)) return;
  watch once(rules_, config_.people == "minors");
  auto matches = once.hear(r->content, p.header.ts);
  for (auto& m : once.settle(timestamp::max())) matches.push_back(std::move(m));
  // A page may be long: each topic once.
  std::set<const topic*> told;
  for (const auto& m : matches)
    if (told.insert(m.what).second) act(m, place::evidence, r->request, out);
}

result<void> guard::tick(std::int64_t micro_turn, emitter& out) {
  if (!is_unguarded_ && !is_ended_) settle(context_.grid.start_of(micro_turn + 1), out);
  return {};
}

void guard::settle(timestamp now, emitter& out) {
  for (const auto& m : heard_->settle(now)) act(m, place::heard, 0, out);
  for (const auto& m : said_->settle(now)) act(m, place::said, 0, out);
  for (auto* u : {&person_, &model_})
    if (u->count > 0 && now - u->last >= utterance_pause)
      ask_about(u == &model_ ? place::said : place::heard, *u, now, out);
  while (true) {
    const auto late =
        std::ranges::find_if(questions_, [&](const auto& q) { return q.second.until <= now; });
    if (late == questions_.end()) break;
    auto q = std::move(late->second);
    questions_.erase(late);
    judge_failed(std::move(q), out);
  }
  due_notices(now, out);
  if (now < closes_at_) return;
  end_voice(out);
  end_session();
}

result<void> guard::on_control(std::size_t port, const packet& p, emitter&) {
  const auto* c = p.get_if<control>();
  if (c == nullptr || is_unguarded_) return {};
  const bool lost = c->what == control::kind::input_lost,
             back = c->what == control::kind::input_recovered;
  if ((!lost && !back) || (port != said_in && port != heard_in)) return {};
  if (lost)
    lost_.insert(port), context_.count("blind", 1);
  else
    lost_.erase(port);
  // Deaf on one side it judges nothing.
  if (fails_closed()) gate_.hold(!lost_.empty(), context_.time->now());
  return {};
}

void guard::ask_judge(place from, const std::string& words, const packet* held, timestamp at,
                      emitter& out) {
  const auto number = next_question_++;
  question q{from, at + std::chrono::milliseconds(config_.judge_ms),
             held != nullptr ? *held : packet{}, held != nullptr, ""};
  if (questions_.size() >= open_questions) return judge_failed(std::move(q), out);
  questions_.emplace(number, std::move(q));
  delegation d;
  d.request = number;
  d.task = words;
  d.transcript = std::string(to_string(from));
  send(questions_out, make_packet(at, std::move(d)), out);
}

void guard::take_verdict(const text& t, timestamp, emitter& out) {
  const auto at = questions_.find(t.request);
  if (at == questions_.end()) return;  // too late: it was decided
  auto& q = at->second;
  if (t.role == failure_role || t.role == over_role || t.role == left_role) {
    auto failed = std::move(q);
    questions_.erase(at);
    return judge_failed(std::move(failed), out);
  }
  if (t.role == replacing_role) q.verdict.clear();
  if (q.verdict.size() < 200) q.verdict += (q.verdict.empty() ? "" : " ") + t.value;
  if (!t.final) return;
  const auto named = first_word(q.verdict);
  const auto what = std::ranges::find(rules_.topics, named, &topic::name);
  end_question(at, what != rules_.topics.end() ? &*what : nullptr, out);
}

void guard::end_question(std::map<std::uint64_t, question>::iterator at, const topic* what,
                         emitter& out) {
  const auto q = std::move(at->second);
  questions_.erase(at);
  context_.count("judged", 1);
  const auto* d = q.holds ? q.held.get_if<delegation>() : nullptr;
  const bool waits = d != nullptr && fails_closed();
  const bool concerns = what != nullptr && (!what->only_minors || config_.people == "minors");
  const bool passes = !concerns || act({what, "judge"}, q.from, d != nullptr ? d->request : 0, out);
  if (waits && passes && !is_ended_) pass_request(q.held, out);
}

void guard::judge_failed(question q, emitter& out) {
  context_.count("judge_failed", 1);
  if (!q.holds || !fails_closed()) return;
  // Nobody knows what it is: it is not done.
  withhold(q.held.get_if<delegation>()->request, nullptr, false, out);
}

}  // namespace hocket::policy
