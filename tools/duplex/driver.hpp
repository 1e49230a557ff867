// Plays items to a graph and writes down what it does.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "graph/core/result.hpp"
#include "tools/duplex/item.hpp"
#include "tools/duplex/subject.hpp"
#include "tools/duplex/timeline.hpp"

namespace hocket::duplex {

struct drive_options {
  bool real_time = false;
  std::string work_dir;  ///< what the graph's own recorders write; the caller removes it
};

/// What one item gave.
struct driven {
  timeline did;
  std::vector<float> sound;      ///< [samples] 16 kHz, the model's, on the item's clock
  std::size_t first_border = 0;  ///< sample at which one of its micro-turns begins, below 3200
};

/// Runs the graph once, one session per item, all at once; the person's source and the camera are
/// replaced by the items, actors that only write files are left out. In virtual time the result is a
/// pure function of graph and items (and their order: a session's number seeds the model's noise).
/// *Errors*: those of the host; duplex.run where the graph fails on the way.
result<std::vector<driven>> drive(const subject& what, std::span<const item* const> items,
                                  const drive_options& how);

}  // namespace hocket::duplex
