#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/contract/value.hpp"
#include "graph/core/diagnostic.hpp"
#include "graph/spec/paths.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::spec {

/// What expansion may cost in all files together, whoever wrote them.
struct expansion_budget {
  std::size_t values = 200'000;
  std::size_t bytes = 8u << 20;
  int files = 256;
};

using parameters = std::map<std::string, value>;
/// Which file says the value of each parameter; "": the command line.
using parameter_files = std::map<std::string, std::string>;

/// Reads `params:` of a file: `name: default`, or a map with type, default, doc, choices. `given`
/// are the values from `with:` or the command line; `user` names who gave them, for messages.
///
/// Errors: param.declaration, param.unknown, param.missing, param.type.
parameters read_parameters(const value& root, const value::map& given, const source_mark& given_at,
                           const std::string& user, diagnostics& findings);

/// Replaces `${param:name}` and `${env:NAME}` (or `${env:NAME:-default}`) in every string below the
/// given value; `$${` stands for `${`. A string that is one reference takes the referenced value's type.
/// `origins` learns where text that begins with a reference was written, by `files` for parameters.
///
/// Errors: reference.syntax, reference.unknown-param, reference.env, yaml.limit.
void replace_references(value& tree, const parameters& params, const parameter_files& files,
                        const load_options& options, expansion_budget& budget,
                        path_origins& origins, diagnostics& findings);

/// Applies `a.b.c=value` to a tree of a graph file; what belongs inside an included file is handed
/// on: `inner[entry]` gets the settings of the file that the actor entry includes.
///
/// Errors: set.syntax, set.path.
void apply_settings(value& tree, const std::vector<std::string>& settings,
                    std::map<std::string, std::vector<std::string>>& inner, diagnostics& findings);

}  // namespace hocket::spec
