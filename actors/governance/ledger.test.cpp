#include "actors/governance/ledger.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <sqlite3.h>

#include "actors/governance/seal.hpp"

namespace hocket::governance {
namespace {

using nlohmann::json;

struct place {
  std::string dir, path;
  explicit place(const char* name)
      : dir((std::filesystem::temp_directory_path() / (std::string("hocket_ledger_") + name))
                .string()),
        path(dir + "/book.db") {
    std::filesystem::remove_all(dir);
    std::filesystem::create_directories(dir);
  }
  ~place() { std::filesystem::remove_all(dir); }
  ledger open(bool makes = true) const {
    auto in = ledger::open(path, makes);
    REQUIRE_MESSAGE(in.has_value(), (in ? "" : in.error().message));
    return std::move(*in);
  }
  static std::string read(const std::string& file) {
    std::ostringstream all;
    all << std::ifstream(file, std::ios::binary).rdbuf();
    return all.str();
  }
  static void write(const std::string& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  }
  /// What somebody with another program does to the file.
  int meddle(const char* sql) const {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
    const int got = sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
    sqlite3_close(db);
    return got;
  }
  /// Findings of a file as it is, whether or not it can be opened.
  std::vector<finding> findings() const {
    auto in = ledger::open(path, false);
    auto wrong = in ? in->verify() : compare_seal(path, false);
    REQUIRE(wrong);
    return *wrong;
  }
};

void fill(ledger& in) {
  REQUIRE(in.append("card", "tools-1", {{"name", "tools-1"}, {"licence", "CC0-1.0"}}, "anna"));
  REQUIRE(in.append("evaluation", "tools-1", {{"scores", {{"held_out", 0.5}}}}));
  REQUIRE(in.append("card", "tools-2", {{"name", "tools-2"}, {"text", std::string(9000, 'x')}},
                    "bert"));
}

bool names(const std::vector<finding>& all, const std::string& what) {
  for (const auto& f : all)
    if ((f.where + ": " + f.what).find(what) != std::string::npos) return true;
  return false;
}

}  // namespace

TEST_CASE("ledger: many entries by one writer leave a whole seal, also beside another writer") {
  const place at("incremental");
  auto one = at.open();
  const auto append = [](ledger& to, int i) {
    // Bodies of all sizes, so that pages are filled, split and freed.
    REQUIRE(to.append("card", "a-" + std::to_string(i),
                      {{"text", std::string(static_cast<std::size_t>(i * 97 % 9000), 'x')}},
                      i % 3 == 0 ? "alice" : "bob"));
  };
  for (int i = 0; i < 60; ++i) append(one, i);
  CHECK(compare_seal(at.path, false).value().empty());
  auto two = at.open();
  for (int i = 0; i < 10; ++i) append(i % 2 == 0 ? one : two, i);
  CHECK(compare_seal(at.path, false).value().empty());
  CHECK(one.erase_tenant("alice", "asked").value() > 10);
  append(one, 5);
  CHECK(one.verify().value().empty());
  // Another's byte is found at once, however soon after an entry, and nothing is added to it.
  auto bytes = place::read(at.path);
  bytes[bytes.size() - 50] = static_cast<char>(bytes[bytes.size() - 50] ^ 1);
  place::write(at.path, bytes);
  CHECK(one.append("card", "b", {}).error().code == "ledger.broken");
  CHECK(!one.verify().value().empty());
}

TEST_CASE("ledger: entries are kept in order, and found again") {
  const place at("order");
  {
    auto in = at.open();
    fill(in);
    CHECK(in.verify().value().empty());
  }
  auto in = at.open(false);
  const auto all = in.list().value();
  REQUIRE(all.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(all[i].seq == static_cast<std::int64_t>(i) + 1);
  CHECK((*all[0].body)["licence"] == "CC0-1.0");
  CHECK(all[0].tenant.starts_with("t-"));
  CHECK(all[0].tenant.find("anna") == std::string::npos);
  CHECK(in.list("card").value().size() == 2);
  CHECK(in.list("", "tools-*").value().size() == 3);
  CHECK(in.list("", "tools-1").value().size() == 2);
  CHECK(in.list("", "", "anna").value().size() == 1);
  CHECK(in.list("", "", "nobody").value().empty());
  CHECK(in.head().value() == std::pair{std::int64_t{3}, all[2].hash});
  CHECK(in.verify().value().empty());
  CHECK((std::filesystem::status(at.path).permissions() & std::filesystem::perms(077)) ==
        std::filesystem::perms::none);
}

TEST_CASE("ledger: a changed byte anywhere is found") {
  const place at("byte");
  {
    auto in = at.open();
    fill(in);
  }
  for (const auto& file : {at.path, at.path + ".seal"}) {
    const auto whole = place::read(file);
    REQUIRE(whole.size() > 100);
    std::size_t missed = 0, tried = 0;
    for (std::size_t byte = 0; byte < whole.size(); byte += 97, ++tried) {
      auto bad = whole;
      bad[byte] = static_cast<char>(bad[byte] ^ 0x10);
      place::write(file, bad);
      const auto wrong = at.findings();
      if (wrong.empty()) ++missed;
      if (file == at.path)
        CHECK(names(wrong, "page " + std::to_string(byte / seal_page_bytes + 1) + " "));
    }
    CHECK(tried > 5);
    CHECK(missed == 0);
    place::write(file, whole);
  }
  CHECK(at.findings().empty());
}

TEST_CASE("ledger: what is changed by another program is named by its entry") {
  const place at("meddle");
  {
    auto in = at.open();
    fill(in);
  }
  CHECK(at.meddle("UPDATE entries SET subject = 'x' WHERE seq = 2") != SQLITE_OK);
  CHECK(at.meddle("DELETE FROM entries WHERE seq = 2") != SQLITE_OK);
  CHECK(at.findings().empty());
  const auto change = [&](const char* sql) {
    CHECK(at.meddle(("DROP TRIGGER entries_stay; DROP TRIGGER entries_hold; " + std::string(sql))
                        .c_str()) == SQLITE_OK);
    return at.findings();
  };
  SUBCASE("a field") {
    CHECK(names(change("UPDATE entries SET kind = 'gate' WHERE seq = 2"),
                "entry 2 (gate of tools-1): its fields"));
  }
  SUBCASE("a body") {
    CHECK(names(change("UPDATE entries SET body = '{}' WHERE seq = 2"),
                "entry 2 (evaluation of tools-1): its body"));
  }
  SUBCASE("one that is too deep for any stack") {
    const std::string deep(1 << 20, '['), back(1 << 20, ']');
    const auto set = [&](const std::string& body) {
      return "UPDATE entries SET kind = 'erased', body = '" + body + "' WHERE seq = 2";
    };
    CHECK(names(change(set(R"({"body": {"entries": )" + deep + back + "}}").c_str()),
                "entry 2 (erased of tools-1): its"));
    CHECK(at.open(false).list()->size() == 3);
  }
  SUBCASE("a body that is gone") {
    CHECK(names(change("UPDATE entries SET body = NULL WHERE seq = 2"),
                "no entry says that it was erased"));
  }
  SUBCASE("one that is missing") {
    CHECK(names(change("DELETE FROM entries WHERE seq = 2"), "entries 2 to 2: they are missing"));
  }
  SUBCASE("the last one") {
    CHECK(names(change("DELETE FROM entries WHERE seq = 3"), "entries 3 to 3: they are missing"));
  }
  SUBCASE("two that change places") {
    CHECK(names(
        change(
            "UPDATE entries SET seq = 9 WHERE seq = 2; UPDATE entries SET seq = 2 WHERE seq = 3; "
            "UPDATE entries SET seq = 3 WHERE seq = 9"),
        "does not follow"));
  }
  auto in = at.open(false);
  const auto added = in.append("card", "tools-3", json::object());
  REQUIRE(!added);
  CHECK(added.error().code == "ledger.broken");
}

TEST_CASE("ledger: a change that was cut off before its seal is no change of a stranger") {
  const place at("cut");
  {
    auto in = at.open();
    fill(in);
  }
  const auto seal = place::read(at.path + ".seal");
  {
    auto in = at.open();
    REQUIRE(in.append("card", "tools-3", json::object()));
  }
  place::write(at.path + ".seal", seal);  // as kill -9 between the two leaves it
  const auto told = at.findings();
  REQUIRE(told.size() == 1);
  CHECK(names(told, "entry 4 is not sealed"));
  CHECK(told.front().cut_off);
  CHECK(place::read(at.path + ".seal") == seal);  // who verifies changes nothing
  auto in = at.open();
  CHECK(in.append("card", "tools-4", json::object()).value() == 5);
  CHECK(in.verify().value().empty());
  // Two entries later it is not that any more.
  place::write(at.path + ".seal", seal);
  for (const auto& f : at.findings()) CHECK(!f.cut_off);
  CHECK(!in.append("card", "tools-5", json::object()));
}

TEST_CASE("ledger: a first start that was cut off is gone on with") {
  const place at("first");
  SUBCASE("before anything was written") { place::write(at.path, ""); }
  SUBCASE("before the seal") {
    at.open();
    std::filesystem::remove(at.path + ".seal");
  }
  CHECK(at.open().verify().value().empty());
  REQUIRE(at.open().append("card", "tools-1", json::object()));
  // Later a missing seal is no first start: nobody writes it anew.
  std::filesystem::remove(at.path + ".seal");
  CHECK(names(at.open().verify().value(), "the seal is missing"));
  CHECK(!std::filesystem::exists(at.path + ".seal"));
  CHECK(!at.open().append("card", "tools-2", json::object()));
}

TEST_CASE("ledger: a tenant's data goes, the proof stays, and the chain is whole") {
  const place at("erase");
  auto in = at.open();
  fill(in);
  REQUIRE(in.append("card", "tools-3", {{"text", "a secret of anna"}}, "anna"));
  CHECK(place::read(at.path).find("a secret of anna") != std::string::npos);
  CHECK(in.erase_tenant("anna", "asked by letter").value() == 2);
  CHECK(in.erase_tenant("anna", "again").value() == 0);
  CHECK(in.verify().value().empty());
  for (const char* gone : {"a secret of anna", "anna", "CC0-1.0"})
    CHECK(place::read(at.path).find(gone) == std::string::npos);
  const auto all = in.list().value();
  CHECK(!all[0].body);
  CHECK(all[1].body);
  CHECK(!all[3].body);
  const auto& proof = *all[4].body;
  CHECK(proof["reason"] == "asked by letter");
  CHECK(proof["entries"].size() == 2);
  CHECK(proof["entries"][0]["sha256"] == all[0].body_sha256);
  CHECK(in.list("", "", "bert").value().size() == 1);
}

TEST_CASE("ledger: several processes append to one") {
  const place at("processes");
  at.open();
  std::vector<pid_t> children;
  for (int child = 0; child < 3; ++child) {
    const auto pid = ::fork();
    if (pid == 0) {
      auto in = ledger::open(at.path, false);
      bool fine = in.has_value();
      for (int i = 0; fine && i < 10; ++i)
        fine = in->append("gate", "a-" + std::to_string(child), {{"i", i}}).has_value();
      ::_exit(fine ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (const auto pid : children) {
    int status = 1;
    ::waitpid(pid, &status, 0);
    CHECK(status == 0);
  }
  auto in = at.open(false);
  CHECK(in.head().value().first == 30);
  CHECK(in.verify().value().empty());
}

TEST_CASE("ledger: what is no ledger is refused") {
  const place at("other");
  CHECK(ledger::open(at.path, false).error().code == "ledger.cannot_open");
  CHECK(at.meddle("CREATE TABLE a(b)") == SQLITE_OK);
  CHECK(ledger::open(at.path).error().message.find("no ledger of Hocket") != std::string::npos);
  place::write(at.path,
               "plain text that is longer than a header would be, and no database at all\n");
  CHECK(ledger::open(at.path).error().code == "ledger.cannot_open");
}

}  // namespace hocket::governance
