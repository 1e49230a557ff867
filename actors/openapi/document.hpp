#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "graph/core/result.hpp"

/// An OpenAPI document (3.0, 3.1) as tools: pure, nothing is asked.
namespace hocket::openapi {

using json = nlohmann::ordered_json;

inline constexpr std::size_t document_bytes_max = 4u << 20;
inline constexpr std::size_t operations_max = 256;
inline constexpr std::size_t schema_bytes_max = 64u << 10;  ///< of one operation's arguments

struct parameter {
  enum class place { path, query, header };
  std::string name;
  place where = place::query;
  bool exploded = true;  ///< a list in a query is one pair per item
};

/// How a server knows who asks.
struct key_use {
  enum class kind { bearer, basic, header, query };
  kind how = kind::bearer;
  std::string name;  ///< of the header, or in the query
};

/// One operation: how it is asked, and what its arguments are.
struct operation {
  std::string tool;     ///< a name that a model can say: letters, digits and _
  std::string method;   ///< "GET"
  std::string path;     ///< "/orders/{id}"
  std::string summary;  ///< one line
  std::vector<parameter> parameters;
  bool has_body = false;         ///< argument `body`, sent as JSON
  std::optional<key_use> key;    ///< none: it is asked without one
  std::string arguments_schema;  ///< JSON Schema of the arguments, with all that it refers to
};

struct document {
  std::string title;
  std::string server;         ///< the first one's URL; "": none, or one relative to the document
  bool names_no_key = false;  ///< it has no security scheme that is known here
  std::vector<operation> operations;
  /// Operations that are left out, each with why: what they need is not known here.
  std::vector<std::string> left_out;
  std::size_t left_out_untold = 0;  ///< beyond those
};

/// Reads JSON or YAML. Work and memory are bounded, references lead inside the document alone.
/// Errors: openapi.bad_document.
result<document> read_document(const std::string& text);

/// A request for arguments that satisfy the schema; values are escaped, so that none of them leads to
/// another path or host. Errors: openapi.bad_arguments.
struct request {
  std::string target;  ///< path and query, behind the server's URL
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};
result<request> request_of(const operation& o, const json& arguments);

}  // namespace hocket::openapi
