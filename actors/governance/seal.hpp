// A sum of each page of a file, beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <vector>

#include "actors/governance/ledger.hpp"
#include "graph/core/result.hpp"

namespace hocket::governance {

inline constexpr std::size_t seal_page_bytes = 4096;

/// SHA-256 of each page of a file. *Errors*: ledger.cannot_open.
result<std::vector<std::string>> page_sums(const std::string& path);
std::string page_sum(std::string_view bytes);

/// Writes `path + ".seal"`, whole or not at all: the newest entry's number and hash, the file's size, a
/// SHA-256 of each page, and one of all that. *Errors*: ledger.cannot_write.
result<void> write_seal(const std::string& path, const std::pair<std::int64_t, std::string>& head,
                        std::uint64_t size_bytes, const std::vector<std::string>& sums);

/// The newest entry's number and hash as they were sealed; 0 and "" for a ledger without entries, none
/// where the seal is missing or was changed.
std::optional<std::pair<std::int64_t, std::string>> sealed_head(const std::string& path);

/// What differs from the seal, by pages. `quick`: the first difference only. *Errors*:
/// ledger.cannot_open: the file cannot be read.
result<std::vector<finding>> compare_seal(const std::string& path, bool quick);

}  // namespace hocket::governance
