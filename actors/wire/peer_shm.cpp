// Shared memory between two processes of one machine. Each offers an arena for what it sends; the
// other maps it and proves with the secret inside that both see the same memory. Whatever fails
// here leaves the connection on its socket.
#include <fmt/format.h>

#include "actors/wire/peer.hpp"

namespace hocket::wire {

std::optional<writable_buffer> peer::allocate(std::size_t size_bytes) {
  std::lock_guard lock(books_);
  return lane_.allocate(size_bytes);
}

void peer::offer_arena() {
  offer_due_ = false;
  offered_.reset();
  {
    std::lock_guard lock(books_);
    if (out_.empty() && in_.empty()) return;
    if (!same_machine_ || !their_shm_ || !core_.options.shared_memory) return;
  }
  auto arena =
      shm_arena::create(core_.options.shm_dir,
                        options_.shm_bytes != 0 ? options_.shm_bytes : core_.options.shm_bytes);
  if (!arena) {
    std::lock_guard lock(books_);
    shm_reason_ = arena.error().message;
    return;
  }
  offered_ = std::make_unique<shm_writer>(*arena);
  send_control_frame(shm_offer{(*arena)->file(), (*arena)->size_bytes()});
}

void peer::offered(const shm_offer& o) {
  result<std::shared_ptr<shm_arena>> arena =
      fail(wire_error::no_shared_memory,
           reader_ ? "there is an arena already" : "shared memory is off here");
  if (core_.options.shared_memory && !reader_)
    arena = shm_arena::open(core_.options.shm_dir, o.file, o.size_bytes);
  if (!arena) {
    {
      std::lock_guard lock(books_);
      shm_reason_ = arena.error().message;
    }
    return send_control_frame(shm_answer{"", arena.error().message});
  }
  send_control_frame(shm_answer{(*arena)->secret(), ""});
  // The reader's thread may call before the assignment is done: it gets the reader from itself.
  reader_ = std::make_unique<shm_reader>(
      *arena, [this](shm_reader& from, std::span<const std::byte> message, std::int64_t came_ns) {
        data_message("", message, {}, &from, came_ns);
      });
}

void peer::answered(const shm_answer& a) {
  auto writer = std::move(offered_);
  if (!writer) return;
  std::lock_guard lock(books_);
  if (a.secret == writer->arena().secret()) {
    writer->arena().unlink();
    lane_.use(std::move(writer));
    shm_reason_.clear();
  } else {
    shm_reason_ = a.refused.empty() ? "the peer did not find our secret in the arena"
                                    : "the peer refused: " + a.refused.substr(0, 256);
  }
}

}  // namespace hocket::wire
