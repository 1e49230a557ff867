#include "tools/hocket/watch/port_questions.hpp"

#include <optional>
#include <utility>

#include "tools/hocket/output.hpp"
#include "tools/hocket/say.hpp"

namespace hocket::cli {
namespace {
using json = nlohmann::ordered_json;
constexpr int answer_limit_ms = 5000;
}  // namespace

result<json> ask(status_source& run, const std::string& line) {
  const auto text = run.say(line, answer_limit_ms);
  if (!text) return fail(text);
  auto j = json::parse(*text, nullptr, false);
  if (!j.is_object()) return fail("status.no_answer", run.name() + ": gave no answer that is one");
  if (const auto e = j.find("error"); e != j.end() && e->is_string())
    return fail(j.value("code", "status.not_here"), e->get<std::string>());
  return j;
}

result<found_run> find_run(const watch_options& where, const std::string& line) {
  std::optional<error> why;
  for (auto& s : status_sources(where)) {
    auto answer = ask(*s, line);
    if (answer) return found_run{std::move(s), std::move(*answer)};
    const bool better = !why || answer.error().code.ends_with(".other_host");
    if (better) why = answer.error();
  }
  return fail(why->code, why->message);
}

int give_up(const error& e, const watch_options& where) {
  const bool is_silence = e.code.starts_with("status.") || e.code.starts_with("observe.");
  const bool is_world = e.code.ends_with(".busy") || e.code.ends_with(".not_running") ||
                        e.code.ends_with(".ended") || e.code.ends_with(".too_many") ||
                        e.code.ends_with(".not_yet");
  return complain(e,
                  is_silence ? exit_of_silence(where)
                  : is_world ? exit_failed
                             : exit_bad_input,
                  is_silence ? "is a graph running? give its --out folder or --socket" : "");
}

}  // namespace hocket::cli
