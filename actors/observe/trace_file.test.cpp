#include "actors/observe/trace_file.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <nlohmann/json.hpp>

#include "actors/host/run/run_plan.test.hpp"

using namespace hocket;
using namespace hocket::observe;
using namespace hocket::testing;
using nlohmann::json;

namespace {

struct slice {
  std::int64_t from = 0, to = 0;
  json event;
};
using track_key = std::pair<int, std::int64_t>;

std::int64_t ns(const json& v) { return std::llround(v.get<double>() * 1000); }

/// A trace, taken apart, with everything checked that a viewer relies on.
struct checked_trace {
  std::map<track_key, std::vector<slice>> tracks;
  std::map<track_key, std::string> names;
  std::map<std::string, std::pair<json, json>> arrows, waits;
  std::vector<json> events, counters;

  explicit checked_trace(const std::string& text) {
    const auto all = json::parse(text);
    REQUIRE(all.is_array());
    for (const auto& e : all) sort_in(e);
    check_slices();
    check_arrows();
    for (const auto& [id, ends] : waits) {
      REQUIRE(!ends.first.is_null());
      REQUIRE(!ends.second.is_null());
      CHECK(ns(ends.first["ts"]) < ns(ends.second["ts"]));
    }
  }

  void sort_in(const json& e) {
    const auto ph = e.at("ph").get<std::string>();
    const track_key at{e.at("pid").get<int>(), e.value("tid", std::int64_t{0})};
    if (ph == "X")
      tracks[at].push_back({ns(e.at("ts")), ns(e.at("ts")) + ns(e.at("dur")), e});
    else if (ph == "M" && e.at("name") == "thread_name")
      names[at] = e.at("args").at("name");
    else if (ph == "s" || ph == "f")
      put(arrows[e.at("id")], e, ph == "s");
    else if (ph == "b" || ph == "e")
      put(waits[e.at("id")], e, ph == "b");
    else if (ph == "i")
      events.push_back(e);
    else if (ph == "C")
      counters.push_back(e);
    else
      CHECK_MESSAGE(ph == "M", "an event of an unknown kind: ", e.dump());
  }
  static void put(std::pair<json, json>& ends, const json& e, bool first) {
    auto& end = first ? ends.first : ends.second;
    CHECK_MESSAGE(end.is_null(), "twice: ", e.dump());
    end = e;
  }
  void check_slices() {
    for (auto& [at, slices] : tracks) {
      CHECK_MESSAGE(names.contains(at), "a track without a name");
      CHECK(std::is_sorted(slices.begin(), slices.end(),
                           [](const slice& a, const slice& b) { return a.from < b.from; }));
      for (std::size_t i = 1; i < slices.size(); ++i)
        CHECK_MESSAGE(slices[i - 1].to <= slices[i].from, names[at], " overlaps itself");
    }
  }
  void check_arrows() {
    for (const auto& [id, ends] : arrows) {
      REQUIRE(!ends.first.is_null());
      REQUIRE(!ends.second.is_null());
      CHECK(ns(ends.first["ts"]) <= ns(ends.second["ts"]));
      CHECK_MESSAGE(in_slice(ends.first), "an arrow from nowhere: ", ends.first.dump());
      CHECK_MESSAGE(in_slice(ends.second), "an arrow to nowhere: ", ends.second.dump());
    }
  }
  bool in_slice(const json& e) const {
    const auto at = tracks.find({e["pid"].get<int>(), e["tid"].get<std::int64_t>()});
    if (at == tracks.end()) return false;
    return std::any_of(at->second.begin(), at->second.end(), [&](const slice& s) {
      return s.from <= ns(e["ts"]) && ns(e["ts"]) <= s.to;
    });
  }
  std::size_t calls(const std::string& track, const std::string& name) const {
    std::size_t n = 0;
    for (const auto& [at, slices] : tracks)
      if (names.at(at) == track)
        n += static_cast<std::size_t>(std::count_if(
            slices.begin(), slices.end(), [&](const slice& s) { return s.event["name"] == name; }));
    return n;
  }
};

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

struct scratch_file {
  std::filesystem::path path = std::filesystem::temp_directory_path() /
                               ("hocket-trace-" + std::to_string(getpid()) + ".json");
  ~scratch_file() { std::filesystem::remove(path); }
};

/// A source, a relay that fails once, and a shared actor that is handed micro-turns.
plan_maker three_actors() {
  plan_maker g;
  g.add("src", 0, 1, counter_source(40));
  g.source("src", 20);
  g.add("mid", 1, 1, [failed = std::make_shared<bool>(false)] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [failed](std::size_t, const packet& p, emitter& out) -> result<void> {
      if (p.header.seq == 20 && !std::exchange(*failed, true)) return fail("test.fault", "once");
      out.emit(0, p);
      return {};
    };
    return c;
  });
  g.actor("mid").restart.backoff_ms = 1;
  g.add("end", 1, 0, [] { return std::make_unique<lambda_component>(); });
  g.actor("end").policy = input_policy::micro_turn;
  g.info("end").scope = instance_scope::shared;
  g.link("src", 0, "mid", 0, {.size = 64});
  g.link("mid", 0, "end", 0, {.size = 64});
  return g;
}

std::string traced_run(const scratch_file& file, bool virtual_time, int every, int sessions) {
  const auto g = three_actors();
  const auto p = g.make();
  trace_options o;
  o.path = file.path.string();
  o.every = every;
  auto trace = trace_file::open(o, p);
  REQUIRE(trace);
  host::runtime_options how;
  how.virtual_time = virtual_time;
  how.sessions = sessions;
  how.observers = {trace->get()};
  auto run = host::runtime::start(p, g.types, how);
  REQUIRE(run);
  const auto end = (*run)->wait();
  CHECK(end.last.law_holds());
  (*trace)->look(end.last);
  run->reset();
  CHECK((*trace)->finish());
  return read(file.path);
}

}  // namespace

TEST_CASE("a trace has a slice per call, an arrow and a wait per packet, and what happened") {
  const scratch_file file;
  for (const bool virtual_time : {true, false}) {
    CAPTURE(virtual_time);
    const checked_trace t(traced_run(file, virtual_time, 1, 1));
    CHECK(t.calls("src", "produce") == 40);
    CHECK(t.calls("mid", "in0") == 40);
    CHECK(t.calls("mid", "open") == 2);
    CHECK(t.calls("end", "micro-turn") >= 4);
    CHECK(t.arrows.size() == 40 + 39);
    CHECK(t.waits.size() > 39);
    const auto failed = [](const json& e) { return e["args"].contains("failed"); };
    std::size_t faults = 0;
    for (const auto& [at, slices] : t.tracks)
      for (const auto& s : slices) faults += failed(s.event);
    CHECK(faults == 1);
    const auto happened = [&](const char* what) {
      return std::count_if(t.events.begin(), t.events.end(),
                           [&](const json& e) { return e["name"] == what; });
    };
    CHECK(happened("mid failed") == 1);
    CHECK(happened("mid recovered") == 1);
    CHECK(t.counters.size() == 1);  // the link that dropped one
  }
}

TEST_CASE("conversations have tracks of their own, a shared actor has one") {
  const scratch_file file;
  const checked_trace t(traced_run(file, true, 1, 2));
  std::vector<std::string> names;
  for (const auto& [at, name] : t.names)
    if (name != "what happened") names.push_back(name);
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"end", "mid", "mid #2", "src", "src #2"});
  CHECK(t.arrows.size() == 2 * 40 + 79);
}

TEST_CASE("a sample keeps whole ways") {
  const scratch_file file;
  const checked_trace t(traced_run(file, true, 2, 1));
  CHECK(t.calls("src", "produce") == 40);
  CHECK(t.calls("mid", "in0") == 20);  // of 4 micro-turns two, 10 packets in each
  CHECK(t.arrows.size() >= 39);
  CHECK(t.arrows.size() <= 40);
}

TEST_CASE("of a killed run all but the closing bracket is there") {
  const scratch_file file;
  const auto g = three_actors();
  const auto p = g.make();
  auto trace = trace_file::open({file.path.string(), 1, 65536}, p);
  REQUIRE(trace);
  host::snapshot s;
  s.links.resize(2);
  for (std::uint64_t n = 1; n < 100; ++n) {
    s.links[0].in_flight = n;
    (*trace)->look(s);
  }
  const auto written = [&] {
    return read(file.path).find("\"in flight\":99") != std::string::npos;
  };
  REQUIRE(eventually(written));
  CHECK(checked_trace(read(file.path) + "]").counters.size() == 99);
  CHECK((*trace)->finish());
  CHECK(checked_trace(read(file.path)).counters.size() == 99);
}

// `hocket run` ends the run before it closes the trace.
TEST_CASE("what waits when a rewired run is over means the plan that it ran with") {
  const scratch_file file;
  const auto g = three_actors();
  const auto first = g.make();
  auto trace = trace_file::open({file.path.string(), 1, 65536}, first);
  REQUIRE(trace);
  auto wider = three_actors();
  wider.add("late", 1, 0, [] { return std::make_unique<lambda_component>(); });
  wider.link("mid", 0, "late", 0, {.size = 64});
  auto second = std::make_unique<plan>(wider.make());
  (*trace)->rewired({*second, *second, *second, 2, {}});
  host::call_record call;
  call.actor = 3;
  call.session = session_id{1};
  call.what = host::call_kind::open;
  call.began_ns = 1000;
  call.ended_ns = 2000;
  (*trace)->called(*second, call);
  second->actors.clear();  // so that it is seen without a sanitizer, too
  second->links.clear();
  second.reset();
  CHECK((*trace)->finish());
  CHECK(checked_trace(read(file.path)).calls("late", "open") == 1);
}

TEST_CASE("what a trace cannot keep is counted, and a full disk ends it, not the run") {
  const scratch_file file;
  const auto g = three_actors();
  const auto p = g.make();
  auto narrow = trace_file::open({file.path.string(), 1, 2}, p);
  REQUIRE(narrow);
  // More at once than the writer can take: some are lost whatever it does meanwhile.
  for (int i = 0; i < 100'000; ++i) (*narrow)->event({}, "mid", "log", "x");
  const auto done = (*narrow)->finish();
  REQUIRE(!done);
  CHECK(done.error().code == "observe.trace_incomplete");
  const checked_trace t(read(file.path));
  CHECK(std::any_of(t.events.begin(), t.events.end(),
                    [](const json& e) { return e["name"] == "records lost"; }));

  auto full = trace_file::open({"/dev/full", 1, 1000}, p);
  REQUIRE(full);
  (*full)->event({}, "mid", "log", "x");
  CHECK((*full)->finish().error().code == "observe.cannot_write");
  CHECK(trace_file::open({"/proc/nowhere/x.json", 1, 10}, p).error().code ==
        "observe.cannot_write");
}
