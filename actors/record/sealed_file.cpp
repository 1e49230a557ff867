// A recording that is sealed: graph/trust/sealed, as bytes that an MCAP file lies on.
#include <algorithm>
#include <mutex>
#include <vector>

#include "actors/record/mcap_file.hpp"
#include "actors/record/sealed_file.hpp"
#include "graph/trust/sealed/sealed.hpp"

namespace hocket::record {
namespace {

using trust::frame_extra_bytes;
using trust::sealed_head_bytes;

constexpr std::size_t most_frames = 16u << 20;

class sealing final : public byte_sink {
 public:
  sealing(std::unique_ptr<byte_sink> to, std::unique_ptr<trust::seal> with)
      : to_(std::move(to)), with_(std::move(with)) {}
  /// What was brought to its end in order says so in itself; a disk that is full leaves it torn.
  ~sealing() override {
    const auto end = ends_ ? with_->end(frames_) : result<std::string>(std::string());
    if (end && !end->empty()) (void)to_->append(begun_ ? *end : with_->head() + *end);
  }
  result<void> append(std::string_view bytes) override {
    auto n = frames_;
    const auto frames = with_->close_all(n, bytes);
    if (!frames) return fail(mcap_error::cannot_write, frames.error().message);
    HOCKET_TRY(to_->append(begun_ ? *frames : with_->head() + *frames));
    begun_ = true;
    frames_ = n;
    return {};
  }
  result<void> sync() override { return to_->sync(); }
  void begin_end() override {
    ends_ = true;
    to_->begin_end();
  }

 private:
  const std::unique_ptr<byte_sink> to_;
  const std::unique_ptr<trust::seal> with_;
  std::uint64_t frames_ = 0;
  bool begun_ = false, ends_ = false;
};

std::string_view chars(const buffer& b) {
  return {reinterpret_cast<const char*>(b.bytes().data()), b.bytes().size()};
}

class unsealing final : public byte_source {
 public:
  unsealing(std::unique_ptr<byte_source> from, std::unique_ptr<trust::seal> with)
      : from_(std::move(from)), with_(std::move(with)) {}

  /// Where the frames lie: their sizes stand in front of them. Behind the last whole one is nothing.
  result<void> index() {
    auto at = std::uint64_t{sealed_head_bytes};
    while (from_->size_bytes() - at >= frame_extra_bytes) {
      const auto head = from_->read(at, 4);
      if (!head) return fail(head);
      const auto size = trust::plain_size(chars(*head));
      if (!size || *size + frame_extra_bytes > from_->size_bytes() - at) break;
      if (*size == 0) {
        const auto end = from_->read(at, frame_extra_bytes);
        if (!end) return fail(end);
        ended_ = with_->open(frames_.size(), chars(*end)).has_value();
        at += frame_extra_bytes;
        break;
      }
      if (frames_.size() >= most_frames)
        return fail(mcap_error::too_large, "too many parts in a sealed file");
      frames_.push_back({at, size_});
      size_ += *size;
      at += *size + frame_extra_bytes;
    }
    behind_ = from_->size_bytes() - at;
    return {};
  }

  std::string problem() const {
    if (with_->marks_end() && !ended_)
      return "the sealed file has no end: who wrote it was stopped, or somebody cut it";
    if (ended_ && behind_ > 0)
      return std::to_string(behind_) + " bytes behind the sealed file's end are not its own";
    return "";
  }

  std::uint64_t size_bytes() const override { return size_; }

  result<buffer> read(std::uint64_t offset_bytes, std::size_t n) const override {
    if (offset_bytes > size_ || n > size_ - offset_bytes)
      return fail(mcap_error::torn, "ends too early");
    std::vector<char> out;
    out.reserve(n);
    auto i = static_cast<std::size_t>(
        std::upper_bound(frames_.begin(), frames_.end(), offset_bytes,
                         [](std::uint64_t at, const frame& f) { return at < f.plain; }) -
        frames_.begin() - 1);
    for (; out.size() < n; ++i) {
      const auto text = opened(i);
      if (!text) return fail(text);
      const auto skip = static_cast<std::size_t>(offset_bytes + out.size() - frames_[i].plain);
      const auto part = std::string_view(**text).substr(skip, n - out.size());
      out.insert(out.end(), part.begin(), part.end());
    }
    return buffer::take(std::move(out));
  }

 private:
  struct frame {
    std::uint64_t at, plain;  ///< in the sealed file, and in what it holds
  };

  result<std::shared_ptr<const std::string>> opened(std::size_t i) const {
    const std::lock_guard lock(mutex_);
    if (kept_ && kept_number_ == i) return kept_;
    const auto end = i + 1 < frames_.size() ? frames_[i + 1].plain : size_;
    const auto bytes = from_->read(
        frames_[i].at, static_cast<std::size_t>(end - frames_[i].plain) + frame_extra_bytes);
    if (!bytes) return fail(bytes);
    auto text = with_->open(i, chars(*bytes));
    if (!text) return fail(mcap_error::damaged, text.error().message);
    kept_ = std::make_shared<const std::string>(std::move(*text));
    kept_number_ = i;
    return kept_;
  }

  const std::unique_ptr<byte_source> from_;
  const std::unique_ptr<trust::seal> with_;
  std::vector<frame> frames_;
  std::uint64_t size_ = 0, behind_ = 0;
  bool ended_ = false;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const std::string> kept_;  ///< the frame that was opened last
  mutable std::size_t kept_number_ = 0;
};

}  // namespace

result<std::unique_ptr<byte_sink>> sealing_sink(std::unique_ptr<byte_sink> to,
                                                const trust::shared_secret& key) {
  auto with = trust::seal::fresh(key);
  if (!with) return fail(with);
  return std::make_unique<sealing>(std::move(to), std::move(*with));
}

result<std::unique_ptr<byte_source>> unsealing_source(std::unique_ptr<byte_source> from,
                                                      const trust::shared_secret& key) {
  const auto head = from->read(0, std::min<std::size_t>(from->size_bytes(), sealed_head_bytes));
  if (!head) return fail(head);
  auto with = trust::seal::of(key, chars(*head));
  if (!with) return fail(with);
  auto made = std::make_unique<unsealing>(std::move(from), std::move(*with));
  HOCKET_TRY(made->index());
  return made;
}

std::string seal_problem(const byte_source& of) {
  const auto* const sealed = dynamic_cast<const unsealing*>(&of);
  return sealed == nullptr ? "" : sealed->problem();
}

}  // namespace hocket::record
