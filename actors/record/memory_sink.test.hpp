#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "actors/record/mcap_file.hpp"

namespace hocket::testing {

/// A disk in memory that fills up, empties and stands still on command.
struct memory_disk {
  std::mutex mutex;
  std::condition_variable moved;
  std::string bytes;
  std::size_t room = SIZE_MAX;
  std::size_t reserve = 0;  ///< more room for the end, once begin_end() was called
  bool stuck = false;

  void set_stuck(bool on) {
    std::lock_guard lock(mutex);
    stuck = on;
    moved.notify_all();
  }
  std::string content() {
    std::lock_guard lock(mutex);
    return bytes;
  }
};

class memory_sink final : public record::byte_sink {
 public:
  explicit memory_sink(std::shared_ptr<memory_disk> disk) : disk_(std::move(disk)) {}
  result<void> append(std::string_view bytes) override {
    std::unique_lock lock(disk_->mutex);
    disk_->moved.wait(lock, [&] { return !disk_->stuck; });
    if (disk_->bytes.size() + bytes.size() > disk_->room)
      return fail(record::mcap_error::cannot_write, "test.mcap: No space left on device");
    disk_->bytes += bytes;
    return {};
  }
  void begin_end() override {
    std::lock_guard lock(disk_->mutex);
    if (disk_->room != SIZE_MAX) disk_->room += disk_->reserve;
  }

 private:
  std::shared_ptr<memory_disk> disk_;
};

}  // namespace hocket::testing
