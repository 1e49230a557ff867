#include <doctest/doctest.h>

#include <set>

#include "tools/hocket/export/export_files.hpp"

using namespace hocket;
using namespace hocket::cli;

namespace {

struct made_graph {
  plan graph;
  export_options o;
  environment env;
  std::vector<export_file> files;
  explicit made_graph(const std::string& name, std::vector<std::string> hosts = {}) {
    graph.name = name;
    o.kind = "systemd";
    o.graph = "talk.yaml";
    for (const auto& h : hosts) {
      graph.hosts.emplace_back();
      graph.hosts.back().name = h;
      graph.hosts.back().listen = "tcp://10.0.0.5:7400";
    }
  }
  export_source source() const { return {o, graph, env, files}; }
  std::string systemd() const { return export_systemd(source()).files.at(0).text; }
  std::string refusal() const {
    const auto fine = check_export(source());
    return fine ? "" : fine.error().code;
  }
};

/// Lines of a unit that set `key`.
std::vector<std::string> lines_of(const std::string& unit, const std::string& key) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < unit.size();) {
    const auto end = unit.find('\n', at);
    if (unit.compare(at, key.size() + 1, key + "=") == 0) out.push_back(unit.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace

TEST_CASE("export: names are what both targets take, and no two graphs or hosts share one") {
  CHECK(plain_name("talk") == "talk");
  CHECK(plain_name("Two Hosts") == "two-hosts");
  CHECK(plain_name("two_rooms") == "two-rooms");
  std::set<std::string> seen;
  for (const std::string name :
       {"Gespräch", "Gesprech", "日本", "中国", "", "-", "42", "%n", "a  b", "a/b", "a.b", "x\ny"})
    CHECK(seen.insert(plain_name(name)).second);
  seen.insert(plain_name(std::string(300, 'a')));
  seen.insert(plain_name(std::string(300, 'a') + "b"));
  for (const auto& name : seen) {
    INFO(name);
    CHECK(name.size() <= 40);
    CHECK((name[0] >= 'a' && name[0] <= 'z'));
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == name.npos);
    CHECK(name.back() != '-');
  }
  CHECK(seen.size() == 14);
  std::set<std::string> instances;
  for (const auto& h : needs_of(made_graph("talk", {"a_b", "a__b", "ab"}).graph))
    instances.insert(h.instance);
  CHECK(instances.size() == 3);
}

TEST_CASE("export: what would become a line, or a path that the service does not see, is refused") {
  const auto with = [](auto change) {
    made_graph g("talk", {"edge", "gpu"});
    change(g);
    return g.refusal();
  };
  CHECK(with([](auto&) {}) == "");
  CHECK(with([](auto& g) { g.graph.name = "x\n[Service]\nExecStart=/bin/sh"; }) ==
        "export.bad_text");
  CHECK(with([](auto& g) { g.o.how.sets = {"a.b=c\rd"}; }) == "export.bad_text");
  CHECK(with([](auto& g) { g.o.graph = "a\nb.yaml"; }) == "export.bad_path");
  CHECK(with([](auto& g) { g.o.dir = "srv"; }) == "export.bad_path");
  CHECK(with([](auto& g) { g.o.dir = "/srv/x\\"; }) == "export.bad_path");
  CHECK(with([](auto& g) { g.o.dir = "/tmp/x"; }) == "export.bad_path");  // check:allow
  CHECK(with([](auto& g) { g.o.program = "hocket"; }) == "export.bad_path");
  CHECK(with([](auto& g) { g.graph.hosts[0].key = "~/keys/a.pub"; }) == "export.bad_path");
  CHECK(with([](auto& g) { g.o.user = "root; rm"; }) == "export.bad_name");
  CHECK(with([](auto& g) { g.o.record = "../x.mcap"; }) == "export.bad_path");
  CHECK(with([](auto& g) { g.o.listen = "tcp://0.0.0.0:1"; }) == "export.bad_option");
  CHECK(with([](auto& g) { g.o.peers = {"moon=tcp://1.2.3.4:5"}; }) == "export.bad_option");
  CHECK(with([](auto& g) { g.o.metrics_port = 65535; }) == "export.bad_option");
  CHECK(with([](auto& g) { g.env["A-B"] = "x"; }) == "export.env");
  CHECK(with([](auto& g) { g.env["A"] = "x\ny"; }) == "export.env");
  CHECK(with([](auto& g) { g.o.kind = "kubernetes", g.o.name_space = "Voice_1"; }) ==
        "export.bad_name");
  CHECK(
      with([](auto& g) { g.o.kind = "kubernetes", g.o.record = "/data/x.mcap"; }) ==  // check:allow
      "export.bad_path");
  CHECK(with([](auto& g) {
          g.files = {{"a.yaml", std::string(1'100'000, ' ')}};
        }) == "export.too_large");
}

TEST_CASE(
    "export: a unit says what systemd would otherwise take for its own, home folders included") {
  made_graph g("50 % of it");
  g.o.graph = "it's 5% \"off\".yaml";
  g.o.how.params = {"price=$5 100%"};
  auto unit = g.systemd();
  CHECK(lines_of(unit, "Description") ==
        std::vector<std::string>{"Description=Hocket graph 50 %% of it"});
  CHECK(unit.find(R"(run "it's 5%% \"off\".yaml" --param "price=$$5 100%%")") != unit.npos);
  CHECK(unit.find("AssertPathExists=/srv/hocket/it's 5%% \"off\".yaml\n") != unit.npos);
  CHECK(unit.find("ProtectHome=yes") != unit.npos);
  g.o.dir = "/home/ada/voice";  // check:allow
  unit = g.systemd();
  CHECK(unit.find("ProtectHome=read-only") != unit.npos);
  CHECK(unit.find("ProtectHome=yes") == unit.npos);
}

TEST_CASE("export: environment, listen, sessions and recording of the run are part of it") {
  made_graph g("talk", {"edge"});
  g.env = {{"KEY", "it's \"50 %\" $X \\"}, {"OTHER", std::nullopt}};
  g.o.sessions = 4;
  g.o.listen = "tcp://0.0.0.0:7400";
  g.o.record = "all.mcap";
  REQUIRE(g.refusal() == "");
  const auto made = export_systemd(g.source());
  const auto& unit = made.files.at(0).text;
  CHECK(unit.find("EnvironmentFile=/etc/hocket/hocket-talk.env\n") != unit.npos);
  CHECK(
      unit.find("--sessions 4 --listen tcp://0.0.0.0:7400 --record %S/hocket/talk-edge/all.mcap") !=
      unit.npos);
  CHECK(unit.find("it's") == unit.npos);  // units can be read by everyone
  REQUIRE(made.files.size() == 2);
  CHECK(made.files[1].name == "hocket-talk.env");
  CHECK(made.files[1].secret);
  CHECK(made.files[1].text.find(R"(KEY="it's \"50 %\" \$X \\")") != std::string::npos);

  g.o.kind = "kubernetes";
  g.files = {{"talk.yaml", "a"}, {"a/b.yaml", "b"}, {"a_b.yaml", "c"}, {"ä b.yaml", "d"}};
  REQUIRE(g.refusal() == "");
  const auto pods = export_kubernetes(g.source());
  const auto& map = pods.files.at(0).text;
  CHECK(map.find("a_b.yaml: b") != map.npos);
  CHECK(map.find("-a_b.yaml") != map.npos);
  CHECK(map.find("-___b.yaml") != map.npos);
  const auto& set = pods.files.at(2).text;
  for (const char* part : {"hocket-talk-env", "--sessions", "/var/lib/hocket/all.mcap"})
    CHECK_MESSAGE(set.find(part) != set.npos, part);
  CHECK(set.find("it's") == set.npos);
}

TEST_CASE("export: who starts programs in sandboxes may confine them, others get nothing for it") {
  made_graph g("talk");
  auto unit = g.systemd();
  CHECK(lines_of(unit, "Delegate").empty());
  CHECK(lines_of(unit, "RestrictNamespaces") == std::vector<std::string>{"RestrictNamespaces=yes"});
  CHECK(lines_of(unit, "ProtectControlGroups").size() == 1);
  g.graph.plugins = {"parts.py"};
  unit = g.systemd();
  CHECK(lines_of(unit, "Delegate") == std::vector<std::string>{"Delegate=memory pids"});
  CHECK(lines_of(unit, "RestrictNamespaces") ==
        std::vector<std::string>{"RestrictNamespaces=user pid net ipc uts mnt"});
  CHECK(lines_of(unit, "ProtectControlGroups").empty());
}
