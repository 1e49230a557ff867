#include "actors/governance/ledger.hpp"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <mutex>

#include <fmt/format.h>

#include "actors/governance/chain.hpp"
#include "actors/governance/ledger_state.hpp"
#include "actors/governance/statement.hpp"
#include "graph/trust/files.hpp"

namespace hocket::governance {

using nlohmann::json;

ledger::ledger(std::unique_ptr<state> state) : state_(std::move(state)) {}
ledger::~ledger() = default;
ledger::ledger(ledger&&) noexcept = default;
ledger& ledger::operator=(ledger&&) noexcept = default;
const std::string& ledger::path() const { return state_->path; }

result<ledger> ledger::open(const std::string& path, bool makes, std::chrono::milliseconds waits) {
  struct stat there {};
  const bool is_missing = ::stat(path.c_str(), &there) != 0 || there.st_size == 0;
  if (is_missing && !makes) return fail("ledger.cannot_open", path + ": there is no ledger");
  if (is_missing) {
    const auto made = trust::create_file(path, trust::create_as::kept);
    if (!made) return fail("ledger.cannot_open", made.error().message);
  }
  auto s = std::make_unique<state>();
  s->path = path, s->waits = waits;
  auto lock = trust::create_file(path + ".lock", trust::create_as::kept);
  if (!lock) return fail("ledger.cannot_open", lock.error().message);
  s->lock = lock->release();
  if (sqlite3_open_v2(path.c_str(), &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX,
                      s->watch.name()) != SQLITE_OK)
    return s->failed("ledger.cannot_open");
  sqlite3_busy_timeout(s->db, static_cast<int>(waits.count()));
  sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  const state::held alone(s->lock, waits);
  if (!alone.is_ours()) return s->in_use();
  // The file holds all of it after each change, and nothing of what was erased.
  HOCKET_TRY(
      s->run("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;",
             "ledger.cannot_open"));
  // No page: also a first start that was cut off before its end leaves that.
  if (makes && s->pragma("page_count") == 0) HOCKET_TRY(s->begin());
  HOCKET_TRY(s->is_ledger());
  // A first start that was cut off between the file and its seal.
  if (makes && ::stat((path + ".seal").c_str(), &there) != 0) {
    const auto last = s->newest();
    if (!last) return fail(last);
    if (last->seq == 0 && s->check_entries().empty()) HOCKET_TRY(s->seal());
  }
  return ledger(std::move(s));
}

result<std::int64_t> ledger::append(const std::string& kind, const std::string& subject,
                                    const json& body, const std::string& tenant) {
  return state_->change([&] { return state_->put(kind, subject, body, tenant); });
}

result<std::pair<std::int64_t, std::string>> ledger::head() const {
  const std::lock_guard once(state_->mutex);
  const auto last = state_->newest();
  if (!last) return fail(last);
  return std::pair{last->seq, last->hash};
}

result<std::vector<entry>> ledger::list(const std::string& kind, const std::string& subject,
                                        const std::string& tenant) const {
  const std::lock_guard once(state_->mutex);
  std::string whose;
  if (!tenant.empty()) {
    const auto key = state_->tenant_key(tenant);
    if (!key) return fail(key);
    if (key->empty()) return std::vector<entry>();
    whose = pseudonym_of(tenant, *key);
  }
  const bool prefix = subject.ends_with('*');
  statement s(state_->db,
              "SELECT seq, at, kind, subject, tenant, body, body_sha256, hash FROM entries "
              "WHERE (?1 = '' OR kind = ?1) AND (?2 = '' OR subject = ?2) ORDER BY seq");
  s.with(1, kind).with(2, prefix ? std::string() : subject);
  std::vector<entry> out;
  const auto stem = prefix ? subject.substr(0, subject.size() - 1) : subject;
  for (;;) {
    const auto got = s.step();
    if (got == SQLITE_DONE) return out;
    if (got != SQLITE_ROW) return state_->failed("ledger.broken");
    entry e;
    e.seq = s.number(0), e.at = s.text(1), e.kind = s.text(2), e.subject = s.text(3);
    e.tenant = s.text(4), e.body_sha256 = s.text(6), e.hash = s.text(7);
    if (!whose.empty() && e.tenant != whose) continue;
    if (prefix && !e.subject.starts_with(stem)) continue;
    if (!s.is_null(5)) {
      const auto stored = entry_json(s.text(5));
      e.body = stored.is_object() ? stored.value("body", json()) : json();
    }
    out.push_back(std::move(e));
  }
}

result<std::int64_t> ledger::erase_tenant(const std::string& tenant, const std::string& reason) {
  return state_->change([&]() -> result<std::int64_t> {
    const auto key = state_->tenant_key(tenant);
    if (!key) return fail(key);
    if (key->empty()) return std::int64_t{0};
    const auto whose = pseudonym_of(tenant, *key);
    auto erased = json::array();
    statement all(
        state_->db,
        "SELECT seq, body_sha256 FROM entries WHERE tenant = ? AND body IS NOT NULL ORDER BY seq");
    all.with(1, whose);
    for (int got = all.step(); got != SQLITE_DONE; got = all.step()) {
      if (got != SQLITE_ROW) return state_->failed("ledger.broken");
      erased.push_back({{"seq", all.number(0)}, {"sha256", all.text(1)}});
    }
    statement clear(state_->db,
                    "UPDATE entries SET body = NULL WHERE tenant = ? AND body IS NOT NULL");
    if (!clear.with(1, whose).done()) return state_->failed("ledger.cannot_write");
    statement forget(state_->db, "DELETE FROM tenants WHERE name = ?");
    if (!forget.with(1, tenant).done()) return state_->failed("ledger.cannot_write");
    const auto count = static_cast<std::int64_t>(erased.size());
    const auto put = state_->put("erased", whose, {{"reason", reason}, {"entries", erased}}, "");
    if (!put) return fail(put);
    return count;
  });
}

result<std::vector<finding>> ledger::verify() const {
  const std::lock_guard once(state_->mutex);
  const state::held alone(state_->lock, state_->waits);
  if (!alone.is_ours()) return state_->in_use();
  auto wrong = compare_seal(state_->path, false);
  if (!wrong) return fail(wrong);
  auto more = state_->check_entries();
  if (more.empty() && !wrong->empty() && state_->was_cut_off()) {
    const auto last = state_->newest();
    if (!last) return fail(last);
    // Who verifies changes nothing.
    return std::vector<finding>{
        {state_->path + ".seal",
         fmt::format(
             "entry {} is not sealed: its change was cut off; the chain holds, and the next "
             "entry seals both",
             last->seq),
         true}};
  }
  std::ranges::move(more, std::back_inserter(*wrong));
  return wrong;
}

}  // namespace hocket::governance
