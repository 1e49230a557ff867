// What computes: devices and the machines that hold them, as their makers publish them.
#pragma once

#include <string>
#include <vector>

#include "graph/contract/config.hpp"

namespace hocket::planning {

/// One kind of device. Figures are dense (no sparsity), per device, as published; `*_share` is what of
/// them a real program gets.
struct machine final : config_base {
  std::string name;
  std::string source;                                      ///< where the figures stand
  double memory_gb = 0;                                    ///< 1e9 bytes
  double memory_gb_per_s = 0;                              ///< bandwidth of that memory
  double bf16_tflops = 0, fp8_tflops = 0, fp4_tflops = 0;  ///< 0 = not computed in it
  double watts = 0;                                        ///< of the device at work
  double host_watts = 0;     ///< of its share of the machine around it
  std::int64_t devices = 1;  ///< in a machine, that can share one model
  double link_gb_per_s = 0;  ///< between them, each way
  double link_us = 0;        ///< of a collective among them, without its bytes
  double pass_us = 0;        ///< to begin a pass over the network
  double layer_us = 0;       ///< per layer of a pass: launches and what does not overlap
  double memory_share = 0.7, compute_share = 0.5;
  double usable_share = 0.92;  ///< of the memory
  double eur_per_hour = 0;     ///< of one device with its share of the machine; an assumption
  void visit(config_visitor& v) override;
  /// Operations per second in `arithmetic`; what is not computed in it uses the next wider one.
  double flops(const std::string& arithmetic) const;
};

/// Reads configs/plan/machines.yaml: `machines: {name: {…}}`. A hole (no bandwidth, no source) is a
/// finding that names the machine and the key. *Errors* (findings): plan.file, plan.machine, those of
/// the YAML and config readers.
std::vector<machine> read_machines(const std::string& path, diagnostics& findings);

}  // namespace hocket::planning
