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
  const auto message = [](host_event e) { return numbered_message{4, 2, {std::move(e), 3, true}}; };
  host_report report;
  report.round = 7;
  report.next_to_close = {2, session_id{1}};
  report.next_timer = {200'000'000, 10};
  report.sent = {{1, 3, channel_kind::ends, 5}};
  round_order order;
  order.action = round_action::close;
  order.closing_host = 1;
  order.expected = report.sent;
  auto request = std::make_shared<rewire_request>();
  request->file = "new.yaml";
  request->text = "hocket: 1";
  request->includes["part.yaml"] = "actors: {}";
  auto outcome = std::make_shared<rewire_outcome>();
  outcome->actors = {{"a", "test.a", "edge", actor_fate::replaced, {"why"}}};
  outcome->links = {{"a.out > b.in", link_fate::requeued, "size"}};
  outcome->packets = {{"a.out > b.in", 1, 2}};
  std::vector<std::string> out;
  const control_body bodies[] = {h,
                                 refusal{"wire.wrong_graph", "differs"},
                                 beat{1, 2, 3, 4},
                                 shm_offer{"/dev/shm/hocket-arena-1-2-3", 1 << 20},
                                 shm_answer{std::string(32, 's'), ""},
                                 message(report),
                                 message(order),
                                 message(host_present{true, run_state{5, {{session_id{1}, 2}}}}),
                                 message(stop_run{end_reason::failed, "detail"}),
                                 message(rewire_prepare{1, request}),
                                 message(rewire_done{1, outcome}),
                                 message_ack{5},
                                 goodbye{"it ended"}};
  for (const auto& b : bodies) out.push_back(encode(control_frame{77, b}));
  return out;
}

}  // namespace

extern const target wire_control;
const target wire_control = {"wire_control", run, seeds};

}  // namespace hocket::fuzz
