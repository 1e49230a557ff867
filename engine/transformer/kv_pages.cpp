#include "engine/transformer/kv_pages.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "graph/core/assert.hpp"

namespace hocket::engine {

kv_page::kv_page(const page_shape& shape) {
  void* memory = ::operator new (sizeof(block) + shape.bytes(), std::align_val_t{64});
  held_ = new (memory) block;
  std::memset(data(), 0, shape.bytes());
}

void kv_page::release() {
  if (!held_ || held_->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  held_->~block();
  ::operator delete (held_, std::align_val_t{64});
}

std::int64_t paged_layer::first_seen(std::int64_t position) const {
  return window_ > 0 ? std::max<std::int64_t>(0, position - window_ + 1) : 0;
}

void paged_layer::start_at(std::int64_t position) {
  HOCKET_ASSERT(pages_.empty());
  first_page_ = position / page_shape::positions;
}

void paged_layer::make_room(std::int64_t first, std::int64_t end) {
  constexpr auto size = page_shape::positions;
  HOCKET_ASSERT(first / size >= first_page_);
  for (std::int64_t index = first / size; index * size < end; ++index) {
    const auto at = static_cast<std::size_t>(index - first_page_);
    HOCKET_ASSERT(at <= pages_.size());
    if (at == pages_.size()) {
      pages_.emplace_back(shape_);
    } else if (!pages_[at].alone()) {
      kv_page own(shape_);
      if (index * size < first) std::memcpy(own.data(), pages_[at].data(), shape_.bytes());
      pages_[at] = std::move(own);
    }
  }
}

void paged_layer::forget_before(std::int64_t next) {
  const auto wanted = first_seen(std::max<std::int64_t>(0, next - slack)) / page_shape::positions;
  const auto gone = std::min(wanted - first_page_, static_cast<std::int64_t>(pages_.size()));
  if (gone <= 0) return;
  pages_.erase(pages_.begin(), pages_.begin() + gone);
  first_page_ += gone;
}

bool paged_layer::remembers(std::int64_t position) const {
  return first_seen(position) >= first_page_ * page_shape::positions;
}

void paged_layer::rewind(std::int64_t length) {
  constexpr auto size = page_shape::positions;
  const auto kept = (length + size - 1) / size - first_page_;
  if (kept < static_cast<std::int64_t>(pages_.size()))
    pages_.erase(pages_.begin() + std::max<std::int64_t>(0, kept), pages_.end());
}

void paged_layer::visit(const std::function<void(const void*, std::size_t)>& with) const {
  for (const auto& p : pages_) with(p.data(), shape_.bytes());
}

}  // namespace hocket::engine
