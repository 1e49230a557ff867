#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::cli {

/// This program again, as a child process that ends with this object.
class served_program {
 public:
  /// `words`: what stands after `hocket`; all that it says goes into the file `log`.
  /// *Errors*: bench.no_server.
  static result<std::unique_ptr<served_program>> start(std::vector<std::string> words,
                                                       const std::string& log);
  ~served_program();

  double rss_mib() const;
  double threads() const;
  /// CPU time that it has used so far.
  double cpu_seconds() const;
  bool is_alive() const;
  std::string said() const;

 private:
  int pid_ = -1;
  std::string log_;
};

std::string text_of_file(const std::string& path);

}  // namespace hocket::cli
