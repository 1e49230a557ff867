#include "tools/hocket/eval/lm_peer.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/trust/files.hpp"
#include "tools/hocket/eval/lm_random.hpp"
#include "tools/hocket/process.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;
constexpr const char* programs[] = {"llama-bench", "llama-batched-bench", "llama-quantize"};

std::string cache() {
  const char* own = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (own && *own == '/') return std::string(own) + "/hocket";
  return home ? std::string(home) + "/.cache/hocket" : "";
}

/// What a program says on standard output; its own words on what it does go nowhere. The last line is the
/// most memory that it had; looked at seldom, since the look takes time on the program's own cores.
result<process_output> quietly(std::vector<std::string> program) {
  std::vector<std::string> all{
      "sh", "-c",
      "\"$@\" 2>/dev/null & p=$!\n"
      "while s=$(grep VmHWM /proc/$p/status 2>/dev/null); do h=$s; sleep 0.5; done\n"
      "wait $p; r=$?; echo; echo \"$h\"; exit $r",
      "sh"};
  all.insert(all.end(), program.begin(), program.end());
  auto said = run_process(all);
  if (!said) return said;
  if (said->exit_code != 0)
    return fail("bench.peer", fmt::format("{} ended with {}", program[0], said->exit_code));
  return said;
}

double resident_of(const std::string& out) {
  const auto at = out.rfind("VmHWM:");
  return at == std::string::npos ? 0 : std::strtod(out.c_str() + at + 6, nullptr) / 1024;
}

/// The numbers of some cells once each, comma between them.
template <class Of>
std::string list(const std::vector<lm_cell>& cells, Of of) {
  std::set<std::size_t> all;
  for (const auto& c : cells) all.insert(of(c));
  std::string out;
  for (const auto n : all) out += (out.empty() ? "" : ",") + std::to_string(n);
  return out;
}
std::size_t context_of(const lm_cell& c) { return c.context; }
std::size_t batch_of(const lm_cell& c) { return c.batch; }

std::vector<lm_cell> those(const std::vector<lm_cell>& cells, bool decode, bool alone) {
  std::vector<lm_cell> out;
  for (const auto& c : cells)
    if (c.decode == decode && (c.batch == 1) == alone) out.push_back(c);
  return out;
}

}  // namespace

lm_peer lm_peer::find(const std::string& folder) {
  lm_peer p;
  p.folder_ = folder;
  if (folder.empty()) {
    std::error_code none;
    for (const auto& e : fs::directory_iterator(cache(), none))
      if (e.path().filename().string().starts_with("llama_cpp-")) p.folder_ = e.path().string();
  }
  for (const auto* name : programs)
    if (!fs::exists(p.folder_ + "/" + name))
      p.missing_ = fmt::format("{} is not in {}: tests/bench/llama_cpp/build makes it", name,
                               p.folder_.empty() ? cache() : p.folder_);
  return p;
}

std::optional<double> lm_peer::said::of(const lm_cell& cell) const {
  for (const auto& [c, rate] : rates)
    if (c == cell) return rate;
  return {};
}

result<lm_peer::said> lm_peer::measure(const std::string& model, const std::vector<lm_cell>& cells,
                                       int threads, std::size_t tokens) const {
  said out;
  const auto t = std::to_string(threads), n = std::to_string(tokens);
  const auto bench = [&](std::vector<std::string> what) -> result<void> {
    std::vector<std::string> words{
        folder_ + "/llama-bench", "-m", model, "-t", t, "-r", "1", "-o", "json"};
    words.insert(words.end(), what.begin(), what.end());
    const auto done = quietly(words);
    if (!done) return fail(done);
    out.resident_mib = std::max(out.resident_mib, resident_of(done->out));
    const auto rows =
        nlohmann::json::parse(done->out.substr(0, done->out.rfind(']') + 1), nullptr, false);
    if (!rows.is_array()) return fail("bench.peer", "llama-bench printed no JSON");
    for (const auto& row : rows) {
      const bool decode = row.value("n_gen", 0) > 0;
      const auto context = row.value(decode ? "n_depth" : "n_prompt", std::size_t{0});
      out.rates.push_back({{decode, 1, context}, row.value("avg_ts", 0.0)});
    }
    return {};
  };
  const auto batched = [&](const std::vector<lm_cell>& some, bool decode) -> result<void> {
    const auto longest =
        std::max_element(some.begin(), some.end(), [](const auto& a, const auto& b) {
          return a.context < b.context;
        })->context;
    // With a prompt that all share, as ours in decoding, kept once (-kvu): it leaves out, without a
    // word, what has no room.
    const auto room = decode ? longest + 16 * tokens + 64 : 16 * (longest + 4);
    std::vector<std::string> words{folder_ + "/llama-batched-bench",
                                   "-m",
                                   model,
                                   "-t",
                                   t,
                                   "-c",
                                   std::to_string(room),
                                   "-npp",
                                   list(some, context_of),
                                   "-ntg",
                                   decode ? n : "1",
                                   "-npl",
                                   list(some, batch_of),
                                   "--output-format",
                                   "jsonl"};
    if (decode) words.emplace_back("-pps"), words.emplace_back("-kvu");
    const auto done = quietly(words);
    if (!done) return fail(done);
    std::istringstream lines(done->out);
    for (std::string line; std::getline(lines, line);) {
      const auto row = nlohmann::json::parse(line, nullptr, false);
      if (row.is_object())
        out.rates.push_back(
            {{decode, row.value("pl", std::size_t{0}), row.value("pp", std::size_t{0})},
             row.value(decode ? "speed_tg" : "speed_pp", 0.0)});
    }
    return {};
  };
  if (const auto some = those(cells, false, true); !some.empty())
    HOCKET_TRY(bench({"-p", list(some, context_of), "-n", "0"}));
  if (const auto some = those(cells, true, true); !some.empty())
    HOCKET_TRY(bench({"-p", "0", "-n", n, "-d", list(some, context_of)}));
  for (const bool decode : {false, true})
    if (const auto some = those(cells, decode, false); !some.empty())
      HOCKET_TRY(batched(some, decode));
  return out;
}

result<std::string> lm_peer::random_with_type(const std::string& like,
                                              const std::string& type) const {
  const auto path = cache() + "/bench_models/random-768.bf16.gguf";
  std::error_code failed;
  if (!fs::exists(path, failed)) {
    const auto part = path + ".part";
    HOCKET_TRY(write_random_model(like, part));
    HOCKET_TRY(trust::rename_file(part, path));
  }
  if (type == "bf16") return path;
  return with_type(path, type);
}

result<std::string> lm_peer::with_type(const std::string& model, const std::string& type) const {
  const auto folder = cache() + "/bench_models";
  std::error_code failed;
  const auto whole = fs::absolute(model, failed).string();
  // Another file under the same name is another model.
  const auto which = fmt::format(
      "{} {} {}", whole, fs::file_size(model, failed),
      static_cast<std::int64_t>(fs::last_write_time(model, failed).time_since_epoch().count()));
  const auto path = fmt::format("{}/{}-{:016x}.{}.gguf", folder, fs::path(model).stem().string(),
                                static_cast<std::uint64_t>(std::hash<std::string>()(which)), type);
  if (fs::exists(path, failed)) return path;
  // Its folder is made with it; the program writes over it.
  const auto part = path + ".part";
  if (const auto made = trust::create_file(part); !made) return fail(made);
  auto upper = type;
  std::transform(upper.begin(), upper.end(), upper.begin(), ::toupper);
  if (upper == "Q4_K" || upper == "Q5_K") upper += "_S";
  const auto done = quietly(
      {folder_ + "/llama-quantize", "--allow-requantize", "--pure", model, part, upper, "2"});
  if (!done) return fail(done);
  HOCKET_TRY(trust::rename_file(part, path));
  return path;
}

}  // namespace hocket::cli
