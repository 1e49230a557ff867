#pragma once

#include <string>
#include <vector>

#include "tools/hocket/eval/commands.hpp"

namespace hocket::cli {

struct lm_bench_options {
  std::string model;  ///< a GGUF file or a fetched package
  std::string peer;   ///< folder of llama.cpp's benches; "": where its script puts them
  std::vector<std::string> types;  ///< files of these types are made of it; empty: as it is
};
/// `bench lm`.
int run_bench_lm(const bench_options& o, const lm_bench_options& lm);

}  // namespace hocket::cli
