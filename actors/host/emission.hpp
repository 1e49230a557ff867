#pragma once

#include <vector>

#include "actors/host/cell.hpp"

namespace hocket::host {

/// The emitter of one call into a component: fills headers, checks packets, puts them into the
/// receivers' queues.
class emission final : public emitter {
 public:
  emission(cell& c, instance& who, std::int64_t started_ns)
      : cell_(c), who_(who), started_ns_(started_ns) {}

  /// The session of the emits that follow, and what they derive from.
  void aim(std::shared_ptr<outlet> out, epoch_number epoch, const origin& from) {
    out_ = std::move(out);
    epoch_ = epoch;
    from_ = from;
  }
  /// For calls with sets of several sessions.
  void offer(const std::vector<bundle>* sets, const std::vector<origin>* origins) {
    sets_ = sets;
    origins_ = origins;
  }

  void emit(std::size_t port, packet p) override;
  void interrupt() override;
  void for_session(session_id session) override;

 private:
  void emit_to(outlet& out, std::size_t port, packet p, epoch_number epoch);
  void mark(outlet& out, std::size_t port, const packet& p, const control& what);
  void refuse_bad(outlet& out, std::size_t port, const std::string& why);

  cell& cell_;
  instance& who_;
  std::shared_ptr<outlet> out_;
  epoch_number epoch_ = 0;
  origin from_;
  std::int64_t started_ns_ = 0;
  const std::vector<bundle>* sets_ = nullptr;
  const std::vector<origin>* origins_ = nullptr;
  std::vector<std::pair<session_id, epoch_number>> raised_;
};

/// The mailbox_handle of one life of a component.
std::shared_ptr<mailbox_handle> make_mailbox(std::weak_ptr<cell> c, std::weak_ptr<instance> who);

}  // namespace hocket::host
