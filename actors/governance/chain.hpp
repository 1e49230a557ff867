// What binds the entries of a ledger: their sums, their pseudonyms, and what of it does not fit together.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "actors/governance/ledger.hpp"

namespace hocket::governance {

/// Of a ledger's file, and of what goes into each hash.
constexpr int ledger_format = 1;

/// In hex: of an entry's number, time, kind, subject, tenant and body's sum, and the hash before it.
std::string hash_of(const entry& e, const std::string& previous);
/// How a tenant is written; nobody finds the name without the tenant's key.
std::string pseudonym_of(const std::string& name, const std::string& key);
/// The JSON of an entry; of a body that is nested deeper than any that is written here, what is above that:
/// bodies are copied, which a stack bounds, and a ledger may be another one's.
nlohmann::json entry_json(const std::string& stored);
/// What does not fit together in the database's own structure and in the chain; `sealed`: the number of the
/// entry that was sealed last (0: none), which must be there.
std::vector<finding> check_chain(sqlite3* db, std::int64_t sealed);

}  // namespace hocket::governance
