// What the guard does once topics came up.
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "actors/policy/guard.hpp"
#include "graph/contract/answer_pieces.hpp"

namespace hocket::policy {
namespace {

constexpr std::int64_t logged_times = 100;
constexpr std::size_t remembered_refusals = 1024;
/// Numbers of refusals that answer no request of the model: it never counts so far.
constexpr std::uint64_t own_requests = std::uint64_t{1} << 62;
constexpr std::chrono::seconds last_words{30};
/// A question and the request that the model makes of it are one time.
constexpr std::chrono::seconds one_time{10};

}  // namespace

// Counted is what the person does: a page that says a word three times ends nobody's conversation.
action guard::action_for(const match& m, place from, std::int64_t& times) {
  const auto& t = *m.what;
  auto did = t.act[static_cast<std::size_t>(from)];
  // What cannot be taken back is done on the rules' word alone, and on the person's.
  if (did == action::forget && (m.rule == "judge" || is_echo(t))) did = action::note;
  if (did == action::adapt && (m.rule == "judge" || is_echo(t))) did = action::note;
  auto& counted = tallies_[t.name];
  const auto now = context_.time->now();
  const bool is_persons = from == place::heard || from == place::request;
  if (did != action::pass && is_persons &&
      (from == place::heard || counted.times == 0 || now - counted.last > one_time)) {
    ++counted.times;
    counted.last = now;
  }
  times = counted.times;
  return did != action::pass && is_persons && t.times > 0 && times >= t.times && t.then > did
             ? t.then
             : did;
}

bool guard::act(const matches& all, place from, std::uint64_t request, emitter& out) {
  if (is_ended_) return false;
  if (from == place::said)
    for (const auto& m : all) said_at_[m.what] = context_.time->now();
  struct decision {
    const match* what;
    action did;
    std::int64_t times;
  };
  std::vector<decision> decided;
  bool stops = false, ends = false;
  for (const auto& m : all) {
    if (!concerns(*m.what)) continue;  // a grown-up allowed it
    std::int64_t times = 0;
    const auto did = action_for(m, from, times);
    if (did == action::pass) continue;
    stops = stops || did == action::stop || (did == action::refuse && from == place::said);
    ends = ends || did == action::end;
    decided.push_back({&m, did, times});
  }
  // Whatever is on its way is dropped with the epoch: all that is told comes after it.
  if (ends)
    end_voice(out);
  else if (stops)
    out.interrupt(), gate_.close(context_.time->now());
  for (const auto& d : decided) tell(*d.what, from, d.did, d.times, out);
  bool passes = !ends;
  for (const auto& d : decided) passes = carry_out(*d.what, d.did, from, request, out) && passes;
  if (ends) end_session();
  return passes;
}

bool guard::carry_out(const match& m, action did, place from, std::uint64_t request, emitter& out) {
  switch (did) {
    case action::pass:
    case action::note: return true;
    case action::answer:
      if (!is_ended_) say(m.what->say, out);
      return true;
    case action::adapt:
      if (!is_ended_) adapt(*m.what, out);
      return true;
    case action::forget:
      if (!is_ended_) forget(m, out);
      return false;
    case action::refuse:
    case action::stop:
      if (is_ended_) return false;
      if (from != place::heard && from != place::said)
        withhold(request, m.what, out);
      else if (did == action::refuse)
        refuse(own_requests + next_refusal_++, m.what, out);
      return false;
    case action::end: return false;
  }
  return true;
}

// A decision's packet is dropped where somebody barges in at once; its line in the log and an incident are not.
void guard::tell(const match& m, place from, action did, std::int64_t times, emitter& out) {
  const auto now = context_.time->now();
  nlohmann::json line{{"policy", rules_.name},    {"topic", m.what->name}, {"rule", m.rule},
                      {"where", to_string(from)}, {"did", to_string(did)}, {"times", times}};
  const bool is_incident = m.what->is_incident || did == action::end;
  context_.count(std::string(to_string(did)), 1);
  if (times <= logged_times || is_incident)
    context_.log(
        fmt::format("{} ({}) in {}: {}", m.what->name, m.rule, to_string(from), to_string(did)));
  send(decisions_out, make_packet(now, text{line.dump(), "policy"}), out);
  if (!is_incident) return;
  line["incident"] = ++incidents_;
  context_.count("incidents", 1);
  delegation d;
  d.request = static_cast<std::uint64_t>(incidents_);
  d.task = line.dump();
  send(incidents_out, make_packet(now, std::move(d)), out);
}

// The model says it in its own words where it learnt some, else these.
void guard::refuse(std::uint64_t request, const topic* what, emitter& out) {
  const auto& words = rules_.in(what != nullptr && !what->say.empty() ? what->say : rules_.refusal,
                                config_.language);
  send(results_out,
       make_packet(context_.time->now(), text{words, std::string(failure_role), request, true}),
       out);
}

void guard::withhold(std::uint64_t request, const topic* what, emitter& out) {
  if (request == 0) return refuse(own_requests + next_refusal_++, what, out);
  if (!refused_.insert(request).second) return;
  if (refused_.size() > remembered_refusals) refused_.erase(refused_.begin());
  refuse(request, what, out);
  cancel(request, out);
}

// Only what went on has somebody who works on it.
void guard::cancel(std::uint64_t request, emitter& out) {
  if (started_.erase(request) == 0) return;
  delegation d;
  d.request = request;
  d.what = delegation::action::cancel;
  send(requests_out, make_packet(context_.time->now(), std::move(d)), out);
}

void guard::say(const texts& words, emitter& out) {
  send(results_out,
       make_packet(context_.time->now(),
                   text{rules_.in(words, config_.language), "background", 0, true}),
       out);
}

void guard::end_voice(emitter& out) {
  is_ended_ = true;
  out.interrupt();
  gate_.close_for_good();
}

void guard::end_session() {
  if (context_.sessions != nullptr) context_.sessions->close(context_.session);
}

// Virtual time and replays know no clock of the machine but the one that the graph names.
result<void> guard::read_time_of_day(timestamp began) {
  midnight_min_.reset();
  if (config_.time_of_day.empty()) return {};
  if (config_.time_of_day == "local") {
    const auto past =
        static_cast<int>((context_.time->now() - timestamp{}) / std::chrono::minutes(1));
    midnight_min_ = local_minute_of_day() - past % 1440;
    return {};
  }
  const auto at = minute_of_day(config_.time_of_day);
  if (!at)
    return fail("policy.bad_time",
                "time_of_day: `" + config_.time_of_day + "` is neither `local` nor `HH:MM`");
  midnight_min_ = *at - static_cast<int>((began - timestamp{}) / std::chrono::minutes(1)) % 1440;
  return {};
}

bool guard::is_time_for(const notice& n, timestamp now) const {
  if (!n.between) return true;
  if (!midnight_min_) return false;
  const auto past = static_cast<int>((now - timestamp{}) / std::chrono::minutes(1) % 1440);
  return n.between->has((*midnight_min_ + past + 2 * 1440) % 1440);
}

void guard::due_notices(timestamp now, emitter& out) {
  for (std::size_t i = 0; i < due_.size() && !is_forgetting_; ++i) {
    const auto& n = rules_.notices[i];
    const bool is_for_them = !n.only_minors || has_minors();  // a grown-up may have ended the mode
    if (now < due_[i] || !is_for_them || !is_time_for(n, now)) continue;
    const auto from = n.between ? now : due_[i];  // it may have waited for its hours
    due_[i] = n.again_min > 0 ? from + minutes(n.again_min) : timestamp::max();
    context_.count("notices", 1);
    say(n.say, out);
    if (n.ends) closes_at_ = std::min(closes_at_, now + last_words);
  }
}

}  // namespace hocket::policy
