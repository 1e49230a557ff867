#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/hocket/export/export_files.hpp"
#include "tools/hocket/export/yaml_text.hpp"

namespace hocket::cli {
namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr int pod_user = 10001;
constexpr const char* graph_dir = "/etc/hocket/graph";
constexpr const char* out_dir = "/var/lib/hocket";

/// Everything that the objects of one host share.
struct pod {
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

/// A key of a ConfigMap may hold no slash.
std::string map_key(std::string path) {
  for (auto& c : path)
    if (c == '/') c = '_';
  return path;
}

json graph_map(const pod& p, const std::vector<export_file>& sources) {
  json data = json::object();
  for (const auto& f : sources) data[map_key(f.name)] = f.text;
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

json arguments(const pod& p) {
  json args = {"run", (fs::path(graph_dir) / fs::path(p.o.graph).lexically_normal()).string()};
  for (const auto& a : run_arguments(p.o, p.h)) args.push_back(a);
  if (port_of(p.h.listen) > 0) {
    // The addresses of the graph file are those of machines; here services have names.
    args.insert(args.end(), {"--listen", fmt::format("tcp://0.0.0.0:{}", port_of(p.h.listen))});
    for (const auto& other : needs_of(p.graph))
      if (other.host != p.h.host && port_of(other.listen) > 0)
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

json container(const pod& p) {
  json ports = json::array({{{"name", "metrics"}, {"containerPort", p.o.metrics_port}}});
  if (port_of(p.h.listen) > 0)
    ports.push_back({{"name", "wire"}, {"containerPort", port_of(p.h.listen)}});
  json resources = {{"requests", {{"cpu", "1"}, {"memory", "1Gi"}}},
                    {"limits", {{"memory", "4Gi"}}}};
  if (p.h.gpus > 0) resources["limits"]["nvidia.com/gpu"] = std::to_string(p.h.gpus);
  return {{"name", "hocket"},
          {"image", p.o.image},
          {"command", {p.o.program}},
          {"args", arguments(p)},
          {"workingDir", p.o.dir},
          {"env", json::array({{{"name", "HOME"}, {"value", "/tmp"}},
                               {{"name", "OMP_WAIT_POLICY"}, {"value", "passive"}}})},
          {"ports", ports},
          {"startupProbe", probe("/readyz", 5, 60)},
          {"livenessProbe", probe("/healthz", 10, 3)},
          {"readinessProbe", probe("/readyz", 5, 2)},
          {"resources", resources},
          {"securityContext", locked()},
          {"volumeMounts", mounts(p)}};
}

json volumes(const pod& p, const std::vector<export_file>& sources) {
  json items = json::array();
  for (const auto& f : sources) items.push_back({{"key", map_key(f.name)}, {"path", f.name}});
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

json stateful_set(const pod& p, const std::vector<export_file>& sources) {
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
  spec["volumes"] = volumes(p, sources);
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
  const auto add = [&](const std::string& path) {
    out += fmt::format(" --from-file={}={}", fs::path(path).filename().string(), path);
  };
  add(p.h.secret_key);
  for (const auto& other : needs_of(p.graph))
    if (!other.public_key.empty()) add(other.public_key);
  return out;
}

}  // namespace

exported export_kubernetes(const export_options& o, const plan& graph,
                           const std::vector<export_file>& sources) {
  exported out;
  const auto header = fmt::format(
      "# Made by `hocket export kubernetes` from {}, graph hash {}; changes belong there.\n",
      o.graph, graph.hash);
  const auto add = [&](const std::string& file, const json& object) {
    out.files.push_back({file + ".yaml", header + yaml_text(object)});
  };
  const auto map_name = "hocket-" + plain_name(graph.name) + "-graph";
  bool first = true;
  for (const auto& h : needs_of(graph)) {
    if (!o.host.empty() && h.host != o.host) continue;
    const pod p{o, graph, h, "hocket-" + h.instance, map_name};
    if (std::exchange(first, false)) add(map_name, graph_map(p, sources));
    add(p.name + "-service", service(p));
    // A StatefulSet, not a Deployment: never two pods of one host at the same time.
    add(p.name, stateful_set(p, sources));
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
  out.notes.push_back("requests and limits are a start: set them by /metrics of a real run");
  return out;
}

}  // namespace hocket::cli
