// The control lane's messages to bytes and back.
#include <algorithm>

#include <fmt/format.h>

#include "graph/schema/codec.hpp"
#include "graph/schema/fields.hpp"
#include "graph/schema/wire.pb.h"
#include "graph/schema/wire_host.hpp"
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
    h.set_next_graph_hash(m.next_graph_hash);
    h.set_asks(m.asks);
    for (const auto& k : m.keys) {
      auto& key = *h.add_keys();
      key.set_name(k.name);
      key.set_digest(k.digest);
    }
  }
  void operator()(const refusal& m) const {
    out.mutable_refusal()->set_code(m.code);
    out.mutable_refusal()->set_text(m.text);
    out.mutable_refusal()->set_graph_hash(m.graph_hash);
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
  void operator()(const numbered_message& m) const { write(m, *out.mutable_host_message()); }
  void operator()(const message_ack& m) const { out.mutable_host_message_ack()->set_next(m.next); }
  void operator()(const goodbye& m) const { out.mutable_goodbye()->set_reason(m.reason); }
};

hello read(const Hello& h) {
  hello m{h.protocol(),    h.host(),    h.incarnation(), h.knows(),         h.graph_hash(),
          h.schema_hash(), h.release(), h.boot_id(),     h.shared_memory(), h.data_lane()};
  m.next_graph_hash = h.next_graph_hash();
  m.asks = h.asks();
  for (int i = 0; i < std::min(h.keys_size(), graph_keys_max); ++i)
    m.keys.push_back({h.keys(i).name(), h.keys(i).digest()});
  return m;
}

result<control_body> read(const ControlFrame& f) {
  switch (f.body_case()) {
    case ControlFrame::kHello:
      if (f.hello().incarnation() == 0)
        return fail(codec_error::bad_value, "a hello without incarnation");
      return control_body(read(f.hello()));
    case ControlFrame::kRefusal:
      return control_body(
          refusal{f.refusal().code(), f.refusal().text(), f.refusal().graph_hash()});
    case ControlFrame::kBeat: {
      const auto& b = f.beat();
      return control_body(beat{b.number(), b.sent_ns(), b.echo_sent_ns(), b.echo_received_ns()});
    }
    case ControlFrame::kShmOffer:
      return control_body(shm_offer{f.shm_offer().file(), f.shm_offer().size_bytes()});
    case ControlFrame::kShmAnswer:
      return control_body(shm_answer{f.shm_answer().secret(), f.shm_answer().refused()});
    case ControlFrame::kHostMessage: {
      auto m = read(f.host_message());
      if (!m) return fail(m);
      return control_body(std::move(*m));
    }
    case ControlFrame::kHostMessageAck:
      return control_body(message_ack{f.host_message_ack().next()});
    case ControlFrame::kGoodbye: return control_body(goodbye{f.goodbye().reason()});
    case ControlFrame::BODY_NOT_SET: break;
  }
  return fail(codec_error::malformed, "a control message that this release does not know");
}

}  // namespace

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
  clean_strings(f);
  auto body = read(f);
  if (!body) return fail(body);
  return control_frame{f.connection(), std::move(*body)};
}

}  // namespace hocket::wire
