// Parses arguments and calls the command. Only this file and options_*.cpp know CLI11 (10 s to
// compile).

#include <algorithm>
#include <cstdio>
#include <exception>

#include <fmt/format.h>

#include "graph/core/diagnostic.hpp"
#include "tools/report/measures.hpp"
#include "tools/hocket/options.hpp"

namespace hocket::cli {

using namespace report;
namespace {

std::vector<std::string> names_of(const CLI::App& app, bool options) {
  std::vector<std::string> names;
  if (options) {
    for (const auto* o : app.get_options())
      for (const auto& name : o->get_lnames()) names.push_back("--" + name);
  } else {
    for (const auto* sub : app.get_subcommands(nullptr)) names.push_back(sub->get_name());
  }
  return names;
}

int complain(const std::string& code, const std::string& message, const std::string& hint) {
  diagnostic d;
  d.code = code;
  d.message = message;
  d.hint = hint;
  fmt::print(stderr, "{}", to_string(d));
  return exit_bad_input;
}

int unknown(const std::string& kind, const std::string& word, const CLI::App& app) {
  const auto near = nearest(word, names_of(app, kind == "option"));
  const auto help =
      "hocket" + (app.get_parent() ? " " + app.get_name() : std::string()) + " --help";
  return complain("cli.unknown-" + kind, fmt::format("unknown {} `{}`", kind, word),
                  near.empty() ? "see `" + help + "`" : "did you mean `" + near + "`?");
}

int explain(const CLI::App& app, const CLI::ParseError& e) {
  const CLI::App* at = &app;
  if (const auto subs = app.get_subcommands(); !subs.empty()) at = subs.front();
  if (dynamic_cast<const CLI::ExtrasError*>(&e) != nullptr) {
    for (const auto& word : at->remaining(true))
      if (word.rfind('-', 0) == 0) return unknown("option", word.substr(0, word.find('=')), *at);
    const auto rest = app.remaining(true);
    return complain("cli.unexpected",
                    fmt::format("unexpected argument `{}`", rest.empty() ? "" : rest.front()),
                    fmt::format("see `hocket {} --help`", at->get_name()));
  }
  return complain("cli.bad-arguments", e.what(),
                  fmt::format("see `hocket{}{} --help`", at == &app ? "" : " ",
                              at == &app ? "" : at->get_name()));
}

int run_main(int argc, char** argv) {
  CLI::App app{"Hocket: real-time multimodal AI as a graph of actors", "hocket"};
  app.set_version_flag("--version", fmt::format("hocket {} ({})", version(), revision()));
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.footer(
      "Exit codes: 0 fine, 1 failed at run time, 2 the input is wrong.\n"
      "Start: hocket validate configs/graphs/*.yaml; hocket run GRAPH; hocket describe TYPE");
  action chosen;
  for (auto add :
       {add_run, add_apply, add_record, add_replay, add_validate, add_graph, add_list, add_describe,
        add_top, add_picture, add_new, add_keys, add_bench, add_doctor, add_export, add_docs})
    add(app, chosen);
#ifdef HOCKET_WITH_ENGINE
  for (auto add : {add_train, add_eval, add_scenarios}) add(app, chosen);
#endif
  const auto known = names_of(app, false);
  if (argc >= 2 && argv[1][0] != '-' &&
      std::find(known.begin(), known.end(), argv[1]) == known.end())
    return unknown("command", argv[1], app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const auto subs = app.get_subcommands();
    fmt::print("{}", subs.empty() ? app.help() : subs.front()->help("hocket"));
    return exit_fine;
  } catch (const CLI::Success& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    if (argc < 2) {
      fmt::print(stderr, "{}", app.help());
      return exit_bad_input;
    }
    return explain(app, e);
  }
  return chosen();
}

}  // namespace
}  // namespace hocket::cli

int main(int argc, char** argv) {
  try {
    return hocket::cli::run_main(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "error: {} [cli.internal]\n", e.what());
    return hocket::cli::exit_failed;
  }
}
