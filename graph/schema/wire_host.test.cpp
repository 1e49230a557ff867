#include <doctest/doctest.h>

#include "graph/schema/wire_messages.hpp"

using namespace hocket;
using namespace hocket::wire;

namespace {

constexpr session_id one{7};

std::shared_ptr<const rewire_request> a_request() {
  auto r = std::make_shared<rewire_request>();
  r->file = "new.yaml";
  r->text = "hocket: 1";
  r->includes = {{"part.yaml", "actors: {}"}};
  r->not_before_ns = -5;
  r->dry_run = true;
  r->prepare_limit_s = 9;
  r->hash = "hash";
  r->revision = 3;
  return r;
}

std::shared_ptr<const rewire_outcome> an_outcome() {
  auto o = std::make_shared<rewire_outcome>();
  o->state = rewire_state::committed;
  o->graph = "talk";
  o->actors = {{"a", "test.a", "edge", actor_fate::removed, {"why", "more"}}};
  o->links = {{"a.out > b.in", link_fate::added, "size"}};
  o->packets = {{"a.out > b.in", 1, 2}};
  o->notes = {"note"};
  return o;
}

/// One of each, with something in every field.
std::vector<host_event> all_events() {
  const run_state run{11, {{one, 2}, {session_id{8}, 0}}};
  host_report report{3, 1, true, true, true, true, 250, close_candidate{4, one}, timer_due{5, -1},
                     {}};
  report.sent = {{1, 0, channel_kind::messages, 9}, {2, 77, channel_kind::ends, 1}};
  const round_order order{4, round_action::force, {6, 10}, 2u, report.sent};
  return {host_present{true, run},
          actors_open{},
          open_actors{run},
          start_sources{-3},
          session_open{one, "edge"},
          session_ready{one, "why"},
          session_start{one},
          session_close{one},
          epoch_raised{one, 4, "model"},
          stream_bound{one, timestamp(-1)},
          stream_end{one},
          input_lost{one, "why"},
          input_recovered{one},
          link_ended{2},
          stop_run{end_reason::failed, "detail"},
          begin_ending{},
          close_next{true},
          finish_run{},
          report,
          order,
          rewire_ask{1, a_request()},
          rewire_answer{2, an_outcome()},
          rewire_prepare{3, a_request()},
          rewire_vote{4, an_outcome()},
          rewire_commit{5, -6},
          rewire_abort{6},
          rewire_done{7, an_outcome()},
          session_ask{8},
          session_answer{9, one, "sessions.refused", "why"}};
}

result<control_frame> decoded(const std::string& bytes) {
  return decode_control(std::as_bytes(std::span(bytes)));
}

std::string encoded(host_event e) {
  return encode(control_frame{1, numbered_message{5, 2, {std::move(e), 3, true}}});
}

}  // namespace

TEST_CASE("host messages: each event comes back as it was") {
  const auto all = all_events();
  REQUIRE(all.size() == std::variant_size_v<host_event>);
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(i);
    CHECK(all[i].index() == i);
    CHECK(why_unfit({all[i], 3, true}) == "");
    const auto bytes = encoded(all[i]);
    const auto back = decoded(bytes);
    REQUIRE(back);
    const auto& m = std::get<numbered_message>(back->body);
    CHECK(m.seq == 5);
    CHECK(m.after_seq == 2);
    CHECK(m.message.link == 3);
    CHECK(m.message.after_packets);
    REQUIRE(m.message.event.index() == i);
    CHECK(encoded(m.message.event) == bytes);
  }
}

TEST_CASE("host messages: absent stays absent") {
  const auto of = [](host_event e) {
    const auto back = decoded(encoded(std::move(e)));
    REQUIRE(back);
    return std::get<numbered_message>(back->body).message.event;
  };
  CHECK_FALSE(std::get<host_present>(of(host_present{false, {}})).running);
  const auto report = std::get<host_report>(of(host_report{}));
  CHECK_FALSE(report.next_to_close);
  CHECK_FALSE(report.next_timer);
  CHECK_FALSE(std::get<round_order>(of(round_order{})).closing_host);
  round_order first;
  first.closing_host = 0u;
  CHECK(std::get<round_order>(of(first)).closing_host == 0u);
}

TEST_CASE("host messages: limits hold before they are sent, and when they come") {
  host_report many;
  many.sent.resize(host_message_entries_max);
  CHECK(why_unfit({many}) == "");
  many.sent.emplace_back();
  CHECK(why_unfit({many}).find("4097 entries of sent") != std::string::npos);
  CHECK_FALSE(decoded(encoded(many)));
  CHECK(why_unfit({stop_run{end_reason::stopped, "\xff\xfe"}}).find("UTF-8") != std::string::npos);
  CHECK(why_unfit({stop_run{end_reason::stopped, std::string(host_message_bytes_max, 'x')}})
            .find("bytes") != std::string::npos);
  CHECK(why_unfit({stream_end{one}, 0, true}).find("without a link") != std::string::npos);
}

TEST_CASE("host messages: an enum that we do not know, and no event at all, are refused") {
  auto bytes = encoded(stop_run{end_reason::failed, ""});
  const auto at = bytes.find(std::string("\x08\x03", 2));  // StopRun.reason = END_REASON_FAILED
  REQUIRE(at != std::string::npos);
  for (const char value : {'\x00', '\x04', '\x7f'}) {
    bytes[at + 1] = value;
    CHECK_FALSE(decoded(bytes));
  }
  // ControlFrame { connection = 1; host_message { seq = 1 } }
  const std::string none("\x09\x01\0\0\0\0\0\0\0\x52\x02\x08\x01", 13);
  CHECK(decoded(none).error().code.find("bad_value") != std::string::npos);
}
