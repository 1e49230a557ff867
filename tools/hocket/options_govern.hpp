// The part of the argument parser about cards, the ledger and incidents: options.hpp is compiled into every
// family, this into two files.
#pragma once

#include "tools/hocket/options.hpp"

namespace hocket::cli {

void add_card(CLI::App& app, action& chosen);
void add_audit(CLI::App& app, action& chosen);
void add_incident(CLI::App& app, action& chosen);
void add_policy(CLI::App& app, action& chosen);

}  // namespace hocket::cli
