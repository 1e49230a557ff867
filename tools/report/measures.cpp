#include "tools/report/measures.hpp"

#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/trust/files.hpp"
#include "tools/report/revision.hpp"  // generated at build time

namespace hocket::report {
namespace {

using json = nlohmann::ordered_json;

std::string first_line_value(const char* path, std::string_view key, char separator) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const auto at = line.find(separator);
    if (at == std::string::npos) continue;
    auto text = line.substr(at + 1);
    const auto from = text.find_first_not_of(" \t\"");
    const auto to = text.find_last_not_of(" \t\"");
    return from == std::string::npos ? "" : text.substr(from, to - from + 1);
  }
  return "";
}

/// Four significant digits: more would pretend to know more than a benchmark does.
std::string short_number(double v) {
  if (!std::isfinite(v)) return "n/a";
  const double size = std::fabs(v);
  if (v == std::floor(v) && size < 1e7) return fmt::format("{:.0f}", v);
  if (size >= 1000) return fmt::format("{:.0f}", v);
  if (size >= 100) return fmt::format("{:.1f}", v);
  if (size >= 10) return fmt::format("{:.2f}", v);
  return size >= 1 ? fmt::format("{:.3f}", v) : fmt::format("{:.4g}", v);
}

json or_null(const std::optional<double>& v) { return v && std::isfinite(*v) ? json(*v) : json(); }

}  // namespace

std::optional<bool> measure::met() const {
  if (!target || good == goal::none || !not_run.empty()) return std::nullopt;
  if (!std::isfinite(value)) return false;
  return good == goal::at_most ? value <= *target : value >= *target;
}

machine_info this_machine() {
  machine_info m;
  m.cpu = first_line_value("/proc/cpuinfo", "model name", ':');
  if (m.cpu.empty()) m.cpu = "unknown";
  m.cores = static_cast<int>(std::thread::hardware_concurrency());
  struct sysinfo memory {};
  if (sysinfo(&memory) == 0)
    m.memory_gib = static_cast<double>(memory.totalram) * memory.mem_unit / (1024.0 * 1024 * 1024);
  m.memory_gib = std::round(m.memory_gib * 10) / 10;
  m.os = first_line_value("/etc/os-release", "PRETTY_NAME", '=');
  struct utsname kernel {};
  if (uname(&kernel) == 0)
    m.os += fmt::format("{}{} {}", m.os.empty() ? "" : ", ", kernel.sysname, kernel.release);
#if defined(__clang__)
  m.compiler =
      fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  m.compiler = fmt::format("gcc {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
  m.libtorch = HOCKET_LIBTORCH_VERSION;
  return m;
}

std::string revision() { return HOCKET_REVISION; }
std::string version() { return HOCKET_VERSION; }

void measures::append(const measures& other) {
  items_.insert(items_.end(), other.items_.begin(), other.items_.end());
  notes_.insert(notes_.end(), other.notes_.begin(), other.notes_.end());
}

bool measures::all_met() const {
  for (const auto& m : items_)
    if (m.met() == false) return false;
  return true;
}

std::string measures::to_json() const {
  json list = json::array();
  for (const auto& m : items_) {
    list.push_back({{"name", m.name},
                    {"value", m.not_run.empty() ? or_null(m.value) : json()},
                    {"unit", m.unit},
                    {"low", or_null(m.low)},
                    {"high", or_null(m.high)},
                    {"target", or_null(m.target)},
                    {"met", m.met() ? json(*m.met()) : json()},
                    {"n", m.n}});
    if (!m.not_run.empty()) list.back()["not_run"] = m.not_run;
  }
  const auto m = this_machine();
  json all = {{"measures", list},
              {"machine",
               {{"cpu", m.cpu},
                {"cores", m.cores},
                {"memory_gib", m.memory_gib},
                {"os", m.os},
                {"compiler", m.compiler},
                {"libtorch", m.libtorch}}},
              {"revision", revision()}};
  if (!notes_.empty()) all["notes"] = notes_;
  return all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string measures::to_table() const {
  std::size_t wide = 8;
  for (const auto& m : items_) wide = std::max(wide, m.name.size());
  std::string out = fmt::format("{:<{}}  {:>10} {:<8} {:>19}  {:>10}  {:<4} {:>8}\n", "measure",
                                wide, "value", "unit", "low .. high", "target", "met", "n");
  for (const auto& m : items_) {
    const auto range =
        m.low && m.high ? short_number(*m.low) + " .. " + short_number(*m.high) : std::string();
    const auto target =
        m.target ? (m.good == goal::at_least ? ">= " : "<= ") + short_number(*m.target) : "";
    const auto met = m.met();
    out += fmt::format("{:<{}}  {:>10} {:<8} {:>19}  {:>10}  {:<4} {:>8}\n", m.name, wide,
                       m.not_run.empty() ? short_number(m.value) : "not run", m.unit, range, target,
                       !met   ? ""
                       : *met ? "yes"
                              : "NO",
                       m.n ? std::to_string(m.n) : "");
    if (!m.not_run.empty()) out.insert(out.size() - 1, "  " + m.not_run);
  }
  for (const auto& sentence : notes_) out += "note: " + sentence + "\n";
  const auto m = this_machine();
  return out + fmt::format("on {}, {} cores, {:.1f} GiB, {}, {}, libtorch {}, revision {}\n", m.cpu,
                           m.cores, m.memory_gib, m.os, m.compiler, m.libtorch, revision());
}

int measures::print(bool json) const {
  const auto text = json ? to_json() : to_table();
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  return 0;
}

bool measures::save(const std::string& path) const {
  const auto done = trust::write_file(path, to_json());
  if (done) return true;
  fmt::print(stderr, "error: cannot write {}\n", done.error().message);
  return false;
}

}  // namespace hocket::report
