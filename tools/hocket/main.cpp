// Parses arguments and calls the command. Only this file and options_*.cpp know CLI11 (10 s to
// compile).

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <exception>
#include <filesystem>

#include <fmt/format.h>

#include "actors/governance/card.hpp"
#include "actors/process/child_main.hpp"
#include "actors/process/processes.hpp"
#include "graph/core/diagnostic.hpp"
#include "tools/report/measures.hpp"
#include "tools/hocket/options.hpp"
#include "tools/hocket/options_govern.hpp"
#include "tools/hocket/output.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

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
  print_clean(stderr, to_string(d));  // it quotes what was typed
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
  // "not in range 0.000000 to 1797...", 300 digits long: there is no upper bound.
  std::string words = e.what();
  if (const auto at = words.find(" not in range "); words.find(" to 1797693") != words.npos)
    words = words.substr(0, at) + " is too small";
  return complain("cli.bad-arguments", words,
                  fmt::format("see `hocket{}{} --help`", at == &app ? "" : " ",
                              at == &app ? "" : at->get_name()));
}

/// `--duration -1` reads as one option and its value, not as an option `-1`.
std::vector<std::string> joined(int argc, char** argv) {
  const auto negative = [](const std::string& s) {
    return s.size() > 1 && s[0] == '-' && s.find_first_not_of("0123456789.,eE+-", 1) == s.npos &&
           std::any_of(s.begin(), s.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  };
  std::vector<std::string> out;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool option = !out.empty() && out.back().starts_with("--") && out.back() != "--" &&
                        out.back().find('=') == out.back().npos;
    if (option && negative(word))
      out.back() += "=" + word;
    else
      out.push_back(word);
  }
  return out;
}

/// An empty word, such as a script's `--out "$DIR"` without a DIR: nothing means anything by it but a
/// text to send. What it was to be; "" where there is none.
std::string without_value(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    const auto& w = words[i];
    if (w.starts_with("--") && w.ends_with('=') && w.find('=') == w.size() - 1)
      return w.substr(0, w.size() - 1);
    if (!w.empty()) continue;
    const auto& before = i > 0 ? words[i - 1] : w;
    const bool option = before.size() > 1 && before[0] == '-' && before.find('=') == before.npos;
    if (option) return before;
    if (words[0] != "send") return "an argument";
  }
  return "";
}

/// `hocket help`, `hocket help run` and `hocket help eval duplex`.
int show_help(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  std::string before = "hocket";
  for (const auto& word : words) {
    const auto known = names_of(*at, false);
    if (std::find(known.begin(), known.end(), word) == known.end())
      return unknown("command", word, *at);
    if (at != &app) before += " " + at->get_name();
    at = at->get_subcommand(word);
  }
  // CLI11 would show that of the command that was named, which is `help` itself.
  const auto all = [&] {
    return app.get_formatter()->make_help(&app, app.get_name(), CLI::AppFormatMode::Normal);
  };
  fmt::print("{}", at == &app ? all() : at->help(before));
  return exit_fine;
}

/// Commands that need no options of their own.
void add_own(CLI::App& app, action& chosen) {
  static std::vector<std::string> words;
  auto& help = command(app, chosen, "help", "What a command does, and its options",
                       [&app] { return show_help(app, words); });
  help.add_option("command", words, "Such as run");
  command(app, chosen, "version", "Version and git revision", [&app] {
    fmt::print("{}\n", app.version());
    return exit_fine;
  });
  add_completion(app, chosen);
}

int run_main(int argc, char** argv) {
  CLI::App app{"Hocket: real-time multimodal AI as a graph of actors", "hocket"};
  governance::set_revision(revision());
  app.set_version_flag("--version", fmt::format("hocket {} ({})", version(), revision()));
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.footer(
      "Exit codes: 0 fine, 1 failed at run time, 2 the input is wrong.\n"
      "Start: hocket validate configs/graphs/*.yaml; hocket run GRAPH; hocket describe TYPE");
  action chosen;
  for (auto add :
       {add_run,  add_serve,    add_apply,    add_record, add_replay, add_validate, add_graph,
        add_list, add_describe, add_top,      add_echo,   add_hz,     add_send,     add_picture,
        add_new,  add_keys,     add_bench,    add_plan,   add_doctor, add_export,   add_docs,
        add_card, add_audit,    add_incident, add_policy})
    add(app, chosen);
#ifdef HOCKET_WITH_ENGINE
  for (auto add : {add_train, add_eval, add_scenarios, add_model, add_chat}) add(app, chosen);
  add_serve_tinker(*app.get_subcommand("serve"), chosen);
#endif
  add_own(app, chosen);
  auto words = joined(argc, argv);
  const auto known = names_of(app, false);
  if (!words.empty() && !words[0].starts_with("-") &&
      std::find(known.begin(), known.end(), words[0]) == known.end())
    return unknown("command", words[0], app);
  if (const auto option = without_value(words); !option.empty())
    return complain("cli.empty", fmt::format("{} must not be empty", option),
                    option.starts_with("-") ? "leave the option out for its default"
                                            : "is a variable of a script not set?");
  try {
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    app.parse(words);
  } catch (const CLI::CallForHelp&) {
    std::vector<std::string> path;
    for (auto subs = app.get_subcommands(); !subs.empty(); subs = subs.front()->get_subcommands())
      path.push_back(subs.front()->get_name());
    return show_help(app, path);
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
  if (hocket::process::is_child(argc, argv))
    return hocket::process::child_main({hocket::cli::types_to_run});
  hocket::cli::fill_standard_streams();
  hocket::process::use_processes({});  // with plugins once they are loaded
  try {
    return hocket::cli::checked_output(hocket::cli::run_main(argc, argv));
  } catch (const std::filesystem::filesystem_error& e) {
    // Nothing here works with a path that the system does not take: too long, a ring of links.
    hocket::cli::say(stderr, "error: {}: {} [files.cannot_read]\n", e.path1().string(),
                     e.code().message());
    return hocket::cli::exit_bad_input;
  } catch (const std::exception& e) {
    hocket::cli::say(stderr, "error: {} [cli.internal]\n", e.what());
    return hocket::cli::exit_failed;
  }
}
