#include "actors/host/process_maker.hpp"

#include <mutex>
#include <utility>

namespace hocket::host {
namespace {

std::mutex mutex;
std::shared_ptr<process_maker> current;

}  // namespace

void set_process_maker(std::shared_ptr<process_maker> maker) {
  std::lock_guard lock(mutex);
  current = std::move(maker);
}

std::shared_ptr<process_maker> the_process_maker() {
  std::lock_guard lock(mutex);
  return current;
}

}  // namespace hocket::host
