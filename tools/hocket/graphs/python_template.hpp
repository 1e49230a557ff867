#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/hocket/graphs/templates.hpp"

namespace hocket::cli {

/// The files of a tool or component in Python, with a test and a graph. `word`: its module.
std::vector<template_file> python_template(const std::string& kind, const std::string& word);

/// Whether Python, or a module of its standard library, has the name already.
bool is_taken_in_python(std::string_view name);

}  // namespace hocket::cli
