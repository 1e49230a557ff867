#include "tools/hocket/run/run_history.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "actors/rewire/options.hpp"

namespace fs = std::filesystem;
using namespace hocket;
using namespace hocket::cli;

namespace {

/// A host's runs in one folder. A graph's hash is its text; the file that is given says `first`.
struct runs {
  runs() : out(fs::temp_directory_path() / ("hocket_history_" + std::to_string(::getpid()))) {
    fs::remove_all(out);
    fs::create_directories(out);
  }
  ~runs() { fs::remove_all(out); }

  run_options options() const {
    run_options o;
    o.graph = "first.yaml";
    o.out = out.string();
    return o;
  }
  result<std::unique_ptr<run_history>> begin() {
    loaded = {};
    loaded.graph.emplace();
    loaded.graph->hash = given;
    return run_history::begin(
        options(), loaded,
        [this](host::graph_text& t) -> result<plan> {
          read.push_back(t);
          plan p;
          p.hash = reads_as.empty() ? t.text : reads_as;
          return p;
        },
        [this](const newest_revision& vote) -> result<bool> {
          asked.push_back(vote);
          if (!answers) return fail("rewire.not-asked", "nobody");
          return decided;
        });
  }
  /// A run that is killed when it had agreed to a revision of this number and text.
  rewire::options run_that_votes(int revision, const std::string& text,
                                 const std::string& from = "gpu") {
    history = begin().value();
    rewire::options how;
    history->follow(how);
    history->began();
    request = {{"asked.yaml", text, {}, from}};
    request.revision = outcome.revision = revision;
    outcome.hash_after = text;
    REQUIRE(how.voted(request, outcome));
    return how;
  }
  bool has(const char* file) const { return fs::exists(out / "revisions" / file); }
  bool open_vote() const { return has("voted.json") && has("voted_graph.json"); }
  bool any_vote() const { return has("voted.json") || has("voted_graph.json"); }

  fs::path out;
  std::string given = "first", reads_as;
  loaded_graph loaded;
  std::vector<host::graph_text> read;
  std::vector<newest_revision> asked;
  bool answers = true, decided = true;
  host::rewire_request request;
  host::rewire_outcome outcome;
  std::unique_ptr<run_history> history;
};

}  // namespace

TEST_CASE("a killed host's vote is asked about, whatever number the leader gave it") {
  for (const int number : {2, 5}) {
    CAPTURE(number);
    runs r;
    r.run_that_votes(number, "second");
    SUBCASE("decided: the run goes on with it") {
      const auto next = r.begin();
      REQUIRE(next);
      CHECK((*next)->revision() == number);
      CHECK(r.loaded.graph->hash == "second");
      CHECK(r.read.back().from == "gpu");  // under the rules of who asked
    }
    SUBCASE("called off: it begins with the file") {
      r.decided = false;
      REQUIRE(r.begin());
      CHECK(r.loaded.graph->hash == "first");
    }
    REQUIRE(r.asked.size() == 1);
    CHECK(r.asked[0].revision == number);
    CHECK(r.asked[0].hash == "second");
    CHECK(r.asked[0].before == "first");
    CHECK(!r.any_vote());
  }
}

TEST_CASE("a number below this host's own is the leader's, and asked about like any") {
  runs r;
  auto how = r.run_that_votes(7, "second");
  how.decided(r.request, r.outcome);
  CHECK(!r.any_vote());
  r.outcome.hash_after = r.request.graph.text = "third";
  r.outcome.revision = r.request.revision = 3;  // the leader began anew with the newest file
  REQUIRE(how.voted(r.request, r.outcome));
  REQUIRE(r.begin());
  REQUIRE(r.asked.size() == 1);
  CHECK(r.asked[0].before == "second");
  CHECK(r.loaded.graph->hash == "third");
}

TEST_CASE("nobody answers: the vote stays open") {
  runs r;
  r.run_that_votes(2, "second");
  r.answers = false;
  const auto next = r.begin();
  REQUIRE(!next);
  CHECK(next.error().code == "rewire.not-asked");
  CHECK(r.open_vote());
  r.answers = true;
  REQUIRE(r.begin());
  CHECK(r.loaded.graph->hash == "second");
}

TEST_CASE("a host that was not told what was decided goes on, and its vote stays open") {
  runs r;
  auto how = r.run_that_votes(2, "second");
  r.outcome.state = host::rewire_state::rolled_back;
  r.outcome.code = rewire::undecided_code;
  how.rewired(r.request, r.outcome);
  CHECK(r.open_vote());
  SUBCASE("a later one, which fails before the vote, does not touch it") {
    r.outcome.code = "rewire.open_failed";
    how.rewired(r.request, r.outcome);
    CHECK(r.open_vote());
    REQUIRE(r.begin());
    CHECK(r.asked.size() == 1);
  }
  SUBCASE("a later one takes its place, and is called off") {
    REQUIRE(how.voted(r.request, r.outcome));
    r.outcome.code = "rewire.called_off";
    how.rewired(r.request, r.outcome);
    CHECK(!r.any_vote());
  }
}

TEST_CASE("decided over several hosts, and the run here failed before the boundary") {
  runs r;
  auto how = r.run_that_votes(2, "second");
  how.decided(r.request, r.outcome);
  r.outcome.state = host::rewire_state::rolled_back;
  r.outcome.code = "rewire.run-ended";
  how.rewired(r.request, r.outcome);
  r.history->ended(host::end_reason::failed);
  REQUIRE(r.begin());
  CHECK(r.loaded.graph->hash == "second");  // the others have it
  CHECK(r.asked.empty());
}

TEST_CASE("what cannot be kept is not agreed to") {
  runs r;
  auto how = r.run_that_votes(2, "second");
  fs::remove_all(r.out / "revisions");
  std::ofstream(r.out / "revisions") << "a file";
  const auto kept = how.voted(r.request, r.outcome);
  REQUIRE(!kept);
  CHECK(kept.error().code == "apply.no_history");
}

TEST_CASE("votes that mean nothing go, unasked") {
  runs r;
  r.run_that_votes(2, "second");
  const auto in = r.out / "revisions";
  SUBCASE("half written") { fs::remove(in / "voted.json"); }
  SUBCASE("unreadable") { std::ofstream(in / "voted.json") << "{"; }
  SUBCASE("changed by somebody") { std::ofstream(in / "voted_graph.json", std::ios::app) << "\n"; }
  SUBCASE("of a graph that this host has left since") {
    revisions kept(r.out.string());
    REQUIRE(kept.keep_vote({3, "third", "first", "another"}, {"third.yaml", "third"}));
  }
  REQUIRE(r.begin());
  CHECK(r.asked.empty());
  CHECK(!r.any_vote());
}

TEST_CASE("what reads otherwise now is no answer to what was agreed to") {
  runs r;
  r.run_that_votes(2, "second");
  r.reads_as = "something else";
  const auto next = r.begin();
  REQUIRE(!next);
  CHECK(next.error().code == "run.reads_otherwise");
  CHECK(r.open_vote());
}

TEST_CASE("another host's text keeps whose it is, and which variables came with it") {
  runs r;
  ::setenv("HOCKET_TEST_CAME", "here", 1);
  auto how = r.run_that_votes(2, "second");
  r.request.graph.includes = {{"${env:HOCKET_TEST_CAME}", "swordfish"}, {"/part.yaml", "part"}};
  REQUIRE(how.voted(r.request, r.outcome));
  std::ifstream file(r.out / "revisions/voted_graph.json");
  const std::string kept{std::istreambuf_iterator<char>(file), {}};
  CHECK(kept.find("swordfish") == kept.npos);
  REQUIRE(r.begin());  // reads the vote, and then what it became
  REQUIRE(r.read.size() == 2);
  for (const auto& text : r.read) {
    CHECK(text.from == "gpu");
    CHECK(text.includes.at("${env:HOCKET_TEST_CAME}") == "here");
    CHECK(text.includes.at("/part.yaml") == "part");
  }
  r.reads_as = "something else";
  CHECK(!r.begin());
  ::unsetenv("HOCKET_TEST_CAME");
}

TEST_CASE("a run that goes on clears what a killed one had half written") {
  runs r;
  auto how = r.run_that_votes(2, "second");
  how.decided(r.request, r.outcome);
  std::ofstream(r.out / "revisions/.newest.json.1.0") << "{";
  r.history = r.begin().value();
  r.history->began();
  CHECK(!r.has(".newest.json.1.0"));
  CHECK(r.has("newest.json"));
}
