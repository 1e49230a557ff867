#include "actors/host/actor/emission.hpp"

#include <stdexcept>

#include <fmt/format.h>

#include "actors/host/actor/check_packet.hpp"
#include "actors/host/process_maker.hpp"
#include "graph/contract/data_class.hpp"
#include "graph/spec/process.hpp"

namespace hocket::host {

void emission::emit(std::size_t port, packet p) {
  std::lock_guard guard(who_.emitting);
  if (who_.abandoned) {
    cell_.late_emits_.fetch_add(1, std::memory_order_relaxed);
    return count_lost(port, p, drop_reason::actor_restarting);
  }
  if (cell_.is_prepared())
    return;  // output of close() of one that is rolled back: it never took part
  if (port >= cell_.id().info.outputs.size())
    throw std::out_of_range(
        fmt::format("emit to output {} of {}", port, cell_.id().info.outputs.size()));
  if (!out_) {
    // The session was closed while the component worked for it.
    return count_lost(port, p, drop_reason::session_closed);
  }
  if (out_->session || !cell_.id().is_shared()) return emit_to(*out_, port, std::move(p), epoch_);
  // A shared actor without a session emits to all sessions.
  for (const auto& out : cell_.outputs().open()) emit_to(*out, port, packet(p), out->epoch());
  emit_to(*out_, port, std::move(p), 0);
}

// Nothing that a component emits leaves the books, whatever became of the instance.
void emission::count_lost(std::size_t port, const packet& p, drop_reason why) {
  if (cell_.is_prepared()) return;  // it never took part; the running plan may not know it
  const auto& ports = cell_.run_.layout().out_links[cell_.id().actor];
  if (port >= ports.size() || !p.body || as_marker(p) != nullptr) return;
  for (const auto link : ports[port]) cell_.run_.accounts.count_undeliverable(link, why);
}

writable_buffer emission::allocate(std::size_t port, std::size_t size_bytes) {
  std::lock_guard guard(who_.emitting);
  if (who_.abandoned || !out_ || port >= out_->link_ends.size())
    return writable_buffer::on_heap(size_bytes);
  const actor_cell* other = nullptr;  // a receiver in another process
  for (const auto& r : out_->link_ends[port]) {
    if (r.to->id().remote == nullptr && hocket::spec::process_of(r.to->spec()) == nullptr) continue;
    // Memory is shared between two: for more receivers, no place is better than another.
    if (other != nullptr) return writable_buffer::on_heap(size_bytes);
    other = r.to.get();
  }
  std::optional<writable_buffer> room;
  if (other != nullptr && other->id().remote != nullptr)
    room = other->id().remote->allocate(*other, size_bytes);
  else if (other != nullptr)
    if (const auto processes = the_process_maker())
      room = processes->allocate(other->spec(), other->id().session, size_bytes);
  if (room) return std::move(*room);
  return writable_buffer::on_heap(size_bytes);
}

void emission::emit_to(session_outputs& out, std::size_t port, packet&& p, epoch_number epoch) {
  auto& stream = out.streams[port];
  auto& run = cell_.run_;
  if (p.body)
    if (const auto* marker = as_marker(p)) return emit_marker(out, port, p, *marker);
  if (p.header.ts < cell_.emits_from_) {  // from before it took part
    for (auto& r : out.link_ends[port]) r.to->refuse(*r.queue, drop_reason::late);
    return;
  }
  if (stream.ended) return refuse_bad(out, port, "a packet after the end of its stream");
  const auto now_ns = monotonic_ns();
  const auto at = run.time.at(now_ns);
  if (auto why = why_bad(p, cell_.id().info.outputs[port].type, stream.last_ts, at); !why.empty())
    return refuse_bad(out, port, why);
  if (auto why = why_other_payload(p, cell_.spec(), port); !why.empty())
    return refuse_bad(out, port, why);
  stream.last_ts = p.header.ts;
  auto& h = p.header;
  h.session = out.id();
  h.stream = static_cast<std::uint32_t>(port);
  h.seq = stream.next_seq++;
  h.micro_turn = run.graph().grid.index_of(h.ts);
  h.epoch = epoch;
  h.origin_ts = known_ ? origin_ts_ : h.ts;
  h.origin_ns = known_ ? origin_ns_ : now_ns;
  if (known_)
    h.way = *trace_;
  else
    h.way = {};
  h.way.push({cell_.id().actor, known_ ? queued_ns_ : started_ns_, started_ns_, now_ns});
  cell_.packets_out_.fetch_add(1, std::memory_order_relaxed);
  if (p.body) note_said(*p.body);
  if (run.observers.any()) run.observers.emitted(cell_.id().actor, port, p);
  auto& link_ends = out.link_ends[port];
  for (std::size_t i = 0; i < link_ends.size(); ++i) {
    auto& r = link_ends[i];
    if (i + 1 == link_ends.size())
      r.to->push(*r.queue, {std::move(p), now_ns, at}, &cell_);
    else
      r.to->push(*r.queue, {p, now_ns, at}, &cell_);
  }
}

void emission::emit_marker(session_outputs& out, std::size_t port, const packet& p,
                           const control& what) {
  const bool end = what.what == control::kind::end_of_stream;
  if (auto why = why_no_time(p.header.ts, cell_.run_.now()); !end && !why.empty())
    return cell_.count_bad(port, "bound: " + why);
  // A retiring cell that another instance replaces does not end the stream any more.
  if (end && !out.link_ends[port].empty() && out.link_ends[port].front().handed_over) return;
  if (end) out.streams[port].ended = true;
  cell_.notify_marker(port, out.id(), p.header.ts, what);
  for (auto& r : out.link_ends[port]) {
    if (end)
      r.to->end_input(*r.queue);
    else
      r.to->raise_bound(*r.queue, p.header.ts);
  }
}

void emission::refuse_bad(session_outputs& out, std::size_t port, const std::string& why) {
  for (auto& r : out.link_ends[port]) r.to->refuse(*r.queue, drop_reason::bad_packet);
  cell_.count_bad(port, why);
}

void emission::interrupt() {
  if (!out_ || !out_->session) return;
  {
    std::lock_guard guard(who_.emitting);
    if (who_.abandoned) return;
  }
  cell_.run_.interrupts.raise(out_->id(), &cell_);
  epoch_ = out_->session->epoch.load();
  raised_.emplace_back(out_->id(), epoch_);
  cell_.notify_marker(0, out_->id(), cell_.run_.now(), {control::kind::interrupt, "", epoch_});
}

void emission::for_session(session_id session) {
  if (!cell_.id().is_shared()) return;
  out_ = cell_.outputs().find(session);
  epoch_ = out_ ? out_->epoch() : 0;
  derive(false, {}, 0, 0, nullptr);
  if (!bundles_) return;
  for (std::size_t i = 0; i < bundles_->size(); ++i) {
    if ((*bundles_)[i].session != session) continue;
    epoch_ = (*bundles_)[i].epoch;
    const auto& o = (*origins_)[i];
    derive(o.known, o.ts, o.ns, o.queued_ns, &o.hops);
  }
  for (const auto& [id, epoch] : raised_)
    if (id == session) epoch_ = epoch;
}

namespace {
class component_mailbox final : public mailbox_handle {
 public:
  component_mailbox(std::weak_ptr<actor_cell> c, std::weak_ptr<instance> who)
      : cell_(std::move(c)), who_(std::move(who)) {}
  bool run(std::function<void(emitter&)> f) override {
    auto c = cell_.lock();
    auto who = who_.lock();
    return c && who && c->post_task(who, std::move(f));
  }

 private:
  std::weak_ptr<actor_cell> cell_;
  std::weak_ptr<instance> who_;
};
}  // namespace

std::shared_ptr<mailbox_handle> make_mailbox(std::weak_ptr<actor_cell> c,
                                             std::weak_ptr<instance> who) {
  return std::make_shared<component_mailbox>(std::move(c), std::move(who));
}

}  // namespace hocket::host
