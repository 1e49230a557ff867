#pragma once

#include <string>

#include "actors/record/mcap_file.hpp"

namespace hocket::record {

/// What is wrong with the sealed file that a source reads: its end is missing, or something stands
/// behind it. Empty where nothing is, and of a file that is not sealed.
std::string seal_problem(const byte_source& of);

}  // namespace hocket::record
