#include <unistd.h>

#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/rewire/report.hpp"
#include "graph/trust/read_file.hpp"
#include "tools/hocket/run/commands.hpp"
#include "tools/hocket/run/revisions.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/status_source.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

int show_history(const apply_options& o) {
  const auto lines = revisions(o.out).read();
  if (!lines)
    return complain(lines.error(), exit_of_silence({{o.out}, {}, {}}),
                    "give the run's folder with --out");
  for (const auto& l : *lines) {
    if (o.json) {
      json j = {{"revision", l.revision}, {"time", l.time}, {"state", l.state},
                {"hash", l.hash},         {"file", l.file}, {"why", l.why}};
      if (!l.report.empty()) j["report"] = json::parse(l.report, nullptr, false);
      say("{}\n", j.dump(-1, ' ', false, json::error_handler_t::replace));
    } else {
      say("{:>4}  {}  {:<11}  {}  {}{}\n", l.revision, l.time, l.state, l.hash, l.file,
          l.why.empty() ? "" : "\n      " + l.why);
    }
  }
  return exit_fine;
}

/// Errors: graph.unreadable.
result<std::string> read_graph(const std::string& path) {
  auto text = trust::read_given_file(path, 16u << 20);
  if (!text) return fail("graph.unreadable", text.error().message);
  return text;
}

/// Two files, no run: what would happen.
int compare(const apply_options& o) {
  const auto types = known_types_and(o.how.plugins);
  if (!types) return complain(types.error(), exit_bad_input);
  const auto running = load_graph(o.from, *types, o.how);
  if (print_findings(running.findings) != exit_fine || !running.graph) return exit_bad_input;
  const auto text = read_graph(o.graph);
  if (!text) return complain(text.error(), exit_bad_input);
  std::map<std::string, std::string> includes;
  const auto wanted = load_again(o.graph, *text, includes, *running.types, o.how);
  if (!wanted) {
    say(stderr, "{}", wanted.error().message);
    return exit_bad_input;
  }
  const auto& next = *wanted;
  diagnostics findings;
  const auto change = plan_rewire(*running.graph, next, findings);
  if (print_findings(findings) != exit_fine || !change) return exit_bad_input;
  host::rewire_outcome out;
  out.state =
      change->changes_nothing() ? host::rewire_state::unchanged : host::rewire_state::planned;
  out.graph = running.graph->name;
  out.revision = 1;
  out.hash_before = running.graph->hash;
  out.hash_after = next.hash;
  out.actors = change->actor_changes;
  out.links = change->link_changes;
  out.others = change->other_changes;
  out.actors_kept = change->actors_kept;
  out.links_kept = change->links_kept;
  if (o.json)
    say("{}\n", rewire::to_json(out));
  else
    say("{}", out.state == host::rewire_state::unchanged ? "nothing changes\n" : to_text(*change));
  return exit_fine;
}

result<host::graph_text> read_new(const apply_options& o) {
  if (!o.back && o.revision == 0) {
    auto text = read_graph(o.graph);
    if (!text) return fail(text);
    std::error_code failed;
    // The run may have been started elsewhere: includes are found from the file's own folder.
    return host::graph_text{
        fs::absolute(o.graph, failed).lexically_normal().string(), std::move(*text), {}};
  }
  auto number = o.revision;
  if (o.back) {
    const auto lines = revisions(o.out).read();
    if (!lines) return fail(lines);
    number = lines->empty() ? 0 : lines->back().revision - 1;
    if (number < 1)
      return fail("apply.no_revision", "this run has had one graph only: there is no way back");
  }
  return revisions(o.out).graph_of(number);
}

int tell(const apply_options& o, const std::string& answer) {
  const auto out = rewire::read_outcome(answer).value_or(host::rewire_outcome{});
  const bool fine =
      out.state != host::rewire_state::refused && out.state != host::rewire_state::rolled_back;
  if (o.json)
    say("{}\n", answer);
  else if (fine)
    say("{}", rewire::to_text(out));
  else
    say(
        stderr, "error: {} [{}]\n",
        [&] {
          auto text = rewire::to_text(out);
          while (!text.empty() && text.back() == '\n') text.pop_back();
          return text;
        }(),
        out.code);
  if (fine) return exit_fine;
  return out.state == host::rewire_state::refused ? exit_bad_input : exit_failed;
}

/// An option that means something to files alone, not to a run; nullptr where none was given.
const char* of_a_file_alone(const graph_options& how) {
  if (!how.sets.empty()) return "--set";
  return how.params.empty() ? nullptr : "--param";
}

/// What is still to come, or one of it taken back.
int tend_queue(const apply_options& o) {
  const watch_options where{{o.out}, {}, {}};
  const auto run = std::move(status_sources(where).front());
  const auto answer =
      run->say(o.list ? "rewires" : fmt::format("rewire_cancel {}", o.cancel), 10000);
  if (!answer)
    return complain(answer.error(), exit_of_silence(where),
                    "is a graph running? give its --out folder");
  const auto j = json::parse(*answer, nullptr, false);
  if (!j.is_object() || j.contains("error"))
    return complain({"apply.refused", j.is_object() ? j["error"].dump() : *answer}, exit_bad_input,
                    "`hocket apply --list` shows what can be cancelled");
  if (o.json) {
    say("{}\n", *answer);
    return exit_fine;
  }
  if (!o.list) {
    say("cancelled {}\n", o.cancel);
    return exit_fine;
  }
  const auto all = j.value("rewires", json::array());
  if (all.empty()) say("nothing is to come\n");
  for (const auto& r : all)
    say("{:>4}  {:<8}  at {:.1f} s  {}\n", r.value("ticket", 0), r.value("state", ""),
        r.value("at_s", 0.0), r.value("file", ""));
  return exit_fine;
}

/// What is given beside an option that looks at something else alone: it would do nothing.
/// "": nothing is; first the useless one, then the other.
std::pair<std::string, std::string> useless(const apply_options& o) {
  const std::string mode = o.history         ? "--history"
                           : o.list          ? "--list"
                           : o.cancel != 0   ? "--cancel"
                           : o.from.empty()  ? ""
                           : o.graph.empty() ? ""
                                             : "--from";
  if (mode.empty())
    return {!o.from.empty() && (o.back || o.revision != 0) ? "--from" : "", "--back"};
  const bool compares = mode == "--from";
  const auto* const own = of_a_file_alone(o.how);
  const std::pair<bool, std::string> given[] = {
      {!compares && !o.graph.empty(), "a graph file"},
      {!compares && !o.from.empty(), "--from"},
      {!compares && o.dry_run, "--dry-run"},
      {!compares && own != nullptr, own != nullptr ? own : ""},
      {!compares && !o.how.plugins.empty(), "--plugin"},
      {mode != "--list" && o.list, "--list"},
      {mode != "--cancel" && o.cancel != 0, "--cancel"},
      {o.back, "--back"},
      {o.revision != 0, "--revision"},
      {o.at_s > 0, "--at"}};
  for (const auto& [is_given, name] : given)
    if (is_given) return {name, mode};
  return {};
}

}  // namespace

int run_apply(const apply_options& given) {
  auto o = given;
  o.out = run_folders(given.out).front();
  if (const auto [what, beside] = useless(o); !what.empty())
    return complain(
        {"cli.bad-arguments", fmt::format("{} would do nothing beside {}", what, beside)},
        exit_bad_input, "see `hocket apply --help`");
  if (o.history) return show_history(o);
  if (o.list || o.cancel != 0) return tend_queue(o);
  const auto asked = (o.graph.empty() ? 0 : 1) + (o.back ? 1 : 0) + (o.revision != 0 ? 1 : 0);
  if (asked != 1)
    return complain({"cli.bad-arguments", "say one of: a graph file, --back, --revision N"},
                    exit_bad_input, "see `hocket apply --help`");
  if (!o.from.empty() && !o.graph.empty()) return compare(o);
  if (const auto* const option = of_a_file_alone(o.how); option != nullptr)
    return complain({"apply.own_options",
                     fmt::format("{}: a run keeps those that it was started with", option)},
                    exit_bad_input,
                    "write the value into the new file; with --from, which compares two files, "
                    "the option is of use");
  auto wanted = read_new(o);
  if (!wanted)
    return complain(wanted.error(), exit_bad_input,
                    wanted.error().code == "apply.no_history"
                        ? "give the run's folder with --out"
                        : (o.graph.empty() ? "`hocket apply --history` lists what there is" : ""));
  // The run, which may have been started elsewhere, decides whether it loads them.
  for (const auto& p : o.how.plugins) {
    std::error_code failed;
    wanted->plugins.push_back(fs::absolute(p, failed).lexically_normal().string());
  }
  watch_options where;
  where.outs = {o.out};
  const auto run = std::move(status_sources(where).front());
  host::rewire_request request{*wanted};
  request.dry_run = o.dry_run;
  request.prepare_limit_s = static_cast<int>(o.limit_s);
  request.not_before = timestamp(static_cast<std::int64_t>(o.at_s * 1e9));
  auto answer = run->say("rewire " + rewire::to_json(request), 10000);
  for (std::uint64_t ticket = 0;;) {
    if (!answer)
      return complain(answer.error(), exit_of_silence(where),
                      "is a graph running? give its --out folder");
    const auto j = json::parse(*answer, nullptr, false);
    if (j.is_object() && j.contains("ticket")) ticket = j["ticket"].get<std::uint64_t>();
    if (!j.is_object() || j.contains("error"))
      return complain({"apply.refused", j.is_object() ? j["error"].dump() : *answer}, exit_failed);
    if (j.contains("state") && j["state"] != "running") return tell(o, *answer);
    usleep(20'000);
    answer = run->say(fmt::format("rewired {}", ticket), 10000);
  }
}

}  // namespace hocket::cli
