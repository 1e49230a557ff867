#pragma once

#include <memory>

#include "engine/language/network/model.hpp"
#include "graph/core/result.hpp"
#include "tools/hocket/progress.hpp"
#include "tools/report/measures.hpp"

namespace hocket::cli {

/// Micro-turns of a talk in real time, without and with the language model decoding beside them.
result<void> measure_beside(bool quick,
                            const std::shared_ptr<const language::language_model>& model,
                            progress& shown, report::measures& out);

}  // namespace hocket::cli
