#pragma once

#include <vector>

#include "actors/host/actor/actor_cell.hpp"
#include "actors/host/actor/send.hpp"

namespace hocket::host {

/// The emitter of one call into a component: fills headers, checks packets, puts them into the
/// receivers' queues.
class emission final : public emitter {
 public:
  emission(actor_cell& c, instance& who, std::int64_t started_ns)
      : cell_(c), who_(who), started_ns_(started_ns) {}

  /// The session of the emits that follow, and what they derive from.
  void set_target(std::shared_ptr<session_outputs> out, epoch_number epoch, const origin& from) {
    out_ = std::move(out);
    epoch_ = cell_.call_epoch_ = epoch;
    derive(from.known, from.ts, from.ns, from.queued_ns, from.known ? &from.hops : nullptr);
  }
  /// The same, from one packet; it must stay where it is during the call.
  void set_target(std::shared_ptr<session_outputs> out, epoch_number epoch,
                  const queued_packet& from) {
    out_ = std::move(out);
    epoch_ = cell_.call_epoch_ = epoch;
    const auto& h = from.item.header;
    derive(true, h.origin_ts, h.origin_ns, from.queued_ns, &h.way);
  }
  /// For calls with sets of several sessions.
  void set_bundles(const std::vector<bundle>* sets, const std::vector<origin>* origins) {
    bundles_ = sets;
    origins_ = origins;
  }

  void emit(std::size_t port, packet p) override;
  writable_buffer allocate(std::size_t port, std::size_t size_bytes) override;
  void interrupt() override;
  void for_session(session_id session) override;

  /// A packet from outside the graph, in the cell's turn: send.cpp.
  static void post(actor_cell& to, std::size_t port, session_id session, payload what,
                   const sent_told& told);

 private:
  void say_for(session_id to, std::size_t port, const payload& what, const sent_told& told);
  void derive(bool known, timestamp ts, std::int64_t ns, std::int64_t queued_ns,
              const trace* hops) {
    known_ = known;
    origin_ts_ = ts;
    origin_ns_ = ns;
    queued_ns_ = queued_ns;
    trace_ = hops;
  }
  void emit_to(session_outputs& out, std::size_t port, packet&& p, epoch_number epoch);
  void emit_marker(session_outputs& out, std::size_t port, const packet& p, const control& what);
  void count_lost(std::size_t port, const packet& p, drop_reason why);
  void refuse_bad(session_outputs& out, std::size_t port, const std::string& why);

  actor_cell& cell_;
  instance& who_;
  std::shared_ptr<session_outputs> out_;
  epoch_number epoch_ = 0;
  bool known_ = false;
  timestamp origin_ts_;
  std::int64_t origin_ns_ = 0;
  std::int64_t queued_ns_ = 0;
  const trace* trace_ = nullptr;  ///< where known_
  std::int64_t started_ns_ = 0;
  const std::vector<bundle>* bundles_ = nullptr;
  const std::vector<origin>* origins_ = nullptr;
  std::vector<std::pair<session_id, epoch_number>> raised_;
};

/// The mailbox_handle of one life of a component.
std::shared_ptr<mailbox_handle> make_mailbox(std::weak_ptr<actor_cell> c,
                                             std::weak_ptr<instance> who);

}  // namespace hocket::host
