#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hocket::report {

/// Which side of the target is good.
enum class goal : std::uint8_t { none, at_most, at_least };

/// One number that a benchmark or an evaluation found out.
struct measure {
  std::string name;  ///< stable, dotted, unit last: "hop.inproc.4096.p50_us"
  double value = 0;
  std::string unit;           ///< "us", "ms", "1/s", "ratio", "" for a bare number
  std::optional<double> low;  ///< interval or spread of the value, where it is known
  std::optional<double> high;
  std::optional<double> target;
  goal good = goal::none;    ///< how `value` compares with `target`
  std::int64_t n = 0;        ///< samples behind the value
  std::string not_run = {};  ///< why there is no value; then `value` means nothing

  /// Whether the target is met; empty where there is none.
  std::optional<bool> met() const;
};

/// What the numbers were taken on.
struct machine_info {
  std::string cpu;
  int cores = 0;
  double memory_gib = 0;
  std::string os;
  std::string compiler;
  std::string libtorch;  ///< version it was built with, or "none"
};
machine_info this_machine();

/// Git revision this program was built from, with "+" where the tree had changes, or "unknown".
std::string revision();
/// "0.1.0"
std::string version();

/// Collects measures and prints them as a table or as
/// `{"measures": [{name, value, unit, low, high, target, met, n}], "machine": {…}, "revision": …}`.
///
///     measures out;
///     out.add("hop.inproc.8.p50_us", 3.1, "us", n, 5.0, goal::at_most);
///     out.add({.name = "closed_loop.recall", .value = .87, .low = .85, .high = .89, .n = 200});
///     return out.print(options.json);
class measures {
 public:
  void add(measure m) { items_.push_back(std::move(m)); }
  void add(std::string name, double value, std::string unit, std::int64_t n = 0) {
    add({std::move(name), value, std::move(unit), {}, {}, {}, goal::none, n});
  }
  void add(std::string name, double value, std::string unit, std::int64_t n, double target,
           goal good) {
    add({std::move(name), value, std::move(unit), {}, {}, target, good, n});
  }
  /// A sentence under the table and in "notes"; for what a reader must know about the numbers.
  void note(std::string sentence) { notes_.push_back(std::move(sentence)); }
  /// Adds all of `other`.
  void append(const measures& other);

  const std::vector<measure>& items() const { return items_; }
  const std::vector<std::string>& notes() const { return notes_; }
  bool all_met() const;

  std::string to_json() const;  ///< pretty, ends in a newline
  std::string to_table() const;
  /// Writes to stdout. Returns the exit code: 0, whether targets are met or not.
  int print(bool json) const;
  /// Writes the JSON to a file too; false with a message on stderr where that fails.
  bool save(const std::string& path) const;

 private:
  std::vector<measure> items_;
  std::vector<std::string> notes_;
};

}  // namespace hocket::report
