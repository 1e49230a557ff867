#include "tools/hocket/revisions.hpp"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

std::string dump(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

/// Whole or not at all, whatever becomes of this process.
result<void> replace(const fs::path& path, const std::string& text) {
  const auto beside = path.string() + ".new";
  std::ofstream to(beside, std::ios::binary | std::ios::trunc);
  to << text;
  to.close();
  std::error_code failed;
  if (to) fs::rename(beside, path, failed);
  if (!to || failed) return fail("apply.no_history", path.string() + ": cannot be written");
  return {};
}

result<void> write(const fs::path& path, const std::string& text, bool append = false) {
  std::ofstream to(path, std::ios::binary | (append ? std::ios::app : std::ios::trunc));
  to << text;
  to.flush();
  if (!to) return fail("apply.no_history", path.string() + ": cannot be written");
  return {};
}

fs::path of(const std::string& dir, std::int64_t revision, const char* ending) {
  return fs::path(dir) / fmt::format("{:04}.{}", revision, ending);
}

fs::path newest_file(const std::string& dir) { return fs::path(dir) / "newest.json"; }

std::string text_at(const json& j, const char* key) {
  const auto it = j.find(key);
  return it != j.end() && it->is_string() ? it->get<std::string>() : "";
}

}  // namespace

std::string utc_now() {
  const auto now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

revisions::revisions(const std::string& out) : dir_((fs::path(out) / "revisions").string()) {}

result<void> revisions::start(const host::graph_text& graph, const std::string& hash) {
  std::error_code failed;
  fs::remove_all(dir_, failed);
  fs::create_directories(dir_, failed);
  if (failed) return fail("apply.no_history", dir_ + ": " + failed.message());
  HOCKET_TRY(keep({1, hash, hash}, graph));
  return note({1, utc_now(), "started", hash, graph.file, "", ""});
}

result<void> revisions::keep(const newest_revision& r, const host::graph_text& graph) {
  HOCKET_TRY(replace(of(dir_, r.revision, "yaml"), graph.text));
  const json kept = {{"file", graph.file}, {"text", graph.text}, {"includes", graph.includes}};
  HOCKET_TRY(replace(of(dir_, r.revision, "json"), dump(kept) + "\n"));
  const json now = {{"revision", r.revision}, {"hash", r.hash}, {"first_hash", r.first_hash}};
  return replace(newest_file(dir_), dump(now) + "\n");
}

void revisions::end() {
  std::error_code ignored;
  fs::remove(newest_file(dir_), ignored);
}

std::optional<newest_revision> revisions::newest() const {
  std::ifstream in(newest_file(dir_), std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  const auto j = json::parse(in ? text.str() : "", nullptr, false);
  const auto number = j.is_object() ? j.find("revision") : j.end();
  if (number == j.end() || !number->is_number_integer()) return {};
  return newest_revision{number->get<int>(), text_at(j, "hash"), text_at(j, "first_hash")};
}

result<void> revisions::note(const history_line& l) {
  json line = {{"revision", l.revision}, {"time", l.time}, {"state", l.state},
               {"hash", l.hash},         {"file", l.file}, {"why", l.why}};
  if (!l.report.empty()) line["report"] = json::parse(l.report, nullptr, false);
  return write(fs::path(dir_) / "history.jsonl", dump(line) + "\n", true);
}

result<std::vector<history_line>> revisions::read() const {
  const auto path = fs::path(dir_) / "history.jsonl";
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail("apply.no_history", path.string() + ": no run has written a history here");
  std::vector<history_line> out;
  for (std::string text; std::getline(in, text);) {
    const auto j = json::parse(text, nullptr, false);
    const auto number = j.is_object() ? j.find("revision") : j.end();
    if (!j.is_object() || number == j.end() || !number->is_number_integer()) continue;  // cut short
    const auto report = j.find("report");
    out.push_back({number->get<std::int64_t>(), text_at(j, "time"), text_at(j, "state"),
                   text_at(j, "hash"), text_at(j, "file"), text_at(j, "why"),
                   report == j.end() ? "" : dump(*report)});
  }
  return out;
}

result<host::graph_text> revisions::graph_of(std::int64_t revision) const {
  const auto path = of(dir_, revision, "json");
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  const auto j = json::parse(in ? text.str() : "", nullptr, false);
  if (!j.is_object())
    return fail("apply.no_revision", fmt::format("{}: there is no revision {}", dir_, revision));
  host::graph_text out{text_at(j, "file"), text_at(j, "text"), {}};
  if (const auto i = j.find("includes"); i != j.end() && i->is_object())
    for (const auto& [name, content] : i->items())
      if (content.is_string()) out.includes[name] = content.get<std::string>();
  return out;
}

}  // namespace hocket::cli
