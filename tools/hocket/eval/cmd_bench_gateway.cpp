// hocket bench gateway: how many people at once may talk with the whole graph, over real sockets.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <thread>

#include <fmt/format.h>

#include "graph/trust/files.hpp"
#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/eval/served_gateway.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/shipped.hpp"
#include "tools/report/measures.hpp"

namespace hocket::cli {

using namespace report;
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr double slowest_ms = 500, beside_target_ms = 60;
constexpr int most_sessions = 64, sessions_target = 20;

double percentile(std::vector<double> v, double p) {
  if (v.empty()) return 1e9;  // nothing was heard: never
  std::sort(v.begin(), v.end());
  return v[static_cast<std::size_t>(p * static_cast<double>(v.size() - 1) + 0.5)];
}

/// What one level of load showed.
struct level {
  std::vector<talking_client::heard_burst> heard;
  std::vector<double> total_ms;
  std::int64_t bursts = 0;  ///< said; those that were not heard count as never
  double p99() const {
    const auto unheard = bursts - static_cast<std::int64_t>(total_ms.size());
    return unheard * 100 > bursts ? 1e9 : percentile(total_ms, 0.99);
  }
};

class crowd {
 public:
  /// `calls`: they call (WebRTC) instead of opening WebSockets.
  crowd(served_gateway& g, bool calls,
        talking_client::answers with = talking_client::answers::model)
      : gateway_(g), with_(with) {
    if (calls) exchange_ = std::make_unique<gateway::webrtc::exchange>(of_calls());
  }

  /// Brings the number of those who talk to `n`. False where one is not let in: `stopped` says who and why.
  /// Calls come one after the other: each takes this machine, which makes both its ends, a good part of a
  /// second, and what nobody waits for is not in the way of those who talk.
  bool grow_to(int n) {
    while (static_cast<int>(talkers_.size()) < n) {
      talkers_.push_back(exchange_
                             ? std::make_unique<talking_client>(*exchange_, gateway_.url(), with_)
                             : std::make_unique<talking_client>(by_, gateway_.url(), true, with_));
      if (exchange_ && !wait_for_all()) return false;
    }
    return wait_for_all();
  }
  /// "person 13: the gateway answers 503: …"
  const std::string& stopped() const { return stopped_; }
  /// They talk; the first second is not counted.
  level talk(double seconds) {
    level out;
    const auto begun = bench_now_ns();
    const auto count = [&] {
      std::int64_t n = 0;
      for (const auto& t : talkers_) n += t->bursts();
      return n;
    };
    const auto under_way = [&] {
      return std::ranges::count_if(talkers_, [](const auto& t) { return t->waits_to_be_heard(); });
    };
    std::int64_t before = -1;
    for (;;) {
      const auto now = bench_now_ns();
      const double past = static_cast<double>(now - begun) / 1e9;
      if (past > seconds + 1) break;
      all_speak(now / 1'000'000);
      if (past > 1 && before < 0) {
        before = count() - under_way();
        for (auto& t : talkers_) t->take_heard();
      }
      std::this_thread::sleep_for(5ms);
    }
    // Those that may still be heard are no loss.
    out.bursts =
        std::max<std::int64_t>(0, count() - std::max<std::int64_t>(before, 0) - under_way());
    for (auto& t : talkers_)
      for (const auto& h : t->take_heard()) {
        out.heard.push_back(h);
        out.total_ms.push_back(h.total_ms);
      }
    out.bursts = std::max<std::int64_t>(out.bursts, static_cast<std::int64_t>(out.total_ms.size()));
    return out;
  }
  talking_client& last() { return *talkers_.back(); }
  void clear() {
    for (auto& t : talkers_) t->close();
    std::this_thread::sleep_for(500ms);
    stopped_.clear();
    std::ranges::move(talkers_, std::back_inserter(gone_));
    talkers_.clear();
  }

 private:
  static constexpr int most_wait_ms = 20'000;  ///< for one who comes

  void all_speak(std::int64_t now_ms) {
    for (std::size_t i = 0; i < talkers_.size(); ++i)
      talkers_[i]->speak(now_ms, static_cast<std::int64_t>(i) * 370);
  }
  /// Those who are there talk on meanwhile.
  bool wait_for_all() {
    const auto who_is = [this](auto is) {
      return std::ranges::find_if(talkers_, [&](const auto& t) { return is(*t); });
    };
    for (int i = 0; i < most_wait_ms / 5; ++i) {
      const auto out = who_is([](const auto& t) { return t.is_refused(); });
      const auto late = who_is([](const auto& t) { return !t.is_talking(); });
      if (out == talkers_.end() && late == talkers_.end()) return true;
      const bool is_over = out != talkers_.end() || i + 1 == most_wait_ms / 5;
      const auto who = out != talkers_.end() ? out : late;
      if (is_over)
        stopped_ = fmt::format("person {}: {}", who - talkers_.begin() + 1,
                               out != talkers_.end()
                                   ? (*who)->why()
                                   : fmt::format("is not in after {} s", most_wait_ms / 1'000));
      if (is_over) return false;
      all_speak(bench_now_ns() / 1'000'000);
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }
  /// What they say comes evenly; nothing need wait for it.
  static gateway::webrtc::exchange::options of_calls() {
    gateway::webrtc::exchange::options o;
    o.addresses = {"127.0.0.1"};
    o.limits.voice_margin_ms = 0;
    // Both ends of all are set up by one machine; how long that takes is not what is measured.
    o.setups = most_sessions;
    o.limits.setup_ms = o.limits.connect_ms = most_wait_ms;
    return o;
  }
  served_gateway& gateway_;
  const talking_client::answers with_;
  std::vector<std::unique_ptr<talking_client>> talkers_;
  std::string stopped_;
  std::vector<std::unique_ptr<talking_client>> gone_;  ///< closed; events may still come
  http::websocket_client by_;                          ///< ends first: its events refer to them
  std::unique_ptr<gateway::webrtc::exchange> exchange_;
};

/// As many clients at once as `n`, that say nothing more than hello: how long until the last one is in.
double storm_ms(served_gateway& g, int n) {
  std::vector<std::unique_ptr<talking_client>> all;
  http::websocket_client by;
  for (int i = 0; i < n; ++i) all.push_back(std::make_unique<talking_client>(by, g.url(), true));
  double slowest = 0;
  for (int i = 0; i < 1'500; ++i) {
    if (std::ranges::all_of(all, [](const auto& t) { return t->is_talking() || t->is_refused(); }))
      break;
    std::this_thread::sleep_for(20ms);
  }
  for (const auto& t : all)
    slowest =
        std::max(slowest, t->is_talking() ? static_cast<double>(t->hello_after_ns()) / 1e6 : 1e9);
  for (auto& t : all) t->close();
  std::this_thread::sleep_for(500ms);
  return slowest;
}

/// What each connection costs that never says a word.
double idle_bytes(served_gateway& g, int n, int& stood) {
  std::vector<std::unique_ptr<talking_client>> all;
  http::websocket_client by;
  const auto before = g.rss_mib();
  for (int i = 0; i < n; ++i) all.push_back(std::make_unique<talking_client>(by, g.url(), false));
  for (int i = 0; i < 1'500; ++i) {
    if (std::ranges::all_of(all, [](const auto& t) { return t->is_open() || t->is_refused(); }))
      break;
    std::this_thread::sleep_for(20ms);
  }
  stood = static_cast<int>(std::ranges::count_if(all, [](const auto& t) { return t->is_open(); }));
  const auto grown = (g.rss_mib() - before) * (1 << 20);
  for (auto& t : all) t->close();
  std::this_thread::sleep_for(500ms);
  return grown / std::max(1, stood);
}

double seconds_of(const bench_options& o) { return o.seconds > 0 ? o.seconds : o.quick ? 3 : 12; }

/// A graph without a model: what a client says comes back to it.
constexpr const char* echo_graph =
    "hocket: 1\nname: echo\nclock: {micro_turn_ms: 200}\nactors:\n"
    "  door: {component: gateway.door, inputs: {audio: {from: back.audio, back_edge: true}}}\n"
    "  back: {component: audio.delay, inputs: {audio: door.audio}}\n";

/// From mouth to ear without a model, with so many who talk at once: what the gateway takes, both ways,
/// pieces of 20 ms and the clock's patience for them included.
result<void> echo(const std::string& folder, const std::vector<std::string>& options, int people,
                  double seconds, bool calls, measures& out) {
  const auto file = folder + "/echo.yaml";
  if (auto done = trust::write_file(file, echo_graph); !done) return done;
  auto server = served_gateway::start(file, folder + "/echo", options);
  if (!server) return fail(server);
  crowd all(**server, calls, talking_client::answers::echo);
  if (!all.grow_to(people))
    return fail("bench.no_server",
                fmt::format("without a model, {} of {} at once: {}", calls ? "calls" : "WebSockets",
                            people, all.stopped()));
  const auto heard = all.talk(seconds);
  const std::string name = calls ? "gateway.calls.mouth_to_ear" : "gateway.mouth_to_ear";
  out.add(name + ".p50_ms", std::min(percentile(heard.total_ms, 0.5), 1e6), "ms", heard.bursts);
  if (calls)
    out.add(name + ".p99_ms", std::min(heard.p99(), 1e6), "ms", heard.bursts);
  else
    out.add(name + ".p99_ms", std::min(heard.p99(), 1e6), "ms", heard.bursts, beside_target_ms,
            goal::at_most);
  all.clear();
  return {};
}

/// Where the time between mouth and ear goes: what each stage takes at the median, and of the slowest 5 %
/// at the mean.
void add_stages(const std::string& name, const level& of, measures& out) {
  using burst = talking_client::heard_burst;
  auto slowest = of.heard;
  std::ranges::sort(slowest, std::greater(), &burst::total_ms);
  slowest.resize((slowest.size() + 19) / 20);
  if (slowest.empty()) return;
  for (const auto& [stage, part] : {std::pair{"turn_over", &burst::until_turn_over_ms},
                                    {"waits", &burst::waits_ms},
                                    {"computes", &burst::computes_ms},
                                    {"back", &burst::back_ms}}) {
    std::vector<double> all;
    double sum = 0;
    for (const auto& h : of.heard) all.push_back(h.*part);
    for (const auto& h : slowest) sum += h.*part;
    const auto n = static_cast<std::int64_t>(all.size());
    out.add(fmt::format("{}.{}.p50_ms", name, stage), percentile(std::move(all), 0.5), "ms", n);
    out.add(fmt::format("{}.{}.slowest_ms", name, stage), sum / double(slowest.size()), "ms",
            static_cast<std::int64_t>(slowest.size()));
  }
}

/// More and more people at once, until one of a hundred waits too long; over WebSockets, or over calls.
void grow(served_gateway& server, const bench_options& o, bool calls, progress& shown,
          measures& out) {
  const double seconds = seconds_of(o);
  const char* what = calls ? "calls" : "sessions";
  crowd people(server, calls);
  const auto empty_mib = server.rss_mib();
  int fits = 0, tried = 0;
  double mib = 0;
  const int wanted = calls && o.calls > 0 ? o.calls : o.sessions;
  const auto levels = wanted > 0 ? std::vector{wanted}
                      : o.quick  ? std::vector{1, 2}
                      : calls    ? std::vector{1, 4, 8, 12, 16, 20, 24, 32}
                              : std::vector{1, 2, 4, 6, 8, 12, 16, 20, 24, 32, 48, most_sessions};
  level last;
  for (const int n : levels) {
    shown.next(fmt::format("gateway: {} people {} at once", n, calls ? "call" : "talk"));
    if (!people.grow_to(n)) {
      out.note(fmt::format("gateway.{}: {} at once do not come in: {}", what, n, people.stopped()));
      break;
    }
    const auto cpu = server.cpu_seconds();
    const auto now = people.talk(seconds);
    const auto used = (server.cpu_seconds() - cpu) / (seconds + 1);
    const auto name = fmt::format("gateway.{}.{}", what, n);
    out.add(name + ".mouth_to_ear.p50_ms", std::min(percentile(now.total_ms, 0.5), 1e6), "ms",
            now.bursts);
    out.add(name + ".mouth_to_ear.p99_ms", std::min(now.p99(), 1e6), "ms", now.bursts);
    add_stages(name, now, out);
    out.add(name + ".cpu", used, "cores", now.bursts);
    tried = n;
    mib = server.rss_mib();
    if (now.p99() > slowest_ms) {
      out.note(fmt::format("gateway.{}: with {} at once one in a hundred waits {}", what, n,
                           now.p99() >= 1e9 ? "for ever: what he says is not heard"
                                            : fmt::format("{:.0f} ms", now.p99())));
      break;
    }
    fits = n;
    last = now;
  }
  const auto bytes = (mib - empty_mib) * (1 << 20) / std::max(1, tried);
  if (calls) {
    out.add("gateway.calls_at_500ms", fits, "", last.bursts);
    out.add("gateway.call_bytes", bytes, "bytes", tried);
  } else {
    out.add("gateway.sessions_at_500ms", fits, "", last.bursts, sessions_target, goal::at_least);
    out.add("gateway.session_bytes", bytes, "bytes", tried);
  }
  people.clear();
}

/// Those who do not read, who come all at once, and who never say a word.
void beside(served_gateway& server, const bench_options& o, int idle, int burst, progress& shown,
            measures& out) {
  {
    crowd people(server, false);
    // One who talks and never reads, beside one who does both.
    shown.next("gateway: somebody does not read");
    if (people.grow_to(2)) {
      people.last().stop_reading();
      out.add("gateway.slow_reader.mouth_to_ear.p50_ms",
              std::min(percentile(people.talk(seconds_of(o)).total_ms, 0.5), 1e6), "ms", 1);
    }
    people.clear();
  }
  shown.next(fmt::format("gateway: {} come at once", burst));
  out.add("gateway.storm.slowest_hello_ms", std::min(storm_ms(server, burst), 1e6), "ms", burst);
  shown.next(fmt::format("gateway: {} connections that say nothing", idle));
  int stood = 0;
  const auto bytes = idle_bytes(server, idle, stood);
  out.add("gateway.idle_connections", stood, "", idle, idle, goal::at_least);
  out.add("gateway.idle_connection_bytes", bytes, "bytes", stood);
}

}  // namespace

int run_bench_gateway(const bench_options& o) {
  progress shown(o.json, 0, "gateway: starting a server");
  const auto folder = fs::temp_directory_path() / fmt::format("hocket_bench_gateway_{}", getpid());
  const int idle = o.quick ? 100 : 1'000, burst = o.quick ? 10 : 50;
  std::vector<std::string> options = {
      "--set", fmt::format("actors.door.max_sessions={}", idle + 200),
      "--set", fmt::format("actors.door.sessions_per_key={}", idle + 200),
      "--set", "actors.door.starts_per_minute=100000"};
  measures out;
  const double seconds = seconds_of(o);
  const bool has_calls = gateway::webrtc::available().has_value();
  // Before the model is there: two programs with it would need twice the memory.
  for (const bool calls : {false, true}) {
    if (calls && !has_calls) continue;
    if (!calls && o.calls > 0) continue;
    shown.next(fmt::format("gateway: {} without a model", calls ? "calls" : "talk"));
    const int people = o.calls > 0      ? o.calls
                       : o.sessions > 0 ? o.sessions
                       : o.quick        ? 2
                                        : sessions_target;
    if (const auto done = echo(folder.string(), options, people, seconds, calls, out); !done)
      return tell(done.error(), exit_failed);
  }
  options.insert(options.end(), {"--param", "model=" + o.model});
  auto started =
      served_gateway::start(shipped("configs/graphs/serve.yaml"), folder.string(), options);
  if (!started) return tell(started.error(), exit_failed);
  auto& server = **started;
  if (o.calls == 0) grow(server, o, false, shown, out);
  if (has_calls) grow(server, o, true, shown, out);
  if (o.calls == 0) beside(server, o, idle, burst, shown, out);
  if (!has_calls) out.note(gateway::webrtc::available().error().message);
  out.note(fmt::format(
      "{} over loopback, clients in this process by Hocket's own protocol: a second of "
      "sound, a second of "
      "silence; mouth to ear: from the first sample of a burst to the model's "
      "micro-turn that heard it, "
      "back at the client, which is made of: turn_over, until the end of that micro-turn; "
      "waits, for its sound, the others of the batch and on the ways within; computes, the step "
      "of all in it; back, to the client (slowest: the mean of the slowest 5 %); "
      "gateway.mouth_to_ear.p99_ms: back at the client from a graph without "
      "a model that gives back what it hears, {} at once; session_bytes: growth of resident "
      "memory over those who talk. calls: the same over WebRTC, sound over tracks.",
      o.model,
      o.calls > 0      ? o.calls
      : o.sessions > 0 ? o.sessions
      : o.quick        ? 2
                       : sessions_target));
  shown.finish();
  started->reset();
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  if (!o.out.empty() && !out.save(o.out)) return exit_failed;
  return out.print(o.json);
}

}  // namespace hocket::cli
