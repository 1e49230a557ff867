// Options of `serve`: a run whose gateway people and apps talk with.
#include "tools/hocket/options.hpp"
#include "tools/hocket/run/commands.hpp"

namespace hocket::cli {

void add_serve(CLI::App& app, action& chosen) {
  static serve_options o;
  auto& sub =
      command(app, chosen, "serve", "Let people and apps talk with a graph: a page, and APIs",
              [] { return run_serve(o); });
  sub.add_option("graph", o.run.graph, "Graph file (YAML) with a `gateway.door`")
      ->capture_default_str();
  add_graph_options(sub, o.run.how);
  sub.add_option("--listen", o.listen, "Where clients connect; port 0 = any")
      ->type_name("tcp://127.0.0.1:8765");
  sub.add_option("--keys", o.keys,
                 "Who may come in, as `hocket keys --api NAME` writes it; needed beyond loopback")
      ->type_name("FILE");
  sub.add_option("--name", o.names, "Answer to this host name too, besides loopback's")
      ->type_name("NAME")
      ->allow_extra_args(false);
  sub.add_option("--certificate", o.certificate,
                 "For TLS (PEM); without it one is made at start: gateway.pem in --out")
      ->type_name("FILE");
  sub.add_option("--private-key", o.private_key, "Its key (PEM)")->type_name("FILE");
  sub.add_option("--texts", o.texts, "The page's disclosure, consent and notices (JSON)")
      ->type_name("FILE");
  sub.add_flag(
      "--edit", o.edit,
      "The page may change the running graph: with a key of `hocket keys --api NAME --edit`, or, "
      "without --keys, one of this run that is printed at its start");
  sub.add_option("--training", o.training,
                 "Folder of a run that trains, which the page shows as it goes on")
      ->type_name("DIR");
  sub.add_option("--actor", o.actor, "Name of the gateway in the graph")->capture_default_str();
  sub.add_option("--out", o.run.out, "Folder for what the run writes");
  sub.add_option("--duration", o.run.duration_s, "Stop in good order after that many seconds")
      ->type_name("SECONDS")
      ->check(seconds());
  sub.add_option("--metrics", o.run.metrics,
                 "Serve /metrics (Prometheus), /status, /healthz and /readyz over HTTP there")
      ->type_name("tcp://127.0.0.1:PORT");
  sub.add_flag("--plain", o.run.plain, "Plain lines also on a terminal");
  add_json(sub, o.run.json);
  sub.footer(
      "Open the address in a browser, or give it to an app as its base URL:\n"
      "  http://127.0.0.1:8765           the page\n"
      "  http://127.0.0.1:8765/v1        OpenAI Realtime and OpenAI Live; https:// at the same "
      "port\n"
      "  https://localhost:8765          Gemini Live\n"
      "Other machines: --listen tcp://0.0.0.0:8765 --keys FILE --name HOST, over TLS only.");
}

}  // namespace hocket::cli
