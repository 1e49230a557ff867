#pragma once

#include <string>
#include <vector>

#include "tools/hocket/eval/commands.hpp"

namespace hocket::cli {

struct lm_bench_options {
  std::string model;  ///< a GGUF file or a fetched package
  std::string peer;   ///< folder of llama.cpp's benches; "": where its script puts them
  std::vector<std::string> types;  ///< files of these types are made of it; empty: as it is
  std::vector<std::size_t> batches, contexts;  ///< only these; empty: 1, 4, 16 and 128, 2048
  std::vector<int> threads;                    ///< only these; empty: 1, 2
  std::string part;                            ///< decode, prompt or beside alone; empty: all
  int rounds = 0;                              ///< 0: 3, quick 1
};
/// `bench lm`.
int run_bench_lm(const bench_options& o, const lm_bench_options& lm);

}  // namespace hocket::cli
