#include "graph/trust/trial.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

namespace hocket::trust {
namespace {

/// A new file that has another's place to take.
struct waiting {
  int at = -1;  ///< its folder
  std::string draft, name, path;
};

struct draft_files {
  std::mutex mutex;
  bool under_way = false;
  bool called_off = false;  ///< what is created later, by one that was slow to open, goes as well
  std::vector<waiting> files;
  std::vector<std::function<void()>> then;
};

draft_files& all() {
  static draft_files one;
  return one;
}

bool same_folder(int a, int b) {
  struct stat x {
  }, y{};
  return ::fstat(a, &x) == 0 && ::fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void forget(draft_files& p) {
  for (auto& w : p.files) ::close(w.at);
  p.files.clear();
  p.then.clear();
  p.under_way = false;
}

void drop(draft_files& p) {
  std::lock_guard lock(p.mutex);
  for (const auto& w : p.files) (void)::unlinkat(w.at, w.draft.c_str(), 0);
  forget(p);
}

std::string keep(draft_files& p) {
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

/// The draft of a file that waits; "" where none does.
std::string draft_of(draft_files& p, int at, const std::string& name) {
  for (const auto& w : p.files)
    if (w.name == name && same_folder(w.at, at)) return w.draft;
  return "";
}

}  // namespace

trial::trial() {
  auto& p = all();
  std::lock_guard lock(p.mutex);
  p.under_way = true;
}

trial::~trial() { drop(all()); }

void trial::when_kept(std::function<void()> f) {
  auto& p = all();
  std::lock_guard lock(p.mutex);
  p.then.push_back(std::move(f));
}

std::string keep_files() { return keep(all()); }

struct change_trial::pending : draft_files {};

change_trial::change_trial() : files_(std::make_unique<pending>()) { files_->under_way = true; }
change_trial::~change_trial() { discard(); }
std::string change_trial::keep() { return trust::keep(*files_); }
void change_trial::discard() {
  drop(*files_);
  std::lock_guard lock(files_->mutex);
  files_->called_off = true;
}

change_trial*& change_trial::here() {
  thread_local change_trial* of_this_thread = nullptr;
  return of_this_thread;
}
change_trial::scope::scope(std::shared_ptr<change_trial> of) : of_(std::move(of)), before_(here()) {
  here() = of_.get();
}
change_trial::scope::~scope() { here() = before_; }

namespace {

struct changes {
  std::mutex mutex;
  std::map<const void*, std::shared_ptr<change_trial>> by_run;
};

changes& under_way() {
  static changes one;
  return one;
}

}  // namespace

void begin_change(const void* of) {
  (void)end_change(of, false);
  auto& all = under_way();
  std::lock_guard lock(all.mutex);
  all.by_run[of] = std::make_shared<change_trial>();
}

std::shared_ptr<change_trial> change_of(const void* of) {
  auto& all = under_way();
  std::lock_guard lock(all.mutex);
  const auto it = all.by_run.find(of);
  return it == all.by_run.end() ? nullptr : it->second;
}

std::string end_change(const void* of, bool keep) {
  auto& all = under_way();
  std::unique_lock lock(all.mutex);
  const auto it = all.by_run.find(of);
  if (it == all.by_run.end()) return "";
  const auto ended = std::move(it->second);
  all.by_run.erase(it);
  lock.unlock();
  if (keep) return ended->keep();
  ended->discard();
  return "";
}

bool on_trial() {
  const auto* change = change_trial::here();
  auto& p = change != nullptr ? *change->files_ : all();
  std::lock_guard lock(p.mutex);
  return p.under_way || p.called_off;
}

void when_kept(std::function<void()> f) {
  const auto* change = change_trial::here();
  auto& p = change != nullptr ? *change->files_ : all();
  std::unique_lock lock(p.mutex);
  if (p.called_off) return;
  if (p.under_way) return p.then.push_back(std::move(f));
  lock.unlock();
  f();
}

std::string name_on_trial(int at, const std::string& name, const std::string& path, bool there) {
  const auto* change = change_trial::here();
  if (change == nullptr && !there) return "";
  auto& p = change != nullptr ? *change->files_ : all();
  std::lock_guard lock(p.mutex);
  if (!p.under_way && !p.called_off) return "";
  auto draft = "." + name + ".new";
  (void)::unlinkat(at, draft.c_str(), 0);  // of a start that was killed
  if (!draft_of(p, at, name).empty()) return draft;
  const int kept = ::fcntl(at, F_DUPFD_CLOEXEC, 0);
  if (kept < 0) return "";
  p.files.push_back({kept, draft, name, path});
  return draft;
}

std::string waiting_name(int at, const std::string& name) {
  for (auto* p :
       {change_trial::here() ? static_cast<draft_files*>(change_trial::here()->files_.get())
                             : nullptr,
        &all()}) {
    if (p == nullptr) continue;
    std::lock_guard lock(p->mutex);
    if (auto draft = draft_of(*p, at, name); !draft.empty()) return draft;
  }
  return name;
}

}  // namespace hocket::trust
