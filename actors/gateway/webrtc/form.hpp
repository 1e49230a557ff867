#pragma once

#include <map>
#include <string>
#include <string_view>

#include "graph/core/result.hpp"

namespace hocket::gateway::webrtc {

/// The fields of a form as browsers and apps send one (multipart/form-data, RFC 7578), by name; a name
/// that comes twice keeps its first value. Names of files and types of the fields are not told.
///
/// Errors: gateway.bad_form (no boundary, not closed, a head that is none, more than 16 fields).
result<std::map<std::string, std::string>> read_form(std::string_view content_type,
                                                     std::string_view body);

}  // namespace hocket::gateway::webrtc
