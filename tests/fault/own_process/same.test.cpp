// What runs in a process of its own does what it does in the run's: the same packets in virtual time.
#include <doctest/doctest.h>

#include <map>
#include <mutex>

#include <fmt/format.h>

#include "actors/start_run.hpp"
#include "tests/fault/own_process/rogue.hpp"

namespace hocket::rogue {
namespace {

class everything final : public host::observer {
 public:
  void packet_emitted(const plan& p, actor_index actor, std::size_t port,
                      const packet& what) override {
    std::lock_guard lock(mutex);
    const auto& h = what.header;
    auto line = fmt::format("{}.{} s{} ts{} #{} k{} e{} o{}", p.actors[actor].name, port,
                            static_cast<std::uint64_t>(h.session), h.ts.ns(), h.seq, h.micro_turn,
                            h.epoch, h.origin_ts.ns());
    if (const auto* t = what.get_if<text>()) line += " " + t->value;
    if (const auto* a = what.get_if<audio_chunk>()) {
      double sum = 0;
      for (const float s : a->samples.as<float>()) sum += s;
      line +=
          fmt::format(" {} Hz, {} from {}, sum {}", a->rate_hz, a->frames(), a->first_sample, sum);
    }
    lines.push_back(std::move(line));
  }
  std::mutex mutex;
  std::vector<std::string> lines;
};

struct end_of_run {
  std::vector<std::string> lines;
  std::map<std::string, std::int64_t> counters;
};

end_of_run run(const std::string& yaml, int sessions) {
  const auto known = types();
  diagnostics findings;
  const auto graph = load_plan("same.yaml", yaml, known, {}, findings);
  REQUIRE_MESSAGE(graph, findings.to_string());
  everything eyes;
  start_options o;
  o.virtual_time = true;
  o.sessions = sessions;
  o.observers = {&eyes};
  auto started = start_run(*graph, known, o);
  REQUIRE_MESSAGE(started, started.error().message);
  const auto end = (*started)->wait();
  CHECK(end.why == host::end_reason::finished);
  CHECK(end.last.law_holds());
  for (const auto& l : end.last.links) CHECK(l.in_flight == 0);
  end_of_run out{std::move(eyes.lines), {}};
  for (const auto& a : end.last.actors)
    for (const auto& [name, n] : a.counters) out.counters[a.name + "." + name] += n;
  return out;
}

std::string graph_of(const std::string& process, const std::string& policy) {
  return fmt::format(R"(
hocket: 1
name: same
actors:
  one: {{component: test.words}}
  two: {{component: test.words, process: {0}}}
  pairs: {{component: test.pairs, process: {0}, policy: {1}, inputs: {{a: one.words, b: two.words}}}}
  sink: {{component: test.sink, inputs: {{words: pairs.words}}}}
)",
                     process, policy);
}

}  // namespace

TEST_CASE("sets, ticks, tasks, controls and interruptions are the same in a process of one's own") {
  for (const auto* policy : {"micro_turn", "aligned"})
    for (const int sessions : {1, 2}) {
      CAPTURE(policy);
      CAPTURE(sessions);
      const auto here = run(graph_of("shared", policy), sessions);
      const auto there = run(graph_of("own", policy), sessions);
      CHECK(here.lines.size() > 20);
      CHECK(here.lines == there.lines);
      CHECK(here.counters == there.counters);
      CHECK(run(graph_of("own", policy), sessions).lines == there.lines);
    }
}

TEST_CASE("large payloads cross without a copy, there and back") {
  const auto yaml = [](const std::string& process) {
    return fmt::format(R"(
hocket: 1
name: large
actors:
  tones: {{component: test.tones}}
  sound: {{component: test.sound, process: {}, inputs: {{audio: tones.audio}}}}
  ears: {{component: test.ears, inputs: {{audio: [sound.same, sound.made]}}}}
)",
                       process);
  };
  const auto here = run(yaml("shared"), 1);
  const auto copies = buffer::copies_made();
  const auto there = run(yaml("own"), 1);
  CHECK(here.lines == there.lines);
  CHECK(here.lines.size() == 3 * 40);
  CHECK(buffer::copies_made() == copies);
  CHECK(there.counters.at("sound.copies") == 0);
  // What went out and came back is the very memory that it was made in.
  CHECK(there.counters.at("ears.of_tones") == 40);
}

}  // namespace hocket::rogue
