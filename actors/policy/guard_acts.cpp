// What the guard does once a topic came up.
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "actors/policy/guard.hpp"
#include "graph/contract/answer_pieces.hpp"

namespace hocket::policy {
namespace {

enum output : std::size_t {
  requests_out = 2,
  results_out = 3,
  decisions_out = 5,
  incidents_out = 6
};

constexpr std::int64_t logged_times = 100;
/// Numbers of refusals that answer no request of the model: it never counts so far.
constexpr std::uint64_t own_requests = std::uint64_t{1} << 62;
constexpr std::chrono::seconds last_words{30};

}  // namespace

bool guard::act(const match& m, place from, std::uint64_t request, emitter& out) {
  const auto& t = *m.what;
  auto did = t.act[static_cast<std::size_t>(from)];
  if (did == action::pass || is_ended_) return did == action::pass;
  const auto times = ++times_[t.name];
  if (t.times > 0 && times >= t.times && t.then > did) did = t.then;
  // Whatever is on its way is dropped with the epoch: what is told comes after it.
  if (did == action::stop || (did == action::refuse && from == place::said)) stop_voice(out);
  if (did == action::end) end_voice(out);
  tell(m, from, did, times, out);
  switch (did) {
    case action::pass:
    case action::note: return true;
    case action::answer: say(t.say, out); return true;
    case action::refuse:
      if (request != 0)
        withhold(request, &t, from != place::request, out);
      else
        refuse(own_requests + next_refusal_++, &t, out);
      return false;
    case action::stop:
      if (request != 0) withhold(request, &t, from != place::request, out);
      return false;
    case action::end: end_session(); return false;
  }
  return true;
}

void guard::tell(const match& m, place from, action did, std::int64_t times, emitter& out) {
  const auto now = context_.time->now();
  nlohmann::json line{{"policy", rules_.name},    {"topic", m.what->name}, {"rule", m.rule},
                      {"where", to_string(from)}, {"did", to_string(did)}, {"times", times}};
  context_.count(std::string(to_string(did)), 1);
  if (times <= logged_times)
    context_.log(
        fmt::format("{} ({}) in {}: {}", m.what->name, m.rule, to_string(from), to_string(did)));
  send(decisions_out, make_packet(now, text{line.dump(), "policy"}), out);
  if (!m.what->is_incident && did != action::end) return;
  line["incident"] = ++incidents_;
  context_.count("incidents", 1);
  send(incidents_out, make_packet(now, text{line.dump(), "policy"}), out);
}

void guard::stop_voice(emitter& out) {
  out.interrupt();
  gate_.close(context_.time->now());
}

// The model says it in its own words where it learnt some, else these.
void guard::refuse(std::uint64_t request, const topic* what, emitter& out) {
  const auto& words = rules_.in(what != nullptr && !what->say.empty() ? what->say : rules_.refusal,
                                config_.language);
  send(results_out,
       make_packet(context_.time->now(), text{words, std::string(failure_role), request, true}),
       out);
}

void guard::withhold(std::uint64_t request, const topic* what, bool cancels, emitter& out) {
  if (!refused_.insert(request).second) return;
  if (refused_.size() > 1024) refused_.erase(refused_.begin());
  refuse(request, what, out);
  if (!cancels) return;
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

void guard::due_notices(timestamp now, emitter& out) {
  for (std::size_t i = 0; i < due_.size(); ++i) {
    const auto& n = rules_.notices[i];
    if (now < due_[i]) continue;
    const auto again =
        std::chrono::duration_cast<duration>(std::chrono::duration<double>(n.again_min * 60));
    due_[i] = n.again_min > 0 ? due_[i] + again : timestamp::max();
    context_.count("notices", 1);
    say(n.say, out);
    if (n.ends) closes_at_ = std::min(closes_at_, now + last_words);
  }
}

}  // namespace hocket::policy
