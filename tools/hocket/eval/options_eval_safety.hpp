// The part of the argument parser about safety: options.hpp is compiled into every family.
#pragma once

#include "tools/hocket/options.hpp"

namespace hocket::cli {

void add_eval_safety(CLI::App& eval, action& chosen);

}  // namespace hocket::cli
