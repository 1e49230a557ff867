#pragma once

#include <string>
#include <vector>

#include "tools/hocket/graphs/templates.hpp"

namespace hocket::cli {

/// The files of a tool or component in Python, with a test and a graph. `word`: its module.
std::vector<template_file> python_template(const std::string& kind, const std::string& word);

}  // namespace hocket::cli
