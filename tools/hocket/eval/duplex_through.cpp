#include "tools/hocket/eval/duplex_through.hpp"

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "tools/duplex/compare.hpp"
#include "tools/duplex/statistics.hpp"
#include "tools/hocket/eval/served_gateway.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/shipped.hpp"
#include "tools/hocket/types.hpp"
#include "tools/report/measures.hpp"

namespace hocket::cli {

using namespace report;
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

constexpr double gateway_target_ms = 40, remote_target_ms = 60;

json items_of(const std::string& folder) {
  std::ifstream in(fs::path(folder) / "report.json");
  const auto j = json::parse(in, nullptr, false);
  return j.is_object() ? j.value("items", json::object()) : json::object();
}

/// A value ("latency_s") of the items that both have, of all families, as pairs.
struct pairs {
  std::vector<double> direct, through;
  std::vector<double> differences_ms() const {
    std::vector<double> out;
    for (std::size_t i = 0; i < direct.size(); ++i) out.push_back(1000 * (through[i] - direct[i]));
    return out;
  }
};

pairs common(const json& a, const json& b, const std::string& value) {
  pairs out;
  for (const auto& [key, one] : a.items()) {
    const auto other = b.find(key);
    if (other == b.end()) continue;
    const auto mine = one.value("values", json::object());
    const auto theirs = other->value("values", json::object());
    if (!mine.contains(value) || !theirs.contains(value)) continue;
    out.direct.push_back(mine[value].get<double>());
    out.through.push_back(theirs[value].get<double>());
  }
  return out;
}

void add_mean(measures& out, const std::string& name, const std::vector<double>& values,
              std::optional<double> target = {}) {
  if (values.empty()) return;
  const auto e = duplex::bootstrap({values}, [](auto g) { return duplex::mean_of(g[0]); });
  out.add(
      {name, e.value, "ms", e.low, e.high, target, target ? goal::at_most : goal::none, e.n, {}});
}

int print_beside(const duplex_request& o, const std::string& direct, const std::string& through) {
  const auto a = items_of(direct), b = items_of(through);
  measures out;
  const auto name = "duplex.through." + o.through + ".";
  const auto latency = common(a, b, "latency_s");
  for (const auto& [which, values] :
       {std::pair{"direct", &latency.direct}, {o.through.c_str(), &latency.through}}) {
    auto ms = *values;
    for (auto& v : ms) v *= 1000;
    add_mean(out, fmt::format("{}turn_ms.{}", name, which), ms);
  }
  add_mean(out, name + "turn_taking_ms", latency.differences_ms(),
           o.through == "gateway" ? gateway_target_ms : remote_target_ms);
  add_mean(out, name + "stop_ms", common(a, b, "stop_latency_s").differences_ms());
  std::int64_t same = 0, all = 0;
  std::int64_t met = 0;
  for (const auto& [key, one] : a.items()) {
    ++all;  // one that is lost on the way has another answer
    if (const auto other = b.find(key); other != b.end()) {
      ++met;
      same += one.value("good", 0.0) == other->value("good", 0.0) &&
              one.value("verdict", "") == other->value("verdict", "");
    }
  }
  if (met == 0)
    return complain({"duplex.compare", direct + " and " + through + " have no item in common"},
                    exit_failed);
  out.add(name + "same_answers", static_cast<double>(same) / static_cast<double>(all), "ratio", all,
          1, goal::at_least);
  out.note(fmt::format(
      "{}: turn-taking behind a gateway over loopback, less that of the graph by itself, "
      "paired by item, real time; same_answers: the share of items with the same verdict. "
      "{} against {}",
      o.through, through, direct));
  if (!o.json) fmt::print("\nthrough the {}\n", o.through);
  return out.print(o.json);
}

}  // namespace

int judge_through(const duplex_request& given) {
  auto o = given;
  if (o.through != "gateway" && o.through != "remote")
    return complain({"cli.bad-arguments", "--through is gateway or remote"}, exit_bad_input);
  if (o.graph != duplex_request().graph)
    return complain(
        {"cli.bad-arguments",
         o.graph + ": --through compares configs/graphs/talk.yaml with serve.yaml, which "
                   "has the same model; it takes no other graph"},
        exit_bad_input);
  if (!o.how.sets.empty())
    return complain({"cli.bad-arguments",
                     "--through takes no --set: it would reach one of the two graphs alone"},
                    exit_bad_input);
  if (o.out.empty()) o.out = "out/duplex-through-" + o.through;
  if (o.families.empty()) o.families = {"turn"};
  auto direct = o, through = o;
  direct.through = through.through = "";
  direct.real_time = through.real_time = true;
  direct.quiet = through.quiet = true;
  direct.out = o.out + "/direct";
  through.out = o.out + "/through";
  through.fresh = true;  // the server's address is another one each time
  if (!o.json) say(stderr, "the graph by itself: {}\n", o.graph);
  if (const int code = judge_duplex(direct); code != exit_fine) return code;

  const auto folder = fs::temp_directory_path() / fmt::format("hocket_through_{}", getpid());
  std::vector<std::string> words = {"--set", "actors.door.starts_per_minute=100000"};
  for (const auto& p : o.how.params)
    if (p.starts_with("model=") || p.starts_with("device="))
      words.insert(words.end(), {"--param", p});
  auto server = served_gateway::start(shipped("configs/graphs/serve.yaml"), folder.string(), words);
  if (!server) return complain(server.error(), exit_failed);
  through.graph =
      "configs/graphs/parts/" + std::string(o.through == "gateway" ? "heard.yaml" : "far.yaml");
  through.input = "mic.audio";  // the model there is a source of sound, too
  through.how.params = {"url=" + (*server)->url() + "/v1", "protocol=" + o.protocol};
  if (!o.json) say(stderr, "through the {}: {}\n", o.through, through.graph);
  const int code = judge_duplex(through);
  server->reset();
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return code != exit_fine ? code : print_beside(o, direct.out, through.out);
}

}  // namespace hocket::cli
