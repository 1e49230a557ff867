#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/hocket/export/export_files.hpp"

namespace hocket::cli {
namespace {

/// A `%` is a specifier in nearly every line of a unit.
std::string literal(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '%' ? "%%" : std::string(1, c);
  return out;
}

/// One word of ExecStart or Environment: specifiers and variables are doubled, quotes where needed.
/// Control characters do not come here (check_export).
std::string word_of(const std::string& text) {
  std::string out;
  bool plain = !text.empty();
  for (const char c : text) {
    if (c == '%' || c == '$') out += c;
    if (c == '"' || c == '\\') out += '\\';
    plain = plain && c != ' ' && c != '"' && c != '\\' && c != '\'' && c != ';' && c != '#';
    out += c;
  }
  return plain ? out : '"' + out + '"';
}

/// A value in a file that EnvironmentFile= reads.
std::string env_value(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '$' || c == '`') out += '\\';
    out += c;
  }
  return out + '"';
}

/// Whether a path lies where ProtectHome= hides everything.
bool in_a_home(const std::string& path) {
  const auto name = std::filesystem::path(path).lexically_normal().string() + "/";
  return name.starts_with("/home/") || name.starts_with("/root/") || name.starts_with("/run/user/");
}

bool needs_homes(const export_options& o, const host_needs& h) {
  std::vector<std::string> all = {o.dir, o.program, o.graph, h.public_key, h.secret_key};
  all.insert(all.end(), h.paths.begin(), h.paths.end());
  all.insert(all.end(), o.how.plugins.begin(), o.how.plugins.end());
  return std::any_of(all.begin(), all.end(), in_a_home);
}

std::string command_of(const export_options& o, const host_needs& h, int metrics_port) {
  std::vector<std::string> words = {o.program, "run", o.graph};
  // A mark that no path holds, for what must stay a specifier.
  const std::string state = "\x01/hocket/" + h.instance;
  for (auto& a : run_arguments(o, h, state)) words.push_back(std::move(a));
  std::string out = "ExecStart=";
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto word = word_of(words[i]);
    if (const auto at = word.find('\x01'); at != word.npos) word.replace(at, 1, "%S");
    out += (i > 0 ? " " : "") + word;
  }
  // %S is /var/lib: the folder of StateDirectory, which the unit may write.
  return out + fmt::format(" \\\n  --out %S/hocket/{} --plain --metrics tcp://127.0.0.1:{}\n",
                           h.instance, metrics_port);
}

constexpr const char* hardening = R"(NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
PrivateTmp=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
UMask=0077
)";

std::string env_file_of(const plan& graph) { return "hocket-" + plain_name(graph.name) + ".env"; }

std::string unit_of(const export_source& from, const host_needs& h, int metrics_port) {
  const auto& o = from.o;
  const auto& graph = from.graph;
  const auto name = "hocket-" + h.instance;
  std::string text = fmt::format(
      "# {}.service: {} of the graph {} ({}), hash {}.\n# Made by `hocket export systemd`; changes "
      "belong into the graph file or into a drop-in (systemctl edit {}).\n",
      name, h.host.empty() ? "all" : "host " + h.host, graph.name, o.graph, graph.hash, name);
  text += fmt::format("[Unit]\nDescription=Hocket graph {}{}\n", literal(graph.name),
                      h.host.empty() ? "" : ", host " + h.host);
  text += "Wants=network-online.target\nAfter=network-online.target sound.target\n";
  // A graph that fails at once, again and again, stays down where somebody sees it.
  text += "StartLimitIntervalSec=300\nStartLimitBurst=10\n";
  if (std::filesystem::path(o.graph).is_relative())
    text += fmt::format("AssertPathExists={}\n",
                        literal((std::filesystem::path(o.dir) / o.graph).string()));
  if (!h.secret_key.empty() && std::filesystem::path(h.secret_key).is_relative())
    text += fmt::format("AssertPathExists={}\n",
                        literal((std::filesystem::path(o.dir) / h.secret_key).string()));

  text += "\n[Service]\nType=notify\nNotifyAccess=main\n" + command_of(o, h, metrics_port);
  text += fmt::format("User={}\nWorkingDirectory={}\nStateDirectory=hocket/{}\n", o.user,
                      literal(o.dir), h.instance);
  if (!from.env.empty())
    text += fmt::format("EnvironmentFile=/etc/hocket/{}\n", env_file_of(graph));
  if (const std::filesystem::path record(o.record); record.is_absolute())
    text += fmt::format("ReadWritePaths={}\n", word_of(record.parent_path().string()));
  text += fmt::format(
      "CacheDirectory=hocket/{0}\nEnvironment=XDG_CACHE_HOME=%C/hocket/{0} "
      "OMP_WAIT_POLICY=passive\n",
      h.instance);
  // Exit code 2 says that the graph is wrong: starting it again mends nothing.
  text += "Restart=on-failure\nRestartSec=1\nRestartPreventExitStatus=2\n";
  text += "WatchdogSec=30\nTimeoutStartSec=300\nTimeoutStopSec=30\n";
  if (!h.device_actors.empty())
    text += fmt::format("# {}: sound and video devices.\nSupplementaryGroups=audio video\n",
                        fmt::join(h.device_actors, ", "));
  else if (h.gpus == 0)
    text += "PrivateDevices=yes\n";
  // Models, keys or the program lie in a home folder: they can be read there, nothing be written.
  text += needs_homes(o, h) ? "ProtectHome=read-only\n" : "ProtectHome=yes\n";
  text += hardening;
  // Programs in sandboxes get namespaces and a control group of their own; nothing else needs any.
  text += h.confines ? "Delegate=memory pids\nRestrictNamespaces=user pid net ipc uts mnt\n"
                     : "ProtectControlGroups=yes\nRestrictNamespaces=yes\n";
  return text + "\n[Install]\nWantedBy=multi-user.target\n";
}

}  // namespace

namespace {

export_file env_file(const export_source& from) {
  export_file out{env_file_of(from.graph), "", true};
  out.text = fmt::format(
      "# What the graph {} ({}) takes from the environment, as it was where it was exported.\n",
      from.graph.name, from.o.graph);
  for (const auto& [name, value] : from.env)
    out.text += value ? fmt::format("{}={}\n", name, env_value(*value))
                      : fmt::format("# {}= is not set: the graph's own default\n", name);
  return out;
}

}  // namespace

exported export_systemd(const export_source& from) {
  const auto& o = from.o;
  exported out;
  int port = o.metrics_port;
  std::vector<std::string> units;
  for (const auto& h : needs_of(from.graph)) {
    // A port each, so that several hosts of a graph may share a machine.
    const int metrics_port = port++;
    if (!o.host.empty() && h.host != o.host) continue;
    units.push_back("hocket-" + h.instance + ".service");
    out.files.push_back({units.back(), unit_of(from, h, metrics_port)});
    std::string needs;
    for (const auto& p : h.paths) needs += (needs.empty() ? "" : ", ") + p;
    for (const auto& other : needs_of(from.graph))
      if (!other.public_key.empty()) needs += (needs.empty() ? "" : ", ") + other.public_key;
    if (!h.secret_key.empty())
      needs += ", " + h.secret_key + " (mode 0600, owned by " + o.user + ")";
    out.notes.push_back(fmt::format("{}: {} must hold {}{}{}",
                                    h.host.empty() ? "the machine" : h.host, o.dir, o.graph,
                                    needs.empty() ? "" : ", ", needs));
  }
  if (!from.env.empty()) {
    out.files.push_back(env_file(from));
    std::vector<std::string> names;
    for (const auto& [name, value] : from.env) names.push_back(name);
    out.notes.push_back(
        fmt::format("{} holds {}: it may be a secret; there: install -D -m 600 {} "
                    "/etc/hocket/{}",
                    env_file_of(from.graph), fmt::join(names, ", "), env_file_of(from.graph),
                    env_file_of(from.graph)));
  }
  out.notes.push_back(fmt::format(
      "there: useradd --system {}; cp {} /etc/systemd/system/; systemctl daemon-reload; "
      "systemctl enable --now {}",
      o.user, fmt::join(units, " "), fmt::join(units, " ")));
  return out;
}

}  // namespace hocket::cli
