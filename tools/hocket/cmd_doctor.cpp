#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/hocket/commands.hpp"
#include "tools/hocket/doctor.hpp"
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
  for (const auto& f : all) wide = std::max(wide, f.what.size());
  for (const auto& f : all) {
    const char* code = f.how == finding::grade::good  ? "32"
                       : f.how == finding::grade::bad ? "1;31"
                                                      : "33";
    fmt::print("{}  {:<{}}  {}\n", paint(t, code, fmt::format("{:<4}", word_of(f.how))), f.what,
               wide, f.detail);
    if (!f.remedy.empty()) fmt::print("      {:<{}}  {}\n", "", wide, "→ " + f.remedy);
  }
}

}  // namespace

int run_doctor(const doctor_options& o) {
  const auto types = known_types(o.how.plugins);
  if (!types) return complain(types.error(), exit_bad_input);
  auto all = examine_machine("out");
  for (auto more :
       {examine_gstreamer({"appsrc", "appsink", "audioconvert", "audioresample", "decodebin",
                           "filesrc", "filesink", "videoconvert", "wavparse", "wavenc"}),
        examine_models(o.models)})
    all.insert(all.end(), more.begin(), more.end());
  if (!o.graph.empty()) {
    const auto loaded = load_graph(o.graph, *types, o.how);
    if (report(loaded.findings) != exit_fine || !loaded.graph) return exit_bad_input;
    const auto more = examine_graph(*loaded.graph);
    all.insert(all.end(), more.begin(), more.end());
  }
  const auto bad = std::count_if(all.begin(), all.end(),
                                 [](const finding& f) { return f.how == finding::grade::bad; });
  if (o.json) {
    using json = nlohmann::ordered_json;
    json list = json::array();
    for (const auto& f : all)
      list.push_back({{"what", f.what},
                      {"grade", word_of(f.how)},
                      {"detail", f.detail},
                      {"remedy", f.remedy}});
    fmt::print("{}\n", json{{"findings", list}, {"bad", bad}}.dump(2, ' ', false,
                                                                   json::error_handler_t::replace));
  } else {
    print(all);
    fmt::print("{}\n", bad == 0 ? "nothing stands in the way" : fmt::format("{} to mend", bad));
  }
  return bad == 0 ? exit_fine : exit_failed;
}

}  // namespace hocket::cli
