#include "actors/distributed/early_messages.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::distributed;
using wire::host_event;

namespace {

received packet_of(std::uint32_t link, std::int64_t ms) {
  return {link, make_packet(timestamp(ms * 1'000'000), text{}), {}};
}
received message(std::uint32_t link, host_event what, std::uint64_t session, std::int64_t ms = 0) {
  received a{link, {}, {}};
  a.message.what = what;
  a.message.session = static_cast<session_id>(session);
  a.message.ts = timestamp(ms * 1'000'000);
  return a;
}

}  // namespace

TEST_CASE("early mail: every packet, and the newest word on each stream behind what it followed") {
  early_messages mail;
  CHECK(mail.put(packet_of(0, 1)));
  CHECK(mail.put(message(0, host_event::bound, 1, 2)));
  CHECK(mail.put(message(0, host_event::bound, 2, 2)));  // another conversation
  CHECK(mail.put(message(1, host_event::bound, 1, 2)));  // another link
  CHECK(mail.put(message(0, host_event::input_lost, 1)));
  CHECK(mail.put(packet_of(0, 3)));
  CHECK(mail.put(message(0, host_event::bound, 1, 4)));
  CHECK(mail.put(message(0, host_event::input_recovered, 1)));
  CHECK(mail.put(message(0, host_event::end_of_stream, 1)));
  CHECK(mail.put(message(0, host_event::end_of_stream, 1)));  // told again after a reconnect
  const auto all = mail.take();
  REQUIRE(all.size() == 7);
  CHECK(all[0].item);
  CHECK((all[1].message.session == static_cast<session_id>(2)));
  CHECK(all[2].link == 1);
  CHECK(all[3].item);
  CHECK(all[3].item->header.ts == timestamp(3'000'000));
  CHECK(all[4].message.ts == timestamp(4'000'000));
  CHECK(all[5].message.what == host_event::input_recovered);
  CHECK(all[6].message.what == host_event::end_of_stream);
  CHECK(mail.take().empty());
}

TEST_CASE("early mail: hours of bounds take the room of one, and strange sessions are refused") {
  early_messages mail;
  std::size_t most = 0;
  for (std::int64_t ms = 0; ms < 100'000; ++ms) {
    CHECK(mail.put(message(0, host_event::bound, 1 + static_cast<std::uint64_t>(ms % 3), ms)));
    most = std::max(most, mail.size());
  }
  CHECK(most <= 8);
  for (std::uint64_t n = 4; n < early_messages::messages_max + 101; ++n)
    (void)mail.put(message(0, host_event::end_of_stream, n));
  CHECK(mail.refused() == 100);
  CHECK(mail.put(message(0, host_event::bound, 2, 100'001)));  // who is known still gets through
  const auto all = mail.take();
  CHECK(all.size() == early_messages::messages_max);
  CHECK(all.back().message.ts == timestamp(100'001'000'000));
}
