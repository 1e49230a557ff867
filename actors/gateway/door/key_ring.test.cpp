#include "actors/gateway/door/key_ring.hpp"

#include <map>

#include <doctest/doctest.h>

#include "actors/http/digest.hpp"

using namespace hocket::gateway;
using namespace std::chrono_literals;

namespace {

std::string line(const std::string& name, const std::string& key, const std::string& more = "") {
  return name + " sha256:" + hocket::http::sha256_hex(key) + more + "\n";
}

}  // namespace

TEST_CASE("keys are known by their digest, and a wrong line is named") {
  key_ring k({});
  CHECK(k.is_empty());
  REQUIRE(k.read_lines("# who may\n\n" + line("ann", "aaa", " sessions=2 per_minute=3 # guest") +
                       line("bob", "bbb")));
  REQUIRE(k.read_lines(line("eve", "eee", " edit sessions=1")));
  CHECK(k.may_edit("eee"));
  for (const char* no : {"aaa", "bbb", "", "edit"}) CHECK(!k.may_edit(no));
  CHECK(k.owner_of("aaa") == "ann");
  CHECK(k.owner_of("bbb") == "bob");
  for (const char* bad : {"", "aa", "aaab", "ann", "sha256:"}) CHECK(!k.owner_of(bad));
  const auto digest = hocket::http::sha256_hex("aaa");
  CHECK(!k.owner_of(digest));  // what a stolen file holds is no key
  for (const std::string& bad :
       {std::string("ann"), std::string("ann aaa"), "ann sha256:" + digest + "0",
        "ann sha256:" + digest + " sessions=0", "ann sha256:" + digest + " sessions=x",
        "ann sha256:" + digest + " more=1"}) {
    key_ring other({});
    const auto r = other.read_lines("# one\n" + bad);
    REQUIRE_MESSAGE(!r, bad);
    CHECK(r.error().message.find("line 2") != std::string::npos);
  }
}

TEST_CASE("a grown-up's key opens settings and nothing else, and is not to be guessed") {
  key_ring k({});
  REQUIRE(k.read_lines(line("mum", "ggg", " grown_up")));
  CHECK(k.has_grown_up());
  CHECK(k.is_empty());  // nobody needs a key to talk
  CHECK(!k.owner_of("ggg"));
  CHECK(!k.let_in("ggg", key_ring::clock::now()));
  CHECK(!k.may_edit("ggg"));
  REQUIRE(k.read_lines(line("ann", "aaa") + line("eve", "eee", " edit")));
  using enum key_ring::opens;
  const auto now = key_ring::clock::now();
  CHECK(k.open_settings("ggg", "ann", now) == yes);
  const auto digest = hocket::http::sha256_hex("ggg");
  for (const auto& wrong :
       {std::string("aaa"), std::string("eee"), std::string(), digest, "sha256:" + digest})
    CHECK(k.open_settings(wrong, "ann", now) == no);
  CHECK(k.open_settings("ggg", "ann", now + 59s) == too_often);  // the right one, too
  CHECK(k.open_settings("ggg", "bob", now + 59s) == yes);        // nobody shuts out another one
  CHECK(k.open_settings("ggg", "ann", now + 61s) == yes);
  const auto token = k.issue("ek_", {"mum", "", true}, now + 10s);
  CHECK(k.open_settings(token, "eve", now) == no);
  for (const char* both : {" grown_up edit", " grown_up sessions=1", " grown_ups"}) {
    key_ring other({});
    CHECK(!other.read_lines(line("mum", "ggg", both)));
  }
}

TEST_CASE("a token lets in once, and not after its time") {
  key_ring k({});
  const auto now = key_ring::clock::now();
  const auto t = k.issue("ek_", {"ann", R"({"type":"realtime"})", true}, now + 10s);
  CHECK(t.substr(0, 3) == "ek_");
  CHECK(!k.owner_of(t));  // no token makes tokens
  const auto v = k.let_in(t, now + 9s);
  REQUIRE(v);
  CHECK(v->name == "ann");
  CHECK(v->session_json == R"({"type":"realtime"})");
  CHECK(k.let_in(t, now + 9s));  // looked at, not spent: who is refused may come again
  CHECK(k.spend(t));
  CHECK(!k.spend(t));
  CHECK(!k.let_in(t, now + 9s));
  k.give_back(t);  // his call could not be set up
  k.give_back(t);
  CHECK(k.spend(t));
  CHECK(!k.spend(t));
  k.give_back(t);
  CHECK(!k.let_in(t, now + 10s));
  CHECK(!k.spend(t));
  k.give_back("ek_never");
  CHECK(!k.spend("ek_never"));
  const auto late = k.issue("ek_", {"ann", "", true}, now + 10s);
  CHECK(!k.let_in(late, now + 10s));
  const auto first = k.issue("", {"ann", "", true}, now + 10s);
  const auto other = k.issue("", {"bob", "", true}, now + 10s);
  for (int i = 0; i < 1000; ++i) k.issue("", {"ann", "", true}, now + 10s);
  CHECK(!k.let_in(first, now));
  CHECK(k.let_in(other, now));  // nobody pushes out what another key was given
}

TEST_CASE("places: of all, of one key, and how many in a minute") {
  using refusal = key_ring::refusal;
  key_ring k({.sessions = 3, .per_key = 2, .per_minute = 4});
  REQUIRE(k.read_lines(line("ann", "aaa", " sessions=1")));
  const auto now = key_ring::clock::now();
  std::multimap<std::string, hocket::trust::budget::share> in;
  const auto enter = [&](const std::string& name, key_ring::clock::time_point at) {
    hocket::trust::budget::share place;
    const auto no = k.enter(name, at, place);
    CHECK((no == refusal::none) == static_cast<bool>(place));
    if (place) in.emplace(name, std::move(place));
    return no;
  };
  const auto leave = [&](const std::string& name) { in.erase(in.find(name)); };
  CHECK(enter("ann", now) == refusal::none);
  CHECK(enter("ann", now) == refusal::key_full);
  CHECK(enter("bob", now) == refusal::none);
  CHECK(enter("bob", now) == refusal::none);
  CHECK(enter("bob", now) == refusal::key_full);
  CHECK(enter("cyd", now) == refusal::full);
  leave("ann");
  CHECK(enter("cyd", now) == refusal::none);
  for (int i = 0; i < 2; ++i) {
    leave("bob");
    CHECK(enter("bob", now) == refusal::none);
  }
  leave("bob");
  CHECK(enter("bob", now + 59s) == refusal::too_often);
  CHECK(enter("bob", now + 61s) == refusal::none);
}

TEST_CASE("one of several keys leaves places for the others, unless it is told otherwise") {
  using refusal = key_ring::refusal;
  const auto now = key_ring::clock::now();
  const auto taken_by = [&](key_ring& k, const std::string& name) {
    std::vector<hocket::trust::budget::share> held(16);
    int n = 0;
    while (k.enter(name, now, held[static_cast<std::size_t>(n)]) == refusal::none) ++n;
    return n;
  };
  key_ring alone({.sessions = 7});
  CHECK(taken_by(alone, "at 127.0.0.1") == 7);
  alone.add("ann", "aaa");
  CHECK(taken_by(alone, "ann") == 7);
  CHECK(alone.most_of_one() == 7);
  key_ring several({.sessions = 7});
  REQUIRE(several.read_lines(line("ann", "aaa") + line("bob", "bbb") +
                             line("cyd", "ccc", " sessions=6")));
  CHECK(taken_by(several, "ann") == 4);
  CHECK(taken_by(several, "cyd") == 6);
  CHECK(several.most_of_one() == 6);
  key_ring told({.sessions = 7, .per_key = 7});
  told.add("ann", "aaa");
  told.add("bob", "bbb");
  CHECK(taken_by(told, "ann") == 7);
}
