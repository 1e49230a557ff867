#include "actors/mcp/tools.hpp"

#include <algorithm>
#include <cctype>
#include <set>

#include <fmt/format.h>

#include "graph/text/clean.hpp"

namespace hocket::mcp {
namespace {

/// A token of RFC 9110.
bool is_header_name(std::string_view name) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           marks.find(c) != marks.npos;
  });
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

constexpr auto annotation = "x-mcp-header";

/// Whether the annotation stands anywhere in a schema, bounded by the depth of what was parsed.
bool is_annotated(const json& schema) {
  if (schema.is_object() && schema.contains(annotation)) return true;
  if (!schema.is_structured()) return false;
  return std::ranges::any_of(schema, [](const json& part) { return is_annotated(part); });
}

/// False where an annotation is none that a client may follow.
bool read_headers(const json& schema, std::map<std::string, std::string>& out) {
  std::set<std::string> seen;
  const auto& properties = member(schema, "properties");
  if (!properties.is_object()) return true;
  for (const auto& [name, property] : properties.items()) {
    if (!property.is_object() || !property.contains(annotation)) {
      // A primitive of the top level is meant: one below it is no place for an annotation.
      if (is_annotated(property)) return false;
      continue;
    }
    const auto header = text_of(property, annotation);
    const auto type = text_of(property, "type");
    if (!is_header_name(header) || (type != "string" && type != "integer" && type != "boolean") ||
        !seen.insert(lower(header)).second)
      return false;
    out[name] = header;
  }
  return true;
}

std::string base64(std::string_view bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const auto n = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += k <= n ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::string text_of_block(const json& block) {
  const auto type = text_of(block, "type");
  const auto bytes_of = [&](const json& at, const char* key) {
    const auto& data = member(at, key);
    return data.is_string() ? data.get_ref<const std::string&>().size() / 4 * 3 : 0;
  };
  const auto mime = [](const json& at) {
    const auto m = text_of(at, "mimeType");
    return m.empty() ? std::string("unknown type") : m;
  };
  if (type == "text") return text_of(block, "text");
  if (type == "image" || type == "audio")
    return fmt::format("[{}: {}, {} bytes]", type, mime(block), bytes_of(block, "data"));
  if (type == "resource_link")
    return fmt::format("[link: {} {}]", text_of(block, "name"), text_of(block, "uri"));
  if (type == "resource") {
    const auto& r = member(block, "resource");
    if (member(r, "text").is_string()) return text_of(r, "text");
    return fmt::format("[file: {}, {}, {} bytes]", text_of(r, "uri"), mime(r), bytes_of(r, "blob"));
  }
  return line_of(block);
}

}  // namespace

std::vector<server_tool> read_tools(const json& page, std::size_t& left_out) {
  std::vector<server_tool> out;
  const auto& tools = member(page, "tools");
  if (!tools.is_array()) return out;
  for (const auto& t : tools) {
    server_tool one;
    one.info.name = text_of(t, "name");
    one.info.summary = text_of(t, "description");
    if (one.info.summary.empty()) one.info.summary = text_of(t, "title");
    const auto& schema = member(t, "inputSchema");
    if (one.info.name.empty() || !schema.is_object() || !read_headers(schema, one.headers)) {
      ++left_out;
      continue;
    }
    one.info.parameters_json_schema = line_of(schema);
    one.needs_task = text_of(member(t, "execution"), "taskSupport") == "required";
    out.push_back(std::move(one));
  }
  return out;
}

std::string header_value(const std::string& text) {
  const bool plain =
      std::ranges::all_of(text, [](char c) { return (c >= ' ' && c < 0x7F) || c == '\t'; }) &&
      (text.empty() || (text.front() > ' ' && text.back() > ' ')) &&
      !(text.starts_with("=?base64?") && text.ends_with("?="));
  return plain ? text : "=?base64?" + base64(text) + "?=";
}

http::header_list headers_of(const server_tool& tool, const json& arguments) {
  http::header_list out;
  for (const auto& [name, header] : tool.headers) {
    const auto& value = member(arguments, name);
    if (value.is_string())
      out.emplace_back("Mcp-Param-" + header, header_value(value.get<std::string>()));
    else if (value.is_number() || value.is_boolean())
      out.emplace_back("Mcp-Param-" + header, line_of(value));
  }
  return out;
}

std::string text_of_result(const json& result, std::size_t limit) {
  std::string out;
  std::size_t whole = 0;
  const auto add = [&](std::string part) {
    if (part.empty()) return;
    whole += part.size();
    if (out.size() > limit) return;
    if (!out.empty()) out += '\n';
    out += std::move(part);
  };
  if (const auto& content = member(result, "content"); content.is_array())
    for (const auto& block : content) add(text_of_block(block));
  if (out.empty())
    if (const auto& structured = member(result, "structuredContent"); !structured.is_null())
      add(line_of(structured));
  return whole > limit ? cut_text(std::move(out), limit) : out;
}

}  // namespace hocket::mcp
