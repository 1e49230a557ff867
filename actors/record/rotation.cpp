#include "actors/record/rotation.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include <fmt/format.h>

#include "graph/trust/files.hpp"

namespace hocket::record {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t minute_ns = 60'000'000'000, retry_ns = 1'000'000'000;
constexpr std::int64_t mib_max = 1 << 20, minutes_max = 10'080, keep_max = 9'999;
constexpr auto usage = "write `mib=64`, `minutes=10` or both, and `keep=24` for how many stay";

/// The number in `talk.part0003.mcap`, as a piece of `talk.mcap`; 0: none.
int number_in(const std::string& name, const fs::path& of) {
  const auto begin = of.stem().string() + ".part", end = of.extension().string();
  if (name.size() < begin.size() + 4 + end.size() || !name.starts_with(begin) ||
      !name.ends_with(end))
    return 0;
  const auto digits =
      std::string_view(name).substr(begin.size(), name.size() - begin.size() - end.size());
  int n = 0;
  const auto [to, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  return failed == std::errc() && to == digits.data() + digits.size() && n > 0 ? n : 0;
}

std::vector<std::pair<int, std::string>> numbered(const std::string& path) {
  std::vector<std::pair<int, std::string>> out;
  const auto folder = fs::path(path).parent_path();
  std::error_code failed;
  for (fs::directory_iterator at(folder.empty() ? "." : folder, failed), end; !failed && at != end;
       at.increment(failed)) {
    const auto name = at->path().filename().string();
    if (const int n = number_in(name, fs::path(path)); n > 0)
      out.emplace_back(n, (folder / name).string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

void remove_file(const std::string& path) {
  if (const auto at = trust::folder::above(path, trust::readers::owner))
    (void)at->first.remove(at->second);
}

}  // namespace

void rotation_limits::visit(config_visitor& v) {
  v.field({.name = "rotate.mib",
           .doc = "a new file is begun where this one has become so large; 0: never",
           .unit = "mib",
           .min = 0,
           .max = static_cast<double>(mib_max)},
          mib);
  v.field({.name = "rotate.minutes",
           .doc = "and after so long; the ended ones are NAME.part0001.EXT and so on; 0: never",
           .unit = "minutes",
           .min = 0,
           .max = static_cast<double>(minutes_max)},
          minutes);
  v.field({.name = "rotate.keep",
           .doc = "how many ended ones stay, the oldest goes; 0: all",
           .min = 0,
           .max = static_cast<double>(keep_max)},
          keep);
}

result<rotation_limits> read_rotation(const std::string& text) {
  const auto bad = [&](const std::string& what) {
    return fail("cli.bad-rotate", fmt::format("--rotate `{}`: {}; {}", text, what, usage));
  };
  rotation_limits out;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    const auto one = text.substr(at, end - at);
    const auto equals = one.find('=');
    const auto key = one.substr(0, equals);
    auto* to = key == "mib"       ? &out.mib
               : key == "minutes" ? &out.minutes
               : key == "keep"    ? &out.keep
                                  : nullptr;
    if (to == nullptr || equals == one.npos) return bad(fmt::format("`{}` is no limit", one));
    const auto most = key == "mib" ? mib_max : key == "minutes" ? minutes_max : keep_max;
    const auto* first = one.data() + equals + 1;
    const auto* last = one.data() + one.size();
    const auto [stop, failed] = std::from_chars(first, last, *to);
    if (failed != std::errc() || stop != last || *to < 1 || *to > most)
      return bad(fmt::format("`{}` takes a whole number from 1 to {}", key, most));
    at = end + 1;
  }
  if (!out.on()) return bad("it says no size and no time");
  return out;
}

int piece_number(const std::string& path, const std::string& piece) {
  return number_in(fs::path(piece).filename().string(), fs::path(path));
}

std::string piece_path(const std::string& path, int number) {
  const fs::path p(path);
  return (p.parent_path() /
          fmt::format("{}.part{:04}{}", p.stem().string(), number, p.extension().string()))
      .string();
}

std::vector<std::string> pieces_of(const std::string& path) {
  std::vector<std::string> out;
  for (auto& [n, file] : numbered(path)) out.push_back(std::move(file));
  return out;
}

rotation::rotation(std::string path, rotation_limits limits, bool goes_on)
    : path_(std::move(path)), limits_(limits), goes_on_(goes_on) {
  if (!goes_on) return;
  if (const auto there = numbered(path_); !there.empty()) {
    number_ = there.back().first + 1;
    removed_to_ = there.front().first - 1;
  }
}

bool rotation::due(std::uint64_t bytes, std::int64_t at_ns) {
  if (!on()) return false;
  if (!began_) {
    began_ = true;
    began_ns_ = at_ns;
  }
  if (at_ns < not_before_ns_) return false;
  return (limits_.mib > 0 && bytes >= static_cast<std::uint64_t>(limits_.mib) << 20) ||
         (limits_.minutes > 0 && at_ns - began_ns_ >= limits_.minutes * minute_ns);
}

void rotation::postpone(std::int64_t at_ns) { not_before_ns_ = at_ns + retry_ns; }

result<void> rotation::turn(std::int64_t at_ns) {
  if (!turned_ && !goes_on_)
    for (const auto& file : pieces_of(path_)) remove_file(file);  // of a run before
  turned_ = true;
  const auto ended = piece_path(path_, number_);
  if (auto done = trust::rename_file(path_, ended); !done) {
    remove_file(next_path());
    postpone(at_ns);
    return done;
  }
  if (auto done = trust::rename_file(next_path(), path_); !done) {
    (void)trust::rename_file(ended, path_);
    remove_file(next_path());
    postpone(at_ns);
    return done;
  }
  ++number_;
  began_ns_ = at_ns;
  began_ = true;
  while (limits_.keep > 0 && number_ - 1 - removed_to_ > limits_.keep)
    remove_file(piece_path(path_, ++removed_to_));
  return {};
}

}  // namespace hocket::record
