#include "tools/report/conversation.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>

namespace hocket::report {
namespace {

/// Kept of what comes word by word; a picture shows less.
constexpr std::size_t longest_answer = 4096;
/// Roles of words of a result; the others take the place of what was told of its request before.
constexpr std::string_view result_role = "background", replacing_role = "background.anew",
                           failure_role = "background.failed";

bool replaces(std::string_view role) { return role == replacing_role || role == failure_role; }

void merge(level_cells& into, const level_cells& more) {
  for (std::size_t i = 0; i < level_cells::count; ++i) {
    into.peak[i] = std::max(into.peak[i], more.peak[i]);
    into.rms[i] = std::max(into.rms[i], more.rms[i]);
  }
}

/// A turn may come twice: what arrived after it was closed comes as a second part.
void merge(turn_record& into, const fact& f) {
  merge(into.person, f.person);
  merge(into.model, f.model);
  if (f.compute_ms) into.compute_ms = std::max(into.compute_ms.value_or(0), *f.compute_ms);
}

}  // namespace

delegation_record& conversation::delegated(std::uint64_t request, double t_ms) {
  // Newest first: what comes in belongs to what was asked lately.
  for (auto d = delegations.rbegin(); d != delegations.rend(); ++d)
    if (d->request == request) return *d;
  auto& d = delegations.emplace_back();
  d.request = request;
  d.asked_ms = t_ms;
  return d;
}

void conversation::apply(const fact& f) {
  switch (f.what) {
    case fact::kind::start:
      graph = f.text;
      micro_turn_ms = f.micro_turn_ms;
      break;
    case fact::kind::turn:
      session = f.session;
      micro_turn_ms = f.micro_turn_ms;
      merge(turns[f.turn], f);
      break;
    case fact::kind::text:
      session = f.session;
      words.push_back({f.t_ms, f.role, f.text});
      if ((f.role == result_role || replaces(f.role)) && f.request != 0) {
        auto& d = delegated(f.request, f.t_ms);
        if (!d.answered_ms) d.answered_ms = f.t_ms;
        if (d.outcome.empty()) d.outcome = "ok";
        if (replaces(f.role)) d.answer.clear();
        if (d.answer.size() < longest_answer) d.answer += (d.answer.empty() ? "" : " ") + f.text;
      }
      break;
    case fact::kind::delegation:
      session = f.session;
      if (f.detail == "cancel" || f.detail == "superseded") {
        auto& d = delegated(f.request, f.t_ms);
        d.outcome = f.detail == "cancel" ? "cancelled" : "superseded";
        d.ended_ms = f.t_ms;
      } else {
        delegated(f.request, f.t_ms).task = f.text;
      }
      break;
    case fact::kind::tool_call: delegated(f.request, f.t_ms).tools.push_back(f.role); break;
    case fact::kind::tool_result:
      if (f.detail != "ok") {
        auto& d = delegated(f.request, f.t_ms);
        d.outcome = f.detail;
        if (!d.answered_ms) d.answered_ms = f.t_ms;
      }
      break;
    case fact::kind::event: events.push_back({f.t_ms, f.actor, f.role, f.text}); break;
    case fact::kind::end: break;
    case fact::kind::forgotten:
      words.clear();
      delegations.clear();
      turns.clear();
      break;
  }
}

double conversation::length_ms() const {
  double end = 0;
  if (!turns.empty()) end = static_cast<double>(turns.rbegin()->first + 1) * micro_turn_ms;
  for (const auto& w : words) end = std::max(end, w.t_ms + micro_turn_ms);
  for (const auto& d : delegations) end = std::max(end, d.answered_ms.value_or(d.asked_ms));
  return std::ceil(end / micro_turn_ms) * micro_turn_ms;
}

std::vector<voiced> conversation::voice(level_cells turn_record::*who) const {
  // The threshold follows the recording: well above its quiet fifth, well below its peak.
  std::vector<double> levels;
  for (const auto& [k, t] : turns)
    for (float v : (t.*who).rms) levels.push_back(v);
  const double loud = quantile(levels, 0.98);
  const double quiet = quantile(levels, 0.2);
  const double threshold = std::max({0.004, 0.08 * loud, std::min(3 * quiet, 0.5 * loud)});

  std::vector<voiced> out;
  const double cell_ms = micro_turn_ms / level_cells::count;
  for (const auto& [k, t] : turns) {
    for (int i = 0; i < level_cells::count; ++i) {
      if ((t.*who).rms[static_cast<std::size_t>(i)] < threshold) continue;
      const double at = static_cast<double>(k) * micro_turn_ms + i * cell_ms;
      if (!out.empty() && at - out.back().to_ms < 300) {
        out.back().to_ms = at + cell_ms;
      } else {
        out.push_back({at, at + cell_ms});
      }
    }
  }
  std::erase_if(out, [](const voiced& v) { return v.to_ms - v.from_ms < 60; });  // clicks
  return out;
}

std::vector<response> conversation::responses() const {
  std::vector<response> out;
  const auto person = person_voice();
  const auto model = model_voice();
  for (std::size_t i = 0; i < person.size(); ++i) {
    const double ended = person[i].to_ms;
    const double next = i + 1 < person.size() ? person[i + 1].from_ms : 1e18;
    // Stretches follow each other: only the last that had begun can still go on.
    const auto later = std::upper_bound(model.begin(), model.end(), ended,
                                        [](double t, const voiced& m) { return t < m.from_ms; });
    const bool talking = later != model.begin() && std::prev(later)->to_ms > ended;
    if (talking) continue;  // it already speaks over the person: no turn was taken
    if (later == model.end() || later->from_ms - ended > 4000 || later->from_ms >= next) continue;
    // Sooner than half a micro-turn it cannot have heard the end: that was on its way already.
    if (later->from_ms - ended >= micro_turn_ms / 2) out.push_back({ended, later->from_ms});
  }
  return out;
}

std::set<std::uint64_t> sessions_of(const std::vector<fact>& facts) {
  std::set<std::uint64_t> out;
  for (const auto& f : facts)
    if (f.session != 0) out.insert(f.session);
  return out;
}

conversation conversation_of(const std::vector<fact>& facts, std::uint64_t session) {
  conversation out;
  for (const auto& f : facts)
    if (f.session == 0 || f.session == session) out.apply(f);
  return out;
}

std::map<std::uint64_t, conversation> conversations_of(const std::vector<fact>& facts) {
  std::map<std::uint64_t, conversation> out;
  for (const auto session : sessions_of(facts)) out[session];
  for (const auto& f : facts) {
    if (f.session != 0)
      out[f.session].apply(f);
    else
      for (auto& [session, c] : out) c.apply(f);
  }
  return out;
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

}  // namespace hocket::report
