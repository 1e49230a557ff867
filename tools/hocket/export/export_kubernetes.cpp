#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "graph/spec/hash.hpp"
#include "tools/hocket/export/export_files.hpp"
#include "tools/hocket/export/yaml_text.hpp"
#include "tools/hocket/process.hpp"

namespace hocket::cli {
namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr int pod_user = 10001;
constexpr const char* graph_dir = "/etc/hocket/graph";
constexpr const char* out_dir = "/var/lib/hocket";

/// Everything that the objects of one host share.
struct pod {
  const export_source& from;
  const export_options& o;
  const plan& graph;
  const host_needs& h;
  std::string name;       ///< "hocket-talk-gpu"
  std::string graph_map;  ///< name of the ConfigMap
  bool has_keys() const { return !h.secret_key.empty(); }
  std::string key_dir() const {
    const auto parent = fs::path(h.secret_key).parent_path();
    return (parent.is_relative() ? fs::path(o.dir) / parent : parent).string();
  }
};

json meta(const pod& p, const std::string& name) {
  json m = {{"name", name}};
  if (!p.o.name_space.empty()) m["namespace"] = p.o.name_space;
  m["labels"] = {{"app.kubernetes.io/name", "hocket"},
                 {"app.kubernetes.io/instance", plain_name(p.graph.name)}};
  if (!p.h.host.empty()) m["labels"]["app.kubernetes.io/component"] = plain_name(p.h.host);
  return m;
}

json selector(const pod& p) { return {{"hocket.graph-host", p.h.instance}}; }

/// "tcp://10.0.0.5:7400" -> 7400; 0 where it has none.
int port_of(const std::string& listen) {
  const auto colon = listen.rfind(':');
  return colon == std::string::npos ? 0 : std::atoi(listen.c_str() + colon + 1);
}

/// Keys of a ConfigMap for paths: letters, digits, `-`, `_` and `.`, at most 253, each its own.
std::map<std::string, std::string> map_keys(const std::vector<export_file>& sources) {
  std::map<std::string, std::string> out;
  std::set<std::string> taken;
  for (const auto& f : sources) {
    std::string key;
    bool lost = false;
    for (const unsigned char c : f.name) {
      const bool fine = std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
      lost = lost || (!fine && c != '/');
      key += fine ? static_cast<char>(c) : '_';
    }
    constexpr std::size_t longest = 200;
    if (lost || key.size() > longest || taken.contains(key))
      key = spec::hash_of(f.name) + "-" + key.substr(0, longest);
    taken.insert(key);
    out[f.name] = key;
  }
  return out;
}

json graph_map(const pod& p) {
  json data = json::object();
  auto keys = map_keys(p.from.files);
  for (const auto& f : p.from.files) data[keys[f.name]] = f.text;
  auto m = meta(p, p.graph_map);
  m["labels"].erase("app.kubernetes.io/component");
  return {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", m}, {"data", data}};
}

json service(const pod& p) {
  json ports =
      json::array({{{"name", "metrics"}, {"port", p.o.metrics_port}, {"targetPort", "metrics"}}});
  if (port_of(p.h.listen) > 0)
    ports.push_back({{"name", "wire"}, {"port", port_of(p.h.listen)}, {"targetPort", "wire"}});
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", meta(p, p.name)},
          {"spec",
           {{"clusterIP", "None"},
            // Hosts find each other before they are ready: they are ready when they have.
            {"publishNotReadyAddresses", true},
            {"selector", selector(p)},
            {"ports", ports}}}};
}

/// Whether the command line says where this peer is.
bool given(const std::vector<std::string>& peers, const std::string& host) {
  return std::any_of(peers.begin(), peers.end(),
                     [&](const std::string& p) { return p.starts_with(host + "="); });
}

json arguments(const pod& p) {
  json args = {"run", (fs::path(graph_dir) / fs::path(p.o.graph).lexically_normal()).string()};
  for (const auto& a : run_arguments(p.o, p.h, out_dir)) args.push_back(a);
  if (port_of(p.h.listen) > 0 && p.o.listen.empty()) {
    // The addresses of the graph file are those of machines; here services have names.
    args.insert(args.end(), {"--listen", fmt::format("tcp://0.0.0.0:{}", port_of(p.h.listen))});
    for (const auto& other : needs_of(p.graph))
      if (other.host != p.h.host && port_of(other.listen) > 0 && !given(p.o.peers, other.host))
        args.insert(args.end(), {"--peer", fmt::format("{}=tcp://hocket-{}:{}", other.host,
                                                       other.instance, port_of(other.listen))});
  }
  args.insert(args.end(), {"--out", out_dir, "--plain", "--metrics",
                           fmt::format("tcp://0.0.0.0:{}", p.o.metrics_port), "--metrics-public"});
  return args;
}

json probe(const char* path, int period_s, int failures) {
  return {{"httpGet", {{"path", path}, {"port", "metrics"}}},
          {"periodSeconds", period_s},
          {"timeoutSeconds", 5},
          {"failureThreshold", failures}};
}

json locked() {
  return {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", {"ALL"}}}}};
}

json mounts(const pod& p) {
  json all = json::array({{{"name", "graph"}, {"mountPath", graph_dir}, {"readOnly", true}},
                          {{"name", "out"}, {"mountPath", out_dir}},
                          {{"name", "tmp"}, {"mountPath", "/tmp"}}});
  if (p.has_keys())
    all.push_back({{"name", "keys"}, {"mountPath", p.key_dir()}, {"readOnly", true}});
  return all;
}

/// The Secret with what the graph takes from the environment.
std::string env_secret(const plan& graph) { return "hocket-" + plain_name(graph.name) + "-env"; }

json container(const pod& p) {
  json ports = json::array({{{"name", "metrics"}, {"containerPort", p.o.metrics_port}}});
  if (port_of(p.h.listen) > 0)
    ports.push_back({{"name", "wire"}, {"containerPort", port_of(p.h.listen)}});
  json resources = {{"requests", {{"cpu", "1"}, {"memory", "1Gi"}}},
                    {"limits", {{"memory", "4Gi"}}}};
  json made = {{"name", "hocket"}, {"image", p.o.image}};
  if (p.h.gpus > 0) resources["limits"]["nvidia.com/gpu"] = std::to_string(p.h.gpus);
  made.update({{"command", {p.o.program}},
               {"args", arguments(p)},
               {"workingDir", p.o.dir},
               {"env", json::array({{{"name", "HOME"}, {"value", "/tmp"}},
                                    {{"name", "OMP_WAIT_POLICY"}, {"value", "passive"}}})}});
  if (!p.from.env.empty())
    made["envFrom"] = json::array({{{"secretRef", {{"name", env_secret(p.graph)}}}}});
  made.update({{"ports", ports},
               {"startupProbe", probe("/readyz", 5, 60)},
               {"livenessProbe", probe("/healthz", 10, 3)},
               {"readinessProbe", probe("/readyz", 5, 2)},
               {"resources", resources},
               {"securityContext", locked()},
               {"volumeMounts", mounts(p)}});
  return made;
}

json volumes(const pod& p) {
  json items = json::array();
  auto keys = map_keys(p.from.files);
  for (const auto& f : p.from.files) items.push_back({{"key", keys[f.name]}, {"path", f.name}});
  json all =
      json::array({{{"name", "graph"}, {"configMap", {{"name", p.graph_map}, {"items", items}}}},
                   {{"name", "tmp"}, {"emptyDir", json::object()}}});
  if (!p.has_keys()) return all;
  all.push_back({{"name", "keys"}, {"emptyDir", {{"medium", "Memory"}, {"sizeLimit", "1Mi"}}}});
  all.push_back({{"name", "secret"}, {"secret", {{"secretName", p.name + "-keys"}}}});
  return all;
}

/// Kubernetes gives a secret's files to a group; Hocket refuses a secret key that others than its
/// owner can read.
json key_copier(const pod& p) {
  return {{"name", "keys"},
          {"image", p.o.image},
          {"command", {"sh", "-c", "cp /secret/* /keys/ && chmod 600 /keys/*.key"}},
          {"securityContext", locked()},
          {"resources",
           {{"requests", {{"cpu", "10m"}, {"memory", "16Mi"}}}, {"limits", {{"memory", "64Mi"}}}}},
          {"volumeMounts", json::array({{{"name", "secret"}, {"mountPath", "/secret"}},
                                        {{"name", "keys"}, {"mountPath", "/keys"}}})}};
}

json stateful_set(const pod& p) {
  json spec = json::object();
  if (p.has_keys()) spec["initContainers"] = json::array({key_copier(p)});
  spec["containers"] = json::array({container(p)});
  spec["securityContext"] = {{"runAsNonRoot", true},
                             {"runAsUser", pod_user},
                             {"runAsGroup", pod_user},
                             {"fsGroup", pod_user},
                             {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  spec["automountServiceAccountToken"] = false;
  spec["terminationGracePeriodSeconds"] = 30;
  spec["volumes"] = volumes(p);
  auto labels = meta(p, p.name)["labels"];
  labels.update(selector(p));
  const json notes = {{"prometheus.io/scrape", "true"},
                      {"prometheus.io/port", std::to_string(p.o.metrics_port)},
                      {"hocket.graph-hash", p.graph.hash}};
  const json claim = {
      {"metadata", {{"name", "out"}}},
      {"spec",
       {{"accessModes", {"ReadWriteOnce"}}, {"resources", {{"requests", {{"storage", "10Gi"}}}}}}}};
  return {
      {"apiVersion", "apps/v1"},
      {"kind", "StatefulSet"},
      {"metadata", meta(p, p.name)},
      {"spec",
       {{"replicas", 1},
        {"serviceName", p.name},
        {"selector", {{"matchLabels", selector(p)}}},
        {"template", {{"metadata", {{"labels", labels}, {"annotations", notes}}}, {"spec", spec}}},
        {"volumeClaimTemplates", json::array({claim})}}}};
}

std::string secret_note(const pod& p) {
  std::string out = fmt::format("kubectl create secret generic {}-keys", p.name);
  if (!p.o.name_space.empty()) out += " --namespace " + p.o.name_space;
  const auto add = [&](const std::string& path) {
    out += " " +
           shell_word(fmt::format("--from-file={}={}", fs::path(path).filename().string(), path));
  };
  add(p.h.secret_key);
  for (const auto& other : needs_of(p.graph))
    if (!other.public_key.empty()) add(other.public_key);
  return out;
}

/// `kubectl create secret --from-env-file` takes what stands behind `=` as it is.
export_file env_file(const export_source& from, std::vector<std::string>& notes) {
  const auto secret = env_secret(from.graph);
  export_file out{secret, "", true};
  std::vector<std::string> unset;
  for (const auto& [name, value] : from.env)
    if (value)
      out.text += fmt::format("{}={}\n", name, *value);
    else
      unset.push_back(name);
  std::string command =
      fmt::format("kubectl create secret generic {} --from-env-file={}", secret, secret);
  if (!from.o.name_space.empty()) command += " --namespace " + from.o.name_space;
  notes.push_back(command);
  if (!unset.empty())
    notes.push_back(
        fmt::format("not set here, so the graph's own default holds: {}", fmt::join(unset, ", ")));
  return out;
}

}  // namespace

exported export_kubernetes(const export_source& from) {
  const auto& o = from.o;
  const auto& graph = from.graph;
  exported out;
  const auto header = fmt::format(
      "# Made by `hocket export kubernetes` of the graph {} ({}), hash {}; changes belong there.\n",
      graph.name, o.graph, graph.hash);
  const auto add = [&](const std::string& file, const json& object) {
    out.files.push_back({file + ".yaml", header + yaml_text(object)});
  };
  const auto map_name = "hocket-" + plain_name(graph.name) + "-graph";
  bool first = true;
  for (auto& h : needs_of(graph)) {
    if (!o.host.empty() && h.host != o.host) continue;
    if (!o.listen.empty()) h.listen = o.listen;
    const pod p{from, o, graph, h, "hocket-" + h.instance, map_name};
    if (std::exchange(first, false)) add(map_name, graph_map(p));
    add(p.name + "-service", service(p));
    // A StatefulSet, not a Deployment: never two pods of one host at the same time.
    add(p.name, stateful_set(p));
    if (p.has_keys()) out.notes.push_back(secret_note(p));
    if (!h.device_actors.empty())
      out.notes.push_back(
          fmt::format("{} opens a sound or video device: a pod has none unless its node shares it",
                      fmt::join(h.device_actors, ", ")));
    if (!h.paths.empty())
      out.notes.push_back(fmt::format("{}: the image {} must hold {} under {}",
                                      h.host.empty() ? p.name : h.host, o.image,
                                      fmt::join(h.paths, ", "), o.dir));
  }
  if (!from.env.empty()) out.files.push_back(env_file(from, out.notes));
  out.notes.push_back("requests and limits are a start: set them by /metrics of a real run");
  return out;
}

}  // namespace hocket::cli
