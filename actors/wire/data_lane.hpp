#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/wire/node_core.hpp"
#include "actors/wire/shm_channel.hpp"
#include "graph/schema/wire_messages.hpp"

namespace hocket::wire {

/// The way of data records to one peer: into shared memory where that is up, else onto the socket,
/// small records that follow each other quickly together in one message.
///
/// Threads: one at a time (under the peer's lock). Latency: a record that comes alone goes out at
/// once, from the caller's thread; in a burst the others wait for the node's thread, which is
/// awake.
class data_lane {
 public:
  /// `want_flush`: called when records wait that only flush() will send.
  explicit data_lane(std::function<void()> want_flush) : want_flush_(std::move(want_flush)) {}

  void open(std::shared_ptr<shared_socket> socket, std::string route, std::uint64_t connection);
  void use(std::unique_ptr<shm_writer> writer) { writer_ = std::move(writer); }
  void close();
  bool is_open() const { return socket_ != nullptr; }
  shm_writer* writer() const { return writer_.get(); }

  /// Room for a payload in the memory that the peer shares; see shm_writer::allocate(). Empty
  /// without such memory, and for what is so small that it travels inside the message.
  std::optional<writable_buffer> allocate(std::size_t size_bytes);

  /// A record without bulk frames.
  void put(std::uint32_t link, data_body body);
  void put(std::uint32_t link, std::uint64_t seq, const encoded_packet& p);
  /// On both ways, so that each is seen to live.
  void put_beat(std::uint64_t number);
  void flush();

  std::uint64_t bytes = 0, shm_packets = 0, shm_fallbacks = 0, shm_in_place = 0;

 private:
  bool put_shared(std::uint32_t link, std::uint64_t seq, const encoded_packet& p);
  bool write_shared(data_record&& r);
  void add(data_record&& r, std::vector<buffer>&& frames, std::size_t size);

  std::function<void()> want_flush_;
  std::shared_ptr<shared_socket> socket_;
  std::string route_;
  std::unique_ptr<shm_writer> writer_;
  data_frame batch_;
  std::vector<buffer> frames_;
  std::string message_;  ///< the last one into shared memory: its room is used again
  std::size_t batch_bytes_ = 0;
  std::int64_t last_ns_ = 0;
};

}  // namespace hocket::wire
