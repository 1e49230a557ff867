#pragma once

#include <string>
#include <vector>

#include "graph/contract/registry.hpp"
#include "graph/trust/sandbox/sandbox.hpp"

namespace hocket::process {

/// Whether a plugin is Python: a file `x.py`, or a folder with an `__init__.py`.
bool is_python(const std::string& file);

/// Whether it can be one, without running anything. Errors: plugin.cannot_load (not there, no file, of
/// another user, or everybody can write to it).
result<void> check_python(const std::string& file);

/// How the classes of a file are run.
struct python_command {
  trust::sandbox_command command;
  trust::sandbox_rules rules;  ///< what Python, the package and the file need
};
/// The interpreter: HOCKET_PYTHON; else `.venv/bin/python3` beside the file; else the first python3 of
/// PATH that is a program, not a script. The package: of this program; else the interpreter's own.
/// Errors: python.no_interpreter.
result<python_command> python_for(const std::string& file);

/// What a file declares, as a manifest (graph/spec/manifest.hpp): a child that reaches the file alone,
/// and no network, loads it. Errors: python.no_interpreter, python.old_version, python.no_package,
/// python.bad_module (its exception, with file and line).
result<std::string> describe_python(const std::string& file, const std::string& digest);

/// Adds what a file declares: components, which run in processes of their own, and tools, each call of
/// which is one of a confined child. Errors: as describe_python, and what the registry refuses.
result<void> add_python(const std::string& file, const std::string& digest, registry& into);

/// The folder that holds the package `hocket` of this program; "" where only an interpreter can have it.
std::string python_package();

/// "python.module.Class" -> "Class"; "" where it is of another kind.
std::string python_class(const std::string& type);

}  // namespace hocket::process
