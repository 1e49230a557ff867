#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graph/contract/config.hpp"
#include "graph/core/result.hpp"

namespace hocket::record {

/// When a file that grows is ended and a new one begun: `rotate: {mib: 64, minutes: 10, keep: 24}`.
struct rotation_limits {
  std::int64_t mib = 0;      ///< 0: any size
  std::int64_t minutes = 0;  ///< of stream time; 0: any
  std::int64_t keep = 0;     ///< ended pieces; the oldest goes; 0: all

  bool on() const { return mib > 0 || minutes > 0; }
  void visit(config_visitor& v);
};

/// `mib=64,minutes=10,keep=24`. Errors: cli.bad-rotate, with what would be valid.
result<rotation_limits> read_rotation(const std::string& text);

/// The pieces of a file that is written in turns: the newest has the file's own name, those before it
/// are `talk.part0001.mcap`, `talk.part0002.mcap`, … in order. Nothing is renamed before the first turn, and
/// what an earlier run left under those names goes with it.
///
/// Threads: one at a time.
class rotation {
 public:
  rotation() = default;
  /// `goes_on`: pieces that are there are of this file; its restart counts on.
  rotation(std::string path, rotation_limits limits, bool goes_on = false);

  bool on() const { return limits_.on(); }
  /// Whether the present piece is to end; false for a while after a turn that failed.
  bool due(std::uint64_t bytes, std::int64_t at_ns);
  /// Where the next piece is to be made: beside the file, until turn().
  std::string next_path() const { return path_ + ".next"; }
  /// The present piece gets its number, the next one the file's name; then what is over `keep` goes.
  /// Errors: files.cannot_write; the present piece goes on, and what was made for the next is gone.
  /// Whoever writes goes over to the next piece after this, and not before.
  result<void> turn(std::int64_t at_ns);
  /// No turn now: it is tried again after a second of stream time.
  void postpone(std::int64_t at_ns);
  /// Whether ended pieces beside the file may be of this recording, and not of a run before.
  bool has_pieces() const { return turned_ || goes_on_; }
  /// Of the present piece, from 1.
  int number() const { return number_; }
  /// Stream time at which it began; set by the first due().
  std::int64_t began_ns() const { return began_ns_; }

 private:
  std::string path_;
  rotation_limits limits_;
  int number_ = 1;
  int removed_to_ = 0;
  bool goes_on_ = false, turned_ = false, began_ = false;
  std::int64_t began_ns_ = 0, not_before_ns_ = 0;
};

/// `talk.part0003.mcap` for piece 3 of `talk.mcap`.
std::string piece_path(const std::string& path, int number);
/// Of a piece that lies beside the file; 0: it is none.
int piece_number(const std::string& path, const std::string& piece);
/// The ended pieces of a file that lie beside it, in order.
std::vector<std::string> pieces_of(const std::string& path);

}  // namespace hocket::record
