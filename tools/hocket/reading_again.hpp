#pragma once

#include "tools/hocket/types.hpp"

namespace hocket::cli {

/// The plugins that a new graph for a run names, read as load_again does: see plugins_of.
std::vector<std::string> plugins_again(const std::string& file, const std::string& text,
                                       std::map<std::string, std::string>& includes,
                                       const graph_options& how, const text_origin& from);

/// Adds what it uses and `into` does not know, as it uses it: see spec::assume_types.
std::vector<std::string> assume_again(const std::string& file, const std::string& text,
                                      std::map<std::string, std::string>& includes, registry& into,
                                      const graph_options& how, const text_origin& from);

}  // namespace hocket::cli
