#include "graph/trust/trial.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <vector>

namespace hocket::trust {
namespace {

/// A new file that has another's place to take.
struct waiting {
  int at = -1;  ///< its folder
  std::string draft, name, path;
};

struct pending {
  std::mutex mutex;
  bool under_way = false;
  std::vector<waiting> files;
  std::vector<std::function<void()>> then;
};

pending& all() {
  static pending one;
  return one;
}

bool same_folder(int a, int b) {
  struct stat x {
  }, y{};
  return ::fstat(a, &x) == 0 && ::fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void forget(pending& p) {
  for (auto& w : p.files) ::close(w.at);
  p.files.clear();
  p.then.clear();
  p.under_way = false;
}

}  // namespace

trial::trial() {
  auto& p = all();
  std::lock_guard lock(p.mutex);
  p.under_way = true;
}

trial::~trial() {
  auto& p = all();
  std::lock_guard lock(p.mutex);
  for (const auto& w : p.files) (void)::unlinkat(w.at, w.draft.c_str(), 0);
  forget(p);
}

void trial::when_kept(std::function<void()> f) {
  auto& p = all();
  std::lock_guard lock(p.mutex);
  p.then.push_back(std::move(f));
}

std::string keep_files() {
  auto& p = all();
  std::unique_lock lock(p.mutex);
  std::string problems;
  for (const auto& w : p.files)
    if (::renameat(w.at, w.draft.c_str(), w.at, w.name.c_str()) != 0)
      problems += (problems.empty() ? "" : "; ") + w.path + ": " + std::strerror(errno);
  const auto then = std::move(p.then);
  forget(p);
  lock.unlock();  // they may create files
  for (const auto& f : then) f();
  return problems;
}

std::string name_on_trial(int at, const std::string& name, const std::string& path) {
  auto& p = all();
  std::lock_guard lock(p.mutex);
  if (!p.under_way) return "";
  auto draft = "." + name + ".new";
  (void)::unlinkat(at, draft.c_str(), 0);  // of a start that was killed
  for (const auto& w : p.files)
    if (w.name == name && same_folder(w.at, at)) return draft;
  const int kept = ::fcntl(at, F_DUPFD_CLOEXEC, 0);
  if (kept < 0) return "";
  p.files.push_back({kept, draft, name, path});
  return draft;
}

std::string waiting_name(int at, const std::string& name) {
  auto& p = all();
  std::lock_guard lock(p.mutex);
  for (const auto& w : p.files)
    if (w.name == name && same_folder(w.at, at)) return w.draft;
  return name;
}

}  // namespace hocket::trust
