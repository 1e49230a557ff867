// What is read of folders: the run's event log, and a run that trains.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "actors/gateway/edit/desk.hpp"

namespace hocket::gateway::edit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_rows = 2000, most_events = 400;
constexpr std::streamoff most_bytes = 8 << 20;

/// Whole lines of a file's end.
std::vector<std::string> last_lines(const fs::path& file, std::streamoff most = most_bytes) {
  std::ifstream in(file, std::ios::binary);
  in.seekg(0, std::ios::end);
  const auto size = static_cast<std::streamoff>(in.tellg());
  if (!in || size <= 0) return {};
  const auto begin = std::max<std::streamoff>(0, size - most);
  in.seekg(begin);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);)
    if (!in.eof()) out.push_back(std::move(line));  // the last one may be half written
  if (begin > 0 && !out.empty()) out.erase(out.begin());
  return out;
}

json json_lines(const fs::path& file, std::size_t most) {
  auto out = json::array();
  const auto lines = last_lines(file);
  for (auto i = lines.size() - std::min(lines.size(), most); i < lines.size(); ++i)
    if (auto j = read_json(lines[i]); j.is_object()) out.push_back(std::move(j));
  return out;
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> out;
  std::stringstream cells(line);
  for (std::string cell; std::getline(cells, cell, ',');) out.push_back(cell);
  return out;
}

/// Rows of a CSV file by the names of its columns, evenly fewer where there are too many.
json rows_of(const fs::path& file) {
  std::ifstream in(file);
  std::string head;
  auto out = json::array();
  if (!std::getline(in, head)) return out;
  const auto names = cells_of(head);
  const auto lines = last_lines(file);
  const std::size_t step = lines.size() / most_rows + 1;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i] == head || (i % step != 0 && i + 1 != lines.size())) continue;
    const auto cells = cells_of(lines[i]);
    json row = json::object();
    for (std::size_t k = 0; k < std::min(names.size(), cells.size()); ++k) {
      char* end = nullptr;
      const double v = std::strtod(cells[k].c_str(), &end);
      if (!cells[k].empty() && *end == 0 && std::isfinite(v)) row[names[k]] = v;
    }
    out.push_back(std::move(row));
  }
  return out;
}

/// Versions beneath the folder, each with its card.
json adapters_in(const fs::path& folder) {
  std::vector<std::pair<fs::file_time_type, fs::path>> found;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed))
    if (entry.is_directory(failed) && fs::exists(entry.path() / "card.json", failed))
      found.emplace_back(fs::last_write_time(entry.path() / "card.json", failed), entry.path());
  std::ranges::sort(found);
  constexpr std::size_t most = 200;  // the newest of them
  if (found.size() > most) found.erase(found.begin(), found.end() - most);
  auto out = json::array();
  for (const auto& [when, path] : found) {
    if (fs::file_size(path / "card.json", failed) > (1u << 20)) continue;
    std::ifstream in(path / "card.json");
    std::ostringstream text;
    text << in.rdbuf();
    auto card = read_json(text.str());
    if (card.is_object())
      out.push_back({{"name", path.filename().string()}, {"card", std::move(card)}});
  }
  return out;
}

}  // namespace

json events_of(const std::string& output_dir) {
  auto events = json::array();
  const auto lines = last_lines(fs::path(output_dir) / "events.jsonl", 1 << 20);
  for (auto line = lines.rbegin(); line != lines.rend() && events.size() < most_events; ++line) {
    if (line->find("\"type\":\"event\"") == line->npos) continue;
    const auto j = read_json(*line);
    if (!j.is_object() || !j.contains("actor")) continue;
    json event = json::object();
    for (const auto* key : {"t_ms", "actor", "role", "detail"})
      if (const auto it = j.find(key); it != j.end()) event[key] = *it;
    events.push_back(std::move(event));
  }
  std::reverse(events.begin(), events.end());
  return {{"events", std::move(events)}};
}

json training_of(const std::string& folder) {
  const fs::path at(folder);
  std::error_code failed;
  const bool in_talk = fs::exists(at / "adapters", failed);
  auto evaluations = json::array(), swaps = json::array();
  for (auto& j : json_lines(at / "talk.jsonl", most_rows)) {
    if (j.contains("evaluation"))
      evaluations.push_back(std::move(j));
    else if (j.contains("adapter") && !j.contains("set"))
      swaps.push_back(std::move(j));
  }
  return {{"curve", rows_of(at / (in_talk ? "adapters/curve.csv" : "curve.csv"))},
          {"adapters", adapters_in(in_talk ? at / "adapters" : at)},
          {"evaluations", std::move(evaluations)},
          {"swaps", std::move(swaps)}};
}

}  // namespace hocket::gateway::edit
