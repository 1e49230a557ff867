#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "actors/wire/node.hpp"

namespace hocket::distributed {

/// What a run over several hosts needs of `actors/wire`: one process's end of all its links. In
/// tests a fake that delivers within the process stands in for it.
///
/// Threads and meaning: as `wire::node` says.
class transport {
 public:
  virtual ~transport() = default;
  virtual void begin() = 0;
  virtual wire::sent_how send(std::uint32_t link, const packet& p) = 0;
  virtual std::optional<writable_buffer> allocate(std::uint32_t /*link*/,
                                                  std::size_t /*size_bytes*/) {
    return {};
  }
  virtual bool send_control(const std::string& peer, wire::host_message m) = 0;
  virtual void consumed(std::uint32_t link, std::uint32_t packets) = 0;
  virtual bool flush(int limit_ms) = 0;
  virtual result<void> add_link(const wire::remote_link& link) = 0;
  virtual void open_link(std::uint32_t link) = 0;
  virtual void change_link(const wire::remote_link& link) = 0;
  virtual void retire_link(std::uint32_t link) = 0;
  virtual void set_graph(const std::string& hash, const std::string& note) = 0;
  virtual void set_next_graph(const std::string& hash) = 0;
  virtual wire::node_status status() const = 0;
  virtual std::string listening() const = 0;
};

using open_transport = std::function<result<std::unique_ptr<transport>>(wire::node_options options,
                                                                        wire::node_events& events)>;

}  // namespace hocket::distributed
