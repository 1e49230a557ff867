// The export of a ledger never ends the ledger; what is refused is asked without changing it.
#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "actors/governance/card.hpp"
#include "actors/governance/records.hpp"
#include "tools/hocket/govern/commands.hpp"

using namespace hocket;
using namespace hocket::cli;
namespace fs = std::filesystem;

TEST_CASE("audit export: refused onto the ledger and what belongs to it, by any name") {
  auto name = (fs::temp_directory_path() / "hocket-audit-XXXXXX").string();
  const fs::path dir = mkdtemp(name.data());
  const auto ledger = (dir / "book.db").string();
  {
    auto book = governance::records::open(ledger);
    REQUIRE(book);
    governance::card_facts f;
    f.name = "a-1", f.weights_sha256 = "w1";
    REQUIRE(book->add_card(governance::make_card(f)));
  }
  fs::create_symlink("book.db", dir / "link.jsonl");
  fs::create_hard_link(ledger, dir / "hard.jsonl");
  govern_options o;
  o.ledger = ledger;
  REQUIRE(run_audit_verify(o) == exit_fine);
  for (const auto& to : {ledger, ledger + ".seal", ledger + ".lock", dir.string() + "/./book.db",
                         (dir / "link.jsonl").string(), (dir / "hard.jsonl").string()}) {
    CAPTURE(to);
    auto onto = o;
    onto.to = to;
    CHECK(run_audit_export(onto) == exit_bad_input);
  }
  CHECK(run_audit_verify(o) == exit_fine);
  auto aside = o;
  aside.to = (dir / "all.jsonl").string();
  CHECK(run_audit_export(aside) == exit_fine);
  CHECK(fs::file_size(aside.to) > 0);
  fs::remove_all(dir);
}

TEST_CASE("audit refused: reads, and adds nothing") {
  auto name = (fs::temp_directory_path() / "hocket-audit-XXXXXX").string();
  const fs::path dir = mkdtemp(name.data());
  govern_options o;
  o.ledger = (dir / "book.db").string();
  CHECK(run_audit_refused(o) == exit_bad_input);  // no ledger, and none is made
  CHECK(!fs::exists(o.ledger));
  {
    auto book = governance::records::open(o.ledger);
    REQUIRE(book);
    CHECK(!book->may(governance::gate::load, "unknown")->passed);
  }
  const auto before = fs::file_size(o.ledger);
  for (const bool json : {false, true}) {
    o.json = json;
    CHECK(run_audit_refused(o) == exit_fine);
  }
  CHECK(fs::file_size(o.ledger) == before);
  CHECK(run_audit_verify(o) == exit_fine);
  fs::remove_all(dir);
}
