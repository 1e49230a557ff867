#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace hocket::cli {

/// Regular files beneath `dir` that were written since `start`, by name. What cannot be looked at, or
/// goes meanwhile, is passed over; links are not followed.
std::vector<std::string> written_since(const std::filesystem::path& dir,
                                       std::filesystem::file_time_type start);

}  // namespace hocket::cli
