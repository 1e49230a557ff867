#pragma once

#include <string>
#include <string_view>

namespace hocket::trust {

/// Somebody asked for what is not theirs to ask.
struct refusal {
  std::string_view who;       ///< "host gpu", "a recording", "a process of user 1000"
  std::string_view verb;      ///< "change the graph", "read"
  std::string_view what;      ///< the object: a path, an element, a host; may be empty
  std::string_view why = {};  ///< the rule, where it does not follow
};

/// Notes refusals of this process in `refusals.jsonl` of an output folder, from now to the object's
/// end: a line each with the time, made at the first one (0600). A hundred of each who; then, and of
/// more than 64 of them, the number alone, told at the end. Beyond 1 MiB a new file begins.
/// Process-wide, one at a time: of a second one nothing is written.
class audit {
 public:
  explicit audit(const std::string& output_dir);
  ~audit();
  audit(const audit&) = delete;
  audit& operator=(const audit&) = delete;

 private:
  bool mine_ = false;
};

/// Threads: any. Bounded work and memory, whoever asks how often. Nothing where no audit is.
void note_refusal(const refusal& r);

}  // namespace hocket::trust
