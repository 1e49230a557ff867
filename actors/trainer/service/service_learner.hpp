#pragma once

#include <memory>

#include "actors/trainer/learner.hpp"
#include "actors/trainer/service/service_session.hpp"

namespace hocket::trainer {

/// Whether a service of the Tinker API can do what a graph asks for, and may be sent it.
/// Errors (train.bad_service): the key of the configuration, and what would be valid.
result<void> check_service(const round_settings& s);

/// Each round is a session of its own: made, or loaded from what the round before kept there; its steps; kept,
/// fetched, checked, and over. Nothing is held there between rounds but checkpoints, and a round that failed leaves
/// what the next one goes on from as it was.
/// Errors: train.service_* (service_call), train.wrong_adapter, train.bad_archive (adapter_archive); of
/// `back_to` train.service_lost (no adapter that came from there).
std::unique_ptr<learner> make_service_learner(const round_settings& s,
                                              service_reach reach = reach_over_http());

}  // namespace hocket::trainer
