#include <doctest/doctest.h>

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "actors/host/runtime.hpp"
#include "actors/record/graph_recorder.hpp"
#include "actors/record/mcap_record.hpp"
#include "actors/record/memory_sink.test.hpp"
#include "actors/record/recording.hpp"
#include "graph/contract/harness.hpp"
#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::record;
using namespace hocket::testing;

namespace {

std::string path_of(const std::string& name) {
  const auto folder = std::filesystem::temp_directory_path() / "hocket-mcap-test";
  std::filesystem::create_directories(folder);
  return (folder / name).string();
}

/// source.out0 -> relay.in0 -> listener
struct small_graph {
  plan_maker m;
  explicit small_graph(int packets) {
    m.add("source", 0, 1, counter_source(packets));
    m.source("source");
    m.add("relay", 1, 1, relay());
    m.add("listener", 1, 0, listener(std::make_shared<notebook>()));
    m.link("source", 0, "relay", 0);
    m.link("relay", 0, "listener", 0);
  }
};

host::run_summary run(const plan& p, const registry& types, graph_recorder& recorder,
                      host::runtime_options how = {.virtual_time = true}) {
  how.observers = {&recorder};
  auto running = host::runtime::start(p, types, how);
  REQUIRE(running);
  const auto done = (*running)->wait();
  CHECK(done.last.law_holds());
  return done;
}

std::vector<std::string> texts_of(const recording& r, const std::string& output) {
  std::vector<std::string> out;
  const auto* o = r.find(output);
  REQUIRE(o != nullptr);
  for (const auto& i : o->items) {
    if (i.is_mark) continue;
    const auto p = r.read(i);
    REQUIRE(p);
    REQUIRE(p->get_if<text>() != nullptr);
    out.push_back(p->get_if<text>()->value);
  }
  return out;
}

}  // namespace

TEST_CASE("graph_recorder: the whole graph, with its events and the ends of its streams") {
  small_graph g(50);
  const auto p = g.m.make();
  const auto path = path_of("whole.mcap");
  auto recorder =
      graph_recorder::create(p, g.m.types, {.path = path, .virtual_time = true}).value();
  run(p, g.m.types, *recorder);
  const auto end = recorder->finish();
  CHECK(end.complete);
  CHECK(end.packets == 102);  // 50 of each output, and both ends
  const auto r = recording::open(path).value();
  CHECK(r->how_it_ended().complete);
  CHECK(r->problems().empty());
  CHECK(r->packets() == 100);
  CHECK(r->is_virtual());
  CHECK(r->fact("graph_name") == "test");
  CHECK(texts_of(*r, "source.out0") == numbers(50));
  CHECK(texts_of(*r, "relay.out0") == numbers(50));
  const auto& items = r->find("source.out0")->items;
  CHECK(items[3].at == timestamp::of_ms(80));
  CHECK(items[3].ts == timestamp::of_ms(79));
  CHECK((items[3].session == static_cast<session_id>(1)));
  CHECK(items[3].seq == 3);
  CHECK(items.back().is_mark);
  CHECK(!r->events().empty());
  // A recording holds what was said: it is for its owner alone.
  using std::filesystem::perms;
  CHECK((std::filesystem::status(path).permissions() == (perms::owner_read | perms::owner_write)));
}

TEST_CASE("graph_recorder: two runs in virtual time give the same packets at the same times") {
  std::vector<std::string> files;
  for (int i = 0; i < 2; ++i) {
    small_graph g(200);
    const auto p = g.m.make();
    const auto disk = std::make_shared<memory_disk>();
    auto recorder = graph_recorder::create(p, g.m.types, {.path = "x", .virtual_time = true},
                                           std::make_unique<memory_sink>(disk))
                        .value();
    run(p, g.m.types, *recorder);
    CHECK(recorder->finish().complete);
    const auto r = recording::open(memory_source(disk->content())).value();
    files.push_back("");
    for (const auto& o : r->outputs())
      for (const auto& item : o.items)
        files.back() += o.name + " " + std::to_string(item.at.ns()) + " " +
                        std::to_string(item.seq) + " " + std::to_string(item.ts.ns()) + "\n";
  }
  CHECK(files[0] == files[1]);
}

TEST_CASE("graph_recorder: edges are chosen by output or by what they feed") {
  small_graph g(10);
  const auto p = g.m.make();
  const auto names = [&](std::vector<std::string> globs) {
    const auto disk = std::make_shared<memory_disk>();
    auto recorder =
        graph_recorder::create(p, g.m.types,
                               {.path = "x", .edges = std::move(globs), .virtual_time = true},
                               std::make_unique<memory_sink>(disk))
            .value();
    run(p, g.m.types, *recorder);
    recorder->finish();
    const auto opened = recording::open(memory_source(disk->content())).value();
    std::vector<std::string> out;
    for (const auto& o : opened->outputs()) out.push_back(o.name);
    return out;
  };
  using list = std::vector<std::string>;
  CHECK(names({"source.*"}) == list{"source.out0"});
  CHECK(names({"listener.in0"}) == list{"relay.out0"});
  CHECK(names({"*"}) == list{"relay.out0", "source.out0"});
  const auto wrong = graph_recorder::create(p, g.m.types, {.path = "x", .edges = {"sorce.out0"}});
  REQUIRE(!wrong);
  CHECK(wrong.error().code == "record.no_such_edge");
  CHECK(wrong.error().message.find("did you mean `source.out0`?") != std::string::npos);
}

TEST_CASE("graph_recorder: a disk that stands still costs counted packets, never the graph") {
  small_graph g(2000);
  g.m.info("source").period_ms = 1;
  const auto p = g.m.make();
  const auto disk = std::make_shared<memory_disk>();
  auto recorder = graph_recorder::create(p, g.m.types, {.path = "x", .queue_packets = 100},
                                         std::make_unique<memory_sink>(disk))
                      .value();
  disk->set_stuck(true);
  const auto done = run(p, g.m.types, *recorder, {});
  CHECK(done.why == host::end_reason::finished);
  CHECK(recorder->trouble().find("does not keep up") != std::string::npos);
  disk->set_stuck(false);
  const auto end = recorder->finish();
  CHECK(!end.complete);
  CHECK(end.lost > 0);
  const auto r = recording::open(memory_source(disk->content())).value();
  CHECK(!r->how_it_ended().complete);
  CHECK(r->how_it_ended().lost == end.lost);
  // Nothing is lost without being counted: 2000 of each output and both ends, and the events.
  std::uint64_t marks = 0;
  for (const auto& o : r->outputs()) marks += o.items.size() - o.packets;
  CHECK(r->packets() + marks + r->events().size() + end.lost >= 4002);
  CHECK(r->packets() <= 4000);
}

TEST_CASE("graph_recorder: a full disk ends INCOMPLETE, the run goes on") {
  small_graph g(8000);
  const auto p = g.m.make();
  const auto disk = std::make_shared<memory_disk>();
  auto recorder =
      graph_recorder::create(p, g.m.types, {.path = "x", .virtual_time = true, .compress = false},
                             std::make_unique<memory_sink>(disk))
          .value();
  disk->room = disk->content().size() + 100'000;
  disk->reserve = 2 << 20;
  const auto done = run(p, g.m.types, *recorder);
  CHECK(done.why == host::end_reason::finished);
  const auto end = recorder->finish();
  CHECK(!end.complete);
  CHECK(end.why.find("No space left") != std::string::npos);
  CHECK(end.packets + end.lost >= 16002);
  const auto r = recording::open(memory_source(disk->content())).value();
  CHECK(r->how_it_ended().why == end.why);
  CHECK(r->how_it_ended().lost == end.lost);
  // The disk took all that was in hand when the reserve was opened; the file says what it lacks.
  std::uint64_t items = 0;
  for (const auto& o : r->outputs()) items += o.items.size();
  CHECK(items == end.packets);
}

TEST_CASE("recording_writer: schemas of later revisions are recorded, each once") {
  const auto disk = std::make_shared<memory_disk>();
  auto file = recording_writer::create(
                  {.path = "x", .payloads = {{first_payload_schema, "order", "jsonschema", "{}"}}},
                  std::make_unique<memory_sink>(disk))
                  .value();
  file->add_payload({0, "order", "jsonschema", "{}"});
  file->add_payload({0, "order", "jsonschema", "true"});
  file->add_payload({0, "robot.Pose", "protobuf", "{}"});
  file->add_payload({0, "order", "jsonschema", "true"});
  CHECK(file->close("").complete);
  const auto all = read_contents(*memory_source(disk->content())).value();
  std::vector<std::string> named;
  for (const auto& [id, s] : all.schemas)
    if (id >= first_payload_schema)
      named.push_back(std::to_string(id) + " " + s.name + " " + s.data);
  CHECK(named == std::vector<std::string>{"16 order {}", "17 order true", "18 robot.Pose {}"});
}

TEST_CASE("recording_writer: a new graph that the disk refuses is asked for again, and counted") {
  for (const bool frees_up : {true, false}) {
    CAPTURE(frees_up);
    const auto disk = std::make_shared<memory_disk>();
    auto file = recording_writer::create({.path = "x", .graph_yaml = "first"},
                                         std::make_unique<memory_sink>(disk))
                    .value();
    const auto one = file->channel("a.out0").value();
    file->add(one, timestamp::of_ms(1), make_packet(timestamp::of_ms(1), word("a")));
    disk->room = disk->content().size() + 10;
    file->add_revision({2, timestamp::of_ms(200), 1, "hash", "second"});
    file->add_channel("b.out0", {});
    CHECK(!file->trouble().empty());
    file->add(one + 1, timestamp::of_ms(201), make_packet(timestamp::of_ms(201), word("b")));
    file->add(one, timestamp::of_ms(202), make_packet(timestamp::of_ms(202), word("a")));
    CHECK(file->lost() == 1);
    if (frees_up)
      disk->room = SIZE_MAX;
    else
      disk->reserve = 2 << 10;  // enough for the verdict and the rest, as `byte_sink` keeps it
    const auto end = file->close("");
    CHECK(!end.complete);
    CHECK(end.packets == 2);
    const auto r = recording::open(memory_source(disk->content())).value();
    CHECK(r->how_it_ended().lost == end.lost);
    REQUIRE(r->revisions().size() == 1);
    CHECK(r->revisions()[0].graph_yaml == "second");
    CHECK(r->revisions()[0].micro_turn == 1);
    CHECK(r->find("a.out0")->packets == 2);
    CHECK(r->find("b.out0")->packets == 0);
  }
}

TEST_CASE("graph_recorder: a limit on the file size is an error with words, not a signal") {
  std::signal(SIGXFSZ, SIG_IGN);
  const auto path = path_of("limited.mcap");
  auto sink = open_sink(path, 0).value();
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  const rlimit tight{10'000, old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  const auto first = sink->append(std::string(9000, 'a'));
  const auto second = sink->append(std::string(9000, 'b'));
  ::setrlimit(RLIMIT_FSIZE, &old);
  CHECK(first);
  REQUIRE(!second);
  CHECK(second.error().code == "mcap.cannot_write");
  CHECK(second.error().message.find("limited.mcap") != std::string::npos);
  // All or nothing: no half of the second is there, and what follows stands at the right place.
  REQUIRE(sink->append("end"));
  sink.reset();
  CHECK(std::filesystem::file_size(path) == 9003);
}

// A host that was killed knows of one life before it, however many there were.
TEST_CASE("record.mcap: no life empties the file of another") {
  const auto folder = path_of("lives");
  std::filesystem::remove_all(folder);
  for (const std::uint32_t restarts : {0, 1, 1, 1, 2}) {
    mcap_record::config c;
    c.file = "tape.mcap";
    mcap_record one(c);
    context where;
    where.output_dir = folder;
    where.restarts = restarts;
    REQUIRE(one.open(where));
    struct sink final : emitter {
      using emitter::emit;
      void emit(std::size_t, packet) override {}
      void interrupt() override {}
      void for_session(session_id) override {}
    } out;
    REQUIRE(one.close(out));
  }
  for (const auto* name : {"tape.mcap", "tape.restart1.mcap", "tape.restart2.mcap",
                           "tape.restart3.mcap", "tape.restart4.mcap"})
    CHECK(recording::open(folder + "/" + name));
}

TEST_CASE("record.mcap: an actor of the graph that records what it is linked to") {
  small_graph g(30);
  auto type = type_of<mcap_record>();
  const auto path = path_of("");
  auto& a = g.m.add("tape", 1, 0, [] {
    mcap_record::config c;
    c.file = "tape.mcap";
    return std::make_unique<mcap_record>(c);
  });
  g.m.info("tape").scope = instance_scope::shared;
  g.m.info("tape").ticks = true;
  (void)a;
  g.m.link("source", 0, "tape", 0);
  g.m.link("relay", 0, "tape", 0);
  const auto p = g.m.make();
  auto running =
      host::runtime::start(p, g.m.types, {.virtual_time = true, .sessions = 2, .output_dir = path});
  REQUIRE(running);
  CHECK((*running)->wait().last.law_holds());
  const auto r = recording::open(path + "/tape.mcap").value();
  CHECK(r->how_it_ended().complete);
  CHECK(r->fact("recorder") == "tape");
  CHECK(r->sessions().size() == 2);
  REQUIRE(r->find("source.out0") != nullptr);
  CHECK(r->find("source.out0")->packets == 60);
  CHECK(r->find("relay.out0")->packets == 60);
  CHECK(r->find("relay.out0")->missing == 0);
  CHECK(type.info.inputs.size() == payload_kind_count);
}
