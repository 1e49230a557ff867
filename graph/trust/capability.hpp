#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "graph/trust/files.hpp"
#include "graph/trust/policy.hpp"

namespace hocket::trust {

/// What a field or a file holds; decides where it may be written.
enum class data_class : std::uint8_t {
  figure,  ///< times, counts, states
  word,    ///< what was said, typed, asked or answered
  voice,   ///< sound and pictures of people
  secret,  ///< keys and passwords: written nowhere
};

/// What a component may reach, handed to it with `context`: it opens nothing by path or address but
/// through this. Threads: any.
class capability {
 public:
  capability(policy may, std::string output_dir, bool with_pii = true)
      : policy_(std::move(may)), output_dir_(std::move(output_dir)), with_pii_(with_pii) {}

  const policy& allowed() const { return policy_; }
  const std::string& output_dir() const { return output_dir_; }

  /// Whether a class of data may be written to a file: `--no-pii` keeps words and voices out.
  bool keeps(data_class what) const {
    return what == data_class::figure || (what != data_class::secret && with_pii_);
  }
  /// A file beneath the run's output folder, which is made at the first one; an absolute name must
  /// lie beneath it. Errors: files.outside, files.not_ours, files.cannot_write.
  result<file> create(const std::string& name, create_as how = create_as::replaced) const;
  /// The path, where it may be read. Errors: trust.refused.
  result<std::string> readable(const std::string& path) const;
  /// Errors, each: trust.refused.
  result<void> element(std::string_view name) const { return may_use_element(policy_, name); }
  result<void> pipeline(std::string_view text) const;
  result<void> address(std::string_view url) const { return may_reach(policy_, url); }
  result<void> variable(std::string_view name) const { return may_see_variable(policy_, name); }

 private:
  result<std::shared_ptr<const folder>> outputs() const;

  policy policy_;
  std::string output_dir_;
  bool with_pii_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const folder> outputs_;  ///< once one file was made
};

}  // namespace hocket::trust
