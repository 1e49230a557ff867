#include "tools/hocket/eval/eval_duplex.hpp"
#include "tools/hocket/options.hpp"

namespace hocket::cli {

void add_eval_duplex(CLI::App& eval, action& chosen) {
  static duplex_request o;
  auto* sub = eval.add_subcommand("duplex",
                                  "Judge how a graph converses: turns, pauses, "
                                  "interruptions, time, tools, bad lines");
  // The parent's callback comes after this one and would replace it.
  sub->callback([&eval, &chosen] {
    eval.callback([] {});
    chosen = [] { return judge_duplex(o); };
  });
  sub->add_option("graph", o.graph, "Graph file (YAML)")->capture_default_str();
  add_graph_options(*sub, o.how);
  const auto port = [&](const char* name, auto& into, const char* what) {
    sub->add_option(name, into, what)->type_name("ACTOR.PORT")->allow_extra_args(false);
  };
  port("--input", o.input, "Source that carries the person; found where left out");
  port("--audio", o.audio, "Output with the model's sound");
  port("--text", o.texts, "Output with the model's words");
  sub->add_option("--recorded", o.recorded, "Judge stereo WAVs (person left, model right) instead")
      ->type_name("DIR");
  sub->add_option("--write", o.write, "Only write the test set, for other systems")
      ->type_name("DIR");
  sub->add_option("--compare", o.compare, "Paired differences of two earlier runs, B - A")
      ->type_name("A.json B.json")
      ->expected(2);
  sub->add_option("--family", o.families, "Only these families; also session, robustness")
      ->type_name("NAME")
      ->allow_extra_args(false);
  sub->add_option("--bank", o.bank, "Speech bank (tools/scenarios/bank): people, unseen voices")
      ->type_name("DIR");
  sub->add_option("--out", o.out,
                  "Folder for results and pictures; out/duplex, in real time out/duplex-real-time");
  sub->add_option("--seed", o.seed, "Of the test set; 0 = the standard one")->capture_default_str();
  sub->add_option("--items", o.items, "Of each family, at most; all, in real time 4")
      ->check(CLI::Range(1, 1000));
  sub->add_option("--long-minutes", o.long_minutes, "Length of the long session")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 600.0))
      ->check(finite());
  sub->add_option("--jobs", o.jobs, "Runs of the graph at once; 2, in real time 1")
      ->check(CLI::Range(1, 64));
  sub->add_option("--batch", o.batch, "Items (sessions) in one run; 16, in real time 1")
      ->check(CLI::Range(1, 256));
  sub->add_flag("--quick", o.quick, "About a tenth of the items; not for reports");
  sub->add_flag("--real-time", o.real_time,
                "By the wall clock, so that latencies hold the computing; a few items, one at a "
                "time");
  sub->add_option("--through", o.through,
                  "Beside the same model behind a gateway, by the wall clock: heard as it arrives "
                  "(gateway), or by interaction.remote and a playout (remote)")
      ->type_name("gateway|remote")
      ->check(CLI::IsMember({"gateway", "remote"}));
  sub->add_option("--protocol", o.protocol, "What is spoken to that gateway")
      ->capture_default_str()
      ->check(CLI::IsMember({"hocket", "realtime"}));
  sub->add_flag("--fresh", o.fresh, "Forget what --out holds of another run");
  sub->add_flag("--keep-sound", o.keep_sound, "Also a stereo WAV per item");
  add_json(*sub, o.json);
  sub->footer(
      "A run that was cut off goes on where it was. Exit code 1 where the graph fails, or\n"
      "its text and its sound disagree.");
}

}  // namespace hocket::cli
