#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hocket {

/// A place in a text file; 1-based. Line 0 means "the file as a whole".
struct source_mark {
  std::string file;
  int line = 0;
  int column = 0;
};

enum class severity { error, warning };

/// One finding about the user's file or arguments, ready to print:
///
///     configs/graphs/talk.yaml:31:9: error: ears (audio.dmel): unknown key `rate_zh` [config.unknown-key]
///       hint: did you mean `rate_hz`?
///       note: valid keys: rate_hz, hop_ms, bins
struct diagnostic {
  severity level = severity::error;
  source_mark where;
  std::string code;     ///< stable, `group.kebab-case`; one golden test each
  std::string message;  ///< names the actor, the component and both ends of a link where they apply
  std::string hint;     ///< what to do; may be empty
  std::vector<std::string> notes;
};

/// Collects every finding; nothing stops at the first.
class diagnostics {
 public:
  void add(diagnostic d) { items_.push_back(std::move(d)); }
  bool has_errors() const;
  const std::vector<diagnostic>& items() const { return items_; }
  /// Sorts by file, line, column and drops exact repeats.
  void sort();
  /// The text of all findings, one after the other, each ending in a newline.
  std::string to_string() const;

 private:
  std::vector<diagnostic> items_;
};

std::string to_string(const diagnostic& d);

/// The candidate nearest to `word` in edit distance, or "" where none is near enough to suggest.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace hocket
