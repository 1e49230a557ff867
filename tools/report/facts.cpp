#include "tools/report/facts.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include <nlohmann/json.hpp>

#include "graph/trust/sealed/sealed.hpp"

namespace hocket::report {
namespace {

using json = nlohmann::ordered_json;

constexpr std::array kind_names = {"start",       "turn",  "text", "delegation", "tool_call",
                                   "tool_result", "event", "end",  "forgotten"};

/// Thousandths of full scale: short in the log, finer than a picture shows.
json pack(const std::array<float, level_cells::count>& cells) {
  json out = json::array();
  for (float v : cells)
    out.push_back(static_cast<int>(std::lround(std::clamp(v, 0.f, 1.f) * 1000)));
  return out;
}

json pack(const level_cells& cells) {
  return {{"peak", pack(cells.peak)}, {"rms", pack(cells.rms)}};
}

void unpack(const json& from, std::array<float, level_cells::count>& into) {
  for (std::size_t i = 0; i < into.size() && i < from.size(); ++i)
    into[i] = from[i].get<float>() / 1000.f;
}

void unpack(const json& line, const char* key, level_cells& into) {
  if (!line.contains(key)) return;
  unpack(line.at(key).at("peak"), into.peak);
  unpack(line.at(key).at("rms"), into.rms);
}

double round_to(double v, double step) { return std::round(v / step) * step; }

}  // namespace

float level_cells::loudest() const { return *std::max_element(rms.begin(), rms.end()); }
bool level_cells::silent() const { return loudest() < 0.001f; }

std::string to_json_line(const fact& f, bool with_words) {
  json line = {{"type", kind_names[static_cast<std::size_t>(f.what)]}};
  if (f.session != 0) line["session"] = f.session;
  line["t_ms"] = round_to(f.t_ms, 0.001);
  if (!f.actor.empty()) line["actor"] = f.actor;
  if (!f.role.empty()) line["role"] = f.role;
  if (!f.detail.empty()) line["detail"] = f.detail;
  if (f.request != 0) line["request"] = f.request;
  const bool words = holds_words(f.what);
  if (!f.text.empty() && (!words || with_words)) line[words ? "pii.text" : "text"] = f.text;
  if (f.what == fact::kind::start) line["micro_turn_ms"] = f.micro_turn_ms;
  if (f.what == fact::kind::turn) {
    line["turn"] = f.turn;
    line["micro_turn_ms"] = f.micro_turn_ms;
    if (f.compute_ms) line["compute_ms"] = round_to(*f.compute_ms, 0.001);
    if (f.person.loudest() > 0) line["person"] = pack(f.person);
    if (f.model.loudest() > 0) line["model"] = pack(f.model);
  }
  return line.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<fact> fact_from_json(const std::string& text) {
  const auto line = json::parse(text, nullptr, false);
  if (!line.is_object()) return std::nullopt;
  try {
    fact f;
    const auto kind = std::find(kind_names.begin(), kind_names.end(), line.at("type"));
    if (kind == kind_names.end()) return std::nullopt;
    f.what = static_cast<fact::kind>(kind - kind_names.begin());
    f.session = line.value("session", std::uint64_t{0});
    f.t_ms = line.value("t_ms", 0.0);
    f.actor = line.value("actor", "");
    f.role = line.value("role", "");
    f.detail = line.value("detail", "");
    f.request = line.value("request", std::uint64_t{0});
    f.text = line.contains("pii.text") ? line.value("pii.text", "") : line.value("text", "");
    f.turn = line.value("turn", std::int64_t{0});
    f.micro_turn_ms = line.value("micro_turn_ms", 200.0);
    if (line.contains("compute_ms")) f.compute_ms = line.at("compute_ms").get<double>();
    unpack(line, "person", f.person);
    unpack(line, "model", f.model);
    return f;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

bool holds_words(fact::kind what) {
  using enum fact::kind;
  return what == text || what == delegation || what == tool_call || what == tool_result;
}

speaker speaker_of(std::string_view role) {
  if (role == "user" || role == "heard") return speaker::person;
  return role.empty() || role == "model" ? speaker::model : speaker::nobody;
}

std::vector<fact> read_facts(const std::string& path, int& skipped) {
  std::vector<fact> out;
  skipped = 0;
  trust::seal_report report;
  auto text = trust::read_maybe_sealed(path, std::uint64_t{1} << 30, &report);
  if (!text) return out;
  skipped += static_cast<int>(report.changed);
  std::istringstream in(std::move(*text));
  for (std::string line; std::getline(in, line);) {
    if (auto f = fact_from_json(line)) {
      out.push_back(std::move(*f));
    } else if (!line.empty()) {
      ++skipped;
    }
  }
  return out;
}

}  // namespace hocket::report
