// The commands that serve.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/hocket/commands.hpp"

namespace hocket::cli {

struct serve_tinker_options {
  std::string model;
  std::vector<std::string> names;  ///< empty: the folder's name
  std::string listen = "tcp://127.0.0.1:8000";
  std::string out = "out/tinker";
  std::string keys;          ///< file; "": every key is a tenant of its own
  std::int64_t context = 0;  ///< 0: as the model says
  double alpha = 32;
  std::string precision = "fp32";
  int at_once = 1;
  std::string ledger, policy;  ///< "": no cards, no gates
  bool json = false;
};
int run_serve_tinker(const serve_tinker_options&);

}  // namespace hocket::cli
