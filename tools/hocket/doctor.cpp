#include "tools/hocket/doctor.hpp"
#include "tools/hocket/checksums.hpp"

#include <dlfcn.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gst/gst.h>
#include <nlohmann/json.hpp>

#include "graph/core/diagnostic.hpp"
#include "tools/report/measures.hpp"
#include "tools/hocket/process.hpp"

namespace hocket::cli {

using namespace report;
namespace {

namespace fs = std::filesystem;
using grade = finding::grade;

std::set<std::string> cpu_flags() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("flags", 0) != 0 && line.rfind("Features", 0) != 0) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

finding examine_cpu(const machine_info& m) {
  const auto flags = cpu_flags();
  std::string found;
  for (const char* flag : {"avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd"})
    if (flags.contains(flag)) found += (found.empty() ? "" : " ") + std::string(flag);
  const bool fast = flags.contains("avx2") || flags.contains("asimd");
  return {
      "processor", fast ? grade::good : grade::warning,
      fmt::format("{}, {} cores, {}", m.cpu, m.cores,
                  found.empty() ? "no vector extension we use" : found),
      fast ? "" : "without AVX2 the model may not keep up with 200 ms; see `hocket bench session`"};
}

finding examine_threads() {
  const char* policy = std::getenv("OMP_WAIT_POLICY");
  const char* threads = std::getenv("OMP_NUM_THREADS");
  const bool passive = policy != nullptr && strcasecmp(policy, "passive") == 0;
  const bool single = threads != nullptr && std::string(threads) == "1";
  return {"OpenMP", passive || single ? grade::good : grade::warning,
          fmt::format("OMP_WAIT_POLICY={} OMP_NUM_THREADS={}", policy ? policy : "(not set)",
                      threads ? threads : "(not set)"),
          passive || single
              ? ""
              : "for training set OMP_WAIT_POLICY=passive: spinning threads cost up to "
                "35 times on a busy machine"};
}

finding library(const std::string& name, const std::string& file, const std::string& package,
                grade if_missing, const std::string& why) {
  if (void* handle = dlopen(file.c_str(), RTLD_LAZY | RTLD_LOCAL); handle != nullptr) {
    dlclose(handle);
    return {name, grade::good, file, ""};
  }
  return {name, if_missing, file + " is missing: " + why, "install " + package};
}

finding program(const std::string& name, const std::string& package, const std::string& why) {
  const auto path = find_program(name);
  if (!path.empty()) return {name, grade::good, path, ""};
  return {name, grade::warning, "not found: " + why, "install " + package};
}

finding examine_disk(const std::string& out_dir) {
  auto folder = fs::absolute(out_dir);
  while (!fs::exists(folder) && folder.has_parent_path()) folder = folder.parent_path();
  std::error_code failed;
  const auto space = fs::space(folder, failed);
  const double free_gib = static_cast<double>(space.available) / (1024.0 * 1024 * 1024);
  const bool enough = !failed && free_gib > 1;
  return {
      "disk", enough ? grade::good : grade::warning,
      fmt::format("{:.1f} GiB free for {}", free_gib, out_dir),
      enough ? ""
             : "an hour of recording takes 0.25 GiB, checkpoints several: free some or give --out"};
}

finding examine_sound() {
  std::ifstream cards("/proc/asound/cards");
  std::string line;
  const bool any = static_cast<bool>(std::getline(cards, line)) &&
                   line.find("no soundcards") == std::string::npos;
  return {"sound card", any ? grade::good : grade::warning,
          any ? line.substr(line.find_first_not_of(' ')) : "none",
          any ? "" : "graphs with autoaudiosrc or autoaudiosink need one; file graphs do not"};
}

}  // namespace

std::vector<finding> examine_machine(const std::string& out_dir) {
  const auto m = this_machine();
  std::vector<finding> out = {examine_cpu(m)};
  out.push_back(
      {"memory", m.memory_gib >= 2 ? grade::good : grade::warning,
       fmt::format("{:.1f} GiB, {}", m.memory_gib, m.os),
       m.memory_gib >= 2 ? "" : "running takes about 0.3 GiB, building about 2 GiB a core"});
  out.push_back(examine_threads());
  out.push_back(examine_disk(out_dir));
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  out.push_back({"open files", files.rlim_cur >= 1024 ? grade::good : grade::warning,
                 fmt::format("limit {}", files.rlim_cur),
                 files.rlim_cur >= 1024 ? "" : "raise it with ulimit -n 4096"});
  out.push_back(library("OpenBLAS", "libopenblas.so.0", "libopenblas0-pthread", grade::warning,
                        "fp32 matrix products are 20 to 40 times slower"));
  out.push_back(library("espeak-ng", "libespeak-ng.so.1", "libespeak-ng1", grade::warning,
                        "scenarios and training data need it"));
  out.push_back(program("dot", "graphviz", "`hocket graph` cannot draw SVG or PNG"));
  out.push_back(examine_sound());
  out.push_back({"libtorch", m.libtorch == "none" ? grade::warning : grade::good,
                 m.libtorch == "none" ? "built without the engine" : m.libtorch,
                 m.libtorch == "none" ? "configure with -DHOCKET_ENGINE=ON for models" : ""});
  return out;
}

std::vector<finding> examine_gstreamer(const std::vector<std::string>& elements) {
  gst_init(nullptr, nullptr);
  std::vector<std::string> missing;
  for (const auto& name : elements) {
    auto* factory = gst_element_factory_find(name.c_str());
    if (factory == nullptr) {
      missing.push_back(name);
    } else {
      gst_object_unref(factory);
    }
  }
  gchar* text = gst_version_string();
  const std::string version = text;
  g_free(text);
  if (missing.empty())
    return {{"GStreamer", grade::good,
             fmt::format("{}, {} elements looked up", version, elements.size()), ""}};
  return {{"GStreamer", grade::bad, fmt::format("{} without {}", version, fmt::join(missing, ", ")),
           "install gstreamer1.0-plugins-base and gstreamer1.0-plugins-good (or the package that "
           "holds the element: gst-inspect-1.0 NAME)"}};
}

std::string safetensors_fault(const std::string& path) {
  std::error_code failed;
  const auto size = fs::file_size(path, failed);
  std::ifstream in(path, std::ios::binary);
  std::uint64_t length = 0;
  if (failed || !in.read(reinterpret_cast<char*>(&length), 8)) return "cannot be read";
  if (length > size - 8 || length > (100u << 20)) return "its header is longer than the file";
  std::string text(length, '\0');
  in.read(text.data(), static_cast<std::streamsize>(length));
  const auto header = nlohmann::json::parse(text, nullptr, false);
  if (!header.is_object()) return "its header is no JSON object";
  std::uint64_t end = 0, covered = 0;
  try {
    for (const auto& [name, tensor] : header.items()) {
      if (name == "__metadata__") continue;
      const auto from = tensor.at("data_offsets").at(0).get<std::uint64_t>();
      const auto to = tensor.at("data_offsets").at(1).get<std::uint64_t>();
      if (to < from) return "tensor " + name + " ends before it begins";
      end = std::max(end, to);
      covered += to - from;
    }
  } catch (const nlohmann::json::exception&) {
    return "its header lacks data_offsets";
  }
  if (end + 8 + length != size)
    return fmt::format("{} bytes, but its header speaks of {}", size, end + 8 + length);
  return covered == end ? "" : "its tensors overlap or leave gaps";
}

std::vector<finding> examine_models(const std::string& folder) {
  std::vector<finding> out;
  if (!fs::is_directory(folder))
    return {{"models", grade::warning, folder + ": no such folder", "give it with --models"}};
  std::vector<fs::path> models;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory()) models.push_back(entry.path());
  std::sort(models.begin(), models.end());
  for (const auto& model : models) {
    std::vector<std::string> faults;
    int weights = 0;
    double mib = 0;
    for (const auto& file : fs::directory_iterator(model)) {
      if (file.path().extension() == ".json") {
        std::ifstream in(file.path());
        if (nlohmann::json::parse(in, nullptr, false).is_discarded())
          faults.push_back(file.path().filename().string() + " is no JSON");
      }
      if (file.path().extension() != ".safetensors") continue;
      ++weights;
      mib += static_cast<double>(file.file_size()) / (1 << 20);
      if (const auto fault = safetensors_fault(file.path().string()); !fault.empty())
        faults.push_back(file.path().filename().string() + ": " + fault);
    }
    if (!fs::exists(model / "config.json")) faults.push_back("config.json is missing");
    if (weights == 0) faults.push_back("no .safetensors file");
    bool unsigned_ = false;
    for (auto& fault : checksum_faults(model.string(), unsigned_))
      faults.push_back(std::move(fault));
    out.push_back({"model " + model.filename().string(),
                   !faults.empty() ? grade::bad
                   : unsigned_     ? grade::warning
                                   : grade::good,
                   faults.empty()
                       ? fmt::format("{} weight file, {:.1f} MiB{}", weights, mib,
                                     unsigned_ ? ", without checksums" : ", as its checksums say")
                       : fmt::format("{}", fmt::join(faults, "; ")),
                   !faults.empty() ? "restore the folder from the repository, or train it anew"
                   : unsigned_     ? fmt::format("cd {} && sha256sum *.json *.safetensors > {}",
                                                 model.string(), checksum_file)
                                   : ""});
  }
  return out;
}

namespace {

/// What a config names of the world: paths and the elements of pipelines.
struct world_visitor final : config_visitor {
  std::vector<std::pair<std::string, std::string>> paths;
  std::vector<std::string> elements;

  void field(const field_info&, bool&) override {}
  void field(const field_info&, std::int64_t&) override {}
  void field(const field_info&, double&) override {}
  void field(const field_info&, std::vector<double>&) override {}
  void field(const field_info& info, std::vector<std::string>& v) override {
    if (info.is_path)
      for (const auto& path : v) paths.emplace_back(info.name, path);
  }
  void field(const field_info& info, std::string& v) override {
    if (v.empty()) return;
    if (info.is_path) paths.emplace_back(info.name, v);
    if (info.name != "pipeline") return;
    std::istringstream words(v);
    bool first = true;
    for (std::string word; words >> word; first = word == "!")
      if (first && word != "!" && word.find_first_of("/=.,") == std::string::npos)
        elements.push_back(word);
  }
};

}  // namespace

std::vector<finding> examine_graph(const plan& graph) {
  std::vector<finding> out;
  for (const auto& a : graph.actors) {
    if (!a.config) continue;
    world_visitor seen;
    a.config->visit(seen);
    for (const auto& [key, path] : seen.paths) {
      const bool there = fs::exists(path);
      out.push_back({fmt::format("{}.{}", a.name, key), there ? grade::good : grade::bad,
                     there ? path : path + ": no such file or folder",
                     there ? "" : "check the path in " + graph.file + " or its --param"});
      if (!fs::exists(fs::path(path) / checksum_file)) continue;
      bool missing = false;
      const auto faults = checksum_faults(path, missing);
      auto& f = out.back();
      f.how = faults.empty() ? grade::good : grade::bad;
      f.detail = path + (faults.empty() ? ", as its checksums say"
                                        : fmt::format(": {}", fmt::join(faults, "; ")));
      f.remedy = faults.empty() ? "" : "restore the folder, or train it anew";
    }
    if (!seen.elements.empty())
      for (auto f : examine_gstreamer(seen.elements)) {
        f.what = a.name + ".pipeline";
        out.push_back(std::move(f));
      }
  }
  examine_processes(graph, out);
  if (out.empty())
    out.push_back({"graph", grade::good, graph.name + " names no file or pipeline", ""});
  return out;
}

}  // namespace hocket::cli
