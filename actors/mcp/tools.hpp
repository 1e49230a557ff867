#pragma once

#include <map>
#include <string>
#include <vector>

#include "actors/http/message.hpp"
#include "actors/mcp/message.hpp"
#include "graph/contract/tool.hpp"

namespace hocket::mcp {

/// One tool of a server, as it was told.
struct server_tool {
  tool_info info;
  /// Arguments that also travel as headers (HTTP, newest era): argument -> name of the header behind
  /// `Mcp-Param-`.
  std::map<std::string, std::string> headers;
  bool needs_task = false;  ///< 2025-11-25: only as a task
};

/// The tools of one page of `tools/list`; those that nobody could call rightly (no name, a schema that
/// is no object, a bad `x-mcp-header`) are left out and counted. Schemas stay as they came: no `$ref`
/// is followed.
std::vector<server_tool> read_tools(const json& page, std::size_t& left_out);

/// The headers that a call's arguments ask for.
http::header_list headers_of(const server_tool& tool, const json& arguments);

/// A text as the value of a header: as it is, or `=?base64?…?=`.
std::string header_value(const std::string& text);

/// What a call's result says, as text for a model: blocks one after the other, bytes named and not
/// shown, structured content where there is no text. At most `limit` bytes and a sign of the cut.
std::string text_of_result(const json& result, std::size_t limit);

}  // namespace hocket::mcp
