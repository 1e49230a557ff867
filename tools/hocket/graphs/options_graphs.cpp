// Options of the commands that read graphs and make what they need: checks, pictures, keys.
#include "tools/hocket/graphs/api_keys.hpp"
#include "tools/hocket/graphs/commands.hpp"
#include "tools/hocket/options.hpp"

namespace hocket::cli {

void add_validate(CLI::App& app, action& chosen) {
  static validate_options o;
  auto& sub = command(app, chosen, "validate", "Check graphs; nothing is started",
                      [] { return run_validate(o); });
  sub.add_option("graphs", o.graphs, "Graph files (YAML)")->required();
  add_graph_options(sub, o.how);
  add_json(sub, o.json);
}

void add_graph(CLI::App& app, action& chosen) {
  static graph_command_options o;
  auto& sub =
      command(app, chosen, "graph", "Draw a graph (SVG, PNG or DOT)", [] { return run_graph(o); });
  sub.add_option("graph", o.graph, "Graph file (YAML)")->required();
  add_graph_options(sub, o.how);
  sub.add_option("-o,--out", o.out, "File to write; the ending gives the format")
      ->type_name("FILE");
  sub.add_option("--format", o.format, "Format on stdout")
      ->check(CLI::IsMember({"svg", "png", "dot"}));
  add_json(sub, o.json);
}

void add_list(CLI::App& app, action& chosen) {
  static list_options o;
  auto& sub = command(app, chosen, "list", "Components and tools that this program knows",
                      [] { return run_list(o); });
  sub.add_option("what", o.what, "components or tools; both where left out")
      ->check(CLI::IsMember({"components", "tools"}));
  sub.add_option("--plugin", o.plugins, "A plugin's shared library, whose manifest is read")
      ->type_name("FILE");
  add_json(sub, o.json);
}

void add_describe(CLI::App& app, action& chosen) {
  static describe_options o;
  auto& sub =
      command(app, chosen, "describe", "Ports, queues and config keys of a component or tool",
              [] { return run_describe(o); });
  sub.add_option("type", o.type, "Such as audio.dmel or calculator")->required();
  sub.add_option("--plugin", o.plugins, "A plugin's shared library, whose manifest is read")
      ->type_name("FILE");
  add_json(sub, o.json);
}

void add_new(CLI::App& app, action& chosen) {
  static new_options o;
  auto& sub = command(app, chosen, "new",
                      "Make a component, a tool or a repository of your own, with tests",
                      [] { return run_new(o); });
  sub.add_option("kind", o.kind, "component, tool or project")
      ->required()
      ->check(CLI::IsMember({"component", "tool", "project"}));
  sub.add_option("name", o.name, "Component: group.name; tool, project: name")->required();
  sub.add_option("--dir", o.dir, "The plugins folder of this repository")->capture_default_str();
  sub.add_option("--out-of-tree", o.out_of_tree,
                 "A project of its own in DIR, for an installed Hocket")
      ->type_name("DIR");
  sub.add_flag("--python", o.python,
               "In Python: a folder NAME, or that of --out-of-tree, with a graph that uses it");
  add_json(sub, o.json);
}

namespace {

void add_tinker_keys(CLI::App& keys, action& chosen) {
  static tinker_keys_options o;
  auto& sub = *keys.add_subcommand("api", "Make keys of the training server; DIR/tinker.keys");
  // The parent's callback comes after this one and would replace it.
  sub.callback([&keys, &chosen] {
    keys.callback([] {});
    chosen = [] { return run_tinker_keys(o); };
  });
  sub.add_option("names", o.names, "Who gets one; keys of one name share data and quotas")
      ->required();
  sub.add_option("--scopes", o.scopes, "What they may: train, sample, export, admin, with commas")
      ->capture_default_str();
  const auto quota = [&](const char* name, std::int64_t& into, const char* what) {
    sub.add_option(name, into, what)->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 39));
  };
  quota("--models", o.models, "Models in memory at once; none: 256");
  quota("--stored-mib", o.stored_mib, "Of checkpoints; none: as the disk allows");
  quota("--tokens-per-minute", o.tokens_per_minute,
        "Trained, read and sampled; none: as the machine allows");
  quota("--futures", o.futures, "Requests that wait at once; none: 8192");
  sub.add_option("--dir", o.dir, "Folder of the keys")->capture_default_str();
  add_json(sub, o.json);
}

}  // namespace

void add_keys(CLI::App& app, action& chosen) {
  static keys_options o;
  auto& sub =
      command(app, chosen, "keys",
              "Make the keys of hosts, of the gateway and of the training server, or list them",
              [] { return run_keys(o); });
  add_tinker_keys(sub, chosen);
  sub.add_option("names", o.names, "Hosts to make a pair for; none: list what is there");
  sub.add_option("--dir", o.dir, "Folder of the keys")->capture_default_str();
  sub.add_option("--api", o.api, "Make a key that lets NAME in at the gateway; DIR/gateway.keys")
      ->type_name("NAME")
      ->allow_extra_args(false);
  sub.add_flag(
      "--edit", o.edit,
      "The keys of --api may change the running graph, too, where `serve --edit` lets them");
  sub.add_flag("--grown-up", o.grown_up,
               "The keys of --api let nobody in: they open a grown-up's settings of conversations "
               "of minors");
  sub.add_option(
         "--tls", o.tls,
         "Make the gateway a certificate for this host name or address (may be given again)")
      ->type_name("HOST")
      ->allow_extra_args(false);
  sub.footer(
      "NAME.pub goes to every host (`key: keys/NAME.pub` under `hosts:`), NAME.key to that host\n"
      "alone; it is refused where others than its owner can read it. Nothing is ever replaced.");
  add_json(sub, o.json);
}

void add_docs(CLI::App& app, action& chosen) {
  static docs_options o;
  auto& sub =
      command(app, chosen, "docs", "Write configs/schema.json and the tables of the READMEs",
              [] { return run_docs(o); });
  sub.add_option("--root", o.root, "Repository")->capture_default_str();
  auto* const check =
      sub.add_flag("--check", o.check, "Write nothing; exit code 1 if anything would change");
  auto* const schema =
      sub.add_option(
             "--schema", o.schema,
             "Only the JSON Schema of graph files, to FILE (- is standard output); needs no "
             "repository")
          ->type_name("FILE")
          ->excludes(check);
  sub.add_option("--plugin", o.plugins, "A plugin whose components and tools the schema has too")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->needs(schema);
}

}  // namespace hocket::cli
