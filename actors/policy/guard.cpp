#include "actors/policy/guard.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/language/files/mapped_file.hpp"
#include "graph/contract/answer_pieces.hpp"
#include "graph/contract/capability.hpp"

namespace hocket::policy {
namespace {

constexpr std::size_t policy_bytes = 1 << 20;
/// Of one text that is there as a whole: the voice waits meanwhile.
constexpr std::size_t read_bytes = 64 << 10;
constexpr std::size_t followed_results = 64, remembered_starts = 256;
/// What a judge is asked about at once, and the pause that ends it.
constexpr std::int64_t utterance_words = 40;
/// The model's words are asked about while it speaks, each time with all before: a verdict can still stop it.
constexpr std::int64_t words_between_questions = 6;
constexpr std::chrono::milliseconds utterance_pause{800};
/// Who works on requests and is not back after so long does not answer them.
constexpr std::chrono::seconds background_patience{10};

}  // namespace

duration guard::minutes(double m) {
  return std::chrono::duration_cast<duration>(std::chrono::duration<double>(m * 60));
}

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
  began_ = where.restarts > 0 ? where.began : now;
  for (auto* w : {&heard_, &said_, &typed_}) *w = std::make_unique<watch>(rules_, has_minors());
  HOCKET_TRY(read_time_of_day(where.restarts > 0 ? where.began : now));
  begin_notices(where, now);
  // What was being said when it broke was not heard to its end.
  if (where.restarts > 0 && fails_closed()) gate_.close(now);
  awaits_word_ = fails_closed() && has_desk(where);
  hold_gate();
  return {};
}

// After a restart those that are past were said; an end that is past comes once more.
void guard::begin_notices(const context& where, timestamp now) {
  for (const auto& n : rules_.notices) {
    auto at = (where.restarts > 0 ? where.began : now) + minutes(n.after_min);
    if (config_.people != "minors" && n.only_minors) at = timestamp::max();
    while (where.restarts > 0 && at < now && !n.ends)
      at = n.again_min > 0 ? at + minutes(n.again_min) : timestamp::max();
    due_.push_back(at);
  }
}

void guard::send(std::size_t port, packet p, emitter& out) {
  auto& last = sent_.try_emplace(port, timestamp::min()).first->second;
  last = p.header.ts = std::max(last, p.header.ts);
  out.emit(port, std::move(p));
}

guard::matches guard::each_once(matches all) {
  matches out;
  for (auto& m : all)
    if (std::ranges::find(out, m.what, &match::what) == out.end()) out.push_back(std::move(m));
  return out;
}

guard::matches guard::in_whole(const std::string& words, timestamp at) {
  if (words.size() > read_bytes)
    context_.count("unread_bytes", static_cast<std::int64_t>(words.size() - read_bytes));
  watch once(rules_, has_minors());
  auto all = once.hear(std::string_view(words).substr(0, read_bytes), at);
  for (auto& m : once.settle(timestamp::max())) all.push_back(std::move(m));
  return each_once(std::move(all));
}

result<void> guard::process(std::size_t port, const packet& p, emitter& out) {
  if (port == holds_in) {
    const auto* t = p.get_if<text>();
    return t != nullptr && !is_ended_ ? take_hold(t->value == "frozen", out) : result<void>();
  }
  if (is_unguarded_ && !is_frozen_) {
    constexpr std::size_t same[] = {audio_out, 0, 0, typed_out, requests_out, results_out};
    if (port == audio_in || (port >= typed_in && port <= results_in)) send(same[port], p, out);
    return {};
  }
  if (port == audio_in) return take_voice(p, out), result<void>();
  if (is_ended_) return {};
  if (port == settings_in) {
    if (const auto* t = p.get_if<text>()) take_settings(*t, out);
    return {};
  }
  if (awaits_word_ && port >= typed_in && port <= results_in)
    return keep_early(port, p), result<void>();
  if (is_past(port, p, out)) return {};
  const auto* words = p.get_if<text>();
  if (words != nullptr && (port == said_in || port == heard_in))
    listen(port == said_in ? place::said : place::heard, words->value, p.header.ts, out);
  else if (words != nullptr && port == typed_in)
    take_typed(p, out);
  else if (words != nullptr && port == results_in)
    take_result(p, out);
  else if (words != nullptr && port == verdicts_in)
    take_verdict(*words, out);
  else if (port == requests_in)
    take_request(p, out);
  else if (port == evidence_in)
    take_evidence(p, out);
  return {};
}

void guard::take_voice(const packet& p, emitter& out) {
  const auto* chunk = p.get_if<audio_chunk>();
  if (chunk == nullptr) return;
  if (!gate_.is_closed()) return send(audio_out, p, out);
  const auto before = gate_.muted();
  auto heard = p;
  heard.body = std::make_shared<const payload>(gate_.through(*chunk));
  context_.count("muted_samples", gate_.muted() - before);
  send(audio_out, std::move(heard), out);
}

void guard::listen(place from, const std::string& words, timestamp at, emitter& out) {
  auto& follows = from == place::said ? *said_ : *heard_;
  if (from == place::heard) {
    if (at - last_heard_ >= utterance_pause) is_utterance_refused_ = false;
    last_heard_ = at;
  }
  auto& u = from == place::said ? model_ : person_;
  if (config_.judge_ms > 0 && u.count > 0 && at - u.last >= utterance_pause)
    ask_about(from, u, at, out);
  const auto found = follows.hear(words, at);
  note_topics(u, found);
  const bool passes = act(found, from, 0, out);
  if (from == place::heard && !passes) is_utterance_refused_ = true;
  if (config_.judge_ms == 0 || is_ended_ || is_forgetting_) return;
  if (u.count == 0) u.began = at;
  u.words += (u.words.empty() ? "" : " ") + words;
  u.last = at;
  if (++u.count >= utterance_words || u.words.size() > 2000) return ask_about(from, u, at, out);
  if (from == place::said && u.count % words_between_questions == 0)
    ask_judge(from, u.words, &u, nullptr, at, out);
}

// A line that is typed is whole: nothing of it goes on before it was looked at.
void guard::take_typed(const packet& p, emitter& out) {
  if (holds_all()) return context_.count("withheld", 1);
  const auto& words = p.get_if<text>()->value;
  auto found = typed_->hear(words, p.header.ts);
  for (auto& m : typed_->settle(timestamp::max())) found.push_back(std::move(m));
  is_typed_now_ = true;
  const bool passes = act(each_once(std::move(found)), place::heard, 0, out);
  is_typed_now_ = false;
  if (!passes || is_ended_) return;
  if (config_.judge_ms > 0) ask_judge(place::heard, words, nullptr, nullptr, p.header.ts, out);
  send(typed_out, p, out);
}

void guard::take_request(const packet& p, emitter& out) {
  const auto* d = p.get_if<delegation>();
  if (d == nullptr) return;
  const auto forget_held = [&](std::uint64_t request) {
    std::erase_if(questions_, [&](const auto& q) {
      return q.second.from == place::request && q.second.request == request;
    });
  };
  if (d->what == delegation::action::cancel) {
    forget_held(d->request);
    started_.erase(d->request);
    return send(requests_out, p, out);
  }
  if (d->supersedes != 0) forget_held(d->supersedes);
  // What the model makes of words that were refused is not done either, however it words it.
  const bool is_of_refused =
      is_utterance_refused_ && context_.time->now() - last_heard_ <= request_follows;
  if (holds_all() || is_of_refused) return withhold(d->request, nullptr, out);
  refused_.erase(d->request);  // whoever begins anew counts from one again
  if (!act(in_whole(d->task, p.header.ts), place::request, d->request, out)) {
    // What it would have replaced is not wanted any more.
    if (d->supersedes != 0 && !is_ended_) cancel(d->supersedes, out);
    return;
  }
  if (is_ended_) return;
  if (config_.judge_ms > 0) ask_judge(place::request, d->task, nullptr, &p, p.header.ts, out);
  if (config_.judge_ms == 0 || !fails_closed()) start(p, out);
}

void guard::start(const packet& p, emitter& out) {
  const auto passes = without_forbidden_lines(p);
  const auto* d = passes.get_if<delegation>();
  if (d->supersedes != 0) started_.erase(d->supersedes);
  if (started_.size() >= remembered_starts) started_.erase(started_.begin());
  started_.insert_or_assign(d->request, passes);
  send(requests_out, passes, out);
}

// What was said before is context for whoever works on the task: what may not be asked is none.
packet guard::without_forbidden_lines(const packet& p) {
  const auto* d = p.get_if<delegation>();
  std::string kept;
  for (std::size_t from = 0; from < d->transcript.size();) {
    const auto to = std::min(d->transcript.find('\n', from), d->transcript.size());
    const auto line = d->transcript.substr(from, to - from);
    const auto found = in_whole(line, p.header.ts);
    const bool forbidden = std::ranges::any_of(found, [](const match& m) {
      return m.what->act[static_cast<std::size_t>(place::request)] >= action::refuse;
    });
    if (!forbidden) kept += line + (to < d->transcript.size() ? "\n" : "");
    from = to + 1;
  }
  if (kept.size() == d->transcript.size()) return p;
  auto out = p;
  auto changed = *d;
  changed.transcript = std::move(kept);
  out.body = std::make_shared<const payload>(std::move(changed));
  return out;
}

// Words of a result come one by one: those before the one that decides are made void by the refusal.
void guard::take_result(const packet& p, emitter& out) {
  const auto& t = *p.get_if<text>();
  const bool is_end = t.role == over_role || t.role == left_role;
  if (holds_all() || (t.request != 0 && refused_.contains(t.request)))
    return context_.count("withheld", 1);
  if (is_end || (t.final && t.request != 0)) started_.erase(t.request);
  if (results_.size() >= followed_results && !results_.contains(t.request))
    results_.erase(results_.begin());
  auto& follows = results_.try_emplace(t.request, rules_, has_minors()).first->second;
  if (replaces(t)) follows.forget();
  auto found = follows.hear(std::string_view(t.value).substr(0, read_bytes), p.header.ts);
  if (t.final || is_end) {
    for (auto& m : follows.settle(timestamp::max())) found.push_back(std::move(m));
    results_.erase(t.request);
  }
  if (act(found, place::result, t.request, out) && !is_ended_) send(results_out, p, out);
}

void guard::take_evidence(const packet& p, emitter& out) {
  const auto* r = p.get_if<tool_result>();
  if (r != nullptr && !refused_.contains(r->request))
    act(in_whole(r->content, p.header.ts), place::evidence, r->request, out);
}

result<void> guard::tick(std::int64_t micro_turn, emitter& out) {
  if (!is_unguarded_ && !is_ended_) settle(context_.grid.start_of(micro_turn + 1), out);
  return {};
}

void guard::settle(timestamp now, emitter& out) {
  const auto heard = heard_->settle(now), said = said_->settle(now);
  note_topics(person_, heard), note_topics(model_, said);
  // An echo may be settled together with what it is one of.
  for (const auto& m : said) said_at_[m.what] = context_.time->now();
  if (!act(heard, place::heard, 0, out)) is_utterance_refused_ = true;
  act(said, place::said, 0, out);
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
  give_up_started(now, out);
  due_notices(now, out);
  keep_hours(now, out);
  if (now < closes_at_ || is_ended_) return;
  end_voice(out);
  end_session();
}

void guard::give_up_started(timestamp now, emitter& out) {
  if (!background_lost_at_ || now - *background_lost_at_ < background_patience) return;
  for (const auto& [request, _] : std::exchange(started_, {})) {
    refused_.insert(request);
    refuse(request, nullptr, out);
    context_.count("given_up", 1);
  }
}

// Whoever is behind it is told of by it alone: the model asks again by its own means only where it is
// linked with the background itself.
result<void> guard::on_control(std::size_t port, const packet& p, emitter& out) {
  const auto* c = p.get_if<control>();
  if (c == nullptr || is_unguarded_) return {};
  const bool lost = c->what == control::kind::input_lost;
  if (!lost && c->what != control::kind::input_recovered) return {};
  const auto now = context_.time->now();
  if (port == verdicts_in) {
    if (lost) lose_judge(out);
    is_judge_lost_ = lost;
    return {};
  }
  if (port == results_in) {
    if (lost && !background_lost_at_) background_lost_at_ = now;
    if (lost) return {};
    background_lost_at_.reset();
    for (const auto& [_, asked] : started_) send(requests_out, asked, out);
    context_.count("asked_again", static_cast<std::int64_t>(started_.size()));
  }
  if (port != said_in && port != heard_in && port != holds_in) return {};
  if (lost)
    lost_.insert(port), context_.count("blind", 1);
  else
    lost_.erase(port);
  hold_gate();
  return {};
}

}  // namespace hocket::policy
