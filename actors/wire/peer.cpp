#include "actors/wire/peer.hpp"

#include <random>

#include <fmt/format.h>

#include "graph/core/assert.hpp"
#include "graph/core/clock.hpp"

namespace hocket::wire {
namespace {
constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t ack_delay_ns = 5 * ms;
/// A new connection learns the peer's clock quickly.
constexpr std::int64_t first_beats = 16, first_beats_ns = 25 * ms;
}  // namespace

peer::peer(node_core& core, peer_options options, const std::vector<remote_link>& links)
    : core_(core),
      options_(std::move(options)),
      lane_([&core] { core.awake.wake(); }),
      live_(core.options.lost_after_ms * ms),
      retry_(20 * ms, 250 * ms, std::random_device{}()),
      slow_retry_(500 * ms, 3000 * ms, std::random_device{}()) {
  state_since_ns_ = monotonic_ns();
  for (const auto& l : links) {
    if (l.peer != options_.name) continue;
    if (l.outgoing)
      out_.emplace(l.id, l);
    else
      in_.emplace(l.id, l);
  }
}

peer::~peer() = default;

sent_how peer::send(std::uint32_t link, const packet& p) {
  {
    std::lock_guard lock(books_);
    auto& l = out_.at(link);
    if (!l.has_room(0)) {
      l.wait();
      return l.is_open() ? sent_how::no_credit : sent_how::no_peer;
    }
  }
  auto encoded = encode(p, core_.options.limits);
  if (!encoded) return sent_how::unsendable;
  std::lock_guard lock(books_);
  auto& l = out_.at(link);
  if (!l.has_room(cost_bytes(*encoded))) {
    l.wait();
    return l.is_open() ? sent_how::no_credit : sent_how::no_peer;
  }
  lane_.put(link, l.next_seq(), *encoded);
  l.add(p.header, std::move(*encoded));
  return sent_how::sent;
}

bool peer::send_control(host_message m) {
  if (!why_unfit(m).empty()) return false;
  {
    std::lock_guard lock(books_);
    if (known_ == 0) return false;
    const auto link = out_.find(m.link);
    HOCKET_ASSERT(!m.after_packets || link != out_.end());
    const auto after = m.after_packets ? link->second.next_seq() : 0;
    if (messages_.write(std::move(m), after) == nullptr) return false;
  }
  core_.awake.wake();
  return true;
}

void peer::consumed(std::uint32_t link, std::uint32_t packets) {
  std::lock_guard lock(books_);
  auto& l = in_.at(link);
  l.consumed(packets);
  if (l.ack_due())
    lane_.put(link, l.ack());
  else
    want_ack(l);
}

void peer::want_ack(const in_link& l) {
  if (ack_wanted_ || !l.ack_pending() || !lane_.is_open()) return;
  ack_wanted_ = true;
  core_.awake.wake();
}

void peer::send_acks(clock_ns now) {
  std::lock_guard lock(books_);
  if (!ack_wanted_) {
    ack_at_ns_ = 0;
  } else if (ack_at_ns_ == 0) {
    ack_at_ns_ = now + ack_delay_ns;
  } else if (now >= ack_at_ns_) {
    for (auto& [id, l] : in_)
      if (l.ack_pending()) lane_.put(id, l.ack());
    ack_wanted_ = false;
    ack_at_ns_ = 0;
  }
}

void peer::send_messages() {
  std::vector<numbered_message> unsent;
  {
    std::lock_guard lock(books_);
    if (phase_ != phase::up) return;
    const auto& all = messages_.unconfirmed();
    for (; messages_sent_ < all.size(); ++messages_sent_) unsent.push_back(all[messages_sent_]);
  }
  for (auto& l : unsent) send_control_frame(std::move(l));
}

void peer::send_beats(clock_ns now) {
  if (now < beat_at_ns_) return;
  ++beats_;
  beat_at_ns_ = now + (beats_ < first_beats ? first_beats_ns : core_.options.heartbeat_ms * ms);
  send_control_frame(beat{beats_, monotonic_ns(), echo_sent_ns_, echo_received_ns_});
  std::lock_guard lock(books_);
  lane_.put_beat(beats_);
}

void peer::work(clock_ns now) {
  std::string broken;
  phase at;
  peer_state state;
  bool first_link = false;
  auto verdict = liveness::verdict::alive;
  std::int64_t control_ms = 0, data_ms = 0;
  {
    std::lock_guard lock(books_);
    broken = std::exchange(broken_, "");
    first_link = std::exchange(first_link_, false);
    at = phase_;
    state = state_;
    verdict = live_.judge(now);
    control_ms = live_.control_silent_ns(now) / ms;
    data_ms = live_.data_silent_ns(now) / ms;
  }
  if (reader_ && reader_->broken()) broken = "its shared memory holds no messages";
  std::string lost;
  if (!broken.empty() && at != phase::idle)
    lost = broken;
  else if (at == phase::up && verdict == liveness::verdict::dead)
    lost = fmt::format("silent: control lane for {} ms, data lane for {} ms", control_ms, data_ms);
  else if (at == phase::greeting &&
           now >= (tcp_connected_ ? deadline_ns_ : std::min(deadline_ns_, tcp_deadline_ns_)))
    lost = fmt::format("no answer at {}", options_.address);
  else if (at == phase::lanes && now >= deadline_ns_)
    lost = "its data lane does not answer";
  if (!lost.empty()) {
    lose(peer_state::lost, lost);
    at = phase::idle;
  } else if (at == phase::up && verdict == liveness::verdict::suspect && state == peer_state::up) {
    change(peer_state::suspect,
           fmt::format("control lane silent for {} ms, data lane for {} ms", control_ms, data_ms));
  } else if (at == phase::up && verdict == liveness::verdict::alive &&
             state == peer_state::suspect) {
    change(peer_state::up, "heard again");
  } else if (at == phase::idle && who_.active()) {
    judge_answerer(now);
  } else if (at == phase::idle && connects() && now >= retry_at_ns_) {
    dial(now);
  }
  if (at == phase::up) {
    if (offer_due_ || first_link) offer_arena();
    if (their_offer_) offered(*std::exchange(their_offer_, {}));
    send_messages();
    send_beats(now);
    send_acks(now);
  }
  std::lock_guard lock(books_);
  lane_.flush();
  due_ns_ = now + 250 * ms;
  if (phase_ == phase::up) {
    due_ns_ = beat_at_ns_;
    if (ack_at_ns_ != 0) due_ns_ = std::min(due_ns_, ack_at_ns_);
  } else if (phase_ == phase::idle && who_.active()) {
    due_ns_ = now + who_answers::look_ns;
  } else if (phase_ == phase::idle && connects()) {
    due_ns_ = retry_at_ns_;
  } else if (phase_ == phase::greeting && !tcp_connected_) {
    due_ns_ = std::min(due_ns_, tcp_deadline_ns_);
  }
}

void peer::forgive(std::int64_t slept_ns, clock_ns now) {
  std::lock_guard lock(books_);
  live_.forgive(slept_ns, now);
}

bool peer::is_connection(std::uint64_t connection) const {
  std::lock_guard lock(books_);
  return phase_ != phase::idle && connection_ == connection;
}

// ---------------------------------------------------------------------------- links come and go

// Over a link that is only added nothing goes, and nothing is told: both sides add it before one of
// them grants.
void peer::add_link(const remote_link& l) {
  std::lock_guard lock(books_);
  first_link_ = first_link_ || (out_.empty() && in_.empty());
  if (l.outgoing) {
    if (const auto [at, fresh] = out_.emplace(l.id, l); !fresh) at->second.change(l);
  } else {
    const auto [at, fresh] = in_.emplace(l.id, l);
    if (fresh)
      at->second.hold();
    else
      at->second.change(l);
  }
}

void peer::open_link(std::uint32_t link) {
  std::lock_guard lock(books_);
  auto& l = in_.at(link);
  if (l.is_open()) return;  // it was here before, and goes on with its numbers
  l.open();
  lane_.put(link, l.resume());
}

void peer::change_link(const remote_link& o) {
  std::lock_guard lock(books_);
  if (o.outgoing) return out_.at(o.id).change(o);
  auto& l = in_.at(o.id);
  l.change(o);
  if (lane_.is_open() && l.ack_pending()) lane_.put(o.id, l.ack());
}

void peer::retire_link(std::uint32_t link) {
  std::lock_guard lock(books_);
  if (const auto l = out_.find(link); l != out_.end()) l->second.retire();
  if (const auto l = in_.find(link); l != in_.end()) l->second.retire();
}

// First on each connection. books_ is held.
void peer::grant_all() {
  for (auto& [id, l] : in_)
    if (l.is_open()) lane_.put(id, l.resume());
}

// ---------------------------------------------------------------------------- what it says

bool peer::all_confirmed() const {
  std::lock_guard lock(books_);
  if (!messages_.unconfirmed().empty() && phase_ == phase::up) return false;
  for (const auto& [id, l] : out_)
    if (l.account().in_flight > 0) return false;
  return true;
}

void peer::accounts(std::vector<wire_account>& out) const {
  std::lock_guard lock(books_);
  for (const auto& [id, l] : out_)
    if (!l.is_void()) out.push_back(l.account());
  for (const auto& [id, l] : in_)
    if (!l.is_void()) out.push_back(l.account());
}

peer_status peer::status() const {
  const auto now = monotonic_ns();
  std::lock_guard lock(books_);
  peer_status s;
  s.name = options_.name;
  s.state = state_;
  s.reason = reason_;
  s.state_ms = (now - state_since_ns_) / ms;
  s.rtt_ns = clock_.min_rtt_ns();
  s.clock = clock_.status(now);
  if (phase_ == phase::up) {
    s.control_silent_ms = live_.control_silent_ns(now) / ms;
    s.data_silent_ms = live_.data_silent_ns(now) / ms;
  }
  s.bytes_out = lane_.bytes;
  s.bytes_in = bytes_in_;
  s.connects = connects_count_;
  s.incarnation = known_;
  s.malformed = malformed_;
  s.shared_memory = lane_.writer() != nullptr;
  s.shm_packets = lane_.shm_packets;
  s.shm_fallbacks = lane_.shm_fallbacks;
  s.shm_in_place = lane_.shm_in_place;
  s.shm_reason = shm_reason_;
  return s;
}

void peer::close() {
  bool up = false;
  {
    std::lock_guard lock(books_);
    lane_.flush();
    up = phase_ == phase::up;
  }
  if (up) send_control_frame(goodbye{"it ended"});
  if (control_) control_->linger();
  auto reader = std::move(reader_);
  reader.reset();
  std::lock_guard lock(books_);
  phase_ = phase::idle;
  lane_.close();
  for (auto& [id, l] : out_) l.close();
}

}  // namespace hocket::wire
