#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "tools/hocket/commands.hpp"

/// The parts of the argument parser: a file per family of commands, joined by main.cpp.
namespace hocket::cli {

/// What the chosen command does; gives the exit code.
using action = std::function<int()>;

/// Adds a sub-command that sets `chosen` where it is the one that was named.
inline CLI::App& command(CLI::App& app, action& chosen, const char* name, const char* summary,
                         action run) {
  auto* sub = app.add_subcommand(name, summary);
  sub->callback([&chosen, run] { chosen = run; });
  return *sub;
}

/// A number of seconds, 0 or more.
inline CLI::Validator seconds() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        double value = 0;
        const auto end = text.data() + text.size();
        const auto [stop, bad] = std::from_chars(text.data(), end, value);
        if (bad == std::errc() && stop == end && value >= 0 && value <= 1e9) return "";
        auto point = text;
        std::replace(point.begin(), point.end(), ',', '.');
        return fmt::format("takes seconds, 0 or more, not `{}`{}", text,
                           point == text ? "" : "; the decimal sign is a point");
      },
      "");
}

/// Beside a range, which `nan` passes: a number that is one.
inline CLI::Validator finite() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        double value = 0;
        if (!CLI::detail::lexical_cast(text, value) || std::isfinite(value)) return "";
        return fmt::format("takes a number, not `{}`", text);
      },
      "");
}

inline void add_graph_options(CLI::App& sub, graph_options& o) {
  sub.add_option("--set", o.sets, "Override a key of the graph: actors.model.device=cpu")
      ->type_name("PATH=VALUE")
      ->allow_extra_args(false);
  sub.add_option("--param", o.params, "Value of ${param:name}")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  sub.add_option(
         "--plugin", o.plugins,
         "A plugin's shared library: `run` and `replay` load it, the others read its manifest")
      ->type_name("FILE")
      ->allow_extra_args(false);
}

inline void add_json(CLI::App& sub, bool& json) {
  sub.add_flag("--json", json, "Machine-readable output");
}

/// `completion`, and the hidden command that its scripts ask.
void add_completion(CLI::App& app, action& chosen);
// run/
void add_run(CLI::App& app, action& chosen);
void add_serve(CLI::App& app, action& chosen);
void add_record(CLI::App& app, action& chosen);
void add_replay(CLI::App& app, action& chosen);
void add_apply(CLI::App& app, action& chosen);
// graphs/
void add_validate(CLI::App& app, action& chosen);
void add_graph(CLI::App& app, action& chosen);
void add_list(CLI::App& app, action& chosen);
void add_describe(CLI::App& app, action& chosen);
void add_new(CLI::App& app, action& chosen);
void add_keys(CLI::App& app, action& chosen);
void add_docs(CLI::App& app, action& chosen);
// export/
void add_export(CLI::App& app, action& chosen);
// watch/
void add_top(CLI::App& app, action& chosen);
void add_echo(CLI::App& app, action& chosen);
void add_hz(CLI::App& app, action& chosen);
void add_send(CLI::App& app, action& chosen);
void add_picture(CLI::App& app, action& chosen);
void add_doctor(CLI::App& app, action& chosen);
// train/
void add_train(CLI::App& app, action& chosen);
void add_scenarios(CLI::App& app, action& chosen);
// language/
void add_model(CLI::App& app, action& chosen);
void add_chat(CLI::App& app, action& chosen);
// serve/
/// `serve tinker` below `serve`.
void add_serve_tinker(CLI::App& serve, action& chosen);
// eval/
void add_eval(CLI::App& app, action& chosen);
void add_bench(CLI::App& app, action& chosen);
void add_plan(CLI::App& app, action& chosen);
/// `eval duplex` below `eval`.
void add_eval_duplex(CLI::App& eval, action& chosen);

}  // namespace hocket::cli
