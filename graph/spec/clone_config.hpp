#pragma once

#include <memory>

#include "graph/contract/component.hpp"

namespace hocket::spec {

/// A copy of a checked config, field by field: making a component moves its config away, and an
/// actor is made once per session and once per restart.
std::unique_ptr<config_base> clone_config(const component_type& type, config_base& config);

}  // namespace hocket::spec
