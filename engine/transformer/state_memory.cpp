#include "engine/transformer/state_memory.hpp"

#include <algorithm>
#include <cstring>

#include <ATen/ATen.h>

#include "graph/core/assert.hpp"

namespace hocket::engine {
namespace {

constexpr std::int64_t every = page_shape::positions;
static_assert(every >= paged_layer::slack);  // the last two states reach back far enough

}  // namespace

// A row is seen by its convolutions, and by whoever reads up to `every` rows again.
state_memory::state_memory(const state_space_config& c)
    : kernel_(c.kernel),
      shape_{1, 0, static_cast<int>((c.state_size() + every - 1) / every)},
      inputs_({1, 0, c.convolved() + c.heads}, c.kernel + every) {}

void state_memory::write(const float* rows, std::int64_t stride, std::int64_t first,
                         std::int64_t count) {
  const auto width = std::int64_t{inputs_.shape().value_dim};
  go_back(first);
  inputs_.forget_before(first);
  inputs_.make_room(first, first + count);
  for (std::int64_t i = 0; i < count; ++i)
    std::memcpy(const_cast<float*>(row(first + i)), rows + i * stride,
                static_cast<std::size_t>(width) * sizeof(float));
}

const float* state_memory::row(std::int64_t position) const {
  return inputs_.page(position / every) + position % every * inputs_.shape().value_stride();
}

/// A pass from `first` to `end` keeps what leads back to its beginning, should it be given up, and what leads
/// back from its end.
bool state_memory::is_due(std::int64_t position, std::int64_t first, std::int64_t end) const {
  if (position == 0 || position % every != 0) return false;
  return position <= first || position >= (end - paged_layer::slack) / every * every;
}

std::int64_t state_memory::rows_at_once(std::int64_t first, std::int64_t end) const {
  auto to = (now_.position / every + 1) * every;
  while (to < end && !is_due(to, first, end)) to += every;
  return std::min(to, end) - now_.position;
}

float* state_memory::move_on(std::int64_t count, std::int64_t first, std::int64_t end) {
  const bool kept = !kept_.empty() && kept_.back().position == now_.position;
  if (!kept && is_due(now_.position, first, end)) kept_.push_back(now_);
  if (!now_.state) {
    now_.state = kv_page(shape_);
  } else if (!now_.state.alone()) {
    kv_page own(shape_);
    std::memcpy(own.data(), now_.state.data(), shape_.bytes());
    now_.state = std::move(own);
  }
  now_.position += count;
  return now_.state.data();
}

void state_memory::go_back(std::int64_t position) {
  if (now_.position <= position) {
    HOCKET_ASSERT(leads_to(now_, position));
    return;
  }
  while (!kept_.empty() && kept_.back().position > position) kept_.pop_back();
  now_ = kept_.empty() ? moment() : kept_.back();
  HOCKET_ASSERT(leads_to(now_, position));
}

bool state_memory::leads_to(const moment& from, std::int64_t position) const {
  return from.position <= position &&
         (from.position == position ||
          std::max<std::int64_t>(0, from.position - kernel_ + 1) >= inputs_.first_held());
}

void state_memory::forget_before(std::int64_t next) {
  inputs_.forget_before(next);
  const auto wanted = std::max<std::int64_t>(0, next - paged_layer::slack) / every * every;
  std::erase_if(kept_, [&](const moment& m) { return m.position < wanted; });
}

bool state_memory::remembers(std::int64_t position) const {
  if (plain_state.defined() || !inputs_.remembers(position)) return false;
  return leads_to(now_, position) || leads_to({}, position) ||
         std::ranges::any_of(kept_, [&](const moment& m) { return leads_to(m, position); });
}

void state_memory::rewind(std::int64_t length) {
  go_back(length);
  inputs_.rewind(length);
}

void state_memory::visit(const std::function<void(const void*, std::size_t)>& with) const {
  inputs_.visit(with);
  for (const auto& m : kept_) with(m.state.data(), shape_.bytes());
  const bool shown = !kept_.empty() && now_.state && kept_.back().state.data() == now_.state.data();
  if (now_.state && !shown) with(now_.state.data(), shape_.bytes());
}

std::size_t state_memory::bytes() const {
  std::size_t sum = 0;
  visit([&](const void*, std::size_t bytes) { sum += bytes; });
  if (plain_state.defined()) sum += plain_state.nbytes() + plain_inputs.nbytes();
  return sum;
}

}  // namespace hocket::engine
