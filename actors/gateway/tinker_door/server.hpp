// The server behind gateway.tinker. No engine in this header.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graph/contract/payload.hpp"
#include "graph/core/result.hpp"

namespace hocket::tinker {

struct server_settings {
  std::string address = "tcp://127.0.0.1:8000", model, keys_file, folder;
  std::vector<std::string> names;
  std::int64_t context = 2048;
  double alpha = 32;
  std::string precision = "fp32";
};

/// A client saved weights to sample from: on the server's thread.
using saved_adapter =
    std::function<void(const std::string& owner, const std::string& name, adapter what)>;

class running_server {
 public:
  virtual ~running_server() = default;
  virtual const std::string& url() const = 0;
  virtual const std::vector<std::string>& complaints() const = 0;
};

/// Errors: model.*, tinker.open_door, tinker.bad_keys, http.*, files.*; tinker.no_engine where this build
/// has none.
result<std::unique_ptr<running_server>> start_server(const server_settings& s,
                                                     saved_adapter on_saved);

}  // namespace hocket::tinker
