#pragma once

#include <memory>

#include "actors/process/channel.hpp"
#include "actors/process/child_main.hpp"

namespace hocket::process {

struct worker_pipes {
  int calls = -1;    ///< frames come
  int replies = -1;  ///< emissions and answers go
  int events = -1;   ///< what is said beside goes, from any thread
};

/// Works on calls until they end. Exit codes: 0; 2: what came is no call.
int work(const child_setup& setup, const worker_pipes& pipes, std::shared_ptr<channel> packets);

}  // namespace hocket::process
