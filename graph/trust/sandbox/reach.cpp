#include "graph/trust/sandbox/reach.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace hocket::trust {
namespace {

// The kernel's interface, written out: the header of Debian 12 knows version 1 alone, and kernels of
// later versions keep to it. Documentation/userspace-api/landlock.rst.
#ifdef SYS_landlock_create_ruleset
constexpr long create_ruleset = SYS_landlock_create_ruleset, add_rule = SYS_landlock_add_rule;
#else
constexpr long create_ruleset = 444, add_rule = 445;
#endif
constexpr unsigned ask_version = 1;
constexpr int rule_of_path = 1;

struct ruleset_attributes {
  std::uint64_t files, network, scoped;
};
struct path_attributes {
  std::uint64_t allowed;
  std::int32_t parent_fd;
} __attribute__((packed));

constexpr std::uint64_t execute = 1, write_file = 2, read_file = 4, read_folder = 8,
                        remove_folder = 16, remove_file = 32, make_folder = 128, make_file = 256,
                        refer = 1 << 13, truncate = 1 << 14, device_control = 1 << 15;
constexpr std::uint64_t of_files = execute | write_file | read_file | truncate | device_control;

std::uint64_t known_to(int version) {
  if (version >= 5) return (std::uint64_t{1} << 16) - 1;
  if (version >= 3) return (std::uint64_t{1} << 15) - 1;
  return version == 2 ? (std::uint64_t{1} << 14) - 1 : (std::uint64_t{1} << 13) - 1;
}

// What every program wants: itself, its libraries, certificates, names, time.
constexpr const char* system_programs[] = {"/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin"};
constexpr const char* system_files[] = {
    "/etc/ld.so.cache", "/etc/ld.so.conf",      "/etc/ld.so.conf.d", "/etc/alternatives",
    "/etc/ssl",         "/etc/ca-certificates", "/etc/pki",          "/etc/localtime",
    "/etc/timezone",    "/etc/nsswitch.conf",   "/etc/resolv.conf",  "/etc/hosts",
    "/etc/host.conf",   "/etc/gai.conf",        "/etc/services",     "/etc/protocols",
    "/etc/mime.types",  "/etc/fonts",           "/etc/python3",      "/etc/python3.11",
    "/dev/urandom",     "/dev/random"};

class ruleset {
 public:
  ruleset(int fd, std::uint64_t known) : fd_(fd), known_(known) {}

  result<void> allow(const std::string& path, std::uint64_t what, bool must_be_there) const {
    const int at = ::open(path.c_str(), O_PATH | O_CLOEXEC);
    if (at < 0) {
      if (!must_be_there) return {};
      return fail("sandbox.no_path",
                  fmt::format("{}: {} (a sandbox is to reach it)", path, std::strerror(errno)));
    }
    struct stat info {};
    const bool folder = ::fstat(at, &info) == 0 && S_ISDIR(info.st_mode);
    const path_attributes rule{what & known_ & (folder ? ~std::uint64_t{0} : of_files), at};
    const auto done = ::syscall(add_rule, fd_, rule_of_path, &rule, 0);
    const int why = errno;
    ::close(at);
    if (done != 0)
      return fail("sandbox.failed", fmt::format("landlock: {}: {}", path, std::strerror(why)));
    return {};
  }

 private:
  int fd_;
  std::uint64_t known_;
};

result<void> fill(const ruleset& to, const std::string& program, const sandbox_rules& rules,
                  bool counts_shared) {
  constexpr auto look = read_file | read_folder;
  for (const char* path : system_programs) HOCKET_TRY(to.allow(path, look | execute, false));
  for (const char* path : system_files) HOCKET_TRY(to.allow(path, look, false));
  HOCKET_TRY(to.allow("/dev/null", look | write_file | truncate, false));
  // Mapped and shared it is memory that only a control group counts.
  if (counts_shared) HOCKET_TRY(to.allow("/dev/zero", look, false));
  HOCKET_TRY(to.allow(program, look | execute, true));
  for (const auto& path : rules.reads) HOCKET_TRY(to.allow(path, look, true));
  for (const auto& path : rules.runs) HOCKET_TRY(to.allow(path, look | execute, true));
  for (const auto& path : rules.writes)
    HOCKET_TRY(to.allow(path,
                        look | write_file | truncate | make_file | make_folder | remove_file |
                            remove_folder | refer,
                        true));
  return {};
}

}  // namespace

int landlock_version() {
  const auto version = ::syscall(create_ruleset, nullptr, 0, ask_version);
  return version > 0 ? static_cast<int>(version) : 0;
}

result<int> landlock_ruleset(const std::string& program, const sandbox_rules& rules, int version,
                             bool counts_shared) {
  ruleset_attributes all{known_to(version), 0, 0};
  std::size_t size = sizeof all.files;
  if (version >= 4) {
    size = offsetof(ruleset_attributes, scoped);
    if (!rules.network && rules.reaches.empty())
      all.network = 3;  // to listen, and to connect, over TCP
  }
  if (version >= 6) {
    size = sizeof all;
    all.scoped = 3;  // sockets without a file, and signals, of others
  }
  const auto fd = static_cast<int>(::syscall(create_ruleset, &all, size, 0));
  if (fd < 0) return fail("sandbox.failed", fmt::format("landlock: {}", std::strerror(errno)));
  if (const auto done = fill(ruleset(fd, all.files), program, rules, counts_shared); !done) {
    ::close(fd);
    return fail(done);
  }
  return fd;
}

}  // namespace hocket::trust
