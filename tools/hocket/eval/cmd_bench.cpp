#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/trust/files.hpp"
#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/say.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

/// Runs one part with its JSON in a file and nothing on stdout.
int run_quietly(benchmark part, bench_options o, const std::string& file, json& into) {
  std::fflush(stdout);
  const int out = dup(STDOUT_FILENO);
  if (std::freopen("/dev/null", "w", stdout) == nullptr) return exit_failed;
  o.out = file;
  const int code = part(o);
  std::fflush(stdout);
  dup2(out, STDOUT_FILENO);
  close(out);
  std::ifstream in(file);
  const auto found = json::parse(in, nullptr, false);
  if (!found.is_object()) return std::max(code, exit_failed);
  if (into.is_null()) into = json{{"measures", json::array()}};
  for (const auto& m : found.at("measures")) into["measures"].push_back(m);
  into["machine"] = found.at("machine");
  into["revision"] = found.at("revision");
  if (found.contains("notes"))
    for (const auto& note : found.at("notes")) into["notes"].push_back(note);
  return code;
}

}  // namespace

int run_benchmarks(const std::vector<benchmark>& parts, const bench_options& o) {
  int code = exit_fine;
  if (parts.size() == 1) return parts.front()(o);
  if (!o.json && o.out.empty()) {
    for (const auto part : parts) code = std::max(code, part(o));
    return code;
  }
  const auto file =
      (fs::temp_directory_path() / fmt::format("hocket_bench_{}.json", getpid())).string();
  json all;
  for (const auto part : parts) code = std::max(code, run_quietly(part, o, file, all));
  std::error_code ignored;
  fs::remove(file, ignored);
  const auto text = all.dump(2) + "\n";
  if (!o.out.empty())
    if (const auto done = trust::write_file(o.out, text); !done)
      code = tell(done.error(), exit_failed);
  if (o.json) std::fwrite(text.data(), 1, text.size(), stdout);
  return code;
}

}  // namespace hocket::cli
