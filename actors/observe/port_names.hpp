#pragma once

#include <string>
#include <vector>

#include "graph/core/result.hpp"
#include "graph/payloads/payload_schema.hpp"
#include "graph/spec/plan.hpp"

/// Ports of a running graph by the names that people write: "model.audio".
namespace hocket::observe {

/// The schema of what an output carries; nullptr: any payload of its kind.
const payloads::payload_schema* schema_of(const plan_actor& a, std::size_t port);

struct found_output {
  const output_port* port = nullptr;
  const payloads::payload_schema* schema = nullptr;  ///< none: any payload of its kind
};
/// An output of `host` ("": of the only one). Errors: echo.no_output, echo.other_host.
result<found_output> find_output(const plan& graph, const std::string& name,
                                 const std::string& host);

/// What a port's packets come out of: itself, or what feeds it.
struct measured {
  std::vector<std::string> outputs;
  bool is_input = false;
  bool is_both = false;  ///< an input has the name, too
};
/// A name that is both is the output, unless `as_input`.
/// Errors: as find_output; echo.no_input.
result<measured> find_measured(const plan& graph, const std::string& name, bool as_input,
                               const std::string& host);

}  // namespace hocket::observe
