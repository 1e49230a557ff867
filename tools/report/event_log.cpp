#include "tools/report/event_log.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>

#include <fmt/format.h>

namespace hocket::report {

result<std::unique_ptr<event_log>> event_log::open(const std::string& path, bool with_words,
                                                   record::rotation_limits rotate) {
  // The run's own name, not one that somebody gave: a pipe or a link that lies there is not written to.
  const auto in = path.starts_with("/dev/")
                      ? result<std::pair<trust::folder, std::string>>(fail("run.cannot_write", ""))
                      : trust::folder::above(path, trust::readers::owner);
  auto to = in ? in->first.create(in->second) : trust::create_file(path);
  if (!to) return fail("run.cannot_write", to.error().message);
  auto seal = trust::line_seal::begin();
  if (!seal) return fail(seal);
  return std::unique_ptr<event_log>(
      new event_log(std::move(*to), std::move(*seal), with_words, path, rotate));
}

event_log::~event_log() { end_seal(); }

/// A sealed file says itself that nothing more comes; a full disk leaves it as a torn one.
void event_log::end_seal() {
  const auto end = seal_.end();
  if (file_.fd() >= 0 && end && !end->empty()) (void)file_.write(*end);
}

void event_log::turn_if_due(const fact& f) {
  const auto at_ns = static_cast<std::int64_t>(f.t_ms * 1e6);
  if (!turns_.due(static_cast<std::uint64_t>(size_bytes_), at_ns)) return;
  auto next = trust::create_file(turns_.next_path());
  auto seal = trust::line_seal::begin();  // each piece can be read alone
  if (!next || !seal) return turns_.postpone(at_ns);
  if (!turns_.turn(at_ns)) return;  // the present piece goes on
  end_seal();
  file_ = trust::file(next->release(), file_.path());
  seal_ = std::move(*seal);
  size_bytes_ = 0;
}

// Each file anew without those lines, in the place of the old one once it is whole.
void event_log::forget(std::uint64_t session) {
  auto all = record::pieces_of(file_.path());
  all.push_back(file_.path());
  for (const auto& path : all) {
    const auto text = trust::read_maybe_sealed(path, std::uint64_t{1} << 30, nullptr);
    auto next = trust::create_file(turns_.next_path());
    auto seal = trust::line_seal::begin();
    if (!text || !next || !seal) {
      error_ = EIO, ++missing_;
      continue;
    }
    const bool is_last = path == file_.path();
    std::istringstream in(*text);
    std::int64_t size = 0;
    bool is_written = true;
    const auto put = [&](const result<std::string>& bytes) {
      is_written = is_written && bytes && next->write(*bytes);
      if (is_written) size += static_cast<std::int64_t>(bytes->size());
    };
    for (std::string line; std::getline(in, line);) {
      const auto f = fact_from_json(line);
      if (f && f->session == session && holds_words(f->what)) continue;
      put(seal->sealed(line + "\n"));
      seal->took();
    }
    if (!is_last) put(seal->end());
    if (!is_written || !trust::rename_file(turns_.next_path(), path)) {
      ::unlink(turns_.next_path().c_str());
      error_ = EIO, ++missing_;
    } else if (is_last) {
      file_ = trust::file(next->release(), path);
      seal_ = std::move(*seal);
      size_bytes_ = size;
    }
  }
}

void event_log::take(const fact& f) {
  if (f.what == fact::kind::forgotten && with_words_) forget(f.session);
  turn_if_due(f);
  if (untold_ > 0) {
    fact gap;
    gap.t_ms = f.t_ms;
    gap.role = "log_gap";
    gap.text = fmt::format("{} lines could not be written: {}", untold_, std::strerror(error_));
    if (append(to_json_line(gap, with_words_) + "\n")) untold_ = 0;
  }
  if (untold_ == 0 && append(to_json_line(f, with_words_) + "\n")) return;
  ++missing_;
  ++untold_;
}

bool event_log::append(const std::string& text) {
  const auto sealed = seal_.sealed(text);
  if (!sealed) return error_ = EIO, false;
  const auto& line = *sealed;
  for (std::size_t done = 0; done < line.size();) {
    const auto n = ::write(file_.fd(), line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      error_ = n < 0 ? errno : ENOSPC;
      if (::ftruncate(file_.fd(), size_bytes_) == 0) ::lseek(file_.fd(), size_bytes_, SEEK_SET);
      return false;
    }
    done += static_cast<std::size_t>(n);
  }
  seal_.took();
  size_bytes_ += static_cast<std::int64_t>(line.size());
  return true;
}

std::string event_log::problem() const {
  if (missing_ == 0) return "";
  return fmt::format("{}: {} lines are missing: {}", file_.path(), missing_, std::strerror(error_));
}

}  // namespace hocket::report
