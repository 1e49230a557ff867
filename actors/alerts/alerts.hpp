#pragma once

#include <memory>
#include <string>

#include "actors/alerts/thresholds.hpp"
#include "graph/contract/component.hpp"
#include "graph/contract/registry.hpp"
#include "graph/contract/run_figures.hpp"

namespace hocket::alerts {

/// What a rule sees at one look.
struct sight {
  double value = 0;
  std::string where = {};  ///< the largest shares: "mic.audio > ears.audio too_old 12"
};

/// What one kind of alert looks at.
class rule {
 public:
  virtual ~rule() = default;
  virtual sight look(timestamp now, const run_figures& run) = 0;
  virtual latch::limits limits() const = 0;
  /// "12 packets dropped in 10 s": what `value` counts.
  virtual std::string text(const sight& s) const = 0;
};

/// A component of the group `alert`: a rule over what the run counts of itself, raised and cleared.
///
/// Inputs: none. Outputs: alerts: text of role `alert`, JSON: {"alert": the actor, "state": "raised" or
/// "cleared", "value", "above", "text", "t_s"}; to every conversation, and once to nobody's (session
/// none), which is what webhook.sink sends.
/// Also: a line of the event log for each change; counters `active` (1 or 0) and `raised`.
/// *Errors*: alerts.no_run: where no run counts anything.
class alert : public component {
 public:
  explicit alert(std::unique_ptr<rule> what) : what_(std::move(what)), state_(what_->limits()) {}
  result<void> open(const context&) final;
  result<void> tick(std::int64_t micro_turn, emitter&) final;
  result<void> close(emitter&) final;

 protected:
  static component_info info_of(const char* type, const char* summary);

 private:
  void tell(const sight& s, bool is_raised, timestamp now, emitter& out);

  std::unique_ptr<rule> what_;
  latch state_;
  context context_;
  const run_watch* run_ = nullptr;
};

/// alert.budget_missed, alert.dropped, alert.restarted, alert.silent, alert.host_lost.
result<void> register_alerts(registry& into);

}  // namespace hocket::alerts
