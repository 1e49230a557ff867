#include "graph/spec/outputs.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace hocket;
using namespace hocket::spec;
namespace fs = std::filesystem;

namespace {

/// A component that writes one file, unless it is told to write nowhere.
struct writer_config final : config_base {
  std::string file, to = "file", from, pipeline, ledger;
  std::int64_t mib = 0;
  void visit(config_visitor& v) override {
    v.field({.name = "to", .doc = "", .choices = {"file", "none"}}, to);
    v.field({.name = "file", .doc = "", .is_output = true}, file);
    v.field({.name = "ledger", .doc = "", .is_output = true}, ledger);
    v.field({.name = "from", .doc = "", .is_path = true}, from);
    v.field({.name = "pipeline", .doc = "", .is_pipeline = true}, pipeline);
    v.field({.name = "rotate.mib", .doc = ""}, mib);
  }
};

struct some_plan {
  component_type type;
  plan graph;
  some_plan() { type.info.type = "test.writer"; }
  void add(const std::string& name, const std::string& file, const std::string& host = "",
           const std::string& to = "file") {
    auto& a = graph.actors.emplace_back();
    a.name = name;
    a.type = &type;
    a.host = host;
    a.where = {"g.yaml", static_cast<int>(graph.actors.size()), 3};
    auto config = std::make_shared<writer_config>();
    config->file = file;
    config->to = to;
    config->from = "in.wav";
    a.config = config;
  }
  writer_config& last() { return dynamic_cast<writer_config&>(*graph.actors.back().config); }
  std::size_t errors() const {
    diagnostics found;
    check_outputs(graph, found);
    return found.items().size();
  }
};

struct scratch_folder {
  fs::path at = fs::temp_directory_path() / ("hocket_outputs_" + std::to_string(::getpid()));
  scratch_folder() { fs::create_directories(at); }
  ~scratch_folder() { fs::remove_all(at); }
  std::string operator/(const std::string& name) const { return (at / name).string(); }
};

}  // namespace

TEST_CASE("a ledger is written by several side by side, and by nobody as something else") {
  some_plan p;
  p.add("r1", "a.wav");
  p.last().ledger = "book.db";
  p.add("r2", "b.wav");
  p.last().ledger = "./book.db";
  CHECK(p.errors() == 0);
  diagnostics found;
  check_files(beneath(fs::current_path().string(), outputs_of(p.graph)), {}, found);
  CHECK(found.items().empty());
  p.add("r3", "book.db");
  CHECK(p.errors() == 1);
  some_plan alone;
  alone.add("r1", "", "", "file");
  alone.last().ledger = "book.db";
  CHECK(!holds_alone(alone.graph.actors.back()));  // another one may be open beside it
  CHECK(outputs_of(alone.graph).size() == 1);
}

TEST_CASE("two actors that write the same file are named, whatever they call it") {
  for (const char* other : {"a.wav", "./a.wav", "x/../a.wav", "A.WAV", ".//a.wav"}) {
    some_plan p;
    p.add("r1", "a.wav");
    p.add("r2", other);
    diagnostics found;
    check_outputs(p.graph, found);
    REQUIRE(found.items().size() == 1);
    const auto& d = found.items().front();
    CHECK(d.code == "output.same-file");
    CHECK(d.where.line == 2);
    CHECK(d.message.find("r1 (test.writer)") != std::string::npos);
    CHECK(d.message.find("r2 (test.writer)") != std::string::npos);
    CHECK(d.notes.front().starts_with("g.yaml:1:3: "));
  }
}

TEST_CASE("who writes elsewhere or nowhere is no trouble") {
  some_plan p;
  p.add("r1", "a.wav");
  p.add("r2", "b.wav");
  p.add("r3", "x/a.wav");
  p.add("r4", "a.wav", "gpu");  // a host has a folder of its own
  p.add("r5", "a.wav", "", "none");
  p.add("r6", "");
  CHECK(p.errors() == 0);
  CHECK(outputs_of(p.graph).size() == 4);
  CHECK(inputs_of(p.graph).size() == 6);
}

TEST_CASE("on the disk, links and second names are the same file") {
  const scratch_folder dir;
  std::ofstream(dir / "real.mcap") << "words";
  fs::create_symlink("real.mcap", dir / "link.mcap");
  fs::create_hard_link(dir / "real.mcap", dir / "hard.mcap");
  fs::create_directory_symlink(".", dir / "same");
  for (const char* name :
       {"real.mcap", "link.mcap", "hard.mcap", "same/real.mcap", "./real.mcap"}) {
    diagnostics found;
    check_files({{dir / name, "r (record.mcap)"}}, {{dir / "real.mcap", "the recording"}}, found);
    INFO(name);
    REQUIRE(found.items().size() == 1);
    CHECK(found.items().front().code == "output.is-input");
  }
  diagnostics found;
  check_files({{dir / "same/new.wav", "--record"}, {dir / "new.wav", "r (record.wav)"}}, {}, found);
  REQUIRE(found.items().size() == 1);
  CHECK(found.items().front().code == "output.same-file");
  // Two writers of hard links: each replaces the name that it writes.
  diagnostics apart;
  check_files({{dir / "real.mcap", "a"}, {dir / "hard.mcap", "b"}}, {}, apart);
  CHECK(apart.items().empty());
  diagnostics none;
  check_files({{dir / "a", "a"}, {dir / "b", "b"}, {"/dev/null", "c"}, {"/dev/null", "d"}},
              {{dir / "c", "c"}, {"", "none"}}, none);
  CHECK(none.items().empty());
}

TEST_CASE("what a pipeline writes and reads counts as what a key names") {
  some_plan p;
  p.add("a", "");
  p.last().pipeline = "x ! filesink location=\"two.wav\" t. ! multifilesink location=p%d.png";
  p.add("b", "");
  p.last().pipeline = "filesrc location=in2.wav ! tee ! filesink location=./two.wav";
  CHECK(p.errors() == 1);
  const auto here = (fs::current_path() / "in2.wav").string();
  const auto reads = inputs_of(p.graph);
  CHECK(std::any_of(reads.begin(), reads.end(), [&](const auto& f) { return f.path == here; }));
  // With a folder of the run: an actor's file, and a recording that is read.
  some_plan q;
  q.add("a", "two.wav");
  q.add("b", "");
  q.last().pipeline = "x ! filesink location=two.wav";
  q.add("c", "in2.wav");
  q.last().pipeline = "uridecodebin uri=file://" + here;
  diagnostics found;
  check_files(beneath(fs::current_path().string(), outputs_of(q.graph)), inputs_of(q.graph), found);
  REQUIRE(found.items().size() == 2);
  CHECK(found.items()[0].code == "output.same-file");
  CHECK(found.items()[1].code == "output.is-input");
}

TEST_CASE("the names of ended pieces belong to who writes in turns") {
  for (const auto* other : {"log.part0001.jsonl", "x/../log.part123456.jsonl", "log.jsonl.next"}) {
    CAPTURE(other);
    some_plan p;
    p.add("a", "log.jsonl");
    p.last().mib = 1;
    p.add("b", other);
    CHECK(p.errors() == 1);
    p.last().mib = 1;
    CHECK(p.errors() == 1);
  }
  for (const auto* other : {"log.part01.jsonl", "log.part0001.wav", "y/log.part0001.jsonl",
                            "log.part000x.jsonl", "logs.part0001.jsonl", "next"}) {
    CAPTURE(other);
    some_plan p;
    p.add("a", "log.jsonl");
    p.last().mib = 1;
    p.add("b", other);
    CHECK(p.errors() == 0);
  }
}

TEST_CASE("nobody writes into a folder that belongs to another") {
  diagnostics found;
  const std::vector<named_file> all = {{"/o/revisions", "the run", {}, "", false, true},
                                       {"/o/revisions/0001.yaml", "rec"},
                                       {"/o/revisions", "rec2"},
                                       {"/o/revisions2", "rec3"},
                                       {"/o/x/../revisions/a/b", "--record"}};
  check_files(all, {}, found);
  REQUIRE(found.items().size() == 4);  // rec2 is told twice
  CHECK(found.items()[0].message ==
        "rec writes `/o/revisions/0001.yaml`, a place that belongs to the run");
}
