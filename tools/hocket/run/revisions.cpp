#include "tools/hocket/run/revisions.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/trust/redaction.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

std::string dump(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string of(std::int64_t revision, const char* ending) {
  return fmt::format("{:04}.{}", revision, ending);
}

tl::unexpected<error> no_history(const error& why) { return fail("apply.no_history", why.message); }

/// Among a text's includes: a variable of the environment, "${env:NAME}".
bool is_variable(const std::string& include) {
  return include.starts_with("${env:") && include.ends_with("}");
}

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

revisions::revisions(const std::string& out)
    : out_(out), dir_((fs::path(out) / "revisions").string()) {}

result<trust::folder> revisions::place() const {
  const auto out = trust::folder::open(out_);
  if (!out) return no_history(out.error());
  auto in = out->sub("revisions");
  if (!in) return no_history(in.error());
  return in;
}

result<void> revisions::start(const host::graph_text& graph, const std::string& hash) {
  std::error_code failed;
  fs::remove_all(dir_, failed);
  if (failed) return fail("apply.no_history", dir_ + ": " + failed.message());
  HOCKET_TRY(keep({1, hash, hash}, graph));
  return note({1, utc_now(), "started", hash, graph.file, "", ""});
}

/// A number, and the graph that it is of.
struct revisions::kept_files {
  const char* number;
  const char* graph;  ///< "": named by the number
  std::string graph_of(int revision) const { return *graph != 0 ? graph : of(revision, "json"); }
};
const revisions::kept_files revisions::newest_files{"newest.json", ""};
const revisions::kept_files revisions::vote_files{"voted.json", "voted_graph.json"};

result<void> revisions::write(const trust::folder& to, const kept_files& names,
                              const newest_revision& r, const host::graph_text& graph,
                              bool durable) const {
  const auto file = names.graph_of(r.revision);
  // Of the environment the names alone: who goes on has it, too.
  auto includes = graph.includes;
  json names_there = json::array();
  for (const auto& [name, content] : graph.includes)
    if (is_variable(name)) names_there.push_back(name);
  std::erase_if(includes, [](const auto& one) { return is_variable(one.first); });
  const json kept = {{"file", graph.file},       {"text", graph.text},
                     {"includes", includes},     {"from", graph.from},
                     {"plugins", graph.plugins}, {"environment", names_there}};
  const auto put = [&](const std::string& name, const std::string& text) {
    return to.write(name, text, trust::readers::owner, durable);
  };
  if (auto done = put(file, dump(kept) + "\n"); !done) return no_history(done.error());
  const auto stamp = to.stamp_of(file);
  if (!stamp) return no_history(stamp.error());
  const json now = {{"revision", r.revision},
                    {"hash", r.hash},
                    {"first_hash", r.first_hash},
                    {"before", r.before},
                    {"stamp", *stamp}};
  if (auto done = put(names.number, dump(now) + "\n"); !done) return no_history(done.error());
  // Their names, too.
  if (durable && ::fsync(to.fd()) != 0 && errno != EINVAL)
    return fail("apply.no_history", dir_ + ": " + std::strerror(errno));
  return {};
}

result<void> revisions::keep(const newest_revision& r, const host::graph_text& graph,
                             bool durable) {
  const auto to = place();
  if (!to) return fail(to);
  if (auto done = to->write(of(r.revision, "yaml"), graph.text, trust::readers::owner, durable);
      !done)
    return no_history(done.error());
  auto done = write(*to, newest_files, r, graph, durable);
  if (done) forget_vote();
  return done;
}

result<void> revisions::keep_vote(const newest_revision& r, const host::graph_text& graph) {
  const auto to = place();
  return to ? write(*to, vote_files, r, graph, true) : fail(to);
}

void revisions::forget_vote() {
  if (const auto in = place())
    for (const char* file : {vote_files.number, vote_files.graph}) (void)in->remove(file);
}

void revisions::sweep() {
  const auto in = place();
  if (!in) return;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(dir_, failed))
    if (const auto name = entry.path().filename().string(); name.starts_with("."))
      (void)in->remove(name);
}

void revisions::end() {
  if (const auto in = place()) (void)in->remove(newest_files.number);
  forget_vote();
}

result<std::optional<newest_revision>> revisions::read_number(const kept_files& names) const {
  std::error_code ignored;
  if (!fs::exists(fs::path(dir_) / names.number, ignored)) return std::nullopt;
  const auto in = place();
  if (!in) return fail(in);
  const auto text = in->read(names.number);
  if (!text) return no_history(text.error());
  const auto j = json::parse(*text, nullptr, false);
  const auto number = j.is_object() ? j.find("revision") : j.end();
  if (number == j.end() || !number->is_number_integer()) return std::nullopt;
  newest_revision out{number->get<int>(), text_at(j, "hash"), text_at(j, "first_hash"),
                      text_at(j, "before")};
  // A copied or unpacked folder is nobody's run: what it holds may be anybody's graph.
  const auto stamp = in->stamp_of(names.graph_of(out.revision));
  if (!stamp || *stamp != text_at(j, "stamp"))
    return fail("apply.not_ours", fmt::format("{}: revision {} was not left there by a run of this "
                                              "machine: it was copied, unpacked or changed",
                                              dir_, out.revision));
  return out;
}

result<std::optional<newest_revision>> revisions::newest() const {
  return read_number(newest_files);
}

result<std::optional<revisions::kept_vote>> revisions::vote() const {
  const auto number = read_number(vote_files);
  if (!number) return fail(number);
  if (!*number) return std::nullopt;
  auto graph = read_graph(vote_files.graph);
  if (!graph) return fail(graph);
  return kept_vote{**number, std::move(*graph)};
}

result<void> revisions::note(const history_line& l) {
  json line = {{"revision", l.revision}, {"time", l.time}, {"state", l.state},
               {"hash", l.hash},         {"file", l.file}, {"why", trust::redacted(l.why)}};
  if (!l.report.empty())
    line["report"] = json::parse(trust::without_secrets(l.report), nullptr, false);
  const auto in = place();
  if (!in) return fail(in);
  const auto to = in->create("history.jsonl", trust::create_as::appended);
  if (!to) return no_history(to.error());
  auto done = to->write(dump(line) + "\n");
  return done ? done : no_history(done.error());
}

result<std::vector<history_line>> revisions::read() const {
  std::error_code ignored;
  const auto path = fs::path(dir_) / "history.jsonl";
  if (!fs::exists(path, ignored))
    return fail("apply.no_history", path.string() + ": no run has written a history here");
  const auto in = place();
  if (!in) return fail(in);
  const auto all = in->read("history.jsonl");
  if (!all) return no_history(all.error());
  std::istringstream lines(*all);
  std::vector<history_line> out;
  for (std::string text; std::getline(lines, text);) {
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
  auto graph = read_graph(of(revision, "json"));
  if (!graph)
    return fail("apply.no_revision", fmt::format("{}: there is no revision {} ({})", dir_, revision,
                                                 graph.error().message));
  return graph;
}

result<host::graph_text> revisions::read_graph(const std::string& file) const {
  const auto in = place();
  if (!in) return fail(in);
  const auto text = in->read(file);
  if (!text) return no_history(text.error());
  const auto j = json::parse(*text, nullptr, false);
  if (!j.is_object()) return fail("apply.no_history", file + " holds no graph");
  host::graph_text out{text_at(j, "file"), text_at(j, "text"), {}, text_at(j, "from")};
  if (const auto i = j.find("includes"); i != j.end() && i->is_object())
    for (const auto& [name, content] : i->items())
      if (content.is_string()) out.includes[name] = content.get<std::string>();
  if (const auto p = j.find("plugins"); p != j.end() && p->is_array() && out.from.empty())
    for (const auto& one : *p)
      if (one.is_string()) out.plugins.push_back(one.get<std::string>());
  if (out.from.empty()) return out;
  // A text of another host reads no variables here but those that came with it: of the same values,
  // since it must have the same hash.
  if (const auto e = j.find("environment"); e != j.end() && e->is_array())
    for (const auto& name : *e)
      if (const auto key = name.is_string() ? name.get<std::string>() : ""; is_variable(key))
        if (const auto* here = std::getenv(key.substr(6, key.size() - 7).c_str()))
          out.includes[key] = here;
  return out;
}

}  // namespace hocket::cli
