#include "actors/governance/chain.hpp"

#include <set>

#include <fmt/format.h>

#include "actors/governance/statement.hpp"
#include "actors/http/digest.hpp"

namespace hocket::governance {

using nlohmann::json;

std::string hash_of(const entry& e, const std::string& previous) {
  // Lengths before texts: no two entries give the same bytes.
  std::string all = fmt::format("hocket ledger {}\n{}\n", ledger_format, e.seq);
  for (const auto* part : {&e.at, &e.kind, &e.subject, &e.tenant, &e.body_sha256, &previous})
    all += fmt::format("{}:{}\n", part->size(), *part);
  return http::sha256_hex(all);
}

std::string pseudonym_of(const std::string& name, const std::string& key) {
  return "t-" + http::sha256_hex(key + "\n" + name).substr(0, 32);
}

json entry_json(const std::string& stored) {
  constexpr int most_levels = 256;
  return json::parse(
      stored, [](int depth, json::parse_event_t, json&) { return depth <= most_levels; }, false);
}

namespace {

/// What an entry `erased` names.
std::vector<std::pair<std::int64_t, std::string>> erased_in(const std::string& stored) {
  std::vector<std::pair<std::int64_t, std::string>> out;
  const auto all = entry_json(stored);
  if (!all.is_object() || !all.value("body", json()).is_object()) return out;
  for (const auto& one : all["body"].value("entries", json::array()))
    if (one.is_object() && one.value("seq", json()).is_number_integer() &&
        one.value("sha256", json()).is_string())
      out.emplace_back(one["seq"].get<std::int64_t>(), one["sha256"].get<std::string>());
  return out;
}

std::string name_of(const entry& e) {
  return fmt::format("entry {} ({} of {})", e.seq, e.kind,
                     e.subject.empty() ? "nothing" : e.subject);
}

}  // namespace

std::vector<finding> check_chain(sqlite3* db, std::int64_t sealed) {
  std::vector<finding> wrong;
  {
    statement s(db, "PRAGMA integrity_check(20)");
    for (int got = s.step(); got != SQLITE_DONE; got = s.step()) {
      if (got != SQLITE_ROW) {
        wrong.push_back({"the database", sqlite3_errmsg(db)});
        break;
      }
      if (s.text(0) != "ok") wrong.push_back({"the database", s.text(0)});
    }
  }
  statement s(
      db,
      "SELECT seq, at, kind, subject, tenant, body, body_sha256, previous, hash FROM entries "
      "ORDER BY seq");
  std::string previous;
  std::int64_t expected = 1;
  std::vector<entry> without_body;
  std::set<std::pair<std::int64_t, std::string>> told;
  for (int got = s.step(); got != SQLITE_DONE; got = s.step()) {
    if (got != SQLITE_ROW) {
      wrong.push_back({fmt::format("behind entry {}", expected - 1), sqlite3_errmsg(db)});
      break;
    }
    entry e;
    e.seq = s.number(0), e.at = s.text(1), e.kind = s.text(2), e.subject = s.text(3);
    e.tenant = s.text(4), e.body_sha256 = s.text(6), e.hash = s.text(8);
    if (expected < e.seq)
      wrong.push_back({fmt::format("entries {} to {}", expected, e.seq - 1), "they are missing"});
    expected = e.seq + 1;
    if (s.text(7) != previous)
      wrong.push_back({name_of(e), "it does not follow the entry before it"});
    if (hash_of(e, s.text(7)) != e.hash)
      wrong.push_back({name_of(e), "its fields do not give its hash"});
    if (s.is_null(5)) {
      without_body.push_back(e);
    } else if (http::sha256_hex(s.text(5)) != e.body_sha256) {
      wrong.push_back({name_of(e), "its body does not give its sum"});
    } else if (e.kind == "erased") {
      for (const auto& one : erased_in(s.text(5))) told.insert(one);
    }
    previous = e.hash;
  }
  for (const auto& e : without_body)
    if (!told.contains({e.seq, e.body_sha256}))
      wrong.push_back({name_of(e), "its body is gone, and no entry says that it was erased"});
  if (sealed >= expected)
    wrong.push_back({fmt::format("entries {} to {}", expected, sealed), "they are missing"});
  return wrong;
}

}  // namespace hocket::governance
