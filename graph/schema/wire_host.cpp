// Host messages to their protobuf form and back.
#include "graph/schema/wire_host.hpp"

#include <fmt/format.h>

#include "graph/schema/codec.hpp"
#include "graph/schema/fields.hpp"

namespace hocket::wire {
namespace {

std::uint64_t number(session_id s) { return static_cast<std::uint64_t>(s); }

// Ours counts from 0, the wire's from 1: there, 0 is unspecified.
template <class Theirs, class Ours>
Theirs out_of(Ours v) {
  return static_cast<Theirs>(static_cast<int>(v) + 1);
}

/// Reads one message; the first thing that is wrong with it stays in `wrong`.
struct reader {
  std::string wrong;

  template <class Ours>
  Ours as(int theirs, Ours last) {
    if (theirs < 1 || theirs > static_cast<int>(last) + 1) {
      if (wrong.empty()) wrong = fmt::format("a host message with the value {} in an enum", theirs);
      return Ours{};
    }
    return static_cast<Ours>(theirs - 1);
  }
};

// ---------------------------------------------------------------------------- parts

void write(const run_state& r, RunState& out) {
  out.set_began_ns(r.began_ns);
  for (const auto& s : r.sessions) {
    auto& one = *out.add_sessions();
    one.set_session(number(s.session));
    one.set_epoch(s.epoch);
  }
}

run_state read(const RunState& r) {
  run_state out{r.began_ns(), {}};
  for (const auto& s : r.sessions())
    out.sessions.push_back({static_cast<session_id>(s.session()), s.epoch()});
  return out;
}

void write(const channel_count& c, ChannelCount& out) {
  out.set_host(c.host);
  out.set_link(c.link);
  out.set_kind(out_of<ChannelKind>(c.kind));
  out.set_count(c.count);
}

channel_count read(reader& r, const ChannelCount& c) {
  return {c.host(), c.link(), r.as(c.kind(), channel_kind::messages), c.count()};
}

void write(const timer_due& t, TimerDue& out) {
  out.set_due_ns(t.due_ns);
  out.set_rank(t.rank);
}

void write(const rewire_request& r, RewireRequest& out) {
  out.set_file(r.file);
  out.set_text(r.text);
  for (const auto& [path, text] : r.includes) {
    auto& file = *out.add_includes();
    file.set_path(path);
    file.set_text(text);
  }
  out.set_not_before_ns(r.not_before_ns);
  out.set_dry_run(r.dry_run);
  out.set_prepare_limit_s(r.prepare_limit_s);
  out.set_hash(r.hash);
  out.set_revision(r.revision);
}

std::shared_ptr<const rewire_request> read(const RewireRequest& r) {
  auto out = std::make_shared<rewire_request>();
  out->file = r.file();
  out->text = r.text();
  for (const auto& file : r.includes()) out->includes[file.path()] = file.text();
  out->not_before_ns = r.not_before_ns();
  out->dry_run = r.dry_run();
  out->prepare_limit_s = r.prepare_limit_s();
  out->hash = r.hash();
  out->revision = r.revision();
  return out;
}

void write(const rewire_outcome& o, RewireOutcome& out) {
  out.set_state(out_of<RewireState>(o.state));
  out.set_graph(o.graph);
  out.set_revision(o.revision);
  out.set_hash_before(o.hash_before);
  out.set_hash_after(o.hash_after);
  out.set_at_ns(o.at_ns);
  out.set_prepared_ms(o.prepared_ms);
  out.set_settled_ms(o.settled_ms);
  out.set_host(o.host);
  out.set_code(o.code);
  out.set_why(o.why);
  for (const auto& a : o.actors) {
    auto& one = *out.add_actors();
    one.set_name(a.name);
    one.set_component(a.component);
    one.set_host(a.host);
    one.set_fate(out_of<ActorFate>(a.fate));
    for (const auto& w : a.why) one.add_why(w);
  }
  for (const auto& l : o.links) {
    auto& one = *out.add_links();
    one.set_name(l.name);
    one.set_fate(out_of<LinkFate>(l.fate));
    one.set_queue(l.queue);
  }
  for (const auto& t : o.others) out.add_others(t);
  out.set_actors_kept(o.actors_kept);
  out.set_links_kept(o.links_kept);
  for (const auto& p : o.packets) {
    auto& one = *out.add_packets();
    one.set_link(p.link);
    one.set_handed_over(p.handed_over);
    one.set_dropped(p.dropped);
  }
  for (const auto& n : o.notes) out.add_notes(n);
}

std::shared_ptr<const rewire_outcome> read(reader& r, const RewireOutcome& o) {
  auto out = std::make_shared<rewire_outcome>();
  out->state = r.as(o.state(), rewire_state::committed);
  out->graph = o.graph();
  out->revision = o.revision();
  out->hash_before = o.hash_before();
  out->hash_after = o.hash_after();
  out->at_ns = o.at_ns();
  out->prepared_ms = o.prepared_ms();
  out->settled_ms = o.settled_ms();
  out->host = o.host();
  out->code = o.code();
  out->why = o.why();
  for (const auto& a : o.actors())
    out->actors.push_back({a.name(),
                           a.component(),
                           a.host(),
                           r.as(a.fate(), actor_fate::removed),
                           {a.why().begin(), a.why().end()}});
  for (const auto& l : o.links())
    out->links.push_back({l.name(), r.as(l.fate(), link_fate::removed), l.queue()});
  out->others.assign(o.others().begin(), o.others().end());
  out->actors_kept = o.actors_kept();
  out->links_kept = o.links_kept();
  for (const auto& p : o.packets())
    out->packets.push_back({p.link(), p.handed_over(), p.dropped()});
  out->notes.assign(o.notes().begin(), o.notes().end());
  return out;
}

// ---------------------------------------------------------------------------- events

struct event_writer {
  HostMessage& out;
  void operator()(const host_present& e) const {
    auto& m = *out.mutable_host_present();
    m.set_virtual_time(e.virtual_time);
    if (e.running) write(*e.running, *m.mutable_running());
  }
  void operator()(const actors_open&) const { out.mutable_actors_open(); }
  void operator()(const open_actors& e) const {
    write(e.run, *out.mutable_open_actors()->mutable_run());
  }
  void operator()(const start_sources& e) const {
    out.mutable_start_sources()->set_began_ns(e.began_ns);
  }
  void operator()(const session_open& e) const {
    out.mutable_session_open()->set_session(number(e.session));
  }
  void operator()(const session_ready& e) const {
    out.mutable_session_ready()->set_session(number(e.session));
  }
  void operator()(const session_start& e) const {
    out.mutable_session_start()->set_session(number(e.session));
  }
  void operator()(const session_close& e) const {
    out.mutable_session_close()->set_session(number(e.session));
  }
  void operator()(const epoch_raised& e) const {
    auto& m = *out.mutable_epoch_raised();
    m.set_session(number(e.session));
    m.set_epoch(e.epoch);
    m.set_actor(e.actor);
  }
  void operator()(const stream_bound& e) const {
    out.mutable_stream_bound()->set_session(number(e.session));
    out.mutable_stream_bound()->set_bound_ns(e.bound.ns());
  }
  void operator()(const stream_end& e) const {
    out.mutable_stream_end()->set_session(number(e.session));
  }
  void operator()(const input_lost& e) const {
    out.mutable_input_lost()->set_session(number(e.session));
    out.mutable_input_lost()->set_reason(e.reason);
  }
  void operator()(const input_recovered& e) const {
    out.mutable_input_recovered()->set_session(number(e.session));
  }
  void operator()(const link_ended& e) const { out.mutable_link_ended()->set_revision(e.revision); }
  void operator()(const stop_run& e) const {
    out.mutable_stop_run()->set_reason(out_of<EndReason>(e.reason));
    out.mutable_stop_run()->set_detail(e.detail);
  }
  void operator()(const begin_ending&) const { out.mutable_begin_ending(); }
  void operator()(const close_next& e) const { out.mutable_close_next()->set_force(e.force); }
  void operator()(const finish_run&) const { out.mutable_finish_run(); }
  void operator()(const host_report& e) const {
    auto& m = *out.mutable_host_report();
    m.set_round(e.round);
    m.set_sources_open(e.sources_open);
    m.set_all_closed(e.all_closed);
    m.set_wire_busy(e.wire_busy);
    m.set_active_timers(e.active_timers);
    m.set_open_work(e.open_work);
    m.set_idle_ms(e.idle_ms);
    if (e.next_to_close) {
      m.mutable_next_to_close()->set_rank(e.next_to_close->rank);
      m.mutable_next_to_close()->set_session(number(e.next_to_close->session));
    }
    if (e.next_timer) write(*e.next_timer, *m.mutable_next_timer());
    for (const auto& c : e.sent) write(c, *m.add_sent());
  }
  void operator()(const round_order& e) const {
    auto& m = *out.mutable_round_order();
    m.set_round(e.round);
    m.set_action(out_of<RoundAction>(e.action));
    write(e.due, *m.mutable_due());
    if (e.closing_host) m.set_closing_host(*e.closing_host);
    for (const auto& c : e.expected) write(c, *m.add_expected());
  }
  void operator()(const rewire_ask& e) const {
    out.mutable_rewire_ask()->set_number(e.number);
    write(*e.request, *out.mutable_rewire_ask()->mutable_request());
  }
  void operator()(const rewire_answer& e) const {
    out.mutable_rewire_answer()->set_number(e.number);
    write(*e.outcome, *out.mutable_rewire_answer()->mutable_outcome());
  }
  void operator()(const rewire_prepare& e) const {
    out.mutable_rewire_prepare()->set_number(e.number);
    write(*e.request, *out.mutable_rewire_prepare()->mutable_request());
  }
  void operator()(const rewire_vote& e) const {
    out.mutable_rewire_vote()->set_number(e.number);
    write(*e.outcome, *out.mutable_rewire_vote()->mutable_outcome());
  }
  void operator()(const rewire_commit& e) const {
    out.mutable_rewire_commit()->set_number(e.number);
    out.mutable_rewire_commit()->set_micro_turn(e.micro_turn);
  }
  void operator()(const rewire_abort& e) const { out.mutable_rewire_abort()->set_number(e.number); }
  void operator()(const rewire_done& e) const {
    out.mutable_rewire_done()->set_number(e.number);
    write(*e.outcome, *out.mutable_rewire_done()->mutable_outcome());
  }
};

host_report read(reader& r, const HostReport& m) {
  host_report e;
  e.round = m.round();
  e.sources_open = m.sources_open();
  e.all_closed = m.all_closed();
  e.wire_busy = m.wire_busy();
  e.active_timers = m.active_timers();
  e.open_work = m.open_work();
  e.idle_ms = m.idle_ms();
  if (m.has_next_to_close())
    e.next_to_close = {m.next_to_close().rank(),
                       static_cast<session_id>(m.next_to_close().session())};
  if (m.has_next_timer()) e.next_timer = {m.next_timer().due_ns(), m.next_timer().rank()};
  for (const auto& c : m.sent()) e.sent.push_back(read(r, c));
  return e;
}

round_order read(reader& r, const RoundOrder& m) {
  round_order e;
  e.round = m.round();
  e.action = r.as(m.action(), round_action::end);
  e.due = {m.due().due_ns(), m.due().rank()};
  if (m.has_closing_host()) e.closing_host = m.closing_host();
  for (const auto& c : m.expected()) e.expected.push_back(read(r, c));
  return e;
}

session_id session(std::uint64_t n) { return static_cast<session_id>(n); }

std::optional<host_event> read_rewire(reader& r, const HostMessage& m) {
  switch (m.event_case()) {
    case HostMessage::kRewireAsk:
      return rewire_ask{m.rewire_ask().number(), read(m.rewire_ask().request())};
    case HostMessage::kRewireAnswer:
      return rewire_answer{m.rewire_answer().number(), read(r, m.rewire_answer().outcome())};
    case HostMessage::kRewirePrepare:
      return rewire_prepare{m.rewire_prepare().number(), read(m.rewire_prepare().request())};
    case HostMessage::kRewireVote:
      return rewire_vote{m.rewire_vote().number(), read(r, m.rewire_vote().outcome())};
    case HostMessage::kRewireCommit:
      return rewire_commit{m.rewire_commit().number(), m.rewire_commit().micro_turn()};
    case HostMessage::kRewireAbort: return rewire_abort{m.rewire_abort().number()};
    case HostMessage::kRewireDone:
      return rewire_done{m.rewire_done().number(), read(r, m.rewire_done().outcome())};
    default: return {};
  }
}

std::optional<host_event> read_event(reader& r, const HostMessage& m) {
  switch (m.event_case()) {
    case HostMessage::kHostPresent: {
      host_present e{m.host_present().virtual_time(), {}};
      if (m.host_present().has_running()) e.running = read(m.host_present().running());
      return e;
    }
    case HostMessage::kActorsOpen: return actors_open{};
    case HostMessage::kOpenActors: return open_actors{read(m.open_actors().run())};
    case HostMessage::kStartSources: return start_sources{m.start_sources().began_ns()};
    case HostMessage::kSessionOpen: return session_open{session(m.session_open().session())};
    case HostMessage::kSessionReady: return session_ready{session(m.session_ready().session())};
    case HostMessage::kSessionStart: return session_start{session(m.session_start().session())};
    case HostMessage::kSessionClose: return session_close{session(m.session_close().session())};
    case HostMessage::kEpochRaised: {
      const auto& e = m.epoch_raised();
      return epoch_raised{session(e.session()), e.epoch(), e.actor()};
    }
    case HostMessage::kStreamBound:
      return stream_bound{session(m.stream_bound().session()),
                          timestamp(m.stream_bound().bound_ns())};
    case HostMessage::kStreamEnd: return stream_end{session(m.stream_end().session())};
    case HostMessage::kInputLost:
      return input_lost{session(m.input_lost().session()), m.input_lost().reason()};
    case HostMessage::kInputRecovered:
      return input_recovered{session(m.input_recovered().session())};
    case HostMessage::kLinkEnded: return link_ended{m.link_ended().revision()};
    case HostMessage::kStopRun:
      return stop_run{r.as(m.stop_run().reason(), end_reason::failed), m.stop_run().detail()};
    case HostMessage::kBeginEnding: return begin_ending{};
    case HostMessage::kCloseNext: return close_next{m.close_next().force()};
    case HostMessage::kFinishRun: return finish_run{};
    case HostMessage::kHostReport: return read(r, m.host_report());
    case HostMessage::kRoundOrder: return read(r, m.round_order());
    default: return read_rewire(r, m);
  }
}

// The texts and lists of a message, and of what lies in it.
std::string why_unsendable(const google::protobuf::Message& m) {
  using field = google::protobuf::FieldDescriptor;
  const auto& how = *m.GetReflection();
  std::vector<const field*> set;
  how.ListFields(m, &set);
  for (const auto* f : set) {
    const int n = f->is_repeated() ? how.FieldSize(m, f) : 1;
    if (n > static_cast<int>(host_message_entries_max))
      return fmt::format("{} entries of {}, at most {}", n, f->name(), host_message_entries_max);
    for (int i = 0; i < n; ++i) {
      std::string wrong;
      if (f->type() == field::TYPE_STRING) {
        const auto text = f->is_repeated() ? how.GetRepeatedString(m, f, i) : how.GetString(m, f);
        if (!is_utf8(text)) wrong = f->name() + " is not UTF-8";
      } else if (f->type() == field::TYPE_MESSAGE) {
        wrong = why_unsendable(f->is_repeated() ? how.GetRepeatedMessage(m, f, i)
                                                : how.GetMessage(m, f));
      }
      if (!wrong.empty()) return wrong;
    }
  }
  return "";
}

}  // namespace

void write(const numbered_message& m, HostMessage& out) {
  out.set_seq(m.seq);
  out.set_after_seq(m.after_seq);
  out.set_link(m.message.link);
  std::visit(event_writer{out}, m.message.event);
}

result<numbered_message> read(const HostMessage& m) {
  if (auto wrong = why_unsendable(m); !wrong.empty()) return fail(codec_error::bad_value, wrong);
  reader r;
  auto event = read_event(r, m);
  if (!event) return fail(codec_error::bad_value, "a host message that this release does not know");
  if (!r.wrong.empty()) return fail(codec_error::bad_value, r.wrong);
  return numbered_message{m.seq(), m.after_seq(), {std::move(*event), m.link(), m.after_seq() > 0}};
}

std::string why_unfit(const host_message& m) {
  if (m.after_packets && m.link == 0) return "after_packets without a link";
  // Frequent, and of numbers alone.
  if (std::holds_alternative<stream_bound>(m.event)) return "";
  HostMessage out;
  write(numbered_message{0, 0, m}, out);
  if (const auto bytes = out.ByteSizeLong(); bytes > host_message_bytes_max)
    return fmt::format("{} bytes, at most {}", bytes, host_message_bytes_max);
  return why_unsendable(out);
}

}  // namespace hocket::wire
