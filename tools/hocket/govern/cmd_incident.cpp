// hocket incident: freezes an adapter for gates and servers, and thaws it.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/governance/records.hpp"
#include "tools/hocket/govern/commands.hpp"
#include "tools/hocket/say.hpp"

namespace hocket::cli {
namespace {

using governance::records;

int tell(const error& e) {
  return cli::tell(e, e.code.starts_with("governance.") || e.code == "ledger.cannot_open"
                          ? exit_bad_input
                          : exit_failed);
}

result<records> opened(const govern_options& o) {
  auto in = governance::ledger::open(ledger_path(o), false);
  if (!in) return fail(in);
  return records(std::move(*in));
}

}  // namespace

int run_incident_open(const govern_options& o) {
  auto r = opened(o);
  if (!r) return tell(r.error());
  if (const auto done = r->open_incident(o.name, o.reason); !done) return tell(done.error());
  say("`{}` is frozen\n", o.name);
  return exit_fine;
}

int run_incident_close(const govern_options& o) {
  auto r = opened(o);
  if (!r) return tell(r.error());
  if (const auto done = r->close_incident(o.name, o.reason); !done) return tell(done.error());
  say("`{}` is frozen no more\n", o.name);
  return exit_fine;
}

int run_incident_list(const govern_options& o) {
  const auto r = opened(o);
  if (!r) return tell(r.error());
  const auto all = r->frozen();
  if (!all) return tell(all.error());
  if (o.json)
    say("{}\n", nlohmann::json(*all).dump());
  else
    for (const auto& name : *all) say("{}\n", name);
  return exit_fine;
}

}  // namespace hocket::cli
