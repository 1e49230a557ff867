#include "actors/replay/player.hpp"

#include <algorithm>
#include <tuple>

#include "actors/replay/comparison.hpp"

namespace hocket::replay {
namespace {

struct no_config final : config_base {
  void visit(config_visitor&) override {}
};

/// Where it lies in the file is when it was said.
bool before(const track::item& a, const track::item& b) {
  return std::tie(a.what.chunk, a.what.offset_bytes) < std::tie(b.what.chunk, b.what.offset_bytes);
}

/// A shared actor that speaks to everybody is in the recording once for each session and then once
/// for none. Who plays the last says it to everybody again, so the others are left out.
void leave_out_copies(track& all) {
  const auto to_all = all.sessions.find(session_id::none);
  if (to_all == all.sessions.end()) return;
  const auto same = [&](const track::item& a, const track::item& b) {
    if (a.port != b.port || a.what.ts != b.what.ts || a.what.is_mark != b.what.is_mark)
      return false;
    const auto p = all.from->read(a.what), q = all.from->read(b.what);
    return p && q && difference(*p->body, *q->body).empty();
  };
  for (auto& [id, s] : all.sessions) {
    if (id == session_id::none) continue;
    std::vector<bool> is_copy(s.items.size());
    for (const auto& i : to_all->second.items) {
      const auto behind = std::upper_bound(s.items.begin(), s.items.end(), i, before);
      if (behind == s.items.begin() || !same(*std::prev(behind), i)) continue;
      is_copy[static_cast<std::size_t>(behind - s.items.begin() - 1)] = true;
    }
    std::vector<track::item> kept;
    for (std::size_t i = 0; i < s.items.size(); ++i)
      if (!is_copy[i]) kept.push_back(s.items[i]);
    s.items = std::move(kept);
  }
}

/// When a session of the actor was over: the last end of a stream that it told, else the end of the
/// recording (a killed run, or a recorder inside the graph, which does not see ends).
timestamp end_of(const track::session& s, const track& all) {
  timestamp end = timestamp::min();
  for (const auto& i : s.items) {
    if (!i.what.is_mark) continue;
    const auto p = all.from->read(i.what);
    const auto* c = p ? p->get_if<control>() : nullptr;
    if (c != nullptr && c->what == control::kind::end_of_stream) end = std::max(end, i.what.at);
  }
  return end == timestamp::min() ? all.from->last() : end;
}

bool fits(const track& what, std::int32_t period_ms, const micro_turn_grid& grid) {
  const auto period_ns = std::int64_t{std::max(period_ms, 1)} * 1'000'000;
  const auto due = [&](timestamp t) {
    return t.ns() > 0 && (t.ns() % period_ns == 0 || t.ns() % grid.length.count() == 0);
  };
  for (const auto& [id, s] : what.sessions)
    for (const auto& i : s.items)
      if (!due(i.what.at)) return false;
  return true;
}

}  // namespace

std::shared_ptr<const track> track_of(std::shared_ptr<const record::recording> from,
                                      const std::string& actor, const component_info& type) {
  auto out = std::make_shared<track>();
  out->from = std::move(from);
  for (std::size_t port = 0; port < type.outputs.size(); ++port) {
    const auto* o = out->from->find(actor + "." + type.outputs[port].name);
    if (o == nullptr) continue;
    for (const auto& i : o->items) out->sessions[i.session].items.push_back({i, port});
  }
  for (auto& [id, s] : out->sessions) {
    std::stable_sort(s.items.begin(), s.items.end(), before);
    s.end = end_of(s, *out);
  }
  leave_out_copies(*out);
  return out;
}

result<void> player::open(const context& where) {
  shared_ = where.session == session_id::none;
  for (const auto& [id, s] : track_->sessions) {
    if (!shared_ && id != where.session) continue;
    for (const auto& i : s.items) lines_.push_back({id, &s, &i});
    end_ = std::max(end_, s.end);
  }
  std::stable_sort(lines_.begin(), lines_.end(),
                   [](const auto& a, const auto& b) { return before(*a.what, *b.what); });
  // One that comes with a rewire says nothing of what was said before it.
  const auto now = where.time != nullptr ? where.time->now() : timestamp();
  while (now.ns() > 0 && next_ < lines_.size() && lines_[next_].what->what.at <= now) ++next_;
  return {};
}

result<source_state> player::produce(timestamp until, emitter& out) {
  for (; next_ < lines_.size() && lines_[next_].what->what.at <= until; ++next_)
    HOCKET_TRY(say(lines_[next_], out));
  const bool over = next_ == lines_.size() && end_ <= until;
  return over ? source_state::end_of_stream : source_state::more;
}

result<void> player::say(const line& l, emitter& out) {
  const auto& i = *l.what;
  const auto p = track_->from->read(i.what);
  if (!p) return fail(p);
  if (shared_) out.for_session(l.to);
  const auto* c = i.what.is_mark ? p->get_if<control>() : nullptr;
  if (c != nullptr && c->what == control::kind::interrupt) {
    out.interrupt();
    return {};
  }
  // The end of everything is told by produce(), as a source tells it.
  if (c != nullptr && c->what == control::kind::end_of_stream && i.what.at >= l.of->end) return {};
  packet again;
  again.header.ts = p->header.ts;
  again.body = p->body;
  out.emit(i.port, std::move(again));
  return {};
}

component_type player_type(std::shared_ptr<const track> what, const component_info& original,
                           const micro_turn_grid& grid) {
  component_type out;
  out.info.type = "replay.player";
  out.info.summary = "Plays a recorded actor.";
  out.info.outputs = original.outputs;
  out.info.scope = original.scope;
  out.info.source = true;
  out.info.period_ms = fits(*what, original.period_ms, grid) ? original.period_ms : 1;
  out.make_config = [] { return std::make_unique<no_config>(); };
  out.make = [what = std::move(what)](config_base&) { return std::make_unique<player>(what); };
  return out;
}

}  // namespace hocket::replay
