#pragma once

#include <string>
#include <vector>

#include "tools/hocket/graphs/templates.hpp"

namespace hocket::cli {

/// The files of a repository of one's own for an installed Hocket: a plugin with its test, a graph that
/// uses it, a test that runs the graph, one command for all of them, CI. `word`: its name.
/// The plugin is a component in C++, or a tool in Python.
std::vector<template_file> project_template(const std::string& word, bool python);

}  // namespace hocket::cli
