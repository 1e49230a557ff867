#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/contract/value.hpp"
#include "graph/core/diagnostic.hpp"

namespace hocket {

/// What registered types a part of a component may be chosen from.
enum class part_kind : std::uint8_t { none, planner, tool_source };
std::string_view to_string(part_kind kind);

/// A part of a component that the graph chooses by its registered name, with settings of its own:
/// `planner: match`, or `planner: {use: match, …}`.
struct part_choice {
  std::string use;
  value settings = value(value::map{});  ///< the map without `use`
};
/// Parts under names that the graph gives: `tool_sources: {files: {use: mcp, …}}`; in file order.
struct named_part {
  std::string name;
  part_choice what;
};
using named_parts = std::vector<named_part>;

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
  bool is_tool_list = false;  ///< for string lists: tools by name, `source.tool` or `source.*`
  part_kind parts = part_kind::none;  ///< for parts: among which types they are chosen
  bool is_output = false;             ///< a file that is made, beneath the run's output folder
  bool is_pipeline = false;           ///< a GStreamer pipeline
  bool is_address = false;            ///< a URL or address that is connected to
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
  /// Who looks for other things passes parts by.
  virtual void field(const field_info& /*info*/, part_choice& /*v*/) {}
  virtual void field(const field_info& /*info*/, named_parts& /*v*/) {}
};

/// A config struct seen through its visit, without its type.
class config_base {
 public:
  virtual ~config_base() = default;
  virtual void visit(config_visitor& v) = 0;
};

/// A class's nested `config` struct behind config_base.
template <class Owner>
struct config_holder final : config_base {
  typename Owner::config values;
  void visit(config_visitor& v) override { values.visit(v); }
};
template <class Owner>
std::function<std::unique_ptr<config_base>()> config_maker() {
  return [] { return std::make_unique<config_holder<Owner>>(); };
}
/// Makes an Owner, as its Base, from a config that config_maker<Owner> made.
template <class Base, class Owner>
std::function<std::unique_ptr<Base>(config_base&)> part_maker() {
  return [](config_base& c) -> std::unique_ptr<Base> {
    return std::make_unique<Owner>(std::move(static_cast<config_holder<Owner>&>(c).values));
  };
}

/// Fills `into` from the entries of `from` (a map), collecting every finding: unknown keys with a
/// suggestion, types, ranges, choices, missing required keys. Keys in `reserved` are the graph's own
/// (`component`, `inputs`, ...) and skipped.
///
/// Errors: config.unknown-key, config.type, config.unit, config.range, config.choice,
/// config.missing-key; `owner` ("ears (audio.dmel)") begins each message.
void read_config(const value& from, config_base& into, const std::string& owner,
                 const std::vector<std::string>& reserved, diagnostics& findings);

/// What a registry knows of one type of part.
struct part_type {
  std::string name;     ///< "match"
  std::string summary;  ///< one sentence
  std::function<std::unique_ptr<config_base>()> make_config;
};

/// The config as the map that read_config would take; what nobody could write (an empty choice, a
/// number outside its range: "not given") is left out.
value to_value(config_base& config);

/// One line of YAML that is JSON too: `{"use": "match", "limit": 3}`.
std::string flow_text(const value& v);

/// One row per field, with its default, for docs and JSON schema.
struct field_doc {
  field_info info;
  std::string type;          ///< "bool", "int", "number", "string", "string list", "number list",
                             ///< "planner", "tool_source", "tool_source map"
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
