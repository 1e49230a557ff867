#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hocket::tinker {

/// How long results stay. One that nobody has read stays its whole time; one that was read stays a while longer,
/// since its client may have lost it on the way and asks again: what was answered to a connection that is dead counts as
/// read, and of a large one a slow client has a part only. Of one that is gone its owner is told what became of it, so
/// that nobody takes it for a request that there never was.
/// *Threads*: one at a time. *Memory*: of an owner at most `remembered` names that are gone, 32 bytes each.
class kept_results {
 public:
  using clock = std::chrono::steady_clock;
  /// That a large one which was read stays longer: as long as the HTTP server gives its client to take it
  /// (server_limits::write_ms).
  static constexpr std::chrono::milliseconds each_64_kib{1'000};
  struct limits {
    std::chrono::milliseconds unread{20 * 60'000};  ///< from its end on
    /// From its last reading on. The SDK asks again for as long as a network is away.
    std::chrono::milliseconds read{10 * 60'000};
    /// As `read`, where an owner has more than `read_bytes`: longer than the SDK waits for an answer (45 s).
    std::chrono::milliseconds read_at_least{60'000};
    std::size_t read_bytes = 8u << 20;  ///< of an owner's results that were read
    std::size_t unread_bytes =
        256u << 20;  ///< of an owner's that were not: then it may begin nothing more
    std::size_t most_bytes = 1u << 30;  ///< of all: see `expire`
    std::size_t remembered = 10'000;    ///< names of an owner's results that are gone
  };
  explicit kept_results(const limits& l) : limits_(l) {}

  /// There will be one, which then takes no memory of the thread that adds it.
  void expect(const std::string& id, const std::string& owner);
  void add(const std::string& id, const std::string& owner, std::size_t bytes,
           clock::time_point now);
  void note_read(const std::string& id, clock::time_point now);
  /// Its client has it: it goes at the next `expire`.
  void note_received(const std::string& id);
  /// The results that go now. Where all take more than `most_bytes`, those go first that were read more than
  /// `read_at_least` ago, whosever they are; then whoever has the most loses, what was read before what was not, the
  /// oldest first: nobody else's client is left without what it may still be reading.
  std::vector<std::string> expire(clock::time_point now);

  /// Whether an owner has to read before it may ask for more.
  bool is_full(const std::string& owner) const;
  /// What became of a result that is gone, as its owner is told; nothing: it was none of this owner's, or that was
  /// too long ago.
  std::optional<std::string> fate(const std::string& id, const std::string& owner) const;
  std::size_t bytes() const { return bytes_; }  ///< of all that are here

 private:
  struct result {
    std::string owner;
    std::size_t bytes = 0;
    clock::time_point since{};  ///< its end, or its last reading
    bool was_read = false, was_received = false, has_ended = false;
  };
  using place = std::map<std::string, result>::iterator;
  struct gone {
    std::size_t name;  ///< its hash
    clock::time_point at;
    bool was_read;
  };
  struct account {
    std::size_t unread_bytes = 0, read_bytes = 0;
    std::deque<gone> last;
  };
  std::size_t& bytes_of(const result& r);
  /// Whether it was read, and so long ago that its client has it or has lost it.
  bool was_read_for(std::chrono::milliseconds time, const result& r, clock::time_point now) const;
  void forget(place r, clock::time_point now, std::vector<std::string>& names);
  void bound_read(clock::time_point now, std::vector<std::string>& names);
  void bound_all(clock::time_point now, std::vector<std::string>& names);

  const limits limits_;
  std::map<std::string, result> results_;
  std::map<std::string, account> accounts_;  ///< by owner
  std::size_t bytes_ = 0;
};

}  // namespace hocket::tinker
