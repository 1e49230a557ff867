#pragma once

#include <string>

#include "graph/contract/component.hpp"

namespace hocket::record {

/// Says once that a disk refuses what a component writes, and once that it takes it again. The run
/// goes on either way: what is missing is counted by the component.
class disk_watch {
 public:
  void note(const context& where, const std::string& path, const result<void>& done) {
    if (done.has_value() != troubled_) return;
    troubled_ = !troubled_;
    where.log(troubled_ ? done.error().message + ": " + path + " has a gap"
                        : path + ": written again");
    if (troubled_) where.count("disk_refused", 1);
  }
  bool troubled() const { return troubled_; }

 private:
  bool troubled_ = false;
};

}  // namespace hocket::record
