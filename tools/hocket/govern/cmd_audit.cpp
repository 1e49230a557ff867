// hocket audit: the ledger's entries, whether they hold, and the erasure of a tenant's.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/governance/ledger.hpp"
#include "actors/governance/records.hpp"
#include "actors/governance/seal.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/govern/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

using governance::ledger;
using nlohmann::json;

json line_of(const governance::entry& e) {
  return {{"seq", e.seq},
          {"at", e.at},
          {"kind", e.kind},
          {"subject", e.subject},
          {"tenant", e.tenant},
          {"body", e.body ? *e.body : json()},
          {"body_sha256", e.body_sha256},
          {"hash", e.hash}};
}

/// Told apart for scripts: what was cut off mends itself with the next entry, what was changed does not.
constexpr int exit_cut_off = 3;

std::string text_of(const json& j) {
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

int run_audit_list(const govern_options& o) {
  const auto in = ledger::open(ledger_path(o), false);
  if (!in) return tell(in.error(), exit_bad_input);
  const auto all = in->list(o.kind, o.name, o.tenant);
  if (!all) return tell(all.error(), exit_failed);
  for (const auto& e : *all) {
    if (o.json) {
      say("{}\n", text_of(line_of(e)));
    } else {
      auto body = e.body ? text_of(*e.body) : std::string("(erased)");
      if (body.size() > 100) body = body.substr(0, 97) + "...";
      say("{:>5}  {}  {:<10}  {:<20}  {}\n", e.seq, e.at, e.kind, e.subject, body);
    }
  }
  return exit_fine;
}

int run_audit_verify(const govern_options& o) {
  const auto path = ledger_path(o);
  std::vector<governance::finding> wrong;
  std::pair<std::int64_t, std::string> head;
  const auto in = ledger::open(path, false);
  if (!in) {
    // Also what cannot be opened is looked at, byte by byte.
    auto pages = governance::compare_seal(path, false);
    if (!pages) return tell(in.error(), exit_bad_input);
    wrong = std::move(*pages);
    wrong.push_back({path, in.error().message});
  } else {
    auto found = in->verify();
    if (!found) return tell(found.error(), exit_failed);
    wrong = std::move(*found);
    if (const auto last = in->head()) head = *last;
  }
  if (o.json) {
    auto all = json::array();
    for (const auto& w : wrong)
      all.push_back({{"where", w.where}, {"what", w.what}, {"cut_off", w.cut_off}});
    say("{}\n", text_of({{"whole", wrong.empty()},
                         {"entries", head.first},
                         {"head", head.second},
                         {"findings", all}}));
  } else {
    for (const auto& w : wrong) say("{}: {}\n", w.where, w.what);
    if (wrong.empty())
      say("{}: whole, {} entries; the last hash is {}\n", path, head.first, head.second);
  }
  if (wrong.empty()) return exit_fine;
  const bool cut = std::all_of(wrong.begin(), wrong.end(), [](const auto& w) { return w.cut_off; });
  return cut ? exit_cut_off : exit_failed;
}

int run_audit_refused(const govern_options& o) {
  auto in = ledger::open(ledger_path(o), false);
  if (!in) return tell(in.error(), exit_bad_input);
  const auto all = governance::records(std::move(*in)).refused();
  if (!all) return tell(all.error(), exit_failed);
  for (const auto& r : *all) {
    if (o.json)
      say("{}\n", text_of({{"name", r.name},
                           {"gate", r.gate},
                           {"at", r.at},
                           {"why", r.why},
                           {"refused_as", r.refused_as}}));
    else
      say("{:<20}  {:<6}  {}  {}\n", r.name, r.gate, r.at, fmt::join(r.why, "; "));
  }
  return exit_fine;
}

int run_audit_export(const govern_options& o) {
  const auto path = ledger_path(o);
  if (refuse_overwriting(o.to, "hocket audit export",
                         {{path, "the ledger"},
                          {path + ".seal", "its seal"},
                          {path + ".lock", "its lock"},
                          {path + "-journal", "its journal"}}) != exit_fine)
    return exit_bad_input;
  const auto in = ledger::open(path, false);
  if (!in) return tell(in.error(), exit_bad_input);
  const auto all = in->list();
  if (!all) return tell(all.error(), exit_failed);
  std::string lines;
  for (const auto& e : *all) lines += text_of(line_of(e)) + "\n";
  if (const auto done = trust::write_file(o.to, lines); !done)
    return tell(done.error(), exit_failed);
  say("{}: {} entries\n", o.to, all->size());
  return exit_fine;
}

int run_audit_erase(const govern_options& o) {
  auto in = ledger::open(ledger_path(o), false);
  if (!in) return tell(in.error(), exit_bad_input);
  const auto erased = in->erase_tenant(o.tenant, o.reason);
  if (!erased) return tell(erased.error(), exit_failed);
  say("{} entries erased{}\n", *erased,
      *erased == 0 ? ": nothing is known of that tenant" : "; an entry `erased` names them");
  return *erased == 0 ? exit_bad_input : exit_fine;
}

}  // namespace hocket::cli
