// What is weak on this machine and in a graph, with remedies: `hocket doctor --security`.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/process/python.hpp"
#include "actors/wire/address.hpp"
#include "actors/wire/keys.hpp"
#include "graph/contract/config.hpp"
#include "graph/contract/plugin.hpp"
#include "graph/spec/process.hpp"
#include "graph/spec/paths.hpp"
#include "graph/text/clean.hpp"
#include "graph/trust/files.hpp"
#include "graph/trust/policy.hpp"
#include "graph/trust/sandbox/kernel.hpp"
#include "graph/trust/sealed/sealed.hpp"
#include "tools/hocket/doctor.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;
using grade = finding::grade;

finding examine_openat2() {
  const int here = ::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  const auto fd = ::syscall(SYS_openat2, here, "..", nullptr, 0);  // EINVAL where it is known
  const bool known = fd < 0 && errno != ENOSYS && errno != EPERM;
  if (here >= 0) ::close(here);
  return {"openat2", known ? grade::good : grade::warning,
          known ? "the kernel itself keeps files beneath their folder"
                : "not here: files are kept beneath their folder step by step",
          known ? "" : "Linux 5.6, and a container runtime that lets it through"};
}

void examine_sandbox(std::vector<finding>& out) {
  const auto& kernel = trust::what_kernel_would_give();
  const auto gaps = trust::gaps_of(kernel, false, true);
  for (const auto& gap : gaps)
    out.push_back({"sandbox", kernel.filter ? grade::warning : grade::bad, gap.what, gap.remedy});
  if (gaps.empty())
    out.push_back({"sandbox", grade::good,
                   fmt::format("programs of others can be confined: namespaces, landlock {}, "
                               "system calls",
                               kernel.landlock),
                   ""});
  out.push_back(
      {"decoders and plugins", grade::warning,
       "plugins, also tools that say they reach no network, and decoders of your own files "
       "run in this process, with its rights",
       "run as a user of its own that owns nothing else; `hocket export systemd` writes "
       "a unit that confines it"});
}

finding examine_seal() {
  const auto key = trust::sealing_key();
  if (!key)
    return {"recordings and logs", grade::bad, key.error().message,
            "openssl rand -hex 32 > FILE, "
            "chmod 600 FILE"};
  if (!key->empty())
    return {"recordings and logs", grade::good,
            "sealed with a key; no WAV and no picture is written", ""};
  return {
      "recordings and logs", grade::warning, "lie in clear: who has the disk has what was said",
      "HOCKET_SEAL_KEY_FILE=FILE, of `openssl rand -hex 32 > FILE; chmod 600 FILE`, seals them"};
}

finding examine_locked_memory() {
  rlimit limit{};
  constexpr rlim_t enough = 1 << 20;
  const bool fine = ::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur >= enough;
  return {"locked memory", fine ? grade::good : grade::warning,
          fine ? "keys stay out of swap" : "keys may be written to swap",
          fine ? "" : "ulimit -l 1024 at least, or encrypted swap"};
}

finding examine_user() {
  const bool root = ::geteuid() == 0;
  return {"user", root ? grade::warning : grade::good,
          root ? "root: whatever a decoder or a plugin is made to do is done as root" : "not root",
          root ? "run it as a user of its own" : ""};
}

finding examine_core_dumps() {
  rlimit limit{};
  const bool off = ::getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0;
  return {"core dumps", off ? grade::good : grade::warning,
          off ? "off" : "on: a dump holds keys and voices",
          off ? "" : "ulimit -c 0 (a run that has keys switches them off itself)"};
}

finding examine_descriptors() {
  rlimit limit{};
  const bool fine = ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max >= 4096;
  return {"descriptors", fine ? grade::good : grade::warning,
          fmt::format("{} (may be raised to {})", limit.rlim_cur, limit.rlim_max),
          fine ? "" : "ulimit -Hn 4096 at least, where hosts listen: strangers take some"};
}

finding examine_temporary() {
  struct stat info {};
  const auto folder = fs::temp_directory_path().string();
  const bool fine = ::stat(folder.c_str(), &info) == 0 &&
                    ((info.st_mode & S_IWOTH) == 0 || (info.st_mode & S_ISVTX) != 0);
  return {"temporary files", fine ? grade::good : grade::bad,
          fine ? folder : folder + ": everybody may remove everybody's files",
          fine ? "" : "chmod +t " + folder};
}

/// Recordings, words and pictures that an earlier release left readable.
finding examine_outputs(const std::string& out) {
  std::error_code ignored;
  if (!fs::exists(out, ignored)) return {"output folder", grade::good, out + ": not there yet", ""};
  if (const auto ours = trust::folder::open(out); !ours)
    return {"output folder", grade::bad, ours.error().message, "take another one with --out"};
  std::size_t open = 0;
  std::string first;
  for (fs::recursive_directory_iterator
           at(out, fs::directory_options::skip_permission_denied, ignored),
       end;
       at != end; at.increment(ignored)) {
    struct stat info {};
    if (::lstat(at->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    if ((info.st_mode & 077) != 0 && open++ == 0) first = at->path().string();
  }
  if (open == 0) return {"output folder", grade::good, out + ": its files are yours alone", ""};
  return {"output folder", grade::bad,
          fmt::format("{} files in {} can be read by others, such as {}", open, out, first),
          fmt::format("chmod -R go= {}", out)};
}

void examine_hosts(const plan& graph, std::vector<finding>& out) {
  bool marked = graph.hosts.empty();
  for (const auto& h : graph.hosts) {
    marked = marked || h.rewires;
    const auto what = "host " + h.name;
    if (h.key.empty()) {
      const auto at = wire::address::parse(h.listen);
      const bool local = at && at->is_local();
      out.push_back({what, local ? grade::good : grade::bad,
                     local ? "no key: processes of this user share one that nobody else can read"
                           : "plaintext: whoever is on the way reads all and may speak for it",
                     local ? "" : "hocket keys " + h.name + ", and `key:` in the graph"});
      continue;
    }
    const auto secret = fs::path(spec::key_file(graph, h)).replace_extension(".key");
    std::error_code ignored;
    if (!fs::exists(secret, ignored)) continue;  // another host's
    const auto read = wire::read_secret_key(secret);
    out.push_back({what, read ? grade::good : grade::bad,
                   read ? secret.string() + ": its owner's alone" : read.error().message,
                   read ? "" : "make a new pair, or mend what it says"});
  }
  if (!marked)
    out.push_back({"rewires", grade::warning,
                   "each host may change the graph on all others (within their --allow)",
                   "`rewires: true` under `hosts:` names those that may; the rest may not"});
}

/// What a config lets in or out.
class reach_visitor final : public config_visitor {
 public:
  std::vector<std::string> impure, words;
  std::string listens;  ///< for clients
  bool has_keys = false;
  named_parts sources;  ///< of tools
  void field(const field_info& i, bool& v) override {
    if (v && i.name.starts_with("pii.")) words.push_back(i.name);
  }
  void field(const field_info&, std::int64_t&) override {}
  void field(const field_info&, double&) override {}
  void field(const field_info&, std::vector<std::string>&) override {}
  void field(const field_info&, std::vector<double>&) override {}
  void field(const field_info& i, named_parts& v) override {
    if (i.parts == part_kind::tool_source) sources.insert(sources.end(), v.begin(), v.end());
  }
  void field(const field_info& i, std::string& v) override {
    if (i.name == "listen") listens = v;
    if (i.name == "key_env" || i.name == "keys_file") has_keys = has_keys || !v.empty();
    if (!i.is_pipeline) return;
    for (const auto& e : trust::elements_of(v))
      if (!trust::matches(e, trust::pure_elements())) impure.push_back(e);
  }
};

/// The texts of a list that a config gives.
std::vector<std::string> texts_of(const value& settings, const char* key) {
  std::vector<std::string> out;
  const auto* const given = settings.find(key);
  const auto* const list = given != nullptr ? given->get_if<value::list>() : nullptr;
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i)
    if (const auto* const text = (*list)[i].get_if<std::string>()) out.push_back(*text);
  return out;
}

/// A folder that holds much more than one program needs.
bool is_wide(const std::string& path) {
  const auto plain = fs::path(path).lexically_normal().string();
  const char* const home = std::getenv("HOME");
  for (const std::string_view whole :
       {"/", "/home", "/root", "/etc", "/var", "/srv", "/tmp", "/usr"})
    if (plain == whole || plain == std::string(whole) + "/") return true;
  return home != nullptr && *home != '\0' && (plain == home || plain == std::string(home) + "/");
}

}  // namespace

finding examine_sandboxed(const std::string& what, bool network, bool egress,
                          const trust::kernel_support& kernel) {
  finding out{what, grade::good, "runs in a sandbox", ""};
  if (!kernel.filter) {
    out.how = grade::bad;
    out.detail = "is not started: nothing would confine it";
  }
  for (const auto& gap : trust::gaps_of(kernel, network || egress, egress)) {
    if (out.how == grade::good) out.how = grade::warning;
    out.detail += "; NOT held here: " + gap.what;
    if (out.remedy.find(gap.remedy) == std::string::npos)
      out.remedy += (out.remedy.empty() ? "" : "; ") + gap.remedy;
  }
  return out;
}

namespace {

/// A program of others that the graph starts, and what it is given.
void examine_sources(const std::string& actor, const named_parts& sources,
                     std::vector<finding>& out) {
  for (const auto& s : sources) {
    const auto* const command = s.what.settings.find("command");
    if (s.what.use != "mcp" || command == nullptr) continue;
    const auto what = fmt::format("{}: {}", actor, s.name);
    const auto* const confine = s.what.settings.find("confine");
    const bool* const yes = confine != nullptr ? confine->get_if<bool>() : nullptr;
    if (yes != nullptr && !*yes) {
      out.push_back(
          {what, grade::bad, "a program of others that may all that you may",
           "leave `confine: false` out; `reads`, `writes`, `runs` and `network` name what it "
           "needs"});
      continue;
    }
    const auto network = texts_of(s.what.settings, "network");
    const bool all = std::find(network.begin(), network.end(), "*") != network.end();
    out.push_back(
        examine_sandboxed(what, all, !all && !network.empty(), trust::what_kernel_would_give()));
    if (all)
      out.push_back(
          {what, grade::warning,
           "reaches the whole network, this machine's own services and a cloud's metadata "
           "among it",
           "name the addresses that it needs: `network: [\"HOST:443\"]`"});
    for (const char* key : {"reads", "writes", "runs"})
      for (const auto& path : texts_of(s.what.settings, key))
        if (is_wide(path))
          out.push_back(
              {what, key == std::string_view("writes") ? grade::bad : grade::warning,
               fmt::format("`{}: {}` gives it much more than one program needs", key, path),
               "name the folder that it works in"});
  }
}

}  // namespace

std::vector<finding> examine_security(const plan* graph, const std::string& out_dir) {
  std::vector<finding> out = {examine_user(),        examine_openat2(),   examine_core_dumps(),
                              examine_descriptors(), examine_temporary(), examine_outputs(out_dir)};
  out.push_back(examine_locked_memory());
  out.push_back(examine_seal());
  examine_sandbox(out);
  if (graph == nullptr) return out;
  examine_hosts(*graph, out);
  for (const auto& p : graph->plugins) {
    const auto path = (fs::path(graph->file).parent_path() / p).lexically_normal().string();
    if (process::is_python(path)) {
      const auto sound = process::check_python(path);
      out.push_back({"plugin " + p, sound ? grade::good : grade::bad,
                     sound ? "Python: runs in confined processes alone" : sound.error().message,
                     sound ? "" : "load what you wrote or read yourself"});
      continue;
    }
    const auto fine = check_plugin(path);
    out.push_back({"plugin " + p, fine ? grade::warning : grade::bad,
                   fine ? "runs with all rights of the process; a run loads it only where "
                          "--plugin names it"
                        : fine.error().message,
                   "load what you built or read yourself"});
  }
  examine_processes(*graph, out);
  for (const auto& a : graph->actors) {
    if (!a.config) continue;
    if (spec::process_of(a) != nullptr) continue;  // examine_processes() says what holds it
    reach_visitor seen;
    a.config->visit(seen);
    if (!seen.impure.empty())
      out.push_back(
          {a.name, grade::warning,
           fmt::format("its pipeline reaches beyond computing: {}", fmt::join(seen.impure, ", ")),
           "see that you know what each of them opens"});
    if (!seen.listens.empty() && !seen.has_keys)
      out.push_back({a.name, grade::warning,
                     fmt::format("{}: asks for no key: each user and program of this machine may "
                                 "be its client",
                                 clean_text(seen.listens)),
                     "name a file of keys: `keys_file`"});
    examine_sources(a.name, seen.sources, out);
    if (!seen.words.empty())
      out.push_back({a.name, grade::warning,
                     fmt::format("writes what was said: {}", fmt::join(seen.words, ", ")),
                     "leave it out, or run with --no-pii"});
  }
  return out;
}

}  // namespace hocket::cli
