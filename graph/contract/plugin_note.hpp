#pragma once

#include <string>
#include <string_view>

#include "graph/core/result.hpp"

namespace hocket {

/// What a plugin's file says of itself without running: HOCKET_PLUGIN puts it into a section.
struct plugin_note {
  std::string name;
  std::string abi;
};

/// The section of a shared library that holds "hocket-plugin\0ABI\0NAME\0".
inline constexpr std::string_view plugin_section = ".hocket.plugin";

/// From the bytes of an ELF file (64 bit, little endian).
/// Errors: plugin.cannot_load (no such file format), plugin.not_a_plugin (no section, or damaged).
result<plugin_note> parse_plugin_note(std::string_view elf);

/// The same from a file, which nothing of is run. Errors: also plugin.cannot_load where it cannot be
/// read, is no regular file, or others than its owner and root can write to it.
result<plugin_note> read_plugin_note(const std::string& path);

}  // namespace hocket
