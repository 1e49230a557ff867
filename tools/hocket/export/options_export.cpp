// Options of `hocket export`.
#include "tools/hocket/export/commands.hpp"
#include "tools/hocket/options.hpp"

namespace hocket::cli {

void add_export(CLI::App& app, action& chosen) {
  static export_options o;
  auto& sub =
      command(app, chosen, "export", "Write systemd units or Kubernetes manifests of a graph",
              [] { return run_export(o); });
  sub.add_option("kind", o.kind, "systemd or kubernetes")
      ->required()
      ->check(CLI::IsMember({"systemd", "kubernetes"}));
  sub.add_option("graph", o.graph, "Graph file (YAML)")->required();
  add_graph_options(sub, o.how);
  sub.add_option("-o,--out", o.out, "Folder to write")->capture_default_str();
  sub.add_option("--host", o.host, "Only this host of the graph")->type_name("NAME");
  sub.add_option("--program", o.program, "The program on the target")->capture_default_str();
  sub.add_option("--dir", o.dir, "Working folder on the target")->capture_default_str();
  sub.add_option("--user", o.user, "systemd: who runs it")->capture_default_str();
  sub.add_option("--image", o.image, "kubernetes: container image")->capture_default_str();
  sub.add_option("--namespace", o.name_space, "kubernetes: namespace")->type_name("NAME");
  sub.add_option("--sessions", o.sessions, "run: conversations at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  sub.add_option("--listen", o.listen, "run: where the host listens, instead of the graph's")
      ->type_name("ADDRESS");
  sub.add_option("--peer", o.peers, "run: where another host listens, instead of the graph's")
      ->type_name("NAME=ADDRESS")
      ->allow_extra_args(false);
  sub.add_option("--record", o.record, "run: record in this file, in the state folder")
      ->type_name("FILE");
  sub.add_option("--record-edges", o.record_edges, "run: only these outputs or inputs")
      ->type_name("GLOB")
      ->delimiter(',')
      ->allow_extra_args(false);
  sub.add_flag("--no-pii", o.no_pii, "run: leave words out of the event log and the picture");
  sub.add_option("--metrics-port", o.metrics_port, "Port of metrics and health")
      ->capture_default_str()
      ->check(CLI::Range(1, 65535));
  add_json(sub, o.json);
}

}  // namespace hocket::cli
