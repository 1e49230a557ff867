// Samples for a server that is on another host.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "actors/gateway/tinker/engine/engine.hpp"
#include "actors/gateway/tinker/engine/request_desk.hpp"

namespace hocket::tinker {

/// Does what a server asks of its sampler. It keeps the adapters that were used last, by the hash of
/// their files; one that it does not have is answered with tinker.unknown_adapter.
/// *Threads*: those of the engine; `take` by one. *Memory*: `adapter_bytes` of adapters, one at least.
class sampler_desk {
 public:
  static constexpr std::size_t adapter_bytes = std::size_t{1} << 30;

  sampler_desk(std::shared_ptr<const served_model> base, worker_identity is,
               std::function<void(std::string piece)> send,
               std::unique_ptr<sampling_engine> engine = sample_here());
  ~sampler_desk();
  result<bool> take(std::string_view piece) { return desk_.take(piece); }

 private:
  struct held {
    std::string sha256;
    adapter_ptr adapter;
    std::size_t bytes;
  };
  void begin(const asked& to, result<work> what);
  result<std::string> keep(lora::adapter_files files);
  void sample(const asked& to, sample_work what);

  const std::shared_ptr<const served_model> base_;
  std::list<held> adapters_;  ///< of `take` alone; the one used last is first
  std::mutex mutex_;
  std::set<asked> cancelled_;
  request_desk desk_;
  std::unique_ptr<sampling_engine> engine_;  ///< ends first: it answers through the desk
};

}  // namespace hocket::tinker
