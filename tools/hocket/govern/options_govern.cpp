// Options of the commands about cards, the ledger and incidents.
#include "tools/hocket/govern/commands.hpp"
#include "tools/hocket/options_govern.hpp"

namespace hocket::cli {
namespace {

void add_ledger(CLI::App& sub, govern_options& o) {
  sub.add_option("--ledger", o.ledger, "The ledger's file; $HOCKET_LEDGER, else out/governance.db");
  add_json(sub, o.json);
}

/// A command below another one, whose callback would replace its own.
CLI::App& below(CLI::App& parent, action& chosen, const char* name, const char* summary,
                action run) {
  auto* sub = parent.add_subcommand(name, summary);
  sub->callback([&parent, &chosen, run] {
    parent.callback([] {});
    chosen = run;
  });
  return *sub;
}

}  // namespace

void add_card(CLI::App& app, action& chosen) {
  static govern_options o;
  auto& sub =
      command(app, chosen, "card", "Show what is known of an adapter", [] { return run_card(o); });
  sub.add_option("adapter", o.name, "Its name, or its folder; without one: all names");
  sub.add_flag("--markdown", o.markdown, "As a model card for people");
  sub.add_option("--export", o.to, "Write card and weights there, if the policy lets it");
  sub.add_option("--from", o.from, "Folder of the adapter's files, to export");
  sub.add_option("--policy", o.policy, "Policy file of the gates");
  sub.add_option(
      "--override", o.gate,
      "Let its present weights through a gate (load, serve, swap, export); needs --reason");
  sub.add_option("--reason", o.reason, "Of an override; it is recorded");
  add_ledger(sub, o);
}

void add_policy(CLI::App& app, action& chosen) {
  static policy_options o;
  auto& sub =
      command(app, chosen, "policy", "Check a policy of policy.guard, and try words with it",
              [] { return run_policy(o); });
  sub.add_option("file", o.file, "Policy file (YAML)")->required();
  sub.add_option("words", o.words, "What somebody says, a turn each: which topics come up");
  sub.add_option("--cases", o.cases,
                 "Lines `TOPIC: words | next turn`, `-: words`; exit code 1 where one differs");
  sub.add_option("--judge", o.judge, "Head of policy.judge that is asked as well")
      ->type_name("FILE");
  sub.add_option("--sentences", o.sentences,
                 "Head of policy.judge over the hidden states of --language-model")
      ->type_name("FILE");
  sub.add_option("--language-model", o.language_model, "A file, a folder or a fetched package")
      ->type_name("MODEL");
  sub.add_option("--people", o.people, "adults or minors")
      ->check(CLI::IsMember({"adults", "minors"}));
  add_json(sub, o.json);
}

void add_audit(CLI::App& app, action& chosen) {
  static govern_options o;
  auto& sub = *app.add_subcommand("audit", "Read and check the ledger of adapters");
  sub.require_subcommand(1);
  auto& list = below(sub, chosen, "list", "What happened", [] { return run_audit_list(o); });
  list.add_option("--kind", o.kind, "card, evaluation, gate, override, export, incident, erased");
  list.add_option("--subject", o.name, "An adapter; `NAME*`: all that begin so");
  list.add_option("--tenant", o.tenant, "Whose data");
  add_ledger(list, o);
  auto& verify = below(sub, chosen, "verify", "Check every entry and every byte",
                       [] { return run_audit_verify(o); });
  add_ledger(verify, o);
  auto& refused =
      below(sub, chosen, "refused", "Which adapters a gate last refused or an incident freezes",
            [] { return run_audit_refused(o); });
  add_ledger(refused, o);
  auto& out = below(sub, chosen, "export", "Write all entries as JSON lines",
                    [] { return run_audit_export(o); });
  out.add_option("file", o.to, "File to write")->required();
  add_ledger(out, o);
  auto& erase =
      below(sub, chosen, "erase", "Erase what entries hold of a tenant; the chain stays whole",
            [] { return run_audit_erase(o); });
  erase.add_option("tenant", o.tenant, "Whose data")->required();
  erase.add_option("--reason", o.reason, "Recorded")->required();
  add_ledger(erase, o);
}

void add_incident(CLI::App& app, action& chosen) {
  static govern_options o;
  auto& sub =
      *app.add_subcommand("incident", "Freeze an adapter for gates and servers, and thaw it");
  sub.require_subcommand(1);
  auto& open =
      below(sub, chosen, "open",
            "`serve tinker --ledger` and `card --export` stop using it; `graph:NAME` falls silent",
            [] { return run_incident_open(o); });
  auto& close =
      below(sub, chosen, "close", "The end of its incident", [] { return run_incident_close(o); });
  for (auto* each : {&open, &close}) {
    each->add_option("adapter", o.name, "Its name")->required();
    each->add_option("--reason", o.reason, "Recorded, and shown in its card")->required();
    add_ledger(*each, o);
  }
  auto& list = below(sub, chosen, "list", "Which are frozen", [] { return run_incident_list(o); });
  add_ledger(list, o);
}

}  // namespace hocket::cli
