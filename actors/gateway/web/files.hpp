#pragma once

#include <span>
#include <string_view>

namespace hocket::gateway::web {

/// One file of the page.
struct file {
  std::string_view path;  ///< "/index.html"
  std::string_view content;
};

/// All of them.
std::span<const file> files();

}  // namespace hocket::gateway::web
