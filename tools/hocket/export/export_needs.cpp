#include <algorithm>
#include <filesystem>
#include <map>

#include <fmt/format.h>

#include "actors/process/python.hpp"
#include "graph/spec/hash.hpp"
#include "graph/spec/paths.hpp"
#include "graph/spec/process.hpp"
#include "tools/hocket/export/export_files.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;

/// Elements of GStreamer that open a device of the machine.
constexpr const char* device_elements[] = {
    "autoaudiosrc", "autovideosrc", "autoaudiosink", "alsasrc", "alsasink",    "pulsesrc",
    "pulsesink",    "pipewiresrc",  "pipewiresink",  "v4l2src", "libcamerasrc"};

struct needs_visitor final : config_visitor {
  host_needs& out;
  bool opens_device = false;  ///< a pipeline names a device
  bool starts_programs = false;
  std::string to;  ///< of a playout: where the sound goes

  explicit needs_visitor(host_needs& needs) : out(needs) {}
  void field(const field_info&, bool&) override {}
  void field(const field_info&, std::int64_t&) override {}
  void field(const field_info&, double&) override {}
  void field(const field_info&, std::vector<double>&) override {}
  void field(const field_info& info, std::vector<std::string>& v) override {
    if (info.is_path)
      for (const auto& path : v) add_path(path);
  }
  void field(const field_info& info, std::string& v) override {
    if (info.is_path && !v.empty()) add_path(v);
    // cuda is one device, cuda:2 says that there are three.
    if (info.name == "device" && v.rfind("cuda", 0) == 0)
      out.gpus = std::max(out.gpus, v.size() > 5 ? std::atoi(v.c_str() + 5) + 1 : 1);
    if (info.name == "to") to = v;
    if (info.name == "pipeline")
      for (const auto* element : device_elements)
        opens_device = opens_device || v.find(element) != std::string::npos;
  }
  void field(const field_info& info, named_parts& v) override {
    if (info.parts == part_kind::tool_source)
      for (const auto& part : v)
        starts_programs = starts_programs || part.what.settings.find("command") != nullptr;
  }
  void add_path(const std::string& path) {
    if (std::find(out.paths.begin(), out.paths.end(), path) == out.paths.end())
      out.paths.push_back(path);
  }
};

host_needs needs_of_part(const plan& graph, const plan_host* host) {
  host_needs out;
  out.instance = plain_name(graph.name + (host ? "-" + host->name : ""));
  if (host != nullptr) {
    out.host = host->name;
    out.listen = host->listen;
    out.public_key = spec::key_file(graph, *host);
    if (!host->key.empty())
      out.secret_key = fs::path(out.public_key).replace_extension(".key").string();
  }
  for (const auto& p : graph.plugins) out.paths.push_back(p);
  // Components in Python always run in processes of their own.
  out.confines = std::any_of(graph.plugins.begin(), graph.plugins.end(), process::is_python);
  for (const auto& a : graph.actors) {
    if (host != nullptr && a.host != host->name) continue;
    out.actors.push_back(a.name);
    out.confines = out.confines || spec::process_of(a) != nullptr;
    if (!a.config) continue;
    needs_visitor seen(out);
    a.config->visit(seen);
    out.confines = out.confines || seen.starts_programs;
    // A playout's pipeline stands in its config whether or not it is used.
    if (seen.to.empty() ? seen.opens_device : seen.to == "device")
      out.device_actors.push_back(a.name);
  }
  return out;
}

/// `name`, cut to `longest` with six digits that stand for the whole text.
std::string with_hash(std::string name, const std::string& text, std::size_t longest) {
  const auto digits = "-" + spec::hash_of(text).substr(0, 6);
  name.resize(std::min(name.size(), longest - digits.size()));
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name + digits;
}

}  // namespace

std::string plain_name(const std::string& text) {
  constexpr std::size_t longest = 40;
  std::string out;
  bool lost = false;
  for (const unsigned char c : text) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      out += static_cast<char>(c);
    } else if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c - 'A' + 'a');
    } else {
      const bool single = !out.empty() && out.back() != '-';
      lost = lost || !single || (c != '-' && c != '_' && c != ' ');
      if (single) out += '-';
    }
  }
  while (!out.empty() && out.back() == '-') out.pop_back(), lost = true;
  if (out.empty() || out[0] < 'a') {
    out = "graph" + (out.empty() ? "" : "-" + out);
    lost = true;
  }
  return lost || out.size() > longest ? with_hash(out, text, longest) : out;
}

std::vector<host_needs> needs_of(const plan& graph) {
  if (graph.hosts.empty()) return {needs_of_part(graph, nullptr)};
  std::vector<host_needs> out;
  std::map<std::string, int> users;
  for (const auto& h : graph.hosts) {
    out.push_back(needs_of_part(graph, &h));
    ++users[out.back().instance];
  }
  // `a_b` and `a__b` are hosts of their own.
  for (std::size_t i = 0; i < out.size(); ++i)
    if (users[out[i].instance] > 1)
      out[i].instance = with_hash(out[i].instance, graph.name + "/" + graph.hosts[i].name, 40);
  return out;
}

std::vector<std::string> run_arguments(const export_options& o, const host_needs& h,
                                       const std::string& state) {
  std::vector<std::string> out;
  if (!h.host.empty()) out.insert(out.end(), {"--host", h.host});
  for (const auto& s : o.how.sets) out.insert(out.end(), {"--set", s});
  for (const auto& p : o.how.params) out.insert(out.end(), {"--param", p});
  for (const auto& p : o.how.plugins) out.insert(out.end(), {"--plugin", p});
  if (o.sessions != 1) out.insert(out.end(), {"--sessions", fmt::to_string(o.sessions)});
  if (!o.listen.empty()) out.insert(out.end(), {"--listen", o.listen});
  for (const auto& p : o.peers)
    if (p.substr(0, p.find('=')) != h.host) out.insert(out.end(), {"--peer", p});
  if (!o.record.empty()) {
    const fs::path file(o.record);
    out.insert(out.end(),
               {"--record", file.is_absolute() ? o.record : (fs::path(state) / file).string()});
    for (const auto& e : o.record_edges) out.insert(out.end(), {"--record-edges", e});
  }
  if (o.no_pii) out.emplace_back("--no-pii");
  return out;
}

}  // namespace hocket::cli
