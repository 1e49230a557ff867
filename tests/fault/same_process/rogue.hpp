#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "graph/contract/registry.hpp"

/// Components that misbehave in the run itself in every way that its process survives.
namespace hocket::unruly {

/// What the kernel has to do with (a crash, an end of the process, all of its memory) is not here: no
/// code of the same process survives it, and `tests/fault/own_process` has those ways.
enum class fate {
  goes_on,     ///< nothing is lost; what it says of itself is clean and bounded
  bad_packet,  ///< nothing is lost but what it should not have said, and the event log says why
  fails,       ///< its failure is told, and it begins anew
  hangs,       ///< the same, by the watchdog
  lost,        ///< it does not come back; all others do
  no_start,    ///< the run says whose fault it is, and does not begin
};

class rogue;
/// `out`: where the call has an emitter.
using act = std::function<result<void>(rogue&, emitter* out)>;
/// What returns no error.
template <class F>
act doing(F f) {
  return [f](rogue& r, emitter* out) -> result<void> {
    f(r, out);
    return {};
  };
}

struct way {
  const char* name;
  const char* when;  ///< process, make, open, reopen, tick, control, task, close, destroy, thread,
                     ///< "thread that stays" (when the run is over)
  fate becomes;
  const char* said;  ///< has to stand in what the run says of the actor
  act does;
  /// In which of the two runs. What only the wall's clock, or only a virtual one, brings to its end.
  enum class clocks { both, virtual_only, real_only } where = clocks::both;
};
/// All of them: what they say, what they emit, what they do with what they were given.
const std::vector<way>& ways();
void add_failures(std::vector<way>& to);
void add_packets(std::vector<way>& to);
void add_surroundings(std::vector<way>& to);

/// Relays words, and misbehaves at the third (or when its way says so) in its first life.
class rogue final : public component {
 public:
  struct config {
    std::string how;
    void visit(config_visitor& v);
  };
  static component_info info();
  explicit rogue(config c);
  ~rogue() override;
  result<void> open(const context& c) override;
  result<void> process(std::size_t port, const packet& p, emitter& out) override;
  result<void> tick(std::int64_t k, emitter& out) override;
  result<void> on_control(std::size_t port, const packet& p, emitter& out) override;
  result<void> close(emitter& out) override;

  context where;
  timestamp at;                      ///< of the packet in hand
  std::vector<packet> kept;          ///< all that it ever got
  std::shared_ptr<const void> keep;  ///< work under way

 private:
  result<void> act_at(std::string_view when, emitter* out);
  const way& how_;
  int packets_ = 0;
};

/// unruly.rogue; unruly.words (ten numbered words, one each 20 ms), unruly.relay, and unruly.ears,
/// which judges each packet by rules of its own.
registry types();

/// What the ears of one run heard, by their actor, and what their own rules say against it.
struct heard {
  std::vector<std::string> words;
  std::vector<std::string> faults;
};
heard heard_by(const std::string& actor);
/// Forgets what was heard; whoever hangs does so until released.
void begin();
/// The first time of this way since begin().
bool is_first(const way& w);
/// Lets go whoever hangs, and waits for the threads of components.
void release();
bool is_released();
void wait_until_released();
/// A thread that outlives its component; release() waits for it.
void in_thread(std::function<void()> f);

}  // namespace hocket::unruly
