#include "tools/hocket/run/last_words.hpp"

#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/text/clean.hpp"
#include "graph/trust/redaction.hpp"
#include "graph/trust/secret.hpp"
#include "tools/hocket/output.hpp"
#include "tools/hocket/run/accounts.hpp"

namespace hocket::cli {
namespace {

/// Figures and names of the graph, whose prose lost its words before: to look for words in a whole line
/// of JSON would take its keys and its numbers.
void print_figures(std::FILE* to, const std::string& text) {
  const auto clean = clean_text(trust::without_secrets(text));
  std::fwrite(clean.data(), 1, clean.size(), to);
}

}  // namespace

std::string_view to_string(host::end_reason why) {
  switch (why) {
    case host::end_reason::finished: return "finished";
    case host::end_reason::stopped: return "stopped";
    case host::end_reason::failed: break;
  }
  return "failed";
}

void print_end(const run_options& o, const host::run_summary& end,
               const std::vector<std::string>& files, double wall_s) {
  const bool unread = output_trouble() != 0 || output_abandoned();
  auto* const to = unread ? stderr : stdout;
  const auto detail = trust::redacted(end.detail);
  if (o.json && !unread) {
    auto line = nlohmann::ordered_json::parse(accounts_json(end.last));
    nlohmann::ordered_json summary = {{"type", "summary"}, {"why", to_string(end.why)},
                                      {"detail", detail},  {"stream_s", end.last.now.seconds()},
                                      {"wall_s", wall_s},  {"files", files}};
    summary.update(line);
    print_figures(to,
                  summary.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return;
  }
  print_figures(to,
                fmt::format("\n{}\n{}{} after {:.1f} s of stream time, {:.1f} s of wall time\n",
                            accounts_text(end.last), to_string(end.why),
                            detail.empty() ? "" : ": " + detail, end.last.now.seconds(), wall_s));
  for (const auto& file : files) print_figures(to, fmt::format("wrote {}\n", file));
}

}  // namespace hocket::cli
