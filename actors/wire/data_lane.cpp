#include "actors/wire/data_lane.hpp"

#include "graph/core/clock.hpp"

namespace hocket::wire {
namespace {

/// Bulk bytes up to this travel inside the message: a block, or a frame of ZeroMQ with its hand-
/// over between two threads on each side, costs more than the copies.
constexpr std::size_t inside_arena_bytes = 512, inside_socket_bytes = 4096;
/// Records closer together than this belong to a burst.
constexpr std::int64_t burst_ns = 15'000;
constexpr std::size_t batch_bytes_max = 64u << 10, batch_records_max = 128;

bulk_place inside(const buffer& b) {
  bulk_place place;
  place.inside.assign(reinterpret_cast<const char*>(b.bytes().data()), b.size_bytes());
  place.size_bytes = b.size_bytes();
  return place;
}

}  // namespace

void data_lane::open(std::shared_ptr<shared_socket> socket, std::string route,
                     std::uint64_t connection) {
  close();
  socket_ = std::move(socket);
  route_ = std::move(route);
  batch_.connection = connection;
}

void data_lane::close() {
  socket_.reset();
  writer_.reset();
  batch_.records.clear();
  frames_.clear();
  batch_bytes_ = 0;
}

std::optional<writable_buffer> data_lane::allocate(std::size_t size_bytes) {
  if (!writer_ || size_bytes <= inside_arena_bytes) return {};
  return writer_->allocate(size_bytes);
}

void data_lane::put(std::uint32_t link, data_body body) {
  if (!is_open()) return;
  data_record r{link, std::move(body)};
  if (writer_ && write_shared(std::move(r))) return;
  add(std::move(r), {}, 64);
}

void data_lane::put(std::uint32_t link, std::uint64_t seq, const encoded_packet& p) {
  if (!is_open()) return;
  if (writer_) {
    if (put_shared(link, seq, p)) {
      ++shm_packets;
      return;
    }
    ++shm_fallbacks;
  }
  packet_record record{seq, p.head, {}};
  std::vector<buffer> frames;
  std::size_t size = p.head.size();
  for (const auto& b : p.bulk) {
    size += b.size_bytes();
    if (b.size_bytes() <= inside_socket_bytes) {
      record.bulk.push_back(inside(b));
      continue;
    }
    auto& place = record.bulk.emplace_back();
    place.how = bulk_place::way::frame;
    place.size_bytes = b.size_bytes();
    frames.push_back(b);
  }
  bytes += size;
  add({link, std::move(record)}, std::move(frames), size);
}

bool data_lane::put_shared(std::uint32_t link, std::uint64_t seq, const encoded_packet& p) {
  packet_record record{seq, {}, {}};
  record.bulk.reserve(p.bulk.size());
  std::vector<shm_writer::block> blocks;
  bool placed = true, copied = false;
  std::size_t size = p.head.size();
  for (const auto& b : p.bulk) {
    size += b.size_bytes();
    if (b.size_bytes() <= inside_arena_bytes) {
      record.bulk.push_back(inside(b));
      continue;
    }
    auto block = writer_->lend(b);
    if (!block) {
      copied = true;
      block = writer_->place(b.bytes());
    }
    if (!block) {
      placed = false;
      break;
    }
    blocks.push_back(*block);
    record.bulk.push_back(
        {bulk_place::way::arena, {}, block->lease, block->offset_bytes, block->size_bytes});
  }
  if (placed) {
    message_.clear();
    append_frame(batch_.connection, link, record, p.head, message_);
    placed = writer_->write(std::as_bytes(std::span(message_)));
  }
  if (placed) bytes += size;
  if (placed && !copied && !blocks.empty()) ++shm_in_place;
  if (!placed)
    for (const auto& block : blocks) writer_->take_back(block);
  return placed;
}

bool data_lane::write_shared(data_record&& r) {
  data_frame f;
  f.connection = batch_.connection;
  f.records.push_back(std::move(r));
  const auto message = encode(f);
  if (writer_->write(std::as_bytes(std::span(message)))) return true;
  r = std::move(f.records.front());
  return false;
}

void data_lane::put_beat(std::uint64_t number) {
  if (!is_open()) return;
  const data_record r{0, beat{number, 0, 0, 0}};
  if (writer_) write_shared(data_record(r));
  add(data_record(r), {}, 64);
}

void data_lane::add(data_record&& r, std::vector<buffer>&& frames, std::size_t size) {
  const auto now = monotonic_ns();
  const bool alone = batch_.records.empty() && now - last_ns_ > burst_ns;
  last_ns_ = now;
  batch_.records.push_back(std::move(r));
  batch_bytes_ += size;
  for (auto& f : frames) frames_.push_back(std::move(f));
  if (alone || batch_bytes_ >= batch_bytes_max || batch_.records.size() >= batch_records_max)
    flush();
  else if (batch_.records.size() == 1)
    want_flush_();
}

void data_lane::flush() {
  if (!is_open() || batch_.records.empty()) return;
  // A peer that is gone without a word: heartbeats will tell; its packets are in the books.
  socket_->send(route_, encode(batch_), frames_);
  batch_.records.clear();
  frames_.clear();
  batch_bytes_ = 0;
}

}  // namespace hocket::wire
