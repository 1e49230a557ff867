#pragma once

#include <string>
#include <vector>

#include "actors/background/language/chat.hpp"
#include "graph/contract/planner.hpp"

namespace hocket::background {

/// The addresses (http and https) that stand in the request, the conversation, `instructions` of the
/// graph and in results, each once; at most 64.
std::vector<std::string> known_addresses(const plan_view& view, const std::string& instructions);

/// Lets a schema's addresses (`format: uri`, `url`, `iri`, also in lists, nested objects, alternatives) be
/// one of `known` alone; what could not be given any more is taken out. False where that is the whole.
bool narrow_addresses(json& schema, const std::vector<std::string>& known);

/// Whether the arguments hold no address but those of `known`: at each place that the schema says is one,
/// and wherever `http://` or `https://` stands in a text.
bool addresses_are_known(const std::string& schema, const json& arguments,
                         const std::vector<std::string>& known);

}  // namespace hocket::background
