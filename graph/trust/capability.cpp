#include "graph/trust/capability.hpp"

#include <array>

#include <fmt/format.h>

namespace hocket::trust {

result<std::shared_ptr<const folder>> capability::outputs() const {
  std::lock_guard lock(mutex_);
  if (!outputs_) {
    auto made = folder::open(output_dir_);
    if (!made) return fail(made);
    outputs_ = std::make_shared<const folder>(std::move(*made));
  }
  return outputs_;
}

result<file> capability::create(const std::string& name, create_as how) const {
  const auto relative = beneath(output_dir_, name);
  if (!relative) return fail(relative);
  const auto in = outputs();
  if (!in) return fail(in);
  return (*in)->create(*relative, how);
}

result<std::string> capability::readable(const std::string& path) const {
  HOCKET_TRY(may_read(policy_, path));
  return path;
}

result<void> capability::pipeline(std::string_view text) const {
  static const std::vector<std::string> writers = {"*filesink*",    "splitmux*", "hlssink*",
                                                   "gdkpixbufsink", "dashsink",  "multifile*",
                                                   "*fdsink*",      "giosink",   "giostreamsink"};
  if (!with_pii_)
    for (const auto& element : elements_of(text))
      if (matches(element, writers))
        return fail("trust.refused",
                    fmt::format("`{}` would write sound or pictures to a file, and --no-pii keeps "
                                "both out of files; leave it out of the pipeline",
                                element));
  return may_run_pipeline(policy_, text);
}

}  // namespace hocket::trust
