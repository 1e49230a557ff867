#include <filesystem>

#include <fmt/format.h>

#include "graph/trust/sealed/sealed.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/watch/commands.hpp"
#include "tools/report/picture.hpp"
#include "tools/report/read_run.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {

using namespace report;

int run_picture(const picture_options& o) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(o.events, failed))
    return complain({"picture.no_log", fmt::format("{}: no such event log", o.events)},
                    exit_bad_input, "give the events.jsonl of a run's --out folder");
  trust::seal_report report;
  if (const auto text = trust::read_maybe_sealed(o.events, std::uint64_t{1} << 30, &report); !text)
    return complain(text.error(), exit_bad_input);
  if (const auto wrong = report.problem(); !wrong.empty())
    fmt::print(stderr, "warning: {}: {}\n", o.events, wrong);
  int skipped = 0;
  const auto facts = read_run(o.events, skipped);
  const auto found = sessions_of(facts);
  const auto chosen = o.session == 0 ? found.begin() : found.find(o.session);
  if (chosen == found.end())
    return complain({"picture.no_session",
                     fmt::format("{}: no conversation {} in this log", o.events, o.session)},
                    exit_bad_input, fmt::format("it holds {} conversations", found.size()));
  if (skipped > 0) say(stderr, "note: {} lines were no facts and are left out\n", skipped);
  std::vector<std::string> files = {o.out};
  if (o.out.empty()) {
    const auto base = std::filesystem::path(o.events).parent_path() / "conversation";
    files = {base.string() + ".svg", base.string() + ".png"};
  }
  for (const auto& file : files)
    if (std::filesystem::equivalent(file, o.events, failed))
      return complain({"output.is-input", file + ": would overwrite the log that is to be drawn"},
                      exit_bad_input, "give another file with --out");
  const auto shown = conversation_of(facts, *chosen);
  for (const auto& file : files) {
    if (auto done = draw_conversation(shown, file); !done)
      return complain(done.error(),
                      done.error().code == "picture.bad_format" ? exit_bad_input : exit_failed);
    say("{}\n", file);
  }
  return exit_fine;
}

}  // namespace hocket::cli
