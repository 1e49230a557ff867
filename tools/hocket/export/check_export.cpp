#include <algorithm>
#include <cctype>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/hocket/export/export_files.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_path = 1024;
/// Kubernetes keeps an object below 1 MiB; some of it is not text.
constexpr std::size_t most_sources = 1'000'000;

bool has_control(const std::string& s) {
  return std::any_of(s.begin(), s.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

/// With control characters made visible, for messages.
std::string shown(const std::string& s) {
  std::string out;
  for (const unsigned char c : s) {
    if (out.size() > 200) return out + "…";
    if (c < 0x20 || c == 0x7f)
      out += fmt::format("\\x{:02x}", static_cast<int>(c));
    else
      out += static_cast<char>(c);
  }
  return out;
}

bool is_env_name(const std::string& s) {
  return !s.empty() && std::isdigit(static_cast<unsigned char>(s[0])) == 0 &&
         std::all_of(s.begin(), s.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

/// RFC 1123: what Kubernetes calls a label.
bool is_dns_label(const std::string& s) {
  const auto word = [](unsigned char c) { return std::islower(c) != 0 || std::isdigit(c) != 0; };
  return !s.empty() && s.size() <= 63 && word(static_cast<unsigned char>(s.front())) &&
         word(static_cast<unsigned char>(s.back())) &&
         std::all_of(s.begin(), s.end(), [&](unsigned char c) { return word(c) || c == '-'; });
}

bool is_user_name(const std::string& s) {
  const auto first = [](unsigned char c) { return std::isalpha(c) != 0 || c == '_'; };
  return !s.empty() && s.size() <= 31 && first(static_cast<unsigned char>(s[0])) &&
         std::all_of(s.begin(), s.end(),
                     [&](unsigned char c) { return first(c) || std::isdigit(c) != 0 || c == '-'; });
}

result<void> check_path(const std::string& what, const std::string& path) {
  const auto bad = [&](const std::string& why) {
    return fail("export.bad_path", fmt::format("{}: `{}` {}", what, shown(path), why));
  };
  if (has_control(path)) return bad("holds control characters");
  if (path.size() > longest_path) return bad("is longer than 1024 bytes");
  if (path.starts_with('~')) return bad("begins with ~, which only a shell replaces");
  if (!path.empty() && (path.back() == '\\' || path.back() == ' '))
    return bad("ends with a backslash or a space, which a unit takes for something else");
  // Units have a /tmp of their own, pods an empty one.
  for (const char* hidden : {"/tmp", "/var/tmp"})
    if (path == hidden || path.starts_with(std::string(hidden) + "/"))
      return bad(fmt::format("lies in {}, which the service does not share with others", hidden));
  return {};
}

result<void> check_texts(const export_source& from) {
  const auto& o = from.o;
  const auto one = [](const std::string& what, const std::string& text) -> result<void> {
    if (has_control(text))
      return fail("export.bad_text",
                  fmt::format("{}: `{}` holds control characters", what, shown(text)));
    return {};
  };
  for (const auto& s : o.how.sets) HOCKET_TRY(one("--set", s));
  for (const auto& p : o.how.params) HOCKET_TRY(one("--param", p));
  for (const auto& p : o.peers) HOCKET_TRY(one("--peer", p));
  for (const auto& e : o.record_edges) HOCKET_TRY(one("--record-edges", e));
  HOCKET_TRY(one("--listen", o.listen));
  HOCKET_TRY(one("--image", o.image));
  HOCKET_TRY(one("the graph's name", from.graph.name));
  return {};
}

result<void> check_paths(const export_source& from) {
  const auto& o = from.o;
  HOCKET_TRY(check_path("the graph file", o.graph));
  for (const auto& p : o.how.plugins) HOCKET_TRY(check_path("--plugin", p));
  for (const auto& f : from.files) HOCKET_TRY(check_path("an included file", f.name));
  for (const auto& h : needs_of(from.graph)) {
    HOCKET_TRY(check_path("key of host " + h.host, h.public_key));
    for (const auto& p : h.paths) HOCKET_TRY(check_path("a file of the graph", p));
  }
  HOCKET_TRY(check_path("--dir", o.dir));
  HOCKET_TRY(check_path("--program", o.program));
  HOCKET_TRY(check_path("--record", o.record));
  if (!fs::path(o.dir).is_absolute())
    return fail(
        "export.bad_path",
        fmt::format("--dir: `{}` is no absolute path: it is a folder of the target", o.dir));
  if (!fs::path(o.program).is_absolute())
    return fail("export.bad_path", fmt::format("--program: `{}` is no absolute path", o.program));
  const auto record = fs::path(o.record).lexically_normal();
  if (o.kind == "kubernetes" && record.is_absolute())
    return fail("export.bad_path",
                fmt::format("--record: `{}`: only the state folder of a pod can be written; give a "
                            "relative path",
                            o.record));
  if (record.string().starts_with(".."))
    return fail("export.bad_path", fmt::format("--record: `{}` leaves the state folder", o.record));
  return {};
}

result<void> check_options(const export_source& from) {
  const auto& o = from.o;
  const auto hosts = from.graph.hosts.size();
  if (!o.listen.empty() && (hosts == 0 || (hosts > 1 && o.host.empty())))
    return fail("export.bad_option", hosts == 0 ? "--listen: this graph has no `hosts:`"
                                                : "--listen is one host's: name it with --host");
  for (const auto& p : o.peers) {
    const auto name = p.substr(0, p.find('='));
    const bool known = std::any_of(from.graph.hosts.begin(), from.graph.hosts.end(),
                                   [&](const plan_host& h) { return h.name == name; });
    if (p.find('=') == p.npos || !known)
      return fail(
          "export.bad_option",
          fmt::format("--peer `{}` names no host of the graph; write NAME=tcp://ADDRESS:PORT", p));
  }
  if (o.kind == "systemd" && !is_user_name(o.user))
    return fail("export.bad_name", fmt::format("--user: `{}` is no name of a user", shown(o.user)));
  if (o.kind == "kubernetes" && !o.name_space.empty() && !is_dns_label(o.name_space))
    return fail("export.bad_name",
                fmt::format("--namespace: `{}` is none: lower-case letters, digits and hyphens, at "
                            "most 63",
                            shown(o.name_space)));
  if (o.kind == "kubernetes" && (o.image.empty() || o.image.find(' ') != o.image.npos))
    return fail("export.bad_name", fmt::format("--image: `{}` names no image", shown(o.image)));
  const auto last = o.metrics_port + static_cast<int>(std::max<std::size_t>(hosts, 1)) - 1;
  if (o.kind == "systemd" && last > 65535)
    return fail("export.bad_option", fmt::format("--metrics-port: {} hosts need the ports {} to {}",
                                                 hosts, o.metrics_port, last));
  return {};
}

result<void> check_environment(const export_source& from) {
  for (const auto& [name, value] : from.env) {
    if (!is_env_name(name))
      return fail("export.env",
                  fmt::format("${{env:{}}}: a service has no variable of this name", shown(name)));
    if (value && has_control(*value))
      return fail("export.env",
                  fmt::format("${{env:{}}}: its value here holds control characters", name));
  }
  return {};
}

}  // namespace

result<void> check_export(const export_source& from) {
  HOCKET_TRY(check_texts(from));
  HOCKET_TRY(check_paths(from));
  HOCKET_TRY(check_options(from));
  HOCKET_TRY(check_environment(from));
  std::size_t bytes = 0;
  for (const auto& f : from.files) bytes += f.text.size() + f.name.size();
  if (bytes > most_sources)
    return fail(
        "export.too_large",
        fmt::format("the graph's files are {} bytes; a ConfigMap holds {}", bytes, most_sources));
  return {};
}

}  // namespace hocket::cli
