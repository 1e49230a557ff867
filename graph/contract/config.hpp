#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/contract/value.hpp"
#include "graph/core/diagnostic.hpp"

namespace hocket {

/// What is said about one key, in one place: it gives parsing, default, range, docs and schema.
struct field_info {
  std::string name;
  std::string doc;
  std::string unit = {};  ///< "Hz", "ms", "dBFS", ...; also ends the name
  std::optional<double> min = {};
  std::optional<double> max = {};
  std::vector<std::string> choices = {};  ///< for strings: the valid values
  bool required = false;
  bool is_path = false;       ///< a path; a relative one is taken from the current folder
  bool is_tool_list = false;  ///< for string lists: names of registered tools
  bool is_output = false;     ///< a file that is made, beneath the run's output folder
  bool is_pipeline = false;   ///< a GStreamer pipeline
  bool is_address = false;    ///< a URL or address that is connected to
};

/// Visits the fields of a config struct. The struct declares
///
///     void visit(config_visitor& v) { v.field({"rate_hz", "sample rate", "Hz", 8000, 48000}, rate_hz); }
///
/// and its member initialisers are the defaults.
class config_visitor {
 public:
  virtual ~config_visitor() = default;
  virtual void field(const field_info& info, bool& v) = 0;
  virtual void field(const field_info& info, std::int64_t& v) = 0;
  virtual void field(const field_info& info, double& v) = 0;
  virtual void field(const field_info& info, std::string& v) = 0;
  virtual void field(const field_info& info, std::vector<std::string>& v) = 0;
  virtual void field(const field_info& info, std::vector<double>& v) = 0;
};

/// A config struct seen through its visit, without its type.
class config_base {
 public:
  virtual ~config_base() = default;
  virtual void visit(config_visitor& v) = 0;
};

/// Fills `into` from the entries of `from` (a map), collecting every finding: unknown keys with a
/// suggestion, types, ranges, choices, missing required keys. Keys in `reserved` are the graph's own
/// (`component`, `inputs`, ...) and skipped.
///
/// Errors: config.unknown-key, config.type, config.unit, config.range, config.choice,
/// config.missing-key; `owner` ("ears (audio.dmel)") begins each message.
void read_config(const value& from, config_base& into, const std::string& owner,
                 const std::vector<std::string>& reserved, diagnostics& findings);

/// One row per field, with its default, for docs and JSON schema.
struct field_doc {
  field_info info;
  std::string type;          ///< "bool", "int", "number", "string", "string list", "number list"
  std::string default_text;  ///< as YAML; "" where required
};
std::vector<field_doc> document(config_base& config);

/// The config as `name: value` lines in order of the visit: equal configs give equal text.
std::string canonical_text(config_base& config);

/// A string as a double-quoted YAML scalar.
std::string quoted(std::string_view text);

/// Adds a finding about a key that is not among `valid`: with the nearest valid one (also one that
/// differs only in its unit) as hint and all valid ones as note.
void add_unknown_key(const std::string& code, const std::string& owner, std::string_view key,
                     const source_mark& where, const std::vector<std::string>& valid,
                     diagnostics& findings);

}  // namespace hocket
