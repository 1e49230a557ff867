#include "engine/transformer/choice_count.hpp"

#include <utility>

namespace hocket::engine {
namespace {
thread_local choice_counts* counting = nullptr;
}

counted_choices::counted_choices(choice_counts* counts)
    : before_(std::exchange(counting, counts)) {}
counted_choices::~counted_choices() { counting = before_; }

void counted_choices::add(const void* correction, std::size_t count,
                          std::span<const std::int64_t> experts) {
  if (!counting) return;
  auto& rows = (*counting)[correction];
  rows.resize(count);
  for (const auto e : experts) ++rows[static_cast<std::size_t>(e)];
}

}  // namespace hocket::engine
