#include "actors/wire/host_message_log.hpp"
#include "graph/core/assert.hpp"
#include "graph/schema/wire_messages.hpp"
#include "tests/fuzz/targets.hpp"

// Input: the bytes of one message of the control lane.
namespace hocket::fuzz {
namespace {

using namespace hocket::wire;

void run(std::span<const std::uint8_t> bytes) {
  const auto f = decode_control(std::as_bytes(bytes));
  if (!f) return;
  if (const auto* l = std::get_if<numbered_message>(&f->body)) {
    host_message_log book;
    (void)book.arrived(*l);
  }
  const auto again = encode(*f);
  const auto back = decode_control(std::as_bytes(std::span(again)));
  HOCKET_ASSERT(back && back->body.index() == f->body.index());
  HOCKET_ASSERT(encode(*back) == again);
}

std::vector<std::string> seeds() {
  hello h;
  h.host = "edge";
  h.incarnation = 3;
  h.graph_hash = h.schema_hash = h.release = h.boot_id = "abc";
  h.data_lane = "7401";
  numbered_message l{4, 2, {}};
  l.message.what = host_event::round_report;
  l.message.link = 3;
  l.message.values = {1, -2, 3};
  l.message.detail = "detail";
  std::vector<std::string> out;
  const control_body bodies[] = {h,
                                 refusal{"wire.wrong_graph", "differs"},
                                 beat{1, 2, 3, 4},
                                 shm_offer{"/dev/shm/hocket-arena-1-2-3", 1 << 20},
                                 shm_answer{std::string(32, 's'), ""},
                                 l,
                                 message_ack{5},
                                 goodbye{"it ended"}};
  for (const auto& b : bodies) out.push_back(encode(control_frame{77, b}));
  return out;
}

}  // namespace

extern const target wire_control;
const target wire_control = {"wire_control", run, seeds};

}  // namespace hocket::fuzz
