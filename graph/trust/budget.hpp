#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace hocket::trust {

/// What somebody can use up, to be asked for before the work that needs it.
enum class spends : std::uint8_t { connections, descriptors, threads, bytes, sessions, rewires };
std::string_view to_string(spends what);

/// How much of it one principal, and all of them together, may hold at once, or may begin in a minute.
struct spending_limit {
  std::uint64_t of_each = UINT64_MAX, of_all = UINT64_MAX;
  std::uint64_t per_minute = UINT64_MAX;  ///< of each; what is given back counts, too
};

/// Which limit was met.
enum class shortage : std::uint8_t { none, of_each, of_all, per_minute };

/// Budgets per principal: an address, a host of the graph, a key's owner, a program. Who holds nothing
/// and began nothing in the last minute costs no memory; beyond 65536 principals a new one is refused.
/// Threads: any.
class budget {
  struct book;

 public:
  explicit budget(std::map<spends, spending_limit> limits);

  /// What was taken; given back with the object, from any thread, also after the budget is gone.
  class share {
   public:
    share() = default;
    share(share&&) noexcept = default;
    share& operator=(share&& o) noexcept;
    ~share() { give_back(); }
    explicit operator bool() const { return book_ != nullptr; }
    void give_back();

   private:
    friend class budget;
    std::shared_ptr<book> book_;
    std::string who_;
    spends what_ = spends::connections;
    std::uint64_t n_ = 0;
  };

  /// Empty where it is too much: nothing was taken then. `now`: for tests.
  share take(const std::string& who, spends what, std::uint64_t n = 1,
             std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now());
  /// The same with limits of this principal's own (`of_all` stays the kind's), and what was short.
  share take(const std::string& who, spends what, const spending_limit& own, shortage& why,
             std::uint64_t n = 1,
             std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now());
  std::uint64_t held(const std::string& who, spends what) const;
  std::uint64_t held_by_all(spends what) const;
  /// Principals that are remembered.
  std::size_t principals() const;

 private:
  std::shared_ptr<book> book_;
};

}  // namespace hocket::trust
