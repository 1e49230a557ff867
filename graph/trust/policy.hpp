#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::trust {

/// Who wrote what names work to do here; decides what that work may reach.
enum class level : std::uint8_t {
  own,         ///< a file of this host's operator
  downloaded,  ///< a file from elsewhere, looked at before it is believed
  recorded,    ///< the graph inside a recording
  peer,        ///< another host of the graph asks for it
  tenant,      ///< a caller of a server
  adapter,     ///< a stranger's adapter and its card
};
std::string_view to_string(level);
std::optional<level> level_named(std::string_view name);

/// What one level may do. Each list holds names or globs (`auto*`); "*" is everything.
struct policy {
  level who = level::own;
  std::vector<std::string> components;   ///< component types
  std::vector<std::string> elements;     ///< GStreamer elements, also those that a decoder adds
  std::vector<std::string> folders;      ///< that files may be read from; what is beneath is meant
  std::vector<std::string> addresses;    ///< URLs, as prefixes or globs
  std::vector<std::string> environment;  ///< names of variables
  std::vector<std::string> plugins;      ///< shared libraries, by path
};

/// What a level may do where the operator says nothing. `own`: everything but plugins, which the
/// command line names. The others: built-in components, and elements that generate, convert and
/// decode; no file, no device, no address, no variable, no plugin.
policy default_policy(level);

/// GStreamer elements that neither open a file, a device or an address nor start anything.
const std::vector<std::string>& pure_elements();

/// Whether a name matches one of the patterns ("*", "auto*", "audioconvert").
bool matches(std::string_view name, const std::vector<std::string>& patterns);

/// Each fails with `trust.refused`; the message names the level, what it may not do, and the remedy.
result<void> may_use_component(const policy&, std::string_view type);
result<void> may_use_element(const policy&, std::string_view element);
result<void> may_read(const policy&, const std::string& path);
result<void> may_reach(const policy&, std::string_view address);
result<void> may_see_variable(const policy&, std::string_view name);
result<void> may_load(const policy&, const std::string& plugin);
/// All elements that a pipeline description names.
result<void> may_run_pipeline(const policy&, std::string_view description);

/// The words of a gst-launch description that stand where elements stand. May hold more than
/// elements, never fewer: the list is for refusing.
std::vector<std::string> elements_of(std::string_view description);

}  // namespace hocket::trust
