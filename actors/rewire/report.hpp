#pragma once

#include <optional>
#include <string>

#include "actors/host/run_changes.hpp"

namespace hocket::rewire {

using host::rewire_outcome;
using host::rewire_request;
using host::rewire_state;

/// As JSON, and back; none where the text is no request.
std::string to_json(const rewire_request& r);
std::optional<rewire_request> read_request(const std::string& text);

std::string to_text(const rewire_outcome& o);
/// One line of JSON, and back; what is not there keeps its default. None where it is no JSON
/// object.
std::string to_json(const rewire_outcome& o);
std::optional<rewire_outcome> read_outcome(const std::string& text);

}  // namespace hocket::rewire
