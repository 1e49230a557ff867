#pragma once

#include "actors/record/recording.hpp"
#include "graph/contract/component.hpp"
#include "graph/spec/plan.hpp"

/// A source that also takes packets, and of whose own words none are in the recording: a screen with
/// a keyboard at which nobody typed. There is nothing to play of it, and what it was given it is given
/// again.
namespace hocket::replay {

/// True where `actor` of `graph` is one.
bool only_listened(const plan& graph, actor_index actor, const record::recording& from);

/// The type without its source: what it would produce, it does not. `original` must outlive it.
component_type listener_type(const component_type& original);

}  // namespace hocket::replay
