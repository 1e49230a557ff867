#include "graph/spec/outputs.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>

#include <fmt/format.h>

#include "graph/contract/config.hpp"
#include "graph/spec/read_keys.hpp"

namespace hocket::spec {
namespace {

namespace fs = std::filesystem;

/// Paths in a config by what they are for.
class path_finder final : public config_visitor {
 public:
  std::vector<std::string> outputs, inputs;
  bool to_file = true;
  bool device = false;

  void field(const field_info&, bool&) override {}
  void field(const field_info&, std::int64_t&) override {}
  void field(const field_info&, double&) override {}
  void field(const field_info&, std::vector<std::string>&) override {}
  void field(const field_info&, std::vector<double>&) override {}
  void field(const field_info& info, std::string& v) override {
    const auto& c = info.choices;
    if (std::find(c.begin(), c.end(), "file") != c.end() && v != "file") to_file = false;
    if (v.empty()) return;
    if (info.is_output) outputs.push_back(v);
    if (info.is_path) inputs.push_back(v);
    device = device || info.is_pipeline || info.is_address || (info.name == "to" && v == "device");
  }
};

std::vector<named_file> files_of(const plan& graph, bool written) {
  std::vector<named_file> out;
  for (const auto& a : graph.actors) {
    if (a.removed || !a.config || a.type == nullptr) continue;
    path_finder found;
    a.config->visit(found);
    if (written && !found.to_file) continue;
    for (auto& path : written ? found.outputs : found.inputs)
      out.push_back(
          {std::move(path), fmt::format("{} ({})", a.name, a.type->info.type), a.where, a.host});
  }
  return out;
}

std::string folded(const std::string& path) {
  auto out = fs::path(path).lexically_normal().generic_string();
  for (auto& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string here(const source_mark& m) {
  return m.file.empty() ? "" : fmt::format("{}:{}:{}: ", m.file, m.line, m.column);
}

void add_same(const named_file& a, const named_file& b, diagnostics& findings) {
  const bool alike = fs::path(a.path).lexically_normal() == fs::path(b.path).lexically_normal();
  add_error(findings, b.where, "output.same-file",
            fmt::format("{} writes `{}`, and so does {}: one of them would be lost", b.who, b.path,
                        a.who),
            "give each a `file:` of its own",
            alike
                ? std::vector{fmt::format("{}{} names it here", here(a.where), a.who)}
                : std::vector{fmt::format("{}{} names it here", here(a.where), a.who),
                              fmt::format("`{}` and `{}` are one file where the disk is asked, or "
                                          "where it does not tell capital letters apart",
                                          a.path, b.path)});
}

/// The same text for the same file of this machine, also where it does not exist yet.
std::string real_name(const std::string& path) {
  std::error_code failed;
  auto real = fs::weakly_canonical(path, failed);
  if (failed) real = fs::absolute(path, failed).lexically_normal();
  return real.generic_string();
}

/// `links`: also two hard links of one file. Between two writers they do no harm: a file of several
/// names is replaced, nobody writes into it (graph/trust/files).
bool same_on_disk(const std::string& a, const std::string& b, bool links) {
  const auto first = real_name(a), second = real_name(b);
  if (first == second) return true;
  const auto alike = [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  };
  if (!links && !std::equal(first.begin(), first.end(), second.begin(), second.end(), alike))
    return false;
  std::error_code failed;
  return fs::equivalent(a, b, failed) && !failed;  // a disk that does not tell capitals apart
}

/// Devices and pipes hold nothing that could be lost.
bool is_no_file(const std::string& path) {
  std::error_code failed;
  const auto kind = fs::status(path, failed);
  return !failed && fs::exists(kind) && !fs::is_regular_file(kind) && !fs::is_directory(kind);
}

}  // namespace

bool holds_alone(const plan_actor& actor) {
  if (!actor.config) return false;
  path_finder found;
  actor.config->visit(found);
  return found.device || (found.to_file && !found.outputs.empty());
}

std::string missing_input(const plan_actor& actor) {
  if (!actor.config) return "";
  path_finder found;
  actor.config->visit(found);
  std::error_code ignored;
  for (const auto& path : found.inputs)
    if (!fs::exists(path, ignored)) return path;
  return "";
}

std::vector<named_file> outputs_of(const plan& graph) { return files_of(graph, true); }
std::vector<named_file> inputs_of(const plan& graph) { return files_of(graph, false); }

void check_outputs(const plan& graph, diagnostics& findings) {
  std::map<std::pair<std::string, std::string>, named_file> seen;  // host, name
  for (const auto& f : outputs_of(graph)) {
    const auto [first, is_new] = seen.try_emplace({f.host, folded(f.path)}, f);
    if (!is_new) add_same(first->second, f, findings);
  }
}

std::vector<named_file> beneath(const std::string& out_dir, std::vector<named_file> files) {
  for (auto& f : files) f.path = (fs::path(out_dir) / f.path).generic_string();
  return files;
}

void check_files(const std::vector<named_file>& writes, const std::vector<named_file>& reads,
                 diagnostics& findings) {
  for (std::size_t i = 0; i < writes.size(); ++i) {
    const auto& w = writes[i];
    if (w.path.empty() || is_no_file(w.path)) continue;
    for (std::size_t j = 0; j < i; ++j)
      if (!writes[j].path.empty() && same_on_disk(writes[j].path, w.path, false)) {
        add_same(writes[j], w, findings);
        break;
      }
    for (const auto& r : reads)
      if (!r.path.empty() && same_on_disk(r.path, w.path, true))
        add_error(findings, w.where, "output.is-input",
                  fmt::format("{} would write `{}`, which is read: {}", w.who, w.path, r.who),
                  "write to another file or folder (--out)");
  }
}

}  // namespace hocket::spec
