// The commands about cards, the ledger and incidents.
#pragma once

#include <string>
#include <vector>

#include "tools/hocket/commands.hpp"

namespace hocket::cli {

struct govern_options {
  std::string ledger;  ///< "": $HOCKET_LEDGER, else out/governance.db
  std::string policy;
  std::string name;  ///< an adapter, or a folder with card.json
  std::string reason;
  std::string gate;      ///< of an override
  std::string to, from;  ///< of an export: its folder, the adapter's files
  std::string kind, tenant;
  bool markdown = false, json = false;
};

struct policy_options {
  std::string file;                ///< a policy of policy.guard
  std::vector<std::string> words;  ///< turns to try
  std::string cases;
  std::string judge;           ///< a head of policy.judge over words; "": none
  std::string sentences;       ///< one over the states of `language_model`; "": none
  std::string language_model;  ///< a file, a folder or a fetched package
  std::string people = "adults";
  bool json = false;
};
int run_policy(const policy_options&);

int run_card(const govern_options&);
int run_audit_list(const govern_options&);
int run_audit_verify(const govern_options&);
int run_audit_refused(const govern_options&);
int run_audit_export(const govern_options&);
int run_audit_erase(const govern_options&);
int run_incident_open(const govern_options&);
int run_incident_close(const govern_options&);
int run_incident_list(const govern_options&);

/// The ledger's path by option, variable, or default.
std::string ledger_path(const govern_options&);

}  // namespace hocket::cli
