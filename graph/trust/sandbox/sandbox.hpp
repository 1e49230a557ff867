#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/core/result.hpp"
#include "graph/trust/sandbox/kernel.hpp"

namespace hocket::trust {

/// What a program in a process of its own may reach. What is not named here is refused to it, and to
/// all that it starts.
struct sandbox_rules {
  /// Files and folders (with what is beneath) to read. The system's own programs, libraries,
  /// certificates and resolver settings can always be read; homes, /etc's rest, /proc, /sys, /run and
  /// devices cannot.
  std::vector<std::string> reads;
  /// Folders in which it reads, writes, makes and removes files; nothing in them can be run.
  std::vector<std::string> writes;
  /// Programs and libraries, or folders of them, that it may run beside the system's.
  std::vector<std::string> runs;
  /// False: no socket of any kind, in a network of its own that leads nowhere.
  bool network = false;
  /// Where `network` is false: "host:port" (port may be `*`) that it may reach all the same. It has a
  /// network of its own with one door, a proxy at `egress_url` that lets these through and names
  /// itself in its environment. Without namespaces the whole network is open to it, and a gap says so.
  std::vector<std::string> reaches = {};
  std::map<std::string, std::string> environment = {};  ///< all that it finds
  std::uint64_t memory_bytes = std::uint64_t{1} << 30;  ///< of its own data, each process
  std::uint64_t file_bytes = std::uint64_t{256} << 20;  ///< of each file that it writes
  std::uint32_t descriptors = 256;
  std::uint32_t processes = 64;  ///< where it has namespaces, and we are not root
  std::uint32_t cpu_s = 0;       ///< of each process; 0: no limit
  bool core_dumps = false;
};

struct sandbox_command {
  std::string program;  ///< a path: PATH is not looked at
  std::vector<std::string> arguments = {};
  std::string folder = "/";  ///< where it starts
  /// Descriptors of ours that it gets as 3, 4, …; they stay ours, too. At most 16.
  std::vector<int> passes = {};
};

class egress;         // the proxy of `reaches`
class control_group;  // limits for all of its processes together

/// A program that runs confined; with the object it ends, and all that it started where it has
/// namespaces. Its standard streams are pipes. Threads: one at a time; kill() any.
class sandboxed {
 public:
  sandboxed(sandboxed&& other) noexcept;
  sandboxed& operator=(sandboxed&& other) noexcept;
  ~sandboxed();

  int pid() const { return pid_; }
  int in() const { return in_; }    ///< what is written here it reads
  int out() const { return out_; }  ///< what it says
  int err() const { return err_; }  ///< what it says beside
  void close_in();                  ///< it reads an end
  /// Its three streams, which are the caller's to close from here on; -1 where one is gone.
  std::array<int, 3> take_streams();

  /// What confines it less than the rules say; for the one who starts it to tell.
  const std::vector<sandbox_gap>& gaps() const { return gaps_; }

  /// SIGTERM to it and to what shares its group: a request.
  void ask_to_end();
  /// SIGKILL: nothing else is sure to end it.
  void kill();
  /// Its exit code, or 128 + signal; nothing where it still runs after `wait_ms` (-1: for good).
  std::optional<int> wait(int wait_ms = -1);

 private:
  friend result<sandboxed> spawn(const sandbox_command&, const sandbox_rules&,
                                 const kernel_support&);
  sandboxed() = default;
  void end();
  int pid_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
  std::optional<int> code_;
  std::vector<sandbox_gap> gaps_;
  std::shared_ptr<egress> egress_;
  std::shared_ptr<control_group> group_;
};

/// Starts a program that cannot reach more than the rules say: own user, process, network, IPC and
/// host-name namespaces; mounts that are read-only but for `writes`; no capability and no way to one;
/// landlock on files; a seccomp filter; limits; no descriptor but its three pipes and those that are
/// passed; an empty environment. What the kernel lacks is in `gaps()`.
///
/// Errors: sandbox.no_program, sandbox.no_path (a path of the rules is not there),
/// sandbox.not_confined (the kernel has no seccomp: nothing is started), sandbox.failed.
/// Threads: any. The program ends with this process, whatever ends that.
result<sandboxed> spawn(const sandbox_command& command, const sandbox_rules& rules,
                        const kernel_support& kernel = what_kernel_gives());

}  // namespace hocket::trust
