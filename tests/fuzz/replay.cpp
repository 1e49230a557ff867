#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "tests/fuzz/targets.hpp"

// Replays the corpus and the seeds of each target, then damages them N times with a fixed seed: a
// check of every run, and a fuzzer for machines without libFuzzer.
//
//   hocket_fuzz_replay [rounds [seed]]         all targets
//   hocket_fuzz_replay --list                  the targets' names
//   hocket_fuzz_replay --file TARGET FILE      one input, such as one that a fuzzer found
//   hocket_fuzz_replay --seeds TARGET FOLDER   writes its seeds as files, for another fuzzer
namespace {

using hocket::fuzz::all_targets;
using hocket::fuzz::target;

std::string read(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return std::move(out).str();
}

void run(const target& t, const std::string& input) {
  t.run({reinterpret_cast<const std::uint8_t*>(input.data()), input.size()});
}

std::vector<std::string> inputs_of(const target& t) {
  auto inputs = t.seeds();
  std::vector<std::filesystem::path> files;
  for (const auto& e : std::filesystem::directory_iterator(
           std::string(HOCKET_SOURCE_DIR "/tests/fuzz/corpus/") + t.name))
    files.push_back(e.path());
  std::sort(files.begin(), files.end());
  for (const auto& f : files) inputs.push_back(read(f));
  return inputs;
}

void damage(std::string& s, const std::vector<std::string>& others, std::mt19937& random) {
  for (auto n = 1 + random() % 6; n > 0; --n) {
    if (s.empty()) s = "x";
    const auto at = random() % s.size();
    switch (random() % 5) {
      case 0: s[at] = static_cast<char>(random()); break;
      case 1: s[at] = static_cast<char>(s[at] ^ (1 << random() % 8)); break;
      case 2: s.erase(at, 1 + random() % 16); break;
      case 3: s.insert(at, s.substr(random() % s.size(), random() % 64)); break;
      default: {
        const auto& o = others[random() % others.size()];
        if (!o.empty()) s.insert(at, o.substr(random() % o.size(), random() % 64));
      }
    }
    if (s.size() > 8192) s.resize(8192);
  }
}

const target* find(const std::string& name) {
  for (const auto* t : all_targets())
    if (t->name == name) return t;
  std::fprintf(stderr, "no target is called %s\n", name.c_str());
  return nullptr;
}

int replay_file(const std::string& name, const char* file) {
  const auto* t = find(name);
  if (t == nullptr) return 2;
  run(*t, read(file));
  return 0;
}

int write_seeds(const std::string& name, const std::filesystem::path& folder) {
  const auto* t = find(name);
  if (t == nullptr) return 2;
  std::filesystem::create_directories(folder);
  int k = 0;
  for (const auto& seed : t->seeds())
    std::ofstream(folder / ("seed_" + std::to_string(k++)), std::ios::binary) << seed;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (argc == 4 && what == "--file") return replay_file(argv[2], argv[3]);
  if (argc == 4 && what == "--seeds") return write_seeds(argv[2], argv[3]);
  if (what == "--list") {
    for (const auto* t : all_targets()) std::printf("%s\n", t->name);
    return 0;
  }
  const long rounds = argc > 1 ? std::atol(argv[1]) : 1000;
  const auto seed = argc > 2 ? static_cast<unsigned>(std::atol(argv[2])) : 1u;
  for (const auto* t : all_targets()) {
    const auto inputs = inputs_of(*t);
    for (const auto& i : inputs) run(*t, i);
    std::mt19937 random(seed);
    for (long k = 0; k < rounds; ++k) {
      auto input = inputs[random() % inputs.size()];
      damage(input, inputs, random);
      // The last input lies on disk while it runs, so that a crash leaves it behind.
      if (std::getenv("HOCKET_FUZZ_KEEP") != nullptr)
        std::ofstream("fuzz_last_" + std::string(t->name), std::ios::binary) << input;
      run(*t, input);
    }
    std::printf("%s: %zu inputs, %ld damaged ones\n", t->name, inputs.size(), rounds);
  }
  return 0;
}
