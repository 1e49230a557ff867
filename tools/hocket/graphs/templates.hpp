#pragma once

#include <string>
#include <vector>

namespace hocket::cli {

struct template_file {
  std::string name;  ///< relative to the new folder
  std::string text;
};

/// The files of a new plugin. `kind` is component or tool; `type` the registered name
/// (`group.name`, or a tool's word); `word` the folder and plugin name.
/// `out_of_tree`: with a project of its own that finds an installed Hocket.
std::vector<template_file> plugin_template(const std::string& kind, const std::string& type,
                                           const std::string& word, bool out_of_tree);

}  // namespace hocket::cli
