#include "engine/language/generation/prefix_cache.hpp"

#include <algorithm>

namespace hocket::language {
namespace {

std::size_t shared(std::span<const token_id> a, std::span<const token_id> b) {
  const auto n = std::min(a.size(), b.size());
  return static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(n), b.begin()).first -
      a.begin());
}

}  // namespace

std::optional<prefix_cache::found> prefix_cache::find(const language_model& model,
                                                      std::span<const token_id> prompt,
                                                      std::size_t least) {
  if (prompt.empty()) return {};
  const std::lock_guard lock(mutex_);
  auto best = entries_.end();
  std::size_t length = least;
  for (auto e = entries_.begin(); e != entries_.end(); ++e) {
    if (&e->sequence.model() != &model) continue;
    const auto same = std::min(shared(e->tokens, prompt), prompt.size() - 1);
    if (same > length && e->sequence.can_rewind(static_cast<std::int64_t>(same)))
      best = e, length = same;
  }
  if (best == entries_.end()) return {};
  entries_.splice(entries_.begin(), entries_, best);
  auto copy = best->sequence.fork();
  if (!copy.rewind(static_cast<std::int64_t>(length))) return {};
  return found{std::move(copy), length};
}

prefix_cache::entries::iterator prefix_cache::drop(entries::iterator at) {
  at->sequence.visit_pages([&](const void* page, std::size_t bytes) {
    const auto found = pages_.find(page);
    if (--found->second > 0) return;
    pages_.erase(found);
    bytes_ -= bytes;
  });
  return entries_.erase(at);
}

void prefix_cache::keep(const language_sequence& sequence, std::vector<token_id> tokens) {
  if (tokens.empty() || sequence.memory_bytes() > max_bytes_) return;
  auto copy = sequence.fork();
  const std::lock_guard lock(mutex_);
  for (auto e = entries_.begin(); e != entries_.end();) {
    const bool within = &e->sequence.model() == &sequence.model() &&
                        shared(e->tokens, tokens) == e->tokens.size() &&
                        sequence.can_rewind(static_cast<std::int64_t>(e->tokens.size()));
    e = within ? drop(e) : std::next(e);
  }
  copy.visit_pages([&](const void* page, std::size_t bytes) {
    if (++pages_[page] == 1) bytes_ += bytes;
  });
  entries_.push_front({std::move(tokens), std::move(copy)});
  while (bytes_ > max_bytes_) drop(std::prev(entries_.end()));
}

std::size_t prefix_cache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t prefix_cache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace hocket::language
