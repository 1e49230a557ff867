#pragma once

#include <string>
#include <vector>

#include "graph/core/result.hpp"
#include "graph/spec/plan.hpp"
#include "graph/trust/sandbox/kernel.hpp"

namespace hocket::cli {

/// One thing that was looked at.
struct finding {
  enum class grade : std::uint8_t { good, warning, bad };
  std::string what;  ///< "OpenBLAS"
  grade how = grade::good;
  std::string detail;  ///< what was found
  std::string remedy;  ///< what to do; empty where all is good
};

/// The machine: processor features, threads, memory, disk, libraries, programs, sound devices.
std::vector<finding> examine_machine(const std::string& out_dir);
/// GStreamer and the elements that the built-in components use.
std::vector<finding> examine_gstreamer(const std::vector<std::string>& elements);
/// Every model folder: config, weights (sizes and offsets as their header says), vocabulary.
std::vector<finding> examine_models(const std::string& folder);
/// Files and pipeline elements that a graph names.
std::vector<finding> examine_graph(const plan& graph);

/// What confines the processes of actors with `process: own` here (doctor_process.cpp).
void examine_processes(const plan& graph, std::vector<finding>& out);

/// A program in a sandbox, which is as good as what the kernel holds of it. `egress`: it may reach named
/// addresses alone.
finding examine_sandboxed(const std::string& what, bool network, bool egress,
                          const trust::kernel_support& kernel);

/// What is weak on this machine and, where one is given, in a graph (doctor_security.cpp).
std::vector<finding> examine_security(const plan* graph, const std::string& out_dir);

/// What is wrong with a safetensors file; empty where its header covers exactly its bytes.
std::string safetensors_fault(const std::string& path);

}  // namespace hocket::cli
