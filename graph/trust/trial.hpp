#pragma once

#include <functional>
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

/// For the one who creates files. `at`: the folder's descriptor. The name to create instead of `name`,
/// which is there and would go; "" where no start is under way.
std::string name_on_trial(int at, const std::string& name, const std::string& path);
/// The name under which a file waits that is opened once more; `name` itself where none does.
std::string waiting_name(int at, const std::string& name);

}  // namespace hocket::trust
