#include "actors/gateway/tinker/free_memory.hpp"

#include <malloc.h>

namespace hocket::tinker {

free_memory::free_memory() : free_memory([] { malloc_trim(0); }) {}

void free_memory::note(bool is_busy, clock::time_point now) {
  if (is_busy) {
    if (!has_worked_) has_worked_ = true, since_ = now;
    last_busy_ = now;
  }
  if (!has_worked_ || (now - last_busy_ < at_rest && now - since_ < while_busy)) return;
  has_worked_ = false;
  give_back_();
}

}  // namespace hocket::tinker
