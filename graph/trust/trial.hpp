#pragma once

#include <functional>
#include <memory>
#include <string>

namespace hocket::trust {

/// While a start is under way: files that are to be replaced keep their names and what they hold, and
/// the new ones wait beside them as `.NAME.new`. keep() gives them their names, once all is open; a
/// start that fails has touched nothing. Process-wide, one at a time. Threads: any.
class trial {
 public:
  trial();
  ~trial();  ///< what was not kept is removed
  /// Called by keep_files(), when the new files have their names.
  void when_kept(std::function<void()> f);
  trial(const trial&) = delete;
  trial& operator=(const trial&) = delete;
};

/// The start succeeded; nothing where none is under way. Returns what could not get its name: paths
/// with the system's words, "" where all is well.
std::string keep_files();

/// Whether what this thread creates now is on trial.
bool on_trial();
/// Called when it is kept; at once where nothing is on trial.
void when_kept(std::function<void()> f);

/// The same for a change of a run that goes on. Only what threads create within a `scope` of it is on
/// trial, files that were not there, too: a change that is rolled back leaves none. Threads: any.
class change_trial {
 public:
  change_trial();
  ~change_trial();  ///< what was not kept is removed
  change_trial(const change_trial&) = delete;
  change_trial& operator=(const change_trial&) = delete;
  /// All get their names; from here on a scope changes nothing. Returns as keep_files().
  std::string keep();
  void discard();

  /// What this thread creates while it lives; nullptr: nothing of it.
  class scope {
   public:
    explicit scope(std::shared_ptr<change_trial> of);
    ~scope();
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

   private:
    std::shared_ptr<change_trial> of_;
    change_trial* before_;
  };

 private:
  friend std::string name_on_trial(int, const std::string&, const std::string&, bool);
  friend std::string waiting_name(int, const std::string&);
  struct pending;
  static change_trial*& here();
  friend bool on_trial();
  friend void when_kept(std::function<void()> f);
  std::unique_ptr<pending> files_;
};

/// The change of a run, known by `of` until it ends; one at a time.
void begin_change(const void* of);
/// Nothing where none is under way.
std::shared_ptr<change_trial> change_of(const void* of);
/// Its files are kept or discarded. Returns as keep_files().
std::string end_change(const void* of, bool keep);

/// For the one who creates files. `at`: the folder's descriptor. The name to create instead of `name`,
/// which would go, where it is there; "" where no start or change is under way.
std::string name_on_trial(int at, const std::string& name, const std::string& path, bool there);
/// The name under which a file waits that is opened once more; `name` itself where none does.
std::string waiting_name(int at, const std::string& name);

}  // namespace hocket::trust
