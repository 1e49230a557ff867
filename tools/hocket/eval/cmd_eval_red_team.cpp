// hocket eval red-team: adversaries against a graph with a policy, for hours of stream time.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/background/language/chat.hpp"
#include "actors/background/language/endpoint.hpp"
#include "graph/trust/files.hpp"
#include "graph/trust/read_file.hpp"
#include "tools/hocket/eval/eval_safety.hpp"
#include "tools/hocket/eval/scratch_folder.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"
#include "tools/safety/judge.hpp"
#include "tools/safety/red_team.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;
using namespace safety;
using json = nlohmann::ordered_json;

constexpr std::size_t file_bytes = 16u << 20;

struct subject {
  arena where;
  policy::rules rules;
  case_set goals;
};

result<subject> subject_of(const red_team_request& o, const loaded_graph& loaded) {
  auto where = arena_of(*loaded.graph, *loaded.types);
  if (!where) return fail(where);
  subject out{std::move(*where), {}, {}};
  if (!o.policy.empty()) use_policy(out.where, fs::absolute(o.policy).string());
  const auto yaml = trust::read_given_file(out.where.rules, file_bytes);
  if (!yaml) return fail(yaml);
  auto rules = rules_for(out.where, *yaml);
  if (!rules) return fail(rules);
  out.rules = std::move(*rules);
  const auto text = trust::read_given_file(o.goals, file_bytes);
  if (!text) return fail(text);
  auto goals = read_cases(o.goals, *text, out.rules, false);
  if (!goals) return fail(goals);
  out.goals = std::move(*goals);
  return out;
}

/// No key goes over the command line, where everybody of the machine reads it.
result<std::shared_ptr<background::chat_backend>> model_of(const red_team_request& o) {
  if (!o.model.starts_with("http://") && !o.model.starts_with("https://")) {
    if (!o.name.empty() || !o.key_env.empty())
      return fail(
          "cli.bad_value",
          "--model-name and --key-env are of an endpoint: give its URL as --language-model");
    return background::open_engine_chat({.path = o.model, .threads = 2});
  }
  background::endpoint_settings s{.base_url = o.model, .model = o.name};
  if (!o.key_env.empty()) {
    const char* key = std::getenv(o.key_env.c_str());
    if (key == nullptr || *key == 0)
      return fail("cli.bad_value", o.key_env + " (--key-env) is not set");
    s.key = key;
  }
  return background::make_endpoint(std::move(s));
}

/// Each case once, in the order in which they were found.
std::vector<std::string> cases_of(const red_team_report& r) {
  std::vector<std::string> out;
  for (const auto& s : r.successes)
    if (auto line = case_of(s.what); std::ranges::find(out, line) == out.end())
      out.push_back(std::move(line));
  return out;
}

// What stands there stays; what is new is added.
result<std::int64_t> keep(const std::string& file, const std::vector<std::string>& cases) {
  std::string text =
      "# Found by hocket eval red-team: each should come up. As a test:\n"
      "#   hocket policy POLICY --cases THIS\n";
  std::error_code failed;
  if (fs::exists(file, failed)) {
    auto before = trust::read_given_file(file, file_bytes);
    if (!before) return fail(before);
    text = std::move(*before);
    if (!text.empty() && text.back() != '\n') text += '\n';
  }
  std::int64_t added = 0;
  for (const auto& c : cases) {
    if (text.starts_with(c + "\n") || text.find("\n" + c + "\n") != text.npos) continue;
    text += c + "\n";
    ++added;
  }
  HOCKET_TRY(trust::write_file(file, text));
  return added;
}

report::measures measures_of(const red_team_report& r) {
  report::measures out;
  const auto found = static_cast<std::int64_t>(r.successes.size());
  out.add("safety.red_team_per_h", r.hours > 0 ? static_cast<double>(found) / r.hours : 0, "1/h",
          r.attacks, 1, report::goal::at_most);
  for (const auto& [name, counted] : r.by_strategy) {
    const share s{counted.first, counted.second};
    report::measure m;
    m.name = "red_team." + name;
    m.value = s.value(), m.n = s.n;
    std::tie(m.low, m.high) = s.interval();
    out.add(std::move(m));
  }
  out.note(
      fmt::format("{} attacks in {:.2f} h of stream time, {} answered", r.attacks, r.hours, found));
  return out;
}

void note_model(const model_adversary& m, report::measures& into) {
  into.note(fmt::format(
      "the language model wrote {} attacks; {} asked for something else and were left out, {} "
      "times "
      "it failed{}. Whether what got through still asks for harm is for a person to read.",
      m.written(), m.drifted(), m.failed(), m.failed() > 0 ? " (" + m.problem() + ")" : ""));
}

json json_of(const red_team_request& o, const red_team_report& r, const report::measures& numbers) {
  auto out = json::parse(numbers.to_json());
  out["seed"] = o.seed;
  out["successes"] = json::array();
  for (const auto& s : r.successes)
    out["successes"].push_back({{"strategy", s.what.strategy},
                                {"topic", s.what.topic},
                                {"case", case_of(s.what)},
                                {"at_s", s.at_s},
                                {"alone", s.is_alone}});
  return out;
}

}  // namespace

int attack_a_graph(const red_team_request& o) {
  const auto loaded = load_graph_to_run(o.graph, o.how);
  if (print_findings(loaded.findings) != exit_fine || !loaded.graph) return exit_bad_input;
  const auto s = subject_of(o, loaded);
  if (!s) return complain(s.error(), exit_bad_input);
  const scratch_folder folder;
  if (folder.path().empty())
    return tell({"safety.run", "no folder for what the recorders write"}, exit_failed);
  std::optional<model_adversary> model;
  if (!o.model.empty()) {
    auto backend = model_of(o);
    if (!backend) return complain(backend.error(), exit_bad_input);
    model.emplace(std::move(*backend), s->goals);
  }
  red_team_options how;
  how.model = model ? &*model : nullptr;
  how.seed = o.seed, how.hours = o.hours, how.talk_min = o.talk_min;
  how.play.at_once = o.at_once, how.play.work_dir = folder.path();
  const auto found = [&] {
    progress shown(o.json, static_cast<std::size_t>(std::max(1.0, o.hours * 60)), "attacking");
    how.progress = [&](double hours, std::int64_t n) {
      shown.at(static_cast<std::size_t>(hours * 60), fmt::format("minutes, {} answered", n));
    };
    return attack_graph(s->where, s->goals, s->rules, how);
  }();
  if (!found)
    return complain(found.error(),
                    found.error().code == "safety.bad_cases" ? exit_bad_input : exit_failed);
  if (model && model->written() == 0 && model->failed() > 0)
    return tell({"language.failed", "the language model worded nothing: " + model->problem()},
                exit_failed);
  auto numbers = measures_of(*found);
  if (model) note_model(*model, numbers);
  const auto cases = cases_of(*found);
  const auto report =
      json_of(o, *found, numbers).dump(1, ' ', false, json::error_handler_t::replace) + "\n";
  const auto file = (fs::path(o.out) / "red_team.json").string();
  if (const auto done = trust::write_file(file, report); !done)
    return tell(done.error(), exit_failed);
  std::int64_t added = 0;
  if (!o.keep.empty()) {
    const auto kept = keep(o.keep, cases);
    if (!kept) return tell(kept.error(), exit_failed);
    added = *kept;
  }
  if (o.json) {
    say("{}", report);
  } else {
    say("{}\n", numbers.to_table());
    for (const auto& c : cases) say("{}\n", c);
    say("\nwrote {}\n", file);
    if (!o.keep.empty()) say("{} new cases in {}\n", added, o.keep);
  }
  return o.strict && !numbers.all_met() ? exit_failed : exit_fine;
}

}  // namespace hocket::cli
