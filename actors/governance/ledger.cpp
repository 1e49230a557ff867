#include "actors/governance/ledger.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <iterator>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "actors/governance/card.hpp"
#include "actors/governance/page_watch.hpp"
#include "actors/governance/seal.hpp"
#include "actors/http/digest.hpp"
#include "graph/trust/files.hpp"

namespace hocket::governance {
namespace {

using nlohmann::json;

constexpr auto looks_every = std::chrono::milliseconds(5);
constexpr int application = 0x486f636b;  // "Hock"
constexpr int format = 1;
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

/// One statement; closed with the object.
class statement {
 public:
  statement(sqlite3* db, const char* sql) {
    ok_ = sqlite3_prepare_v2(db, sql, -1, &it_, nullptr) == SQLITE_OK;
  }
  ~statement() { sqlite3_finalize(it_); }
  statement(const statement&) = delete;
  statement& operator=(const statement&) = delete;

  statement& with(int at, const std::string& text) {
    if (ok_)
      ok_ = sqlite3_bind_text(it_, at, text.data(), static_cast<int>(text.size()),
                              SQLITE_TRANSIENT) == SQLITE_OK;
    return *this;
  }
  statement& with(int at, std::int64_t n) {
    if (ok_) ok_ = sqlite3_bind_int64(it_, at, n) == SQLITE_OK;
    return *this;
  }
  /// SQLITE_ROW, SQLITE_DONE, or what went wrong.
  int step() { return ok_ ? sqlite3_step(it_) : SQLITE_ERROR; }
  bool done() { return step() == SQLITE_DONE; }
  std::string text(int at) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(it_, at));
    return bytes == nullptr
               ? std::string()
               : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(it_, at)));
  }
  bool is_null(int at) const { return sqlite3_column_type(it_, at) == SQLITE_NULL; }
  std::int64_t number(int at) const { return sqlite3_column_int64(it_, at); }

 private:
  sqlite3_stmt* it_ = nullptr;
  bool ok_ = false;
};

std::string hash_of(const entry& e, const std::string& previous) {
  // Lengths before texts: no two entries give the same bytes.
  std::string all = fmt::format("hocket ledger {}\n{}\n", format, e.seq);
  for (const auto* part : {&e.at, &e.kind, &e.subject, &e.tenant, &e.body_sha256, &previous})
    all += fmt::format("{}:{}\n", part->size(), *part);
  return http::sha256_hex(all);
}

std::string pseudonym_of(const std::string& name, const std::string& key) {
  return "t-" + http::sha256_hex(key + "\n" + name).substr(0, 32);
}

/// The JSON of an entry; of a body that is nested deeper than any that is written here, what is above that:
/// bodies are copied, which a stack bounds, and a ledger may be another one's.
json entry_json(const std::string& stored) {
  constexpr int most_levels = 256;
  return json::parse(
      stored, [](int depth, json::parse_event_t, json&) { return depth <= most_levels; }, false);
}

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

struct ledger::state {
  std::string path;
  page_watch watch{seal_page_bytes};
  sqlite3* db = nullptr;
  int lock = -1;
  /// The pages' sums as they were sealed last, by this object, and how both files looked then: while they look
  /// so, nobody else wrote. Empty: not known.
  std::vector<std::string> sums;
  std::string sealed_as;
  std::chrono::milliseconds waits{0};
  std::mutex mutex;

  ~state() {
    sqlite3_close(db);
    if (lock >= 0) ::close(lock);
  }

  tl::unexpected<error> failed(const char* code) const {
    // SQLite's own lock, for as long as another connection writes.
    if ((sqlite3_errcode(db) & 0xff) == SQLITE_BUSY) code = "ledger.in_use";
    return fail(code, fmt::format("{}: {}", path, sqlite3_errmsg(db)));
  }
  result<void> run(const char* sql, const char* code = "ledger.cannot_write") const {
    if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
    return failed(code);
  }
  std::int64_t pragma(const char* name) const {
    statement s(db, fmt::format("PRAGMA {}", name).c_str());
    return s.step() == SQLITE_ROW ? s.number(0) : -1;
  }

  /// Holds other processes off while the file and its seal change together.
  class held {
   public:
    held(int fd, std::chrono::milliseconds limit) : fd_(fd) {
      const auto until = std::chrono::steady_clock::now() + limit;
      while (!(is_ours_ = ::flock(fd, LOCK_EX | LOCK_NB) == 0) &&
             (errno == EWOULDBLOCK || errno == EINTR) && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(looks_every);
    }
    ~held() {
      if (is_ours_) ::flock(fd_, LOCK_UN);
    }
    held(const held&) = delete;
    held& operator=(const held&) = delete;
    bool is_ours() const { return is_ours_; }

   private:
    int fd_;
    bool is_ours_ = false;
  };
  tl::unexpected<error> in_use() const {
    return fail("ledger.in_use",
                fmt::format("{}: another program has had it for {} ms", path, waits.count()));
  }

  result<entry> newest() const {
    statement s(db, "SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1");
    const auto got = s.step();
    if (got == SQLITE_DONE) return entry{};
    if (got != SQLITE_ROW) return failed("ledger.broken");
    entry e;
    e.seq = s.number(0), e.hash = s.text(1);
    return e;
  }

  /// How the file and its seal look from outside; empty: they cannot be looked at.
  std::string look() const {
    std::string out;
    for (const auto& file : {path, path + ".seal"}) {
      struct stat s {};
      if (::stat(file.c_str(), &s) != 0) return {};
      out += fmt::format("{} {} {} {}.{} {}.{} ", s.st_dev, s.st_ino, s.st_size, s.st_mtim.tv_sec,
                         s.st_mtim.tv_nsec, s.st_ctim.tv_sec, s.st_ctim.tv_nsec);
    }
    return out;
  }

  /// Of the pages that this connection wrote since, the sums are known; of all others nothing is read.
  result<void> seal() {
    const auto last = newest();
    if (!last) return fail(last);
    struct stat s {};
    if (::stat(path.c_str(), &s) != 0) return fail("ledger.cannot_write", path + ": it is gone");
    const auto pages =
        (static_cast<std::size_t>(s.st_size) + seal_page_bytes - 1) / seal_page_bytes;
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

  result<std::string> tenant_key(const std::string& name) const {
    statement s(db, "SELECT key FROM tenants WHERE name = ?");
    s.with(1, name);
    const auto got = s.step();
    if (got == SQLITE_ROW) return s.text(0);
    if (got != SQLITE_DONE) return failed("ledger.broken");
    return std::string();
  }

  /// Within a transaction.
  result<std::int64_t> put(const std::string& kind, const std::string& subject, const json& body,
                           const std::string& tenant) const {
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

  /// The first start: all of it or nothing, and sealed.
  result<void> begin() {
    HOCKET_TRY(run("PRAGMA page_size = 4096; PRAGMA auto_vacuum = NONE; BEGIN IMMEDIATE"));
    const auto made =
        run(fmt::format("{}PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT", schema,
                        application, format)
                .c_str());
    if (!made) {
      sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
      return fail(made);
    }
    return seal();
  }

  /// `work` as one change, sealed.
  template <class Work>
  auto change(Work work) -> decltype(work()) {
    const std::lock_guard once(mutex);
    const held alone(lock, waits);
    if (!alone.is_ours()) return in_use();
    HOCKET_TRY(may_append());
    HOCKET_TRY(run("BEGIN IMMEDIATE"));
    auto done = work();
    if (!done) {
      sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
      return done;
    }
    if (const auto ended = run("COMMIT"); !ended) {
      sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
      return fail(ended);
    }
    HOCKET_TRY(seal());
    return done;
  }

  /// What was changed behind our back is not sealed anew as if it were ours. Only where a change of our
  /// own was cut off between the file and its seal it is: the chain holds, and goes on from what was
  /// sealed.
  result<void> may_append() {
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

  bool was_cut_off() const {
    const auto before = sealed_head(path);
    const auto last = newest();
    if (!last || !check_entries().empty()) return false;
    if (!before) return last->seq == 0;  // made, and not sealed yet
    if (last->seq != before->first + 1) return false;
    if (before->first == 0) return true;
    statement s(db, "SELECT hash FROM entries WHERE seq = ?");
    return s.with(1, before->first).step() == SQLITE_ROW && s.text(0) == before->second;
  }

  /// The database's own structure, and the chain.
  std::vector<finding> check_entries() const;
};

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
  if (s->pragma("application_id") != application)
    return fail("ledger.cannot_open", path + ": it is no ledger of Hocket");
  if (s->pragma("user_version") != format)
    return fail("ledger.cannot_open", path + ": it has another format");
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

std::vector<finding> ledger::state::check_entries() const {
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
  if (const auto sealed = sealed_head(path); sealed && sealed->first >= expected)
    wrong.push_back({fmt::format("entries {} to {}", expected, sealed->first), "they are missing"});
  return wrong;
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
