#include "actors/playout/play_queue.hpp"

#include <algorithm>

namespace hocket::playout {
namespace {
std::int64_t length(std::span<const float> s) { return static_cast<std::int64_t>(s.size()); }
}  // namespace

void play_queue::put(std::int64_t first, std::span<const float> samples, epoch_number epoch) {
  counts_.put += length(samples);
  if (epoch < epoch_) {
    counts_.flushed += length(samples);
    return;
  }
  if (epoch > epoch_) interrupt(epoch);
  // A stranger's index may be any number: compared, not subtracted, where it is far away.
  if (first > playhead_ + reach_) {
    counts_.too_far += length(samples);
    return;
  }
  if (first <= playhead_ - length(samples)) {
    counts_.late += length(samples);
    return;
  }
  if (first < playhead_) {
    const auto late = playhead_ - first;
    counts_.late += late;
    samples = samples.subspan(static_cast<std::size_t>(late));
    first = playhead_;
  }
  if (const auto over = first + length(samples) - (playhead_ + reach_); over > 0) {
    const auto cut = std::min(over, length(samples));
    counts_.too_far += cut;
    samples = samples.first(static_cast<std::size_t>(length(samples) - cut));
  }
  insert(first, samples);
}

// Fills the holes of [first, first + samples) that nothing queued covers.
void play_queue::insert(std::int64_t first, std::span<const float> samples) {
  while (!samples.empty()) {
    auto next = segments_.upper_bound(first);
    if (next != segments_.begin()) {
      const auto before = std::prev(next);
      const auto covered = before->first + length(before->second) - first;
      if (covered > 0) {
        const auto n = std::min(covered, length(samples));
        counts_.overlapped += n;
        samples = samples.subspan(static_cast<std::size_t>(n));
        first += n;
        continue;
      }
    }
    const auto room =
        next == segments_.end() ? length(samples) : std::min(next->first - first, length(samples));
    const auto part = samples.first(static_cast<std::size_t>(room));
    segments_.emplace(first, std::vector<float>(part.begin(), part.end()));
    samples = samples.subspan(static_cast<std::size_t>(room));
    first += room;
  }
}

std::vector<float> play_queue::render(std::int64_t n) {
  std::vector<float> out(static_cast<std::size_t>(std::max<std::int64_t>(n, 0)), 0.0f);
  const auto end = playhead_ + length(out);
  auto silent_from = playhead_;
  const auto silence_until = [&](std::int64_t to) {
    if (counts_.played > 0) silence_run_ += to - silent_from;
  };
  while (!segments_.empty() && segments_.begin()->first < end) {
    auto node = segments_.extract(segments_.begin());
    auto& samples = node.mapped();
    silence_until(node.key());
    counts_.gap += silence_run_;
    silence_run_ = 0;
    const auto n_played = std::min(end - node.key(), length(samples));
    std::copy_n(samples.begin(), n_played,
                out.begin() + static_cast<std::ptrdiff_t>(node.key() - playhead_));
    counts_.played += n_played;
    silent_from = node.key() + n_played;
    if (n_played < length(samples)) {
      samples.erase(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(n_played));
      node.key() = end;
      segments_.insert(std::move(node));
      break;
    }
  }
  silence_until(end);
  playhead_ = end;
  return out;
}

void play_queue::interrupt(epoch_number epoch) {
  if (epoch <= epoch_) return;
  epoch_ = epoch;
  const auto queued_before = queued();
  std::vector<float> tail;
  // Fade what would sound right now; what begins later simply does not begin.
  if (!segments_.empty() && segments_.begin()->first == playhead_) {
    tail = std::move(segments_.begin()->second);
    tail.resize(std::min(tail.size(), static_cast<std::size_t>(fade_)));
    for (std::size_t i = 0; i < tail.size(); ++i)
      tail[i] *= 1.0f - static_cast<float>(i + 1) / static_cast<float>(tail.size());
  }
  counts_.flushed += queued_before - length(tail);
  segments_.clear();
  if (!tail.empty()) segments_.emplace(playhead_, std::move(tail));
}

std::int64_t play_queue::queued() const {
  std::int64_t n = 0;
  for (const auto& [_, samples] : segments_) n += length(samples);
  return n;
}

std::int64_t play_queue::queued_to() const {
  return segments_.empty() ? playhead_
                           : segments_.rbegin()->first + length(segments_.rbegin()->second);
}

}  // namespace hocket::playout
