// Whether an adapter may be read through: its model, its card, incidents.
#include "actors/trainer/adapters/adapter_gate.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/trainer/adapters/adapter_packet.hpp"
#include "actors/trainer/adapters/governed_adapter.test.hpp"

namespace hocket::trainer {
namespace {

using governance::gate;
using test::governed_adapter;

context beneath(const governed_adapter& g, std::uint64_t session = 1) {
  context where;
  where.output_dir = g / "out";
  where.session = session_id(session);
  return where;
}

std::shared_ptr<const adapter_gate> opened(const governed_adapter& g,
                                           const adapter_gate::config& c) {
  auto made = adapter_gate::open(c, beneath(g), g / "model.bin");
  REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
  return *made;
}

adapter read(const governed_adapter& g) {
  auto a = read_adapter_folder(g / "calls");
  REQUIRE(a);
  return *a;
}

std::string why(const result<void>& r) {
  return r ? "" : r.error().code + ": " + r.error().message;
}

}  // namespace

TEST_CASE("adapter_gate: without a ledger everything passes, and no file is read or made") {
  const governed_adapter g("gate-alone");
  g.card_of("another model");
  std::filesystem::remove(g / "model.bin");
  const auto at = opened(g, {});
  CHECK(at->pass({gate::load, gate::serve}, read(g)));
  CHECK(at->pass({gate::swap}, {"", "{}", read(g).weights}));
  CHECK(!at->is_frozen(read(g)));
  CHECK(std::filesystem::is_empty(g / "out"));
}

TEST_CASE("adapter_gate: with a ledger each gate is judged by the card there, and recorded") {
  const governed_adapter g("gate-ledger");
  g.put("policy.yaml", "load: {licences: [CC0-1.0]}\nserve: {}\n");
  const auto at = opened(g, {.ledger = "book.db", .gates = g / "policy.yaml"});
  CHECK(why(at->pass({gate::load, gate::serve}, read(g))).find("it has no card") !=
        std::string::npos);
  REQUIRE(g.book().add_card(g.card_of("the model")));
  CHECK(why(at->pass({gate::load, gate::serve}, read(g))).find("the licence") != std::string::npos);
  CHECK(at->pass({gate::serve}, read(g)));
  REQUIRE(g.book().add_override("calls", gate::load, "a test"));
  CHECK(at->pass({gate::load, gate::serve}, read(g)));
  CHECK(g.entries("gate") == 5);
  CHECK(why(at->pass({gate::serve}, {"", "{}", read(g).weights})).starts_with("adapter.no_name"));
  // A peer's card that is too deep for any stack is none; the ledger's is asked.
  auto deep = read(g);
  deep.card_json =
      R"({"base_model": )" + std::string(1 << 20, '[') + std::string(1 << 20, ']') + "}";
  CHECK(at->pass({gate::serve}, deep));
  // Other bytes under the name are not what was judged.
  g.put("calls/adapter_model.safetensors", "other weights");
  CHECK(why(at->pass({gate::load}, read(g))).find("of other weights") != std::string::npos);
}

TEST_CASE("adapter_gate: one of another model passes by a recorded override alone") {
  const governed_adapter g("gate-base");
  const auto at = opened(g, {.ledger = "book.db"});
  REQUIRE(g.book().add_card(g.card_of("another model")));
  const auto refused = why(at->pass({gate::load}, read(g)));
  CHECK(refused.starts_with(
      "governance.refused: `calls` passes no gate `load`: it was made on `tiny`"));
  CHECK(refused.find(http::sha256_hex("another model").substr(0, 12)) != refused.npos);
  CHECK(refused.find(http::sha256_hex("the model").substr(0, 12)) != refused.npos);
  REQUIRE(g.book().add_override("calls", gate::load, "the same weights, converted"));
  CHECK(at->pass({gate::load}, read(g)));
  CHECK(!at->pass({gate::serve}, read(g)));  // each gate has its own
  REQUIRE(g.book().add_card(g.card_of("the model")));
  CHECK(at->pass({gate::serve}, read(g)));
  g.put("model.bin", "the model, changed");  // and so another one
  CHECK(!at->pass({gate::serve}, read(g)));
}

TEST_CASE("adapter_gate: an incident is seen by all conversations, and by its end again") {
  const governed_adapter g("gate-incident");
  const auto at = opened(g, {.ledger = "book.db"});
  const auto second = adapter_gate::open({.ledger = "book.db"}, beneath(g, 2), g / "model.bin");
  REQUIRE(second);
  CHECK(!std::filesystem::exists(g / "out/book.2.db"));  // one ledger, whoever talks
  REQUIRE(g.book().add_card(g.card_of("the model")));
  CHECK(!at->is_frozen(read(g)));
  REQUIRE(g.book().open_incident("calls", "it lies"));
  test::becomes([&] { return at->is_frozen(read(g)) && (*second)->is_frozen(read(g)); });
  CHECK(why(at->pass({gate::load}, read(g))).find("an incident froze it") != std::string::npos);
  REQUIRE(g.book().close_incident("calls", "mended"));
  test::becomes([&] { return !at->is_frozen(read(g)); });
  CHECK(at->pass({gate::load}, read(g)));
}

TEST_CASE("adapter_gate: a ledger that is there is not opened for each conversation") {
  const governed_adapter g("gate-locks");
  const auto at = opened(g, {.ledger = "book.db"});
  const auto file = g / "out/book.db";
  // A lock of this process, as SQLite takes it: closing any descriptor of the file would end it.
  const int held = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(held >= 0);
  struct flock lock {};
  lock.l_type = F_RDLCK, lock.l_whence = SEEK_SET, lock.l_start = 1, lock.l_len = 1;
  REQUIRE(::fcntl(held, F_SETLK, &lock) == 0);
  REQUIRE(adapter_gate::open({.ledger = "book.db"}, beneath(g, 2), ""));
  const auto child = ::fork();  // locks are not its own
  REQUIRE(child >= 0);
  if (child == 0) {
    struct flock asked {};
    asked.l_type = F_WRLCK, asked.l_whence = SEEK_SET, asked.l_start = 1, asked.l_len = 1;
    ::_exit(::fcntl(held, F_GETLK, &asked) == 0 && asked.l_type == F_RDLCK ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  ::close(held);
}

TEST_CASE("adapter_gate: rules without a ledger, and files that are not there, are told") {
  const governed_adapter g("gate-config");
  const auto told = [&](const adapter_gate::config& c) {
    const auto made = adapter_gate::open(c, beneath(g), "");
    return made ? std::string() : made.error().code;
  };
  CHECK(told({.ledger = "", .gates = "policy.yaml"}) == "adapter.no_ledger");
  CHECK(told({.ledger = "book.db", .gates = g / "none.yaml"}) == "governance.bad_policy");
  CHECK(told({.ledger = "../book.db", .gates = ""}) == "files.outside");
}

}  // namespace hocket::trainer
