#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "graph/contract/payload.hpp"
#include "graph/core/result.hpp"

namespace hocket::gateway {

/// Decodes what clients show, on a thread of its own: one after the other, of each client the newest
/// alone. So a client costs the others a picture at a time, whatever it sends.
/// Threads: any. The thread begins with the first picture.
class picture_desk {
 public:
  using teller = std::function<void(result<video_frame>)>;
  static constexpr std::size_t most_bytes = 64 << 20;  ///< of all that waits
  static constexpr std::int32_t side = 320;            ///< pixels; see decode_picture

  ~picture_desk() { stop(); }
  /// `then` runs on the desk's thread. How many pictures are left out for it: one that waited and is
  /// older, or this one where too much waits.
  int show(const void* who, std::string bytes, teller then);
  void stop();

 private:
  struct job {
    const void* who;
    std::string bytes;
    teller then;
  };
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<job> jobs_;
  std::size_t bytes_ = 0;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace hocket::gateway
