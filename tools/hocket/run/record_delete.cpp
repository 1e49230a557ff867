// `hocket record delete`: what was recorded of people goes when its time is over.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/trust/files.hpp"
#include "graph/trust/sealed/sealed.hpp"
#include "tools/hocket/run/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

/// What a run writes of words, voices and pictures, beside recordings.
constexpr std::array results = {"events.jsonl", "refusals.jsonl", "conversation.svg",
                                "conversation.png"};
constexpr std::string_view mcap_magic("\x89MCAP0\r\n", 8);

struct tally {
  std::vector<std::string> gone, kept;
  std::vector<std::string> failed;  ///< what could not be looked at or removed, and why
  std::uint64_t bytes = 0;
};

enum class kind { recording, result, neither };

/// Opened to be looked at; nothing waits on a pipe, and no link is followed.
trust::file look_at(const fs::path& path) {
  return {::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY),
          path.string()};
}

kind kind_of(const trust::file& f, const fs::path& path) {
  char head[16] = {};
  const auto n = ::pread(f.fd(), head, sizeof head, 0);
  const std::string_view begin(head, n > 0 ? static_cast<std::size_t>(n) : 0);
  if (begin.starts_with(mcap_magic)) return kind::recording;
  auto name = path.filename().string();
  // A piece of a log that was written in turns: events.part0003.jsonl.
  for (const std::string log : {"events", "refusals"})
    if (name.starts_with(log + ".part") && name.ends_with(".jsonl")) name = log + ".jsonl";
  if (std::find(results.begin(), results.end(), name) != results.end()) return kind::result;
  if (trust::is_sealed(begin)) return kind::recording;
  if (path.extension() == ".wav" && begin.starts_with("RIFF")) return kind::result;
  return kind::neither;
}

result<void> take_away(const fs::path& path) {
  const auto at = trust::folder::above(path.string(), trust::readers::owner);
  return at ? at->first.remove(at->second) : result<void>(fail(at));
}

/// Removes one file if it is what a run left and old enough.
result<void> judge(const record_options& o, const fs::path& path, bool in_folder, tally& out) {
  const auto f = look_at(path);
  struct stat info {};
  if (in_folder && f.fd() < 0 && errno != ELOOP && errno != ENOENT) {  // a link, or gone by now
    out.failed.push_back(fmt::format("{}: {}", path.string(), std::strerror(errno)));
    return {};
  }
  if (f.fd() < 0 || ::fstat(f.fd(), &info) != 0 || !S_ISREG(info.st_mode))
    return in_folder ? result<void>()
                     : fail("record.not_a_recording", path.string() + ": no file of a run");
  const auto what = kind_of(f, path);
  if (in_folder ? what == kind::neither : what != kind::recording)
    return in_folder ? result<void>()
                     : fail("record.not_a_recording",
                            path.string() + ": not an MCAP recording; nothing was deleted");
  if (o.older_than_days >= 0 &&
      std::difftime(std::time(nullptr), info.st_mtime) < o.older_than_days * 86400.0)
    return {};
  if (::flock(f.fd(), LOCK_EX | LOCK_NB) != 0) {
    out.kept.push_back(path.string());  // a run writes it
    return {};
  }
  if (!o.dry_run)
    if (const auto done = take_away(path); !done) {
      if (!in_folder) return done;
      out.failed.push_back(done.error().message);
      return {};
    }
  out.gone.push_back(path.string());
  out.bytes += static_cast<std::uint64_t>(info.st_size);
  return {};
}

/// Regular files beneath a folder, in order. What cannot be listed is told: what lies there may be
/// what was to go.
void find_files(const fs::path& folder, std::vector<fs::path>& found, tally& out) {
  std::error_code failed;
  std::vector<fs::path> entries;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed))
    entries.push_back(at->path());
  if (failed) out.failed.push_back(fmt::format("{}: {}", folder.string(), failed.message()));
  std::sort(entries.begin(), entries.end());
  for (const auto& path : entries) {
    const auto status = fs::symlink_status(path, failed);
    if (fs::is_directory(status)) find_files(path, found, out);
    if (fs::is_regular_file(status)) found.push_back(path);
  }
}

result<tally> delete_all(const record_options& o) {
  tally out;
  std::error_code failed;
  if (!fs::is_directory(fs::symlink_status(o.file, failed))) {
    HOCKET_TRY(judge(o, o.file, false, out));
    return out;
  }
  if (o.older_than_days < 0)
    return fail("cli.bad-arguments",
                o.file + ": a folder is emptied by age alone: say --older-than-days N");
  std::vector<fs::path> found;
  find_files(o.file, found, out);
  for (const auto& path : found) HOCKET_TRY(judge(o, path, true, out));
  return out;
}

}  // namespace

int delete_records(const record_options& o) {
  const auto done = delete_all(o);
  if (!done) return complain(done.error(), exit_bad_input);
  if (o.json) {
    say("{}\n", json({{"deleted", done->gone},
                      {"in_use", done->kept},
                      {"failed", done->failed},
                      {"bytes", done->bytes},
                      {"dry_run", o.dry_run}})
                    .dump(-1, ' ', false, json::error_handler_t::replace));
    return done->failed.empty() ? exit_fine : exit_failed;
  }
  for (const auto& path : done->gone) say("{} {}\n", o.dry_run ? "would delete" : "deleted", path);
  for (const auto& path : done->kept) say("in use, kept: {}\n", path);
  say("{} files, {:.1f} MB\n", done->gone.size(), static_cast<double>(done->bytes) / 1e6);
  if (done->failed.empty()) return exit_fine;
  for (const auto& what : done->failed) say(stderr, "error: {} [record.not_deleted]\n", what);
  return complain({"record.not_deleted",
                   fmt::format("{} places could not be read or emptied, and may hold recordings",
                               done->failed.size())},
                  exit_failed, "run it as the user who owns them");
}

}  // namespace hocket::cli
