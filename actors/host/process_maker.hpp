#pragma once

#include <memory>
#include <optional>
#include <string>

#include "graph/contract/component.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::host {

/// Who makes the components of actors with `process: own` (actors/process). Threads: any.
class process_maker {
 public:
  virtual ~process_maker() = default;
  virtual std::unique_ptr<component> make(const plan_actor& actor, config_base& config,
                                          const std::string& output_dir) = 0;
  /// Room for a payload that goes to one of them alone, in memory that its process sees too: it
  /// crosses without a copy. Nothing where there is none.
  virtual std::optional<writable_buffer> allocate(const plan_actor& actor, session_id session,
                                                  std::size_t size_bytes) = 0;
};

/// The one of this program, which is what its children are, too. None: such an actor does not open.
/// To be set before a run starts.
void set_process_maker(std::shared_ptr<process_maker> maker);
std::shared_ptr<process_maker> the_process_maker();

}  // namespace hocket::host
