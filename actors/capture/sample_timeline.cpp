#include "actors/capture/sample_timeline.hpp"

#include <algorithm>
#include <cstdlib>

namespace hocket::capture {

void sample_timeline::put(std::optional<std::int64_t> index, std::span<const float> samples) {
  if (!started_) {
    started_ = true;
    end_ = index.value_or(0);
  } else if (index && std::abs(*index - end_) > tolerance_) {
    if (*index > end_) {
      ++gaps_;
      gap_samples_ += *index - end_;
      end_ = *index;
    } else {
      const auto again =
          std::min<std::int64_t>(end_ - *index, static_cast<std::int64_t>(samples.size()));
      dropped_samples_ += again;
      samples = samples.subspan(static_cast<std::size_t>(again));
    }
  }
  if (samples.empty()) return;
  if (runs_.empty() ||
      runs_.back().first + static_cast<std::int64_t>(runs_.back().samples.size()) != end_)
    runs_.push_back({end_, {}});
  runs_.back().samples.insert(runs_.back().samples.end(), samples.begin(), samples.end());
  end_ += static_cast<std::int64_t>(samples.size());
}

std::optional<std::int64_t> sample_timeline::next_end() const {
  if (runs_.empty()) return {};
  const auto& run = runs_.front();
  const auto run_end = run.first + static_cast<std::int64_t>(run.samples.size());
  const auto grid_end = (run.first / chunk_ + 1) * chunk_;
  if (run_end >= grid_end) return grid_end;
  if (runs_.size() > 1) return run_end;  // a gap follows: as whole as it gets
  return {};
}

std::optional<sample_timeline::chunk> sample_timeline::take(bool partial) {
  auto end = next_end();
  if (!end && partial && !runs_.empty()) end = end_;
  if (!end) return {};
  auto& run = runs_.front();
  const auto n = static_cast<std::ptrdiff_t>(*end - run.first);
  chunk out{run.first, {run.samples.begin(), run.samples.begin() + n}};
  run.samples.erase(run.samples.begin(), run.samples.begin() + n);
  run.first += n;
  if (run.samples.empty()) runs_.erase(runs_.begin());
  return out;
}

}  // namespace hocket::capture
