#pragma once

#include <cstdint>
#include <vector>

#include "engine/interaction/closed_loop.hpp"
#include "graph/core/result.hpp"
#include "tools/report/measures.hpp"
#include "tools/scenarios/conversation.hpp"

namespace hocket::cli {

/// Seed of the conversations that models are judged by; training never sees their split.
inline constexpr std::uint64_t heldout_seed = 900001;
/// A word counts when it comes this near to the script.
inline constexpr std::int64_t tolerance_micro_turns = 1;

/// Conversations of the held-out split (voices, whatever `source` says of it) as scripts in a model's
/// words. *Errors*: those of make_conversation.
result<std::vector<engine::script>> heldout_scripts(scenarios::source_options source,
                                                    const engine::vocabulary& words,
                                                    std::int64_t count);

/// Word recall and precision overall and per family, with 95 % bootstrap intervals over
/// conversations, and how well the person's words were recognised.
report::measures summarise_closed_loop(const engine::closed_loop_result& r);

}  // namespace hocket::cli
