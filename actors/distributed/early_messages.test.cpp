#include "actors/distributed/early_messages.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::distributed;

namespace {

received packet_of(std::uint32_t link, std::int64_t ms) {
  return {link, make_packet(timestamp(ms * 1'000'000), text{}), {}};
}
enum class about { bound, end, lost, recovered };

received message(std::uint32_t link, about what, std::uint64_t session, std::int64_t ms = 0) {
  const auto id = static_cast<session_id>(session);
  received a{link, {}, {}};
  switch (what) {
    case about::bound: a.message.event = wire::stream_bound{id, timestamp(ms * 1'000'000)}; break;
    case about::end: a.message.event = wire::stream_end{id}; break;
    case about::lost: a.message.event = wire::input_lost{id, ""}; break;
    case about::recovered: a.message.event = wire::input_recovered{id}; break;
  }
  return a;
}

}  // namespace

TEST_CASE("early mail: every packet, and the newest word on each stream behind what it followed") {
  early_messages mail;
  CHECK(mail.put(packet_of(0, 1)));
  CHECK(mail.put(message(0, about::bound, 1, 2)));
  CHECK(mail.put(message(0, about::bound, 2, 2)));  // another conversation
  CHECK(mail.put(message(1, about::bound, 1, 2)));  // another link
  CHECK(mail.put(message(0, about::lost, 1)));
  CHECK(mail.put(packet_of(0, 3)));
  CHECK(mail.put(message(0, about::bound, 1, 4)));
  CHECK(mail.put(message(0, about::recovered, 1)));
  CHECK(mail.put(message(0, about::end, 1)));
  CHECK(mail.put(message(0, about::end, 1)));  // told again after a reconnect
  const auto all = mail.take();
  REQUIRE(all.size() == 7);
  CHECK(all[0].item);
  CHECK((session_of(all[1].message) == static_cast<session_id>(2)));
  CHECK(all[2].link == 1);
  CHECK(all[3].item);
  CHECK(all[3].item->header.ts == timestamp(3'000'000));
  CHECK(std::get<wire::stream_bound>(all[4].message.event).bound == timestamp(4'000'000));
  CHECK(std::holds_alternative<wire::input_recovered>(all[5].message.event));
  CHECK(std::holds_alternative<wire::stream_end>(all[6].message.event));
  CHECK(mail.take().empty());
}

TEST_CASE("early mail: hours of bounds take the room of one, and strange sessions are refused") {
  early_messages mail;
  std::size_t most = 0;
  for (std::int64_t ms = 0; ms < 100'000; ++ms) {
    CHECK(mail.put(message(0, about::bound, 1 + static_cast<std::uint64_t>(ms % 3), ms)));
    most = std::max(most, mail.size());
  }
  CHECK(most <= 8);
  for (std::uint64_t n = 4; n < early_messages::messages_max + 101; ++n)
    (void)mail.put(message(0, about::end, n));
  CHECK(mail.refused() == 100);
  CHECK(mail.put(message(0, about::bound, 2, 100'001)));  // who is known still gets through
  const auto all = mail.take();
  CHECK(all.size() == early_messages::messages_max);
  CHECK(std::get<wire::stream_bound>(all.back().message.event).bound == timestamp(100'001'000'000));
}

TEST_CASE("early mail: the links of a host share one bound, and what was taken makes room") {
  const auto streams = std::make_shared<std::atomic<std::size_t>>(0);
  early_messages one(streams), other(streams);
  std::uint64_t n = 0;
  for (; n < early_messages::messages_max - 1; ++n) CHECK(one.put(message(0, about::end, n)));
  CHECK(other.put(message(1, about::end, 1)));
  CHECK_FALSE(other.put(message(1, about::end, 2)));
  CHECK_FALSE(one.put(message(0, about::end, n)));
  CHECK(other.put(message(1, about::end, 1)));  // it is known
  CHECK(one.take().size() == n);
  CHECK(other.put(message(1, about::end, 2)));
  CHECK(other.take().size() == 2);
}
