#pragma once

#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::cli {

/// Name of the file in a model folder that holds the SHA-256 of the others, as sha256sum writes it.
inline constexpr const char* checksum_file = "SHA256SUMS";
/// SHA-256 of a file as 64 hexadecimal digits; "" where it cannot be read.
std::string file_sha256(const std::string& path);
/// What does not agree with a folder's checksum file; empty where all does. A folder without one
/// gives `missing` alone.
std::vector<std::string> checksum_faults(const std::string& folder, bool& missing);
/// Writes a model folder's checksum file anew. Errors: doctor.cannot_write.
result<void> write_checksums(const std::string& folder);

}  // namespace hocket::cli
