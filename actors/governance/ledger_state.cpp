#include "actors/governance/ledger_state.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <random>
#include <thread>

#include <fmt/format.h>

#include "actors/governance/card.hpp"
#include "actors/governance/chain.hpp"
#include "actors/governance/statement.hpp"
#include "actors/http/digest.hpp"

namespace hocket::governance {
namespace {

using nlohmann::json;

constexpr auto looks_every = std::chrono::milliseconds(5);
constexpr int application = 0x486f636b;  // "Hock"
constexpr std::size_t salt_bytes = 24;

const char* const schema = R"(
CREATE TABLE entries(seq INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
  tenant TEXT NOT NULL, body TEXT, body_sha256 TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
CREATE TABLE tenants(name TEXT PRIMARY KEY, key TEXT NOT NULL) STRICT;
CREATE TRIGGER entries_stay BEFORE DELETE ON entries BEGIN SELECT raise(ABORT, 'entries are never deleted'); END;
CREATE TRIGGER entries_hold BEFORE UPDATE ON entries
  WHEN NEW.body IS NOT NULL OR NEW.seq IS NOT OLD.seq OR NEW.at IS NOT OLD.at OR NEW.kind IS NOT OLD.kind
    OR NEW.subject IS NOT OLD.subject OR NEW.tenant IS NOT OLD.tenant
    OR NEW.body_sha256 IS NOT OLD.body_sha256 OR NEW.previous IS NOT OLD.previous OR NEW.hash IS NOT OLD.hash
  BEGIN SELECT raise(ABORT, 'entries never change'); END;
)";

}  // namespace

ledger::state::~state() {
  sqlite3_close(db);
  if (lock >= 0) ::close(lock);
}

tl::unexpected<error> ledger::state::failed(const char* code) const {
  // SQLite's own lock, for as long as another connection writes.
  if ((sqlite3_errcode(db) & 0xff) == SQLITE_BUSY) code = "ledger.in_use";
  return fail(code, fmt::format("{}: {}", path, sqlite3_errmsg(db)));
}

result<void> ledger::state::run(const char* sql, const char* code) const {
  if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return failed(code);
}

std::int64_t ledger::state::pragma(const char* name) const {
  statement s(db, fmt::format("PRAGMA {}", name).c_str());
  return s.step() == SQLITE_ROW ? s.number(0) : -1;
}

ledger::state::held::held(int fd, std::chrono::milliseconds limit) : fd_(fd) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!(is_ours_ = ::flock(fd, LOCK_EX | LOCK_NB) == 0) &&
         (errno == EWOULDBLOCK || errno == EINTR) && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(looks_every);
}

ledger::state::held::~held() {
  if (is_ours_) ::flock(fd_, LOCK_UN);
}

tl::unexpected<error> ledger::state::in_use() const {
  return fail("ledger.in_use",
              fmt::format("{}: another program has had it for {} ms", path, waits.count()));
}

result<entry> ledger::state::newest() const {
  statement s(db, "SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1");
  const auto got = s.step();
  if (got == SQLITE_DONE) return entry{};
  if (got != SQLITE_ROW) return failed("ledger.broken");
  entry e;
  e.seq = s.number(0), e.hash = s.text(1);
  return e;
}

std::string ledger::state::look() const {
  std::string out;
  for (const auto& file : {path, path + ".seal"}) {
    struct stat s {};
    if (::stat(file.c_str(), &s) != 0) return {};
    out += fmt::format("{} {} {} {}.{} {}.{} ", s.st_dev, s.st_ino, s.st_size, s.st_mtim.tv_sec,
                       s.st_mtim.tv_nsec, s.st_ctim.tv_sec, s.st_ctim.tv_nsec);
  }
  return out;
}

result<void> ledger::state::seal() {
  const auto last = newest();
  if (!last) return fail(last);
  struct stat s {};
  if (::stat(path.c_str(), &s) != 0) return fail("ledger.cannot_write", path + ": it is gone");
  const auto pages = (static_cast<std::size_t>(s.st_size) + seal_page_bytes - 1) / seal_page_bytes;
  // Where nobody watches, nothing is known of what was written.
  bool all_known = watch.name() != nullptr && !sums.empty();
  const auto written = watch.take();
  sums.resize(pages);
  for (const auto& [page, sum] : written)
    if (page < pages) sums[page] = sum;
  all_known = all_known && std::ranges::none_of(sums, [](const auto& x) { return x.empty(); });
  if (!all_known) {
    auto all = page_sums(path);
    if (!all) return fail("ledger.cannot_write", all.error().message);
    sums = std::move(*all);
  }
  sealed_as.clear();
  if (const auto done =
          write_seal(path, {last->seq, last->hash}, static_cast<std::uint64_t>(s.st_size), sums);
      !done) {
    sums.clear();
    return done;
  }
  // Times of files stand still for milliseconds: a time that nobody else would write shows every write after it.
  timespec times[2] = {{0, UTIME_OMIT}, {std::time(nullptr), 0}};
  times[1].tv_nsec = static_cast<long>(std::random_device()() % 1'000'000'000u);
  if (::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0) sealed_as = look();
  return {};
}

result<std::string> ledger::state::tenant_key(const std::string& name) const {
  statement s(db, "SELECT key FROM tenants WHERE name = ?");
  s.with(1, name);
  const auto got = s.step();
  if (got == SQLITE_ROW) return s.text(0);
  if (got != SQLITE_DONE) return failed("ledger.broken");
  return std::string();
}

result<std::int64_t> ledger::state::put(const std::string& kind, const std::string& subject,
                                        const json& body, const std::string& tenant) const {
  const auto last = newest();
  if (!last) return fail(last);
  entry e;
  e.seq = last->seq + 1, e.at = utc_now(), e.kind = kind, e.subject = subject;
  if (!tenant.empty()) {
    auto key = tenant_key(tenant);
    if (!key) return fail(key);
    if (key->empty()) {
      *key = http::random_token(salt_bytes);
      statement s(db, "INSERT INTO tenants VALUES(?, ?)");
      if (!s.with(1, tenant).with(2, *key).done()) return failed("ledger.cannot_write");
    }
    e.tenant = pseudonym_of(tenant, *key);
  }
  const auto stored = json{{"salt", http::random_token(salt_bytes)}, {"body", body}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
  e.body_sha256 = http::sha256_hex(stored);
  e.hash = hash_of(e, last->hash);
  statement s(db, "INSERT INTO entries VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
  s.with(1, e.seq).with(2, e.at).with(3, kind).with(4, subject).with(5, e.tenant).with(6, stored);
  if (!s.with(7, e.body_sha256).with(8, last->hash).with(9, e.hash).done())
    return failed("ledger.cannot_write");
  return e.seq;
}

result<void> ledger::state::begin() {
  HOCKET_TRY(run("PRAGMA page_size = 4096; PRAGMA auto_vacuum = NONE; BEGIN IMMEDIATE"));
  const auto made =
      run(fmt::format("{}PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT", schema,
                      application, ledger_format)
              .c_str());
  if (!made) {
    sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
    return fail(made);
  }
  return seal();
}

result<void> ledger::state::is_ledger() const {
  if (pragma("application_id") != application)
    return fail("ledger.cannot_open", path + ": it is no ledger of Hocket");
  if (pragma("user_version") != ledger_format)
    return fail("ledger.cannot_open", path + ": it has another format");
  return {};
}

result<void> ledger::state::may_append() {
  if (!sealed_as.empty() && sealed_as == look()) return {};
  sealed_as.clear(), sums.clear();
  (void)watch.take();
  const auto wrong = compare_seal(path, /*quick=*/true);
  if (!wrong) return fail(wrong);
  if (wrong->empty()) {
    auto all = page_sums(path);
    if (!all) return fail(all);
    sums = std::move(*all);
    return {};
  }
  if (was_cut_off()) return seal();
  return fail("ledger.broken",
              fmt::format("{}: {}: {}; `hocket audit verify` says more, nothing is added to it",
                          path, wrong->front().where, wrong->front().what));
}

bool ledger::state::was_cut_off() const {
  const auto before = sealed_head(path);
  const auto last = newest();
  if (!last || !check_entries().empty()) return false;
  if (!before) return last->seq == 0;  // made, and not sealed yet
  if (last->seq != before->first + 1) return false;
  if (before->first == 0) return true;
  statement s(db, "SELECT hash FROM entries WHERE seq = ?");
  return s.with(1, before->first).step() == SQLITE_ROW && s.text(0) == before->second;
}

std::vector<finding> ledger::state::check_entries() const {
  const auto sealed = sealed_head(path);
  return check_chain(db, sealed ? sealed->first : 0);
}

}  // namespace hocket::governance
