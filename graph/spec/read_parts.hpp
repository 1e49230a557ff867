#pragma once

#include <optional>
#include <string>

#include "graph/spec/spec.hpp"

/// The parts of `read_graph`.
namespace hocket::spec {

/// Refuses what is no lower-case word: `name.bad`. `what` is "actor", "host", "input", ...
void check_name(const std::string& what, const std::string& name, const source_mark& where,
                diagnostics& findings);

/// `dotted`: the name may have dots, as those of actors from included files.
actor_spec read_actor(const value::entry& entry, bool dotted, diagnostics& findings);

/// `actor.port` or a map with `from`; nothing where it is neither (link.syntax).
std::optional<link_spec> read_link(const value& item, const std::string& owner,
                                   diagnostics& findings);

}  // namespace hocket::spec
