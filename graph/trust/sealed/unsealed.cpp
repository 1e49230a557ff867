// What a sealed file holds, however whole it is.
#include <algorithm>

#include <fmt/format.h>

#include "graph/trust/read_file.hpp"
#include "graph/trust/sealed/sealed.hpp"

namespace hocket::trust {
namespace {

constexpr auto magic = sealed_magic;
constexpr std::size_t most_heads_tried = 16;  ///< each may cost a slow key

tl::unexpected<error> was_changed() {
  return fail("seal.damaged", "a part of a sealed file was changed, or is not in its place");
}

}  // namespace

std::string seal_report::problem() const {
  if (without_end == 0 && lost_bytes == 0 && changed == 0) return "";
  if (changed > 0)
    return fmt::format(
        "changed in {} {}: {} bytes of it are lost, and what they held; what is whole behind them "
        "was "
        "read",
        changed, changed == 1 ? "place" : "places", lost_bytes);
  return fmt::format(
      "{} of its {} parts not ended in order, {} bytes of no whole part: who wrote it was stopped, "
      "or somebody cut it",
      without_end, parts, lost_bytes);
}

namespace {

/// Goes through the parts of a sealed file.
class reading {
 public:
  reading(std::string_view bytes, const shared_secret& key, bool goes_on)
      : all_(bytes), rest_(bytes), key_(key), goes_on_(goes_on) {}

  result<std::string> all(seal_report& report) {
    while (!rest_.empty()) HOCKET_TRY(is_sealed(rest_) ? take_head() : take_frame());
    end_part();
    report = report_;
    return std::move(text_);
  }

 private:
  result<void> take_head() {
    end_part();
    if (rest_.size() < sealed_head_bytes) return lose(rest_.size());
    auto next = seal::of(key_, rest_);
    if (!next) return fail(next);
    begin(std::move(*next));
    return {};
  }

  void begin(std::unique_ptr<seal> part) {
    part_ = std::move(part);
    n_ = 0;
    ++report_.parts;
    rest_.remove_prefix(sealed_head_bytes);
  }

  result<void> take_frame() {
    const auto size = plain_size(rest_);
    if (!part_) return torn(rest_.size());
    if (!size || rest_.size() < *size + frame_extra_bytes) return torn(rest_.size());
    auto text = part_->open(n_, rest_.substr(0, *size + frame_extra_bytes));
    if (!text) return torn(*size + frame_extra_bytes);
    rest_.remove_prefix(*size + frame_extra_bytes);
    if (text->empty()) {
      part_.reset();
      return {};
    }
    text_ += *text;
    ++n_;
    return {};
  }

  /// A frame that was torn reaches into the head of whoever appended, or into nothing. One that ends
  /// where it says, and is not whole all the same, was changed.
  result<void> torn(std::size_t reach) {
    if (is_head_within_last()) return {};
    if (goes_on_ && part_ && goes_on()) return {};
    const auto within = rest_.substr(0, std::min(reach + magic.size() - 1, rest_.size()));
    std::size_t tried = 0;
    for (auto at = within.find(magic, 1); at != within.npos && tried < most_heads_tried;
         at = within.find(magic, at + 1), ++tried) {
      if (at >= reach && reach < rest_.size()) break;
      auto next = seal::of(key_, rest_.substr(at));
      if (!next) continue;
      report_.lost_bytes += at;
      end_part();
      rest_.remove_prefix(at);
      begin(std::move(*next));
      return {};
    }
    const auto size = plain_size(rest_);
    const bool cut = part_ && (rest_.size() < 4 || magic.starts_with(rest_) ||
                               (size && rest_.size() < *size + frame_extra_bytes));
    // Behind an end only the beginning of another part can stand.
    if (!cut && !(report_.parts > 0 && magic.starts_with(rest_))) return changed();
    return lose(rest_.size());
  }

  /// A frame whose last bytes were torn off is whole all the same where those of the next head happen
  /// to be the same: that head begins in it.
  bool is_head_within_last() {
    const auto here = all_.size() - rest_.size();
    for (std::size_t back = 1; n_ > 0 && back < magic.size() && back < here; ++back) {
      const auto head = all_.substr(here - back);
      if (!is_sealed(head)) continue;
      auto next = seal::of(key_, head);
      if (!next) return false;
      end_part();
      rest_ = head;
      begin(std::move(*next));
      return true;
    }
    return false;
  }

  result<void> changed() {
    if (!goes_on_ || report_.parts == 0) return was_changed();
    ++report_.changed;
    return lose(rest_.size());
  }

  /// Whether a frame could begin there: its size leads to where another one could, or to the end.
  bool may_begin(std::size_t at) const {
    const auto fits = [&](std::size_t from) {
      const auto size = plain_size(rest_.substr(from));
      return size && rest_.size() - from >= *size + frame_extra_bytes
                 ? from + *size + frame_extra_bytes
                 : std::size_t{0};
    };
    const auto next = fits(at);
    return next > 0 && (next == rest_.size() || fits(next) > 0 || is_sealed(rest_.substr(next)));
  }

  /// Looks for the next whole frame of this part behind one that was changed, or in place of one that
  /// was left out. What a stranger can make that cost is bounded.
  bool goes_on() {
    constexpr std::size_t farthest = 2 * (frame_bytes_max + frame_extra_bytes), most_left_out = 16;
    std::size_t may_open = std::size_t{64} << 20;  // bytes
    for (std::size_t at = 0; at < std::min(farthest, rest_.size()); ++at) {
      if (is_sealed(rest_.substr(at)))
        return false;  // another part begins: nothing of this one follows
      if (!may_begin(at)) continue;
      const auto size = *plain_size(rest_.substr(at)) + frame_extra_bytes;
      for (std::uint64_t n = n_ + (at == 0 ? 1 : 0); n <= n_ + most_left_out; ++n) {
        if (may_open < size) return false;
        may_open -= size;
        if (!part_->open(n, rest_.substr(at, size))) continue;
        ++report_.changed;
        report_.lost_bytes += at;
        rest_.remove_prefix(at);
        n_ = n;
        return true;
      }
    }
    return false;
  }

  result<void> lose(std::size_t n) {
    report_.lost_bytes += n;
    rest_ = {};
    return {};
  }

  void end_part() {
    if (!part_) return;
    ++(part_->marks_end() ? report_.without_end : report_.unmarked);
    part_.reset();
  }

  std::string_view all_, rest_;
  const shared_secret& key_;
  const bool goes_on_;
  std::unique_ptr<seal> part_;  ///< none behind an end
  std::uint64_t n_ = 0;
  seal_report report_;
  std::string text_;
};

}  // namespace

result<std::string> unsealed(std::string_view bytes, const shared_secret& key,
                             seal_report* report) {
  if (key.empty()) return fail("seal.needs_key", needs_key("this").message);
  seal_report unheard;
  return reading(bytes, key, report != nullptr).all(report != nullptr ? *report : unheard);
}

result<std::string> read_maybe_sealed(const std::string& path, std::uint64_t max_bytes,
                                      seal_report* report) {
  auto bytes = read_given_file(path, max_bytes);
  if (!bytes || !is_sealed(*bytes)) return bytes;
  const auto key = sealing_key();
  if (!key) return fail(key);
  if (key->empty()) return fail(needs_key(path).code, needs_key(path).message);
  auto text = unsealed(*bytes, *key, report);
  if (!text) return fail(text.error().code, path + ": " + text.error().message);
  return text;
}

}  // namespace hocket::trust
