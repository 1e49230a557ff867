#include "actors/governance/seal.hpp"

#include <sstream>

#include <fmt/format.h>

#include "actors/http/digest.hpp"
#include "engine/language/files/mapped_file.hpp"
#include "graph/trust/files.hpp"

namespace hocket::governance {
namespace {

constexpr std::size_t most_bytes = std::size_t{4} << 30;

std::vector<std::string> sums_of(std::string_view bytes) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < bytes.size(); at += seal_page_bytes)
    out.push_back(page_sum(bytes.substr(at, seal_page_bytes)));
  return out;
}

std::string page_name(std::size_t page) {
  return fmt::format("page {} (bytes {} to {})", page + 1, page * seal_page_bytes,
                     (page + 1) * seal_page_bytes - 1);
}

/// What stands in a seal before its own sum.
result<std::string> read_seal(const std::string& path) {
  const auto text = language::read_text(path + ".seal", most_bytes);
  if (!text) return fail("ledger.broken", "the seal is missing");
  const auto last = text->rfind("all ");
  if (last == text->npos ||
      text->substr(last) != "all " + http::sha256_hex(text->substr(0, last)) + "\n")
    return fail("ledger.broken", "the seal itself was changed");
  return text->substr(0, last);
}

}  // namespace

std::string page_sum(std::string_view bytes) { return http::sha256_hex(bytes); }

result<std::vector<std::string>> page_sums(const std::string& path) {
  const auto bytes = language::read_text(path, most_bytes);
  if (!bytes) return fail("ledger.cannot_open", bytes.error().message);
  return sums_of(*bytes);
}

result<void> write_seal(const std::string& path, const std::pair<std::int64_t, std::string>& head,
                        std::uint64_t size_bytes, const std::vector<std::string>& sums) {
  auto text = fmt::format("hocket seal 1\nhead {} {}\nsize {}\n", head.first,
                          head.second.empty() ? "-" : head.second, size_bytes);
  for (const auto& sum : sums) text += sum + "\n";
  text += "all " + http::sha256_hex(text) + "\n";
  const auto done = trust::write_file(path + ".seal", text);
  if (!done) return fail("ledger.cannot_write", done.error().message);
  return {};
}

std::optional<std::pair<std::int64_t, std::string>> sealed_head(const std::string& path) {
  const auto seal = read_seal(path);
  if (!seal) return std::nullopt;
  std::istringstream lines(*seal);
  std::string line, word, hash;
  std::int64_t seq = 0;
  std::getline(lines, line);
  if (!(lines >> word >> seq >> hash)) return std::nullopt;
  return std::pair{seq, hash == "-" ? std::string() : hash};
}

result<std::vector<finding>> compare_seal(const std::string& path, bool quick) {
  std::vector<finding> wrong;
  const auto bytes = language::read_text(path, most_bytes);
  if (!bytes) return fail("ledger.cannot_open", bytes.error().message);
  const auto seal = read_seal(path);
  if (!seal) {
    wrong.push_back({path + ".seal", seal.error().message});
    return wrong;
  }
  std::istringstream lines(*seal);
  std::string line;
  std::getline(lines, line);
  std::getline(lines, line);
  std::size_t size = 0;
  std::string word;
  lines >> word >> size;
  std::getline(lines, line);
  if (size != bytes->size())
    wrong.push_back({path, fmt::format("it has {} bytes, sealed were {}", bytes->size(), size)});
  const auto sums = sums_of(*bytes);
  for (std::size_t page = 0; std::getline(lines, line); ++page) {
    if (page < sums.size() && sums[page] == line) continue;
    wrong.push_back({page_name(page), page < sums.size()
                                          ? "its bytes are not those that were sealed"
                                          : "it is missing"});
    if (quick) break;
  }
  return wrong;
}

}  // namespace hocket::governance
