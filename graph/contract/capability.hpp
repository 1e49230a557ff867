#pragma once

#include "graph/contract/component.hpp"
#include "graph/trust/capability.hpp"

namespace hocket {

/// What a component may reach. Where its surroundings say nothing (a harness): what a graph of one's
/// own may, with its files beneath `output_dir`.
std::shared_ptr<const trust::capability> capability_of(const context& where);

/// The name of a run's file for this conversation: the second and later ones get their number before
/// the extension ("talk.2.wav").
std::string output_name(const context& where, const std::string& file);

/// Makes the file beneath the output folder; after a restart of the actor pass `kept` or `appended`.
/// Errors: files.outside, files.not_ours, files.cannot_write.
result<trust::file> create_output(const context& where, const std::string& file,
                                  trust::create_as how = trust::create_as::replaced);

}  // namespace hocket
