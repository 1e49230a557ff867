// Host messages to their protobuf form and back.
#include "graph/schema/wire_host.hpp"

#include <fmt/format.h>

#include "graph/schema/codec.hpp"
#include "graph/schema/fields.hpp"
#include "graph/schema/wire_rewire.hpp"

namespace hocket::wire {
namespace {

std::uint64_t number(session_id s) { return static_cast<std::uint64_t>(s); }

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

channel_count read(event_reader& r, const ChannelCount& c) {
  return {c.host(), c.link(), r.as(c.kind(), channel_kind::messages), c.count()};
}

void write(const timer_due& t, TimerDue& out) {
  out.set_due_ns(t.due_ns);
  out.set_rank(t.rank);
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
    out.mutable_session_open()->set_owner(e.owner);
  }
  void operator()(const session_ready& e) const {
    out.mutable_session_ready()->set_session(number(e.session));
    out.mutable_session_ready()->set_refused(e.refused);
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
  void operator()(const session_ask& e) const { out.mutable_session_ask()->set_number(e.number); }
  void operator()(const session_answer& e) const {
    auto& m = *out.mutable_session_answer();
    m.set_number(e.number);
    m.set_session(number(e.session));
    m.set_code(e.code);
    m.set_why(e.why);
  }
};

host_report read(event_reader& r, const HostReport& m) {
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

round_order read(event_reader& r, const RoundOrder& m) {
  round_order e;
  e.round = m.round();
  e.action = r.as(m.action(), round_action::end);
  e.due = {m.due().due_ns(), m.due().rank()};
  if (m.has_closing_host()) e.closing_host = m.closing_host();
  for (const auto& c : m.expected()) e.expected.push_back(read(r, c));
  return e;
}

session_id session(std::uint64_t n) { return static_cast<session_id>(n); }

std::optional<host_event> read_rewire(event_reader& r, const HostMessage& m) {
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

std::optional<host_event> read_event(event_reader& r, const HostMessage& m) {
  switch (m.event_case()) {
    case HostMessage::kHostPresent: {
      host_present e{m.host_present().virtual_time(), {}};
      if (m.host_present().has_running()) e.running = read(m.host_present().running());
      return e;
    }
    case HostMessage::kActorsOpen: return actors_open{};
    case HostMessage::kOpenActors: return open_actors{read(m.open_actors().run())};
    case HostMessage::kStartSources: return start_sources{m.start_sources().began_ns()};
    case HostMessage::kSessionOpen:
      return session_open{session(m.session_open().session()), m.session_open().owner()};
    case HostMessage::kSessionReady:
      return session_ready{session(m.session_ready().session()), m.session_ready().refused()};
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
    case HostMessage::kSessionAsk: return session_ask{m.session_ask().number()};
    case HostMessage::kSessionAnswer: {
      const auto& e = m.session_answer();
      return session_answer{e.number(), session(e.session()), e.code(), e.why()};
    }
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
  event_reader r;
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
