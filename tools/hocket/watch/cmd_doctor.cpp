#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/text/clean.hpp"
#include "graph/trust/secret.hpp"
#include "tools/hocket/watch/commands.hpp"
#include "tools/hocket/watch/diagnose.hpp"
#include "tools/hocket/doctor.hpp"
#include "tools/hocket/status_source.hpp"
#include "tools/hocket/terminal.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

const char* word_of(finding::grade g) {
  switch (g) {
    case finding::grade::good: return "ok";
    case finding::grade::warning: return "note";
    case finding::grade::bad: break;
  }
  return "BAD";
}

void print(const std::vector<finding>& all) {
  const auto t = this_terminal();
  std::size_t wide = 0;
  for (const auto& f : all) wide = std::max(wide, clean_text(f.what).size());
  for (const auto& f : all) {
    const char* code = f.how == finding::grade::good  ? "32"
                       : f.how == finding::grade::bad ? "1;31"
                                                      : "33";
    fmt::print("{}  {:<{}}  {}\n", paint(t, code, fmt::format("{:<4}", word_of(f.how))),
               clean_text(f.what), wide, clean_text(trust::without_secrets(f.detail)));
    if (!f.remedy.empty())
      fmt::print("      {:<{}}  → {}\n", "", wide, clean_text(trust::without_secrets(f.remedy)));
  }
}

/// The host that a status names; "" where it names none.
std::string host_of(const std::string& status) {
  const auto s = nlohmann::json::parse(status, nullptr, false);
  const auto at = s.is_object() ? s.find("host") : s.end();
  return at != s.end() && at->is_string() ? at->get<std::string>() : "";
}

/// Running graphs, looked at twice.
std::vector<finding> examine_runs(const watch_options& where) {
  const auto sources = status_sources(where);
  std::vector<result<std::string>> first;
  for (const auto& s : sources) first.push_back(s->ask(5000));
  std::this_thread::sleep_for(std::chrono::seconds(1));
  std::vector<finding> all;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto before = first[i] ? *first[i] : "";
    const auto now = sources[i]->ask(5000);
    if (!now) {
      const auto who = host_of(before);
      all.push_back({who.empty() ? sources[i]->name() : who, finding::grade::bad,
                     now.error().message,
                     "is `hocket run` alive there? see the end of its events.jsonl"});
      continue;
    }
    // diagnose() names the host itself, where the status does.
    const auto who = host_of(*now);
    for (auto& f : diagnose(before, *now)) {
      if (sources.size() > 1 && who.empty()) f.what = sources[i]->name() + ": " + f.what;
      all.push_back(std::move(f));
    }
  }
  return all;
}

int conclude(const std::vector<finding>& all, bool as_json) {
  const auto bad = std::count_if(all.begin(), all.end(),
                                 [](const finding& f) { return f.how == finding::grade::bad; });
  if (as_json) {
    using json = nlohmann::ordered_json;
    json list = json::array();
    for (const auto& f : all)
      list.push_back({{"what", f.what},
                      {"grade", word_of(f.how)},
                      {"detail", trust::without_secrets(f.detail)},
                      {"remedy", trust::without_secrets(f.remedy)}});
    fmt::print("{}\n", json{{"findings", list}, {"bad", bad}}.dump(2, ' ', false,
                                                                   json::error_handler_t::replace));
  } else {
    print(all);
    fmt::print("{}\n", bad == 0 ? "nothing stands in the way" : fmt::format("{} to mend", bad));
  }
  return bad == 0 ? exit_fine : exit_failed;
}

}  // namespace

int run_doctor(const doctor_options& o) {
  if (!o.where.outs.empty() || !o.where.sockets.empty() || !o.where.connects.empty())
    return conclude(examine_runs(o.where), o.json);
  const auto types = known_types_and(o.how.plugins);
  if (!types) return complain(types.error(), exit_bad_input);
  if (o.security) {
    if (o.graph.empty()) return conclude(examine_security(nullptr, "out"), o.json);
    const auto loaded = load_graph(o.graph, *types, o.how);
    if (print_findings(loaded.findings) != exit_fine || !loaded.graph) return exit_bad_input;
    return conclude(examine_security(&*loaded.graph, "out"), o.json);
  }
  auto all = examine_machine("out");
  for (auto more :
       {examine_gstreamer({"appsrc", "appsink", "audioconvert", "audioresample", "decodebin",
                           "filesrc", "filesink", "videoconvert", "wavparse", "wavenc"}),
        examine_models(o.models)})
    all.insert(all.end(), more.begin(), more.end());
  if (!o.graph.empty()) {
    const auto loaded = load_graph(o.graph, *types, o.how);
    if (print_findings(loaded.findings) != exit_fine || !loaded.graph) return exit_bad_input;
    const auto more = examine_graph(*loaded.graph);
    all.insert(all.end(), more.begin(), more.end());
  }
  return conclude(all, o.json);
}

}  // namespace hocket::cli
