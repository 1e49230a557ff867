// The server behind gateway.tinker. No engine in this header.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
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
  /// Trainer and sampler are actors of the graph: no weights are opened here.
  bool is_linked = false;
  std::int64_t gone_after_s = 30;  ///< of a worker that says nothing
  bool same_bits = true;           ///< a sampler that computes other bits is refused
};

/// Packets to the workers, and what is to be told of them: on any thread, only handed over.
struct server_links {
  std::function<void(std::string piece)> to_trainer, to_sampler;
  std::function<void(std::string line)> tell;
};

/// A client saved weights to sample from: on the server's thread.
using saved_adapter =
    std::function<void(const std::string& owner, const std::string& name, adapter what)>;

class running_server {
 public:
  virtual ~running_server() = default;
  virtual const std::string& url() const = 0;
  virtual const std::vector<std::string>& complaints() const = 0;
  /// Where it is linked: packets of a worker (true: it ended a message; false: not, or it was none), and
  /// time, a few times a second.
  virtual bool trained(std::string_view /*piece*/) { return false; }
  virtual bool sampled(std::string_view /*piece*/) { return false; }
  virtual void tick() {}
  virtual std::int64_t bad_messages() const { return 0; }
};

/// Errors: model.*, tinker.open_door, tinker.bad_keys, http.*, files.*; tinker.no_engine where this build
/// has none.
result<std::unique_ptr<running_server>> start_server(const server_settings& s,
                                                     saved_adapter on_saved, server_links links);

struct worker_settings {
  std::string model;
  std::int64_t context = 2048;
  std::string precision = "fp32";
  bool trains = false;  ///< or it samples
};

/// Who works behind `trainer.engine` or `trainer.sampler`.
class running_worker {
 public:
  virtual ~running_worker() = default;
  /// A packet of its server; true: it ended a message. Errors: tinker.bad_work.
  virtual result<bool> take(std::string_view piece) = 0;
};

/// `send`: a packet to the server, on any thread.
/// Errors: model.*, language.*; tinker.no_engine where this build has none.
result<std::unique_ptr<running_worker>> start_worker(const worker_settings& s,
                                                     std::function<void(std::string piece)> send);

}  // namespace hocket::tinker
