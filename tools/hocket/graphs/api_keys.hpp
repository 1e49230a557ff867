// Keys of clients: of the gateway and of the training server.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::trust {
class folder;
}

namespace hocket::cli {

/// Keys of the training server.
struct tinker_keys_options {
  std::vector<std::string> names;  ///< of who gets one
  std::string scopes = "train,sample,export";
  std::int64_t models = 0, stored_mib = 0, tokens_per_minute = 0, futures = 0;  ///< 0: as usual
  std::string dir = "keys";
  bool json = false;
};
int run_tinker_keys(const tinker_keys_options&);

/// Up to 64 letters, digits, `_`, `-`, `.` and `@`.
bool is_key_name(const std::string& name);
/// What a file of keys holds; `first` where there is none yet. *Errors*: files.*
result<std::string> lines_of_keys(const trust::folder& dir, const std::string& file,
                                  const std::string& first);

}  // namespace hocket::cli
