#include "graph/trust/sandbox/sandbox.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "tests/support/skip.hpp"

#include "graph/trust/sandbox/filter.hpp"
#include "graph/trust/sandbox/start.hpp"

using namespace hocket;
using namespace hocket::trust;

namespace {

namespace fs = std::filesystem;

struct scratch {
  fs::path path;
  scratch() {
    std::string name = (fs::temp_directory_path() / "hocket-sandbox-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~scratch() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
    return (path / name).string();
  }
};

std::string all_of(int fd) {
  std::string out;
  char block[4096];
  for (ssize_t n; (n = ::read(fd, block, sizeof block)) > 0;)
    out.append(block, static_cast<std::size_t>(n));
  return out;
}

struct ending {
  int code = -1;
  std::string out, err;
};

ending run(const std::string& script, const sandbox_rules& rules = {},
           const std::string& program = "/bin/sh",
           const kernel_support& kernel = what_kernel_gives()) {
  auto child = spawn({program, {"-c", script}}, rules, kernel);
  REQUIRE_MESSAGE(child, (child ? "" : child.error().message));
  child->close_in();
  ending e;
  e.out = all_of(child->out());
  e.err = all_of(child->err());
  e.code = child->wait().value();
  return e;
}

ending python(const std::string& script, const sandbox_rules& rules = {},
              const kernel_support& kernel = what_kernel_gives()) {
  return run(script, rules, "/usr/bin/python3", kernel);
}

/// A port of this machine that somebody listens on.
struct listener {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port = 0;
  listener() {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), size) == 0);
    REQUIRE(::listen(fd, 4) == 0);
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    port = ntohs(at.sin_port);
  }
  ~listener() { ::close(fd); }
};

/// Kernels without one thing or another, as containers and old ones are.
std::vector<kernel_support> lesser_kernels() {
  auto none = what_kernel_gives(), files = none, spaces = none;
  auto mounts = none;
  files.landlock = 0;
  spaces.namespaces = false;
  mounts.mounts = false;
  none.landlock = 0;
  none.namespaces = false;
  return {what_kernel_gives(), files, spaces, mounts, none};
}

}  // namespace

TEST_CASE("a sandboxed program speaks through its pipes, and its end is told") {
  auto child = spawn({"/bin/cat", {}}, {});
  REQUIRE(child);
  CHECK(!child->wait(0));
  REQUIRE(::write(child->in(), "hello\n", 6) == 6);
  child->close_in();
  CHECK(all_of(child->out()) == "hello\n");
  CHECK(child->wait() == 0);
  CHECK(child->wait() == 0);
  CHECK(run("exit 7").code == 7);
  CHECK(run("echo said; echo beside >&2").err == "beside\n");
}

TEST_CASE("it begins with nothing: no variable, no descriptor, no signal that we ignore") {
  ::setenv("HOCKET_SANDBOX_CANARY", "secret", 1);
  const int kept = ::open("/etc/hostname", O_RDONLY);  // without O_CLOEXEC
  const auto open = python(
      "import os\n"
      "def there(fd):\n"
      "  try: os.fstat(fd)\n"
      "  except OSError: return False\n"
      "  return True\n"
      "print([fd for fd in range(3, 256) if there(fd)], [k for k in os.environ if 'HOCKET' in "
      "k])\n");
  ::close(kept);
  ::unsetenv("HOCKET_SANDBOX_CANARY");
  CHECK(open.out == "[] []\n");
  sandbox_rules with;
  with.environment = {{"ONE", "1 = \n2"}};
  CHECK(run("printf %s \"$ONE\"", with).out == "1 = \n2");
}

TEST_CASE("without the network no socket can be made, whatever the kernel lacks") {
  const listener door;
  const auto script =
      "import socket\n"
      "for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, 16, 17):\n"
      "  for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):\n"
      "    try: socket.socket(family, kind); print('made', family, kind)\n"
      "    except PermissionError: pass\n"
      "for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):\n"
      "  try: socket.socketpair(socket.AF_UNIX, kind); print('pair', kind)\n"
      "  except PermissionError: pass\n"
      "a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))\n";
  for (const auto& kernel : lesser_kernels()) CHECK(python(script, {}, kernel).out == "b'x'\n");
  sandbox_rules open;
  open.network = true;
  const auto reach =
      "import socket\n"
      "socket.create_connection(('127.0.0.1', " +
      std::to_string(door.port) +
      "), 5); print('in')\n"
      "try: socket.socket(socket.AF_UNIX)\n"
      "except PermissionError: print('no socket files')\n";
  for (const auto& kernel : lesser_kernels())
    CHECK(python(reach, open, kernel).out == "in\nno socket files\n");
  CHECK(python(reach).code != 0);
}

TEST_CASE("files: what is named, and what every program needs, alone" *
          doctest::test_suite("kernel")) {
  if (what_kernel_gives().landlock == 0) return testing::skipped("landlock");
  const scratch mine, other;
  const auto secret = other.write("secret", "s"), given = mine.write("given", "g");
  sandbox_rules rules;
  rules.writes = {mine.path.string()};
  const auto m = mine.path.string();
  CHECK(run("cat " + given, rules).out == "g");
  CHECK(run("echo new > " + m + "/made && mkdir " + m + "/sub && mv " + m + "/made " + m +
                "/sub/ && cat " + m + "/sub/made",
            rules)
            .out == "new\n");
  for (const auto* path :
       {"/etc/passwd", "/etc/shadow", "/etc/hostname", "/proc/1/environ", "/proc/self/environ",
        "/sys/kernel/mm", "/root", "/home", "/run", "/var"})
    CHECK_MESSAGE(
        run(std::string("p=") + path + "; if [ -d $p ]; then ls $p; else cat $p; fi", rules)
            .out.empty(),
        std::string(path));
  CHECK(run("cat " + secret, rules).out.empty());
  CHECK(run("cat " + m + "/../" + other.path.filename().string() + "/secret", rules).out.empty());
  CHECK(run("ln -s " + secret + " " + m + "/link; cat " + m + "/link", rules).out.empty());
  CHECK(run("ln " + secret + " " + m + "/hard", rules).code != 0);
  CHECK(run("echo x >> " + secret, rules).code != 0);
  CHECK(run("rm " + secret, rules).code != 0);
  CHECK(fs::exists(secret));
  // What it writes it cannot run, and what it may only read it cannot change.
  CHECK(run("cp /bin/true " + m + "/run && chmod 700 " + m + "/run && " + m + "/run", rules).code !=
        0);
  CHECK(run("mkfifo " + m + "/fifo", rules).code != 0);
  sandbox_rules looking;
  looking.reads = {m};
  CHECK(run("cat " + given, looking).out == "g");
  CHECK(run("echo x > " + given, looking).code != 0);
  CHECK(run("echo x > /usr/hocket-x || echo x > /etc/ssl/hocket-x || echo x > /dev/zero", looking)
            .code != 0);
}

TEST_CASE("no rights, no way to get some, no namespaces of its own") {
  const auto script =
      "import ctypes, os\n"
      "c = ctypes.CDLL(None, use_errno=True)\n"
      "def call(n, *a):\n"
      "  r = c.syscall(n, *a)\n"
      "  return 'ok' if r >= 0 else os.strerror(ctypes.get_errno())\n"
      "import platform\n"
      "x86 = platform.machine() == 'x86_64'\n"
      "calls = [(101, 0, 0, 0, 0), (272, 0x10000000), (165, 0, 0, 0, 0, 0), (425, 1, 0), (321, 0, "
      "0, 0),\n"
      "         (250, 0, 0), (435, 0, 0), (323, 0), (161, b'/'), (135, 0x0008)] if x86 else []\n"
      "print({call(*a) for a in calls} <= {'Operation not permitted', 'Function not "
      "implemented'})\n"
      "try: os.setuid(0) if os.getuid() else os.chown('/usr/bin/true', 1, 1); print('rights')\n"
      "except OSError: print('none')\n";
  for (const auto& kernel : lesser_kernels())
    CHECK(python(script, {}, kernel).out == "True\nnone\n");
  CHECK(run("unshare -U true || unshare -r true").code != 0);
}

TEST_CASE("it sees and ends no process but its own" * doctest::test_suite("kernel")) {
  if (!what_kernel_gives().namespaces) return testing::skipped("user namespaces");
  CHECK(run("kill -0 " + std::to_string(::getpid())).code != 0);
  CHECK(run("kill -9 -1; echo alive").code != 1);
  CHECK(::getpid() > 0);
}

TEST_CASE("what it started ends with it, and it ends with the object" *
          doctest::test_suite("kernel")) {
  if (!what_kernel_gives().namespaces) return testing::skipped("user namespaces");
  const scratch mine;
  sandbox_rules rules;
  rules.writes = {mine.path.string()};
  int out = -1;
  {
    auto child = spawn({"/bin/sh", {"-c", "setsid sleep 1000 & echo up; sleep 1000"}}, rules);
    REQUIRE(child);
    char said[3];
    REQUIRE(::read(child->out(), said, 3) == 3);
    out = ::dup(child->out());
    CHECK(!child->wait(10));
  }
  CHECK(all_of(out).empty());  // its end: nobody holds the pipe any more
  ::close(out);
}

TEST_CASE("limits: memory, the size of files, descriptors, time") {
  sandbox_rules rules;
  rules.memory_bytes = 64u << 20;
  CHECK(python("x = bytearray(200 << 20)", rules).err.find("MemoryError") != std::string::npos);
  const scratch mine;
  rules.writes = {mine.path.string()};
  rules.file_bytes = 4096;
  CHECK(run("yes | head -c 100000 > " + mine.path.string() + "/big", rules).code != 0);
  CHECK(fs::file_size(mine.path / "big") == 4096);
  rules.descriptors = 16;
  CHECK(python("import os\nwhile True: os.dup(0)", rules).err.find("Too many open files") !=
        std::string::npos);
  rules.cpu_s = 1;
  CHECK(python("while True: pass", rules).code >= 128);
}

TEST_CASE("memory that processes share counts, or there is none") {
  sandbox_rules rules;
  rules.memory_bytes = 64u << 20;
  // Each takes 200 MB that RLIMIT_DATA does not count.
  const auto script =
      "import ctypes, mmap, os\n"
      "c = ctypes.CDLL(None, use_errno=True)\n"
      "c.shmat.restype = ctypes.c_void_p\n"
      "n = 200 << 20\n"
      "def anonymous(): mmap.mmap(-1, n)[n - 1] = 1\n"
      "def validated(): mmap.mmap(-1, n, flags=mmap.MAP_ANONYMOUS | 3)\n"
      "def in_memory():\n"
      "  f = os.memfd_create('x')\n"
      "  os.ftruncate(f, n); mmap.mmap(f, n)[n - 1] = 1\n"
      "def segment():\n"
      "  if c.shmget(0, ctypes.c_size_t(n), 0o1600) < 0: raise OSError\n"
      "def stack():\n"
      "  mmap.mmap(-1, n, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x100)[n - 1] = 1\n"
      "def zeros():\n"
      "  m = mmap.mmap(os.open('/dev/zero', os.O_RDONLY), n, prot=mmap.PROT_READ)\n"
      "  assert m[n - 1] == 0\n"
      "def more_stack():\n"
      "  import resource\n"
      "  resource.setrlimit(resource.RLIMIT_STACK, (n, n))\n"
      "for f in (anonymous, validated, in_memory, segment, stack, zeros, more_stack):\n"
      "  try: f(); print('had', f.__name__)\n"
      "  except (OSError, ValueError): pass\n"
      "mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
      "print('own')\n";
  auto kernel = what_kernel_gives();
  kernel.groups = false;  // none limits it: there is none of it
  // Neither landlock nor mounts of its own: nothing keeps it from the device, and the gaps say so.
  for (const int with : {2, 1, 0}) {
    kernel.landlock = with == 2 ? what_kernel_gives().landlock : 0;
    kernel.mounts = with > 0 && what_kernel_gives().mounts;
    const bool kept_out = kernel.landlock > 0 || (kernel.mounts && kernel.namespaces);
    CHECK(python(script, rules, kernel).out == (kept_out ? "own\n" : "had zeros\nown\n"));
  }
}

TEST_CASE("a control group lets processes share memory, which it counts" *
          doctest::test_suite("groups")) {
  if (!what_kernel_gives().groups) return testing::skipped("a control group of ours");
  sandbox_rules rules;
  rules.memory_bytes = 64u << 20;
  CHECK(python("import mmap\nmmap.mmap(-1, 4096)\nprint('some')", rules).out == "some\n");
}

TEST_CASE("a child whose maker is gone before it began never begins") {
  const scratch mine;
  const auto marker = (mine.path / "began").string();
  std::vector<std::string> words = {"/bin/mkdir", marker};
  char* const arguments[] = {words[0].data(), words[1].data(), nullptr};
  char* const environment[] = {nullptr};
  const auto filter = system_call_filter({});
  REQUIRE(filter);
  for (const bool goes : {false, true}) {
    int go[2], told[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, go) == 0);
    REQUIRE(::pipe2(told, O_CLOEXEC) == 0);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    start_plan plan;
    plan.program = arguments[0];
    plan.arguments = arguments;
    plan.environment = environment;
    plan.folder = "/";
    plan.in = plan.out = plan.err = ::fcntl(null, F_DUPFD_CLOEXEC, 40);
    plan.told = ::fcntl(told[1], F_DUPFD_CLOEXEC, 40);
    plan.go = ::fcntl(go[1], F_DUPFD_CLOEXEC, 40);
    plan.filter = {static_cast<unsigned short>((*filter)->size()),
                   const_cast<sock_filter*>((*filter)->data())};
    ::close(go[1]);
    const int child = fork_into(0);
    if (child == 0) {
      ::close(go[0]);
      become(plan);
    }
    REQUIRE(child > 0);
    if (goes) CHECK(::send(go[0], "g", 1, MSG_NOSIGNAL) == 1);
    ::close(go[0]);
    int status = 0;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == (goes ? 0 : 127));
    CHECK(fs::exists(marker) == goes);
    for (const int fd : {told[0], told[1], null, plan.in, plan.told, plan.go}) ::close(fd);
  }
}

TEST_CASE("what cannot be started or confined is said, and nothing runs") {
  const auto code = [](const result<sandboxed>& r) { return r ? "" : r.error().code; };
  CHECK(code(spawn({"/nowhere/x", {}}, {})) == "sandbox.no_program");
  CHECK(code(spawn({"sh", {}}, {})) == "sandbox.no_program");
  CHECK(code(spawn({"/bin/true", {std::string("a\0b", 3)}}, {})) == "sandbox.failed");
  const auto nowhere = spawn({"/bin/true", {}, "/nowhere"}, {});
  REQUIRE(!nowhere);
  CHECK(nowhere.error().message == "/bin/true: its folder: No such file or directory");
  sandbox_rules rules;
  rules.reads = {"/nowhere/else"};
  if (what_kernel_gives().landlock > 0)
    CHECK(code(spawn({"/bin/true", {}}, rules)) == "sandbox.no_path");
  auto kernel = what_kernel_gives();
  kernel.filter = false;
  const auto refused = spawn({"/bin/true", {}}, {}, kernel);
  CHECK(code(refused) == "sandbox.not_confined");
  CHECK(gaps_of({false, false, 0, false, false}, false).size() == 5);
  CHECK(gaps_of({true, true, 3, true, true}, false).empty());
  CHECK(gaps_of({true, true, 3, true, false}, false).size() == 1);
  CHECK(gaps_of({true, true, 1, true, true}, false).size() == 1);  // truncate() is not controlled
  CHECK(gaps_of({false, true, 3, true, true}, false, true).size() == 2);  // addresses
  for (const auto& gap : gaps_of({false, false, 0, false, false}, true, true))
    CHECK(!gap.remedy.empty());
}

TEST_CASE("modes, owners and times change in what it may write, and nowhere else") {
  const scratch mine, other;
  const auto kept = other.write("kept", "k"), own = mine.write("own", "o");
  ::chmod(kept.c_str(), 0600);
  sandbox_rules rules;
  rules.writes = {mine.path.string()};
  const auto touch = [](const std::string& path) {
    return "chmod 777 " + path + "; touch -d 2001-01-01 " + path + "; chmod -R 777 $(dirname " +
           path + "); chown 1000 " + path + " 2>/dev/null";
  };
  for (const auto& kernel : lesser_kernels()) {
    struct stat before {
    }, after{};
    REQUIRE(::stat(kept.c_str(), &before) == 0);
    (void)run(touch(kept), rules, "/bin/sh", kernel);
    REQUIRE(::stat(kept.c_str(), &after) == 0);
    CHECK(before.st_mode == after.st_mode);
    CHECK(before.st_mtim.tv_sec == after.st_mtim.tv_sec);
    CHECK(before.st_ctim.tv_nsec == after.st_ctim.tv_nsec);
  }
  if (what_kernel_gives().mounts)
    CHECK(run("chmod 640 " + own + " && touch -d 2001-01-01 " + own, rules).code == 0);
}

TEST_CASE("nothing that it makes runs as its owner") {
  const scratch mine;
  sandbox_rules rules;
  rules.writes = {mine.path.string()};
  const auto at = mine.path.string();
  const auto script =
      "import os, ctypes\n"
      "c = ctypes.CDLL(None, use_errno=True)\n"
      "p = '" +
      at +
      "/'\n"
      "open(p + 'f', 'w').close()\n"
      "def tried(f):\n"
      "  try: f()\n"
      "  except OSError: pass\n"
      "tried(lambda: os.chmod(p + 'f', 0o4755))\n"
      "tried(lambda: os.chmod(p + 'f', 0o2755))\n"
      "tried(lambda: os.open(p + 'a', os.O_CREAT | os.O_WRONLY, 0o4777))\n"
      "tried(lambda: os.open(p, os.O_TMPFILE | os.O_WRONLY, 0o4777))\n"
      "tried(lambda: os.mkdir(p + 'd', 0o2777))\n"
      "c.creat((p + 'b').encode(), 0o6777)\n"
      "h = (ctypes.c_uint64 * 3)(os.O_CREAT | os.O_WRONLY, 0o4777, 0)\n"
      "c.syscall(437, -100, (p + 'c').encode(), h, 24)\n";
  for (const auto& kernel : lesser_kernels()) {
    (void)python(script, rules, kernel);
    for (const auto& entry : fs::directory_iterator(mine.path)) {
      struct stat info {};
      REQUIRE(::stat(entry.path().c_str(), &info) == 0);
      CHECK_MESSAGE((S_ISDIR(info.st_mode) || (info.st_mode & 06000) == 0), entry.path().string());
    }
  }
}

TEST_CASE("descriptors that are passed are at 3 and on, and nothing behind them") {
  int both[2];
  REQUIRE(::pipe2(both, O_CLOEXEC) == 0);
  auto child = spawn(
      {"/bin/sh", {"-c", "echo there >&4; exec 4>&-; cat <&3; : >&5"}, "/", {both[0], both[1]}},
      {});
  REQUIRE(child);
  REQUIRE(::write(both[1], "x\n", 2) == 2);
  ::close(both[1]);
  const auto said = all_of(child->out());
  CHECK_MESSAGE((said == "there\nx\n" || said == "x\nthere\n"), said);
  CHECK(child->wait() != 0);  // nothing is at 5
  ::close(both[0]);
  CHECK(!spawn({"/bin/true", {}, "/", std::vector<int>(17, 0)}, {}));
  CHECK(!spawn({"/bin/true", {}, "/", {987654}}, {}));
}
