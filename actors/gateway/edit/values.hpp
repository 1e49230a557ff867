#pragma once

#include <string>

#include "actors/gateway/edit/bounded_json.hpp"
#include "graph/contract/value.hpp"

/// Values between JSON, a graph file's tree, and its text.
namespace hocket::gateway::edit {

/// A value in one line, as it may stand in brackets, too: `{a: 1, b: [x, "${param:y}"]}`.
std::string flow_text(const json& j);
/// A word, with quotes where it would read as something else without them.
std::string scalar_text(const std::string& s);

/// What a text says, without its places.
json json_of(const value& v);
value value_of(const json& j);
/// Whether two say the same; places do not count, the order of keys does.
bool same(const value& a, const value& b);

}  // namespace hocket::gateway::edit
