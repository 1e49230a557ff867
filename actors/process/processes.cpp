#include "actors/process/processes.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

#include "actors/process/own_process.hpp"
#include "actors/process/python.hpp"
#include "graph/spec/paths.hpp"
#include "graph/spec/process.hpp"
#include "graph/trust/files.hpp"

namespace hocket::process {
namespace {

namespace fs = std::filesystem;

/// The paths that a config names.
class named_paths final : public config_visitor {
 public:
  std::vector<std::string> reads;
  bool makes_files = false;
  void field(const field_info&, bool&) override {}
  void field(const field_info&, std::int64_t&) override {}
  void field(const field_info&, double&) override {}
  void field(const field_info&, std::vector<double>&) override {}
  void field(const field_info& i, std::string& v) override { take(i, v); }
  void field(const field_info& i, std::vector<std::string>& v) override {
    for (const auto& one : v) take(i, one);
  }

 private:
  void take(const field_info& i, const std::string& v) {
    if (v.empty()) return;
    if (i.is_output) makes_files = true;
    std::error_code failed;
    // What is not there is for the component to say.
    if (i.is_path && fs::exists(v, failed)) reads.push_back(fs::absolute(v, failed).string());
  }
};

std::string this_program() {
  std::error_code failed;
  return fs::read_symlink("/proc/self/exe", failed).string();
}

/// The libraries that this program runs with, wherever they are: the child is the same program.
std::vector<std::string> libraries_here() {
  std::set<std::string> out;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto at = line.find('/');
    if (at == line.npos || line.find("r-xp") == line.npos) continue;
    const auto path = line.substr(at);
    std::error_code failed;
    if (path.find(".so") != path.npos && fs::exists(path, failed)) out.insert(path);
  }
  return {out.begin(), out.end()};
}

std::string absolute(const std::string& path) {
  std::error_code failed;
  return fs::absolute(path, failed).lexically_normal().string();
}

/// A path that a graph file says: from its folder; where it is there from the current one alone, from
/// that, as releases before took it.
std::string said_in(const std::string& file, const std::string& path) {
  const auto usual = spec::from_file(file, path);
  std::error_code failed;
  return absolute(!fs::exists(usual, failed) && fs::exists(path, failed) ? path : usual);
}

std::string gstreamer_registry() {
  if (const char* named = std::getenv("GST_REGISTRY"))
    return fs::exists(named) ? absolute(named) : "";
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  const char* const home = std::getenv("HOME");
  const fs::path folder = cache != nullptr  ? fs::path(cache)
                          : home != nullptr ? fs::path(home) / ".cache"
                                            : fs::path("/nowhere");
  std::error_code failed;
  for (const auto& e : fs::directory_iterator(folder / "gstreamer-1.0", failed))
    if (e.path().filename().string().starts_with("registry.") && e.path().extension() == ".bin")
      return absolute(e.path());
  return "";
}

class maker final : public host::process_maker {
 public:
  explicit maker(process_options options) : options_(std::move(options)) {
    if (options_.program.empty()) options_.program = this_program();
    for (auto& p : options_.plugins) p = absolute(p);
    for (auto& [type, file] : options_.plugin_of) file = absolute(file);
  }

  void add(const std::vector<std::string>& plugins,
           const std::map<std::string, std::string>& plugin_of) {
    std::lock_guard lock(mutex_);
    for (const auto& p : plugins) options_.plugins.push_back(absolute(p));
    for (const auto& [type, file] : plugin_of) options_.plugin_of[type] = absolute(file);
  }

  std::unique_ptr<component> make(const plan_actor& actor, config_base& config,
                                  const std::string& output_dir) override {
    const auto options = [&] {
      std::lock_guard lock(mutex_);
      return options_;
    }();
    own_process::setup s;
    s.actor = actor;
    s.settings = flow_text(to_value(config));
    s.command = {options.program, {child_word, actor.name}, fs::current_path().string()};
    s.rules = rules_for(actor, config, output_dir, options);
    for (const auto& p : options.plugins)
      if (!is_python(p)) s.plugins.push_back(p);
    if (const auto of = options.plugin_of.find(actor.type->info.type);
        of != options.plugin_of.end())
      s.plugin = of->second;
    s.python_class = python_class(actor.type->info.type);
    if (!s.python_class.empty()) use_python(s);
    return std::make_unique<own_process>(std::move(s), children_);
  }

  /// Where there is no interpreter, opening says so.
  static void use_python(own_process::setup& s) {
    auto python = python_for(s.plugin);
    if (!python) {
      s.cannot = python.error();
      return;
    }
    s.command = python->command;
    const auto add = [](auto& to, const auto& more) {
      to.insert(to.end(), more.begin(), more.end());
    };
    add(s.rules.reads, python->rules.reads);
    s.rules.runs = python->rules.runs;
    s.rules.environment = python->rules.environment;
  }

  std::optional<writable_buffer> allocate(const plan_actor& actor, session_id session,
                                          std::size_t size_bytes) override {
    const auto c = children_->find(actor.name, session);
    return c ? c->packets().allocate(size_bytes) : std::nullopt;
  }

 private:
  std::mutex mutex_;
  process_options options_;
  std::shared_ptr<living> children_ = std::make_shared<living>();
};

}  // namespace

trust::sandbox_rules rules_for(const plan_actor& actor, config_base& config,
                               const std::string& output_dir, const process_options& options) {
  trust::sandbox_rules rules;
  const auto* const given = spec::process_of(actor);
  const auto p = given != nullptr ? *given : spec::process_spec();
  named_paths named;
  config.visit(named);
  rules.reads = named.reads;
  for (const auto& path : p.reads) rules.reads.push_back(said_in(actor.where.file, path));
  for (const auto& path : p.writes) rules.writes.push_back(said_in(actor.where.file, path));
  if (named.makes_files) {
    // The kernel opens a folder by path: it has to be there, as the run would make it.
    if (const auto made = trust::folder::open(output_dir))
      rules.writes.push_back(absolute(output_dir));
  }
  rules.runs = options.plugins;
  static const auto libraries = libraries_here();
  rules.runs.insert(rules.runs.end(), libraries.begin(), libraries.end());
  rules.network = p.network;
  rules.reaches = p.reaches;
  rules.memory_bytes = static_cast<std::uint64_t>(p.memory_mb) << 20;
  rules.file_bytes = static_cast<std::uint64_t>(p.file_mb) << 20;
  rules.cpu_s = static_cast<std::uint32_t>(p.cpu_s);
  rules.processes = 512;  // threads count: mathematics takes one for each core
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  rules.memory_bytes = RLIM_INFINITY;  // a sanitizer's shadow is data, terabytes of it
#endif
  // What GStreamer knows of its elements: to find out anew takes seconds.
  if (const auto known = gstreamer_registry(); !known.empty()) {
    rules.reads.push_back(known);
    rules.environment["GST_REGISTRY"] = known;
    rules.environment["GST_REGISTRY_UPDATE"] = "no";
  }
  for (const char* name : {"LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "OMP_NUM_THREADS",
                           "OMP_WAIT_POLICY", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"})
    if (const char* v = std::getenv(name)) rules.environment[name] = v;
  return rules;
}

std::shared_ptr<host::process_maker> make_processes(process_options options) {
  return std::make_shared<maker>(std::move(options));
}

void use_processes(process_options options) {
  host::set_process_maker(make_processes(std::move(options)));
}

void use_plugins_too(const std::vector<std::string>& plugins,
                     const std::map<std::string, std::string>& plugin_of) {
  if (const auto now = std::dynamic_pointer_cast<maker>(host::the_process_maker()))
    now->add(plugins, plugin_of);
  else
    use_processes({.plugins = plugins, .plugin_of = plugin_of});
}

}  // namespace hocket::process
