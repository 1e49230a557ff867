#pragma once

#include <string>

#include "tools/hocket/eval/commands.hpp"

namespace hocket::cli {

/// `bench lm`. `model`: a GGUF file or a fetched package; `peer`: a llama-bench to compare with on the
/// same file in the same run, "": none.
int run_bench_lm(const bench_options& o, const std::string& model, const std::string& peer);

}  // namespace hocket::cli
