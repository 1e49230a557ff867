#include <filesystem>

#include <fmt/format.h>

#include "tools/hocket/export/export_files.hpp"

namespace hocket::cli {
namespace {

/// One word of ExecStart: specifiers and variables are doubled, quotes where needed.
std::string word_of(const std::string& text) {
  std::string out;
  bool plain = !text.empty();
  for (const char c : text) {
    if (c == '%' || c == '$') out += c;
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
      plain = false;
      continue;
    }
    plain = plain && c != ' ' && c != '\t' && c != '"' && c != '\\' && c != '\'' && c != ';';
    out += c;
  }
  return plain ? out : '"' + out + '"';
}

std::string command_of(const export_options& o, const host_needs& h, int metrics_port) {
  std::vector<std::string> words = {o.program, "run", o.graph};
  for (auto& a : run_arguments(o, h)) words.push_back(std::move(a));
  std::string out = "ExecStart=";
  for (std::size_t i = 0; i < words.size(); ++i) out += (i > 0 ? " " : "") + word_of(words[i]);
  // %S is /var/lib: the folder of StateDirectory, which the unit may write.
  return out + fmt::format(" \\\n  --out %S/hocket/{} --plain --metrics tcp://127.0.0.1:{}\n",
                           h.instance, metrics_port);
}

constexpr const char* hardening = R"(NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
RestrictNamespaces=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
UMask=0077
)";

std::string unit_of(const export_options& o, const plan& graph, const host_needs& h,
                    int metrics_port) {
  const auto name = "hocket-" + h.instance;
  std::string text = fmt::format(
      "# {}.service: {} of the graph {} ({}), hash {}.\n# Made by `hocket export systemd`; changes "
      "belong into the graph file or into a drop-in (systemctl edit {}).\n",
      name, h.host.empty() ? "all" : "host " + h.host, graph.name, o.graph, graph.hash, name);
  text += fmt::format("[Unit]\nDescription=Hocket graph {}{}\n", graph.name,
                      h.host.empty() ? "" : ", host " + h.host);
  text += "Wants=network-online.target\nAfter=network-online.target sound.target\n";
  // A graph that fails at once, again and again, stays down where somebody sees it.
  text += "StartLimitIntervalSec=300\nStartLimitBurst=10\n";
  if (std::filesystem::path(o.graph).is_relative())
    text += fmt::format("AssertPathExists={}\n", (std::filesystem::path(o.dir) / o.graph).string());
  if (!h.secret_key.empty() && std::filesystem::path(h.secret_key).is_relative())
    text += fmt::format("AssertPathExists={}\n",
                        (std::filesystem::path(o.dir) / h.secret_key).string());

  text += "\n[Service]\nType=notify\nNotifyAccess=main\n" + command_of(o, h, metrics_port);
  text += fmt::format("User={}\nWorkingDirectory={}\nStateDirectory=hocket/{}\n", o.user, o.dir,
                      h.instance);
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
  text += hardening;
  return text + "\n[Install]\nWantedBy=multi-user.target\n";
}

}  // namespace

exported export_systemd(const export_options& o, const plan& graph) {
  exported out;
  int port = o.metrics_port;
  for (const auto& h : needs_of(graph)) {
    // A port each, so that several hosts of a graph may share a machine.
    const int metrics_port = port++;
    if (!o.host.empty() && h.host != o.host) continue;
    out.files.push_back({"hocket-" + h.instance + ".service", unit_of(o, graph, h, metrics_port)});
    std::string needs;
    for (const auto& p : h.paths) needs += (needs.empty() ? "" : ", ") + p;
    for (const auto& other : needs_of(graph))
      if (!other.public_key.empty()) needs += (needs.empty() ? "" : ", ") + other.public_key;
    if (!h.secret_key.empty())
      needs += ", " + h.secret_key + " (mode 0600, owned by " + o.user + ")";
    out.notes.push_back(fmt::format("{}: {} must hold {}{}{}",
                                    h.host.empty() ? "the machine" : h.host, o.dir, o.graph,
                                    needs.empty() ? "" : ", ", needs));
  }
  out.notes.push_back(fmt::format(
      "there: useradd --system {}; cp *.service /etc/systemd/system/; systemctl daemon-reload; "
      "systemctl enable --now hocket-…",
      o.user));
  return out;
}

}  // namespace hocket::cli
