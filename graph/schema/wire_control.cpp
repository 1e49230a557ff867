// The control lane's messages to bytes and back.
#include <fmt/format.h>

#include "graph/core/assert.hpp"
#include "graph/schema/codec.hpp"
#include "graph/schema/fields.hpp"
#include "graph/schema/wire.pb.h"
#include "graph/schema/wire_messages.hpp"

namespace hocket::wire {
namespace {

struct body_writer {
  ControlFrame& out;
  void operator()(const hello& m) const {
    auto& h = *out.mutable_hello();
    h.set_protocol(m.protocol);
    h.set_host(m.host);
    h.set_incarnation(m.incarnation);
    h.set_knows(m.knows);
    h.set_graph_hash(m.graph_hash);
    h.set_schema_hash(m.schema_hash);
    h.set_release(m.release);
    h.set_boot_id(m.boot_id);
    h.set_shared_memory(m.shared_memory);
    h.set_data_lane(m.data_lane);
  }
  void operator()(const refusal& m) const {
    out.mutable_refusal()->set_code(m.code);
    out.mutable_refusal()->set_text(m.text);
  }
  void operator()(const beat& m) const {
    auto& b = *out.mutable_beat();
    b.set_number(m.number);
    b.set_sent_ns(m.sent_ns);
    b.set_echo_sent_ns(m.echo_sent_ns);
    b.set_echo_received_ns(m.echo_received_ns);
  }
  void operator()(const shm_offer& m) const {
    out.mutable_shm_offer()->set_file(m.file);
    out.mutable_shm_offer()->set_size_bytes(m.size_bytes);
  }
  void operator()(const shm_answer& m) const {
    out.mutable_shm_answer()->set_secret(m.secret);
    out.mutable_shm_answer()->set_refused(m.refused);
  }
  void operator()(const numbered_message& m) const {
    auto& l = *out.mutable_letter();
    l.set_seq(m.seq);
    l.set_after_seq(m.after_seq);
    l.set_event(static_cast<HostEvent>(static_cast<int>(m.message.what) + 1));
    l.set_session(static_cast<std::uint64_t>(m.message.session));
    l.set_link(m.message.link);
    l.set_epoch(m.message.epoch);
    l.set_ts_ns(m.message.ts.ns());
    l.set_value(m.message.value);
    for (const auto v : m.message.values) l.add_values(v);
    l.set_detail(m.message.detail);
  }
  void operator()(const message_ack& m) const { out.mutable_letter_ack()->set_next(m.next); }
  void operator()(const goodbye& m) const { out.mutable_goodbye()->set_reason(m.reason); }
};

hello read(const Hello& h) {
  return {h.protocol(),    h.host(),    h.incarnation(), h.knows(),         h.graph_hash(),
          h.schema_hash(), h.release(), h.boot_id(),     h.shared_memory(), h.data_lane()};
}

result<control_body> read(const HostLetter& l) {
  const int event = static_cast<int>(l.event()) - 1;
  if (event < 0 || event >= host_event_count)
    return fail(codec_error::bad_value, fmt::format("unknown host event {}", event + 1));
  if (l.values_size() > static_cast<int>(values_max))
    return fail(codec_error::bad_value, fmt::format("{} values in a host event", l.values_size()));
  numbered_message out{l.seq(), l.after_seq(), {}};
  auto& m = out.message;
  m.what = static_cast<host_event>(event);
  m.session = static_cast<session_id>(l.session());
  m.link = l.link();
  m.epoch = l.epoch();
  m.ts = timestamp(l.ts_ns());
  m.value = l.value();
  m.values.assign(l.values().begin(), l.values().end());
  m.detail = l.detail();
  m.after_packets = out.after_seq > 0;
  return control_body(std::move(out));
}

result<control_body> read(const ControlFrame& f) {
  switch (f.body_case()) {
    case ControlFrame::kHello:
      if (f.hello().incarnation() == 0)
        return fail(codec_error::bad_value, "a hello without incarnation");
      return control_body(read(f.hello()));
    case ControlFrame::kRefusal:
      return control_body(refusal{f.refusal().code(), f.refusal().text()});
    case ControlFrame::kBeat: {
      const auto& b = f.beat();
      return control_body(beat{b.number(), b.sent_ns(), b.echo_sent_ns(), b.echo_received_ns()});
    }
    case ControlFrame::kShmOffer:
      return control_body(shm_offer{f.shm_offer().file(), f.shm_offer().size_bytes()});
    case ControlFrame::kShmAnswer:
      return control_body(shm_answer{f.shm_answer().secret(), f.shm_answer().refused()});
    case ControlFrame::kLetter: return read(f.letter());
    case ControlFrame::kLetterAck: return control_body(message_ack{f.letter_ack().next()});
    case ControlFrame::kGoodbye: return control_body(goodbye{f.goodbye().reason()});
    case ControlFrame::BODY_NOT_SET: break;
  }
  return fail(codec_error::malformed, "a control message that this release does not know");
}

}  // namespace

std::string_view to_string(host_event e) {
  switch (e) {
    case host_event::ready: return "ready";
    case host_event::session_opened: return "session_opened";
    case host_event::session_closed: return "session_closed";
    case host_event::epoch_raised: return "epoch_raised";
    case host_event::bound: return "bound";
    case host_event::end_of_stream: return "end_of_stream";
    case host_event::input_lost: return "input_lost";
    case host_event::input_recovered: return "input_recovered";
    case host_event::stop: return "stop";
    case host_event::round_report: return "round_report";
    case host_event::round_advance: return "round_advance";
    case host_event::rewire: return "rewire";
    case host_event::link_over: return "link_over";
  }
  HOCKET_ASSERT(false);
}

std::string why_unfit(const host_message& m) {
  if (m.values.size() > values_max) return fmt::format("{} values, at most 4096", m.values.size());
  if (!is_utf8(m.detail)) return "the detail is not UTF-8";
  if (m.detail.size() > (256u << 10)) return fmt::format("{} bytes of detail", m.detail.size());
  if (m.after_packets && m.link == 0) return "after_packets without a link";
  return "";
}

std::string encode(const control_frame& f) {
  ControlFrame out;
  out.set_connection(f.connection);
  std::visit(body_writer{out}, f.body);
  return out.SerializeAsString();
}

result<control_frame> decode_control(std::span<const std::byte> bytes) {
  silence_protobuf();
  ControlFrame f;
  if (!f.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(codec_error::malformed,
                fmt::format("{} bytes are no control message", bytes.size()));
  auto body = read(f);
  if (!body) return fail(body);
  return control_frame{f.connection(), std::move(*body)};
}

}  // namespace hocket::wire
