// `hocket bench wire`: what a packet from one process to another costs, beside what the operating
// system and ZeroMQ cost at least, in the same run.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "actors/wire/wire_bench.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/report/measures.hpp"

namespace hocket::cli {

using namespace report;
namespace {

using wire::wire_kind;

void add_times(measures& out, const std::string& name, const wire::wire_times& t) {
  const auto n = static_cast<std::int64_t>(t.n);
  out.add(name + "p50_us", t.p50_us, "us", n);
  out.add(name + "p99_us", t.p99_us, "us", n);
  out.add(name + "p999_us", t.p999_us, "us", n);
}

/// The targets of the wire: shared memory in absolute terms, TCP beside bare ZeroMQ.
void add_result(measures& out, wire_kind k, std::size_t size, const wire::wire_result& r) {
  const auto name = fmt::format("wire.{}.{}.", wire::to_string(k), size);
  const auto n = static_cast<std::int64_t>(r.ping.n);
  if (k == wire_kind::shm && size <= 65536)
    out.add(name + "p50_us", r.ping.p50_us, "us", n, 12, goal::at_most);
  else if (k == wire_kind::shm && size == 4u << 20)
    out.add(name + "p50_us", r.ping.p50_us, "us", n, 100, goal::at_most);
  else
    out.add(name + "p50_us", r.ping.p50_us, "us", n);
  out.add(name + "p99_us", r.ping.p99_us, "us", n);
  out.add(name + "p999_us", r.ping.p999_us, "us", n);
  add_times(out, name + "paced_", r.paced);
  out.add(name + "packets_per_s", r.packets_per_s, "1/s");
  out.add(name + "cpu_us_per_packet", r.cpu_us_per_packet, "us");
  if (wire::shares_memory(k))
    out.add(name + "fallbacks", static_cast<double>(r.fallbacks), "packets");
  if (k != wire_kind::shm) return;
  out.add(name + "in_place", static_cast<double>(r.in_place), "packets");
  out.add(name + "make_p50_us", r.make.p50_us, "us", static_cast<std::int64_t>(r.make.n));
}

void add_ratios(measures& out, std::size_t size, const std::map<wire_kind, wire::wire_result>& r) {
  const auto ratio = [&](const char* name, wire_kind a, wire_kind b, bool has_target) {
    const auto floor = r.at(b).ping.p50_us;
    if (floor <= 0) return;
    const auto n = static_cast<std::int64_t>(r.at(a).ping.n);
    const auto full = fmt::format("wire.ratio.{}.{}.p50", name, size);
    if (has_target)
      out.add(full, r.at(a).ping.p50_us / floor, "ratio", n, 1.5, goal::at_most);
    else
      out.add(full, r.at(a).ping.p50_us / floor, "ratio", n);
  };
  ratio("tcp_to_zmq", wire_kind::tcp, wire_kind::floor_zmq, true);
  ratio("tcp_curve_to_zmq", wire_kind::tcp_curve, wire_kind::floor_zmq, false);
  ratio("tcp_curve_to_zmq_curve", wire_kind::tcp_curve, wire_kind::floor_zmq_curve, false);
  ratio("shm_to_floor_shm", wire_kind::shm, wire_kind::floor_shm, false);
  ratio("shm_copy_to_floor_shm", wire_kind::shm_copy, wire_kind::floor_shm, false);
}

/// One line per measurement in the columns of dora-benchmark, so that tables can be merged.
void add_csv(std::string& csv, wire_kind k, std::size_t size, const wire::wire_result& r) {
  char date[32];
  const auto now = std::time(nullptr);
  std::strftime(date, sizeof date, "%Y-%m-%d", std::localtime(&now));
  const auto line = [&](const char* way, const wire::wire_times& t) {
    csv +=
        fmt::format("{},C++,hocket {},{} {},{},{:.2f},{:.2f},{:.2f},{:.2f},{}\n", date, version(),
                    wire::to_string(k), way, size, t.avg_us, t.p50_us, t.p90_us, t.p99_us, t.n);
  };
  line("ping", r.ping);
  line("paced", r.paced);
}

double median(std::vector<double> of) {
  std::sort(of.begin(), of.end());
  return of.empty() ? 0 : of[of.size() / 2];
}

struct compared {
  std::vector<double> ours, floor, ratio;
};

/// Both kinds in turn, so that what else the machine does meets both.
result<compared> compare(wire_kind ours, wire_kind floor, std::size_t size, double seconds,
                         double (*figure)(const wire::wire_result&)) {
  constexpr int rounds = 5;
  compared out;
  auto a = wire::wire_pair::start(ours);
  if (!a) return fail(a);
  auto b = wire::wire_pair::start(floor);
  if (!b) return fail(b);
  for (int i = 0; i < rounds; ++i) {
    out.ours.push_back(figure((*a)->measure(size, seconds)));
    out.floor.push_back(figure((*b)->measure(size, seconds)));
    if (out.floor.back() > 0) out.ratio.push_back(out.ours.back() / out.floor.back());
  }
  return out;
}

/// Shared memory while another program keeps a core busy, CURVE with as many as go, and TCP where it
/// carries much.
result<void> add_strained(measures& out, double seconds) {
  {
    const auto busy = wire::busy_core::start();
    if (!busy) return fail(busy);
    const auto r = compare(wire_kind::shm, wire_kind::floor_shm, 8, seconds,
                           [](const wire::wire_result& w) { return w.ping.p50_us; });
    if (!r) return fail(r);
    out.add("wire_busy.shm.8.p50_us", median(r->ours), "us");
    out.add("wire_busy.floor_shm.8.p50_us", median(r->floor), "us");
    out.add("wire_busy.shm_over_futex", median(r->ratio), "ratio",
            static_cast<std::int64_t>(r->ratio.size()), 2, goal::at_most);
  }
  constexpr std::size_t much = 1 << 20;
  const auto tcp = compare(wire_kind::tcp, wire_kind::floor_zmq, much, seconds,
                           [](const wire::wire_result& w) { return w.ping.p50_us; });
  if (!tcp) return fail(tcp);
  out.add("wire_mebibyte.tcp.p50_us", median(tcp->ours), "us");
  out.add("wire_mebibyte.floor_zmq.p50_us", median(tcp->floor), "us");
  out.add("wire_mebibyte.tcp_over_zmq", median(tcp->ratio), "ratio",
          static_cast<std::int64_t>(tcp->ratio.size()), 1.5, goal::at_most);
  const auto r = compare(wire_kind::tcp_curve, wire_kind::floor_zmq_curve, 65536, seconds,
                         [](const wire::wire_result& w) { return w.packets_per_s; });
  if (!r) return fail(r);
  out.add("wire.curve_saturation.65536.packets_per_s", median(r->ours), "1/s");
  out.add("wire.curve_saturation.floor_zmq_curve.65536.packets_per_s", median(r->floor), "1/s");
  out.add("wire.curve_saturation_ratio", median(r->ratio), "ratio",
          static_cast<std::int64_t>(r->ratio.size()), 0.8, goal::at_least);
  return {};
}

}  // namespace

int run_bench_wire(const bench_options& o) {
  if (const char* part = std::getenv(wire::wire_end_variable)) return wire::serve_wire_end(part);
  std::vector<std::size_t> sizes{8, 64, 512, 4096, 40960, 65536, 409600, 1 << 20, 4 << 20};
  if (o.quick) sizes = {8, 65536, 4 << 20};
  const double total_s = o.seconds > 0 ? o.seconds : o.quick ? 6 : 50;
  const double seconds =
      std::max(0.02, total_s / 3 / static_cast<double>(sizes.size() * wire::wire_kind_count));

  std::map<std::size_t, std::map<wire_kind, wire::wire_result>> results;
  progress shown(o.json, static_cast<std::size_t>(wire::wire_kind_count) * sizes.size() + 1,
                 "wire: packets between processes");
  for (int i = 0; i < wire::wire_kind_count; ++i) {
    const auto k = static_cast<wire_kind>(i);
    auto pair = wire::wire_pair::start(k);
    if (!pair) {
      fmt::print(stderr, "error: {}: {} [{}]\n", wire::to_string(k), pair.error().message,
                 pair.error().code);
      return exit_failed;
    }
    for (const auto size : sizes) {
      results[size][k] = (*pair)->measure(size, seconds);
      shown.next(fmt::format("wire: {}, {} bytes", wire::to_string(k), size));
    }
  }
  measures out;
  if (const auto done = add_strained(out, std::max(0.3, 4 * seconds)); !done) {
    fmt::print(stderr, "error: {} [{}]\n", done.error().message, done.error().code);
    return exit_failed;
  }
  shown.next("wire: beside a busy core, 1 MiB over TCP, and as much as goes");
  shown.finish();
  std::string csv = "date,language,platform,name,size_bytes,avg_us,p50_us,p90_us,p99_us,n\n";
  for (const auto& [size, by_kind] : results) {
    for (const auto& [k, r] : by_kind) {
      add_result(out, k, size, r);
      add_csv(csv, k, size, r);
    }
    add_ratios(out, size, by_kind);
  }
  out.note(
      "p50_us, p99_us, p999_us: half of a round trip between two processes, from send() to the "
      "receiver's first line, one packet at a time; paced_*: one way, one packet each millisecond "
      "(above 64 KiB each 10 ms), everybody asleep in between. Ours with credit, accounts, "
      "acknowledgements and heartbeats "
      "on.");
  out.note(
      "shm: each payload is made anew in memory of the sender's that the receiver maps "
      "(node::allocate), both ways, and is never copied; filling it is the producer's work, so "
      "the clock of p50_us stands still for it (make_p50_us: memset), and finding room counts. "
      "shm_copy: payloads made elsewhere beforehand; the sender copies each into that memory. "
      "floor_shm: four slots and a futex; the sender copies, as shm_copy does, so that "
      "shm_copy_to_floor_shm compares like with like. No receiver reads the payload. "
      "in_place: packets of more than 512 B that were sent so.");
  out.note(
      "floor_zmq: a DEALER pair; packets_per_s and cpu_us_per_packet: one way, as many as go, CPU "
      "of both processes; shm fills each payload there, which the others do not, and copies none.");
  out.note(
      "wire_busy: while another program keeps a core busy; wire_mebibyte: 1 MiB over TCP, beside "
      "bare ZeroMQ; wire.curve_saturation: as many as go. Five rounds of ours and the floor in "
      "turn; medians, ratio: of the rounds' ratios.");
  if (!o.csv.empty() && !trust::write_file(o.csv, csv)) {
    fmt::print(stderr, "error: cannot write {}\n", o.csv);
    return exit_failed;
  }
  if (!o.out.empty()) out.save(o.out);
  return out.print(o.json);
}

}  // namespace hocket::cli
