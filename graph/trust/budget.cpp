#include "graph/trust/budget.hpp"

#include <algorithm>
#include <array>
#include <mutex>

namespace hocket::trust {
namespace {

using steady = std::chrono::steady_clock;
constexpr std::size_t kinds = 6, most_principals = 65536;
constexpr auto minute = std::chrono::minutes(1);

struct account {
  std::uint64_t held = 0;
  std::uint64_t begun = 0;  ///< in the minute that began at `since`
  steady::time_point since{};
  bool is_idle(steady::time_point now) const {
    return held == 0 && (begun == 0 || now - since >= minute);
  }
};
using accounts = std::array<account, kinds>;

}  // namespace

std::string_view to_string(spends what) {
  constexpr std::array<std::string_view, kinds> names = {"connections", "descriptors", "threads",
                                                         "bytes",       "sessions",    "rewires"};
  return names[static_cast<std::size_t>(what)];
}

struct budget::book {
  std::array<spending_limit, kinds> limits;
  mutable std::mutex mutex;
  std::map<std::string, accounts> all;
  std::array<std::uint64_t, kinds> total{};

  void forget_idle(steady::time_point now) {
    std::erase_if(all, [&](const auto& one) {
      return std::all_of(one.second.begin(), one.second.end(),
                         [&](const account& a) { return a.is_idle(now); });
    });
  }
};

budget::budget(std::map<spends, spending_limit> limits) : book_(std::make_shared<book>()) {
  for (const auto& [what, limit] : limits) book_->limits[static_cast<std::size_t>(what)] = limit;
}

budget::share budget::take(const std::string& who, spends what, std::uint64_t n,
                           steady::time_point now) {
  shortage unheard = shortage::none;
  return take(who, what, book_->limits[static_cast<std::size_t>(what)], unheard, n, now);
}

budget::share budget::take(const std::string& who, spends what, const spending_limit& own,
                           shortage& why, std::uint64_t n, steady::time_point now) {
  const auto kind = static_cast<std::size_t>(what);
  auto& b = *book_;
  const std::lock_guard lock(b.mutex);
  auto it = b.all.find(who);
  if (it == b.all.end()) {
    if (b.all.size() >= most_principals) b.forget_idle(now);
    if (b.all.size() >= most_principals) return why = shortage::of_all, share();
    it = b.all.emplace(who, accounts{}).first;
  }
  auto& mine = it->second[kind];
  if (now - mine.since >= minute) {
    mine.since = now;
    mine.begun = 0;
  }
  // Never added up first: a number of bytes may be a stranger's.
  const auto fits = [n](std::uint64_t has, std::uint64_t most) {
    return n <= most && has <= most - n;
  };
  why = !fits(mine.begun, own.per_minute)             ? shortage::per_minute
        : !fits(mine.held, own.of_each)               ? shortage::of_each
        : !fits(b.total[kind], b.limits[kind].of_all) ? shortage::of_all
                                                      : shortage::none;
  if (why != shortage::none) {
    const bool idle = std::all_of(it->second.begin(), it->second.end(),
                                  [&](const account& a) { return a.is_idle(now); });
    if (idle) b.all.erase(it);
    return {};
  }
  mine.held += n;
  if (own.per_minute != UINT64_MAX) mine.begun += n;
  b.total[kind] += n;
  share out;
  out.book_ = book_;
  out.who_ = who;
  out.what_ = what;
  out.n_ = n;
  return out;
}

budget::share& budget::share::operator=(share&& o) noexcept {
  if (this == &o) return *this;
  give_back();
  book_ = std::move(o.book_);
  who_ = std::move(o.who_);
  what_ = o.what_;
  n_ = o.n_;
  return *this;
}

void budget::share::give_back() {
  if (!book_) return;
  auto& b = *book_;
  {
    const std::lock_guard lock(b.mutex);
    const auto kind = static_cast<std::size_t>(what_);
    b.total[kind] -= n_;
    if (const auto it = b.all.find(who_); it != b.all.end()) {
      it->second[kind].held -= n_;
      const auto now = steady::now();
      if (std::all_of(it->second.begin(), it->second.end(),
                      [&](const account& a) { return a.is_idle(now); }))
        b.all.erase(it);
    }
  }
  book_.reset();
}

std::uint64_t budget::held(const std::string& who, spends what) const {
  const std::lock_guard lock(book_->mutex);
  const auto it = book_->all.find(who);
  return it == book_->all.end() ? 0 : it->second[static_cast<std::size_t>(what)].held;
}

std::uint64_t budget::held_by_all(spends what) const {
  const std::lock_guard lock(book_->mutex);
  return book_->total[static_cast<std::size_t>(what)];
}

std::size_t budget::principals() const {
  const std::lock_guard lock(book_->mutex);
  return book_->all.size();
}

}  // namespace hocket::trust
