#include "graph/spec/outputs.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "graph/contract/config.hpp"
#include "graph/spec/read_keys.hpp"

namespace hocket::spec {
namespace {

namespace fs = std::filesystem;

/// A file that the text of a pipeline names.
struct pipeline_file {
  std::string path;
  bool written = false;  ///< else read
};

/// Elements of GStreamer whose `location` is one file.
constexpr std::array<std::string_view, 4> readers = {"filesrc", "multifilesrc", "splitmuxsrc",
                                                     "imagesequencesrc"};
constexpr std::array<std::string_view, 3> writers = {"filesink", "multifilesink", "splitmuxsink"};

/// The words between blanks and `!`, each as a whole where it is quoted.
std::vector<std::string> words_of(const std::string& pipeline) {
  std::vector<std::string> out;
  std::string word;
  char quote = 0;
  for (const char c : pipeline + " ") {
    if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    } else if (quote == 0 && std::string_view(" \t\n!()").find(c) != std::string_view::npos) {
      if (!word.empty()) out.push_back(std::exchange(word, {}));
    } else {
      word += c;
    }
  }
  return out;
}

/// Those that `location=` of a reading or writing element names, and `uri=file://…`.
std::vector<pipeline_file> files_in_pipeline(const std::string& pipeline) {
  constexpr std::string_view location = "location=", uri = "uri=file://";
  std::vector<pipeline_file> out;
  std::string element;
  for (const auto& word : words_of(pipeline)) {
    if (word.find('=') == word.npos) element = word;
    if (word.starts_with(uri)) out.push_back({word.substr(uri.size()), false});
    if (!word.starts_with(location) || word.size() == location.size()) continue;
    const bool writes = std::ranges::find(writers, element) != writers.end();
    if (writes || std::ranges::find(readers, element) != readers.end())
      out.push_back({word.substr(location.size()), writes});
  }
  return out;
}

std::string whole(const std::string& path) {
  std::error_code failed;
  const auto out = fs::absolute(path, failed);
  return failed ? path : out.lexically_normal().generic_string();
}

/// Paths in a config by what they are for.
class path_finder final : public config_visitor {
 public:
  std::vector<std::string> outputs, inputs;
  std::vector<std::string> shared;  ///< outputs that others may write as well
  std::vector<std::string> piped;   ///< what the sinks of a pipeline write
  bool to_file = true;
  bool device = false;
  bool in_turns = false;

  void field(const field_info&, bool&) override {}
  void field(const field_info& info, std::int64_t& v) override {
    in_turns = in_turns || (v > 0 && (info.name == "rotate.mib" || info.name == "rotate.minutes"));
  }
  void field(const field_info&, double&) override {}
  void field(const field_info& info, std::vector<std::string>& all) override {
    for (const auto& v : all)
      if (info.is_path && !v.empty()) inputs.push_back(v);
  }
  void field(const field_info&, std::vector<double>&) override {}
  void field(const field_info& info, std::string& v) override {
    const auto& c = info.choices;
    if (std::find(c.begin(), c.end(), "file") != c.end() && v != "file") to_file = false;
    if (v.empty()) return;
    // Whoever has a ledger adds to it, beside others, and replaces nothing.
    if (info.is_output) (info.name == "ledger" ? shared : outputs).push_back(v);
    if (info.is_path) inputs.push_back(v);
    if (info.is_pipeline) {
      for (auto& file : files_in_pipeline(v)) {
        if (file.path.find('%') != file.path.npos) continue;  // a pattern for many
        (file.written ? piped : inputs).push_back(whole(file.path));
      }
    }
    device = device || info.is_pipeline || info.is_address || (info.name == "to" && v == "device");
  }
};

std::vector<named_file> files_of(const plan& graph, bool written) {
  std::vector<named_file> out;
  for (const auto& a : graph.actors) {
    if (a.removed || !a.config || a.type == nullptr) continue;
    path_finder found;
    a.config->visit(found);
    bool is_shared = false;
    const auto add = [&](std::string& path) {
      out.push_back({std::move(path), fmt::format("{} ({})", a.name, a.type->info.type), a.where,
                     a.host, found.in_turns, false, is_shared});
    };
    if (written) std::for_each(found.piped.begin(), found.piped.end(), add);
    if (written && !found.to_file) continue;
    is_shared = true;
    if (written) std::for_each(found.shared.begin(), found.shared.end(), add);
    is_shared = false;
    auto& named = written ? found.outputs : found.inputs;
    std::for_each(named.begin(), named.end(), add);
  }
  return out;
}

std::string folded(const std::string& path) {
  auto out = fs::path(path).lexically_normal().generic_string();
  for (auto& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// Whether `other` is a name that `file` takes when it is written in turns, or lies beneath it.
bool takes(const named_file& file, const std::string& other, const std::string& path) {
  const fs::path mine(path), it(other);
  if (file.with_all_beneath) {
    const auto to = it.lexically_relative(mine);
    return !to.empty() && *to.begin() != "..";
  }
  if (!file.in_turns || it.parent_path() != mine.parent_path()) return false;
  const auto name = it.filename().string();
  const auto begin = mine.stem().string() + ".part", end = mine.extension().string();
  if (name == mine.filename().string() + ".next") return true;
  if (name.size() < begin.size() + 4 + end.size()) return false;
  return name.starts_with(begin) && name.ends_with(end) &&
         std::all_of(name.begin() + static_cast<std::ptrdiff_t>(begin.size()),
                     name.end() - static_cast<std::ptrdiff_t>(end.size()),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::string here(const source_mark& m) {
  return m.file.empty() ? "" : fmt::format("{}:{}:{}: ", m.file, m.line, m.column);
}

void add_taken(const named_file& by, const named_file& f, diagnostics& findings) {
  add_error(findings, f.where, "output.same-file",
            fmt::format("{} writes `{}`, {} {}", f.who, f.path,
                        by.with_all_beneath ? "a place that belongs to"
                                            : "a name that is taken when a file is ended by",
                        by.who),
            "give it a `file:` of its own",
            {fmt::format("{}{} names `{}` here", here(by.where), by.who, by.path)});
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
    if (!is_new && !(first->second.is_shared && f.is_shared)) add_same(first->second, f, findings);
  }
  for (const auto& [mine, file] : seen)
    for (const auto& [other, f] : seen)
      if (mine.first == other.first && takes(file, other.second, mine.second))
        add_taken(file, f, findings);
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
      if (!(w.is_shared && writes[j].is_shared) && !writes[j].path.empty() &&
          same_on_disk(writes[j].path, w.path, false)) {
        add_same(writes[j], w, findings);
        break;
      }
    for (const auto& by : writes)
      if (!by.path.empty() && &by != &w && takes(by, real_name(w.path), real_name(by.path)))
        add_taken(by, w, findings);
    for (const auto& r : reads)
      if (!r.path.empty() && same_on_disk(r.path, w.path, true))
        add_error(findings, w.where, "output.is-input",
                  fmt::format("{} would write `{}`, which is read: {}", w.who, w.path, r.who),
                  "write to another file or folder (--out)");
  }
}

}  // namespace hocket::spec
