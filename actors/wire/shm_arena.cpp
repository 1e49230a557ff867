#include "actors/wire/shm_arena.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "actors/wire/node.hpp"
#include "graph/trust/files.hpp"

namespace hocket::wire {
namespace {

namespace fs = std::filesystem;
constexpr std::array<char, 8> magic = {'h', 'o', 'c', 'k', 'e', 't', '0', '1'};
constexpr std::string_view prefix = "hocket-arena-";

/// When a process started, in clock ticks since boot; 0 where there is no such process.
std::uint64_t start_time(long pid) {
  std::ifstream in(fmt::format("/proc/{}/stat", pid));
  std::string all;
  std::getline(in, all);
  const auto end = all.rfind(')');  // the name may hold anything
  if (end == std::string::npos) return 0;
  std::istringstream rest(all.substr(end + 1));
  std::string word;
  for (int i = 0; i < 20; ++i) rest >> word;
  return std::strtoull(word.c_str(), nullptr, 10);
}

tl::unexpected<error> refuse(const std::string& what) {
  return fail(wire_error::no_shared_memory, what);
}

/// Takes memory for a part of a file; errno's number where there is none.
int take_memory(int fd, std::size_t from, std::size_t size) {
  int why = EINTR;
  while (why == EINTR)
    why = posix_fallocate(fd, static_cast<off_t>(from), static_cast<off_t>(size));
  return why;
}

/// Makes page tables now: the first packets would pay for them. Kernels before 5.14 do not know it.
void populate([[maybe_unused]] std::byte* at, [[maybe_unused]] std::size_t size) {
#ifdef MADV_POPULATE_WRITE
  (void)madvise(at, size, MADV_POPULATE_WRITE);
#endif
}

/// Maps an open file, or says why not.
result<std::byte*> map(int fd, std::size_t size, const std::string& file) {
  void* base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (base == MAP_FAILED) return refuse(fmt::format("{}: {}", file, std::strerror(errno)));
  return static_cast<std::byte*>(base);
}

}  // namespace

std::string boot_id() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(in, id);
  return id;
}

int remove_stale_arenas(const std::string& folder) {
  int removed = 0;
  std::error_code failed;
  for (const auto& e : fs::directory_iterator(folder, failed)) {
    const auto name = e.path().filename().string();
    long pid = 0;
    unsigned long long started = 0;
    if (name.rfind(prefix, 0) != 0 ||
        std::sscanf(name.c_str() + prefix.size(), "%ld-%llu-", &pid, &started) != 2)
      continue;
    if (start_time(pid) == started) continue;
    std::error_code ignored;
    if (fs::remove(e.path(), ignored)) ++removed;
  }
  return removed;
}

result<std::shared_ptr<shm_arena>> shm_arena::create(const std::string& folder,
                                                     std::size_t size_bytes) {
  const auto size = std::max(size_bytes, least_bytes()) / 4096 * 4096;
  std::array<std::uint8_t, 40> random{};
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return refuse("no random numbers");
  std::uint64_t id = 0;
  std::memcpy(&id, random.data() + 32, sizeof id);
  const auto name = fmt::format("{}{}-{}-{:016x}", prefix, getpid(), start_time(getpid()), id);
  const auto file = folder + "/" + name;
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0)
    return refuse(fmt::format("{}: {}", folder, std::strerror(errno)));
  const auto place = trust::folder::open(folder);
  if (!place) return refuse(place.error().message);
  auto made = place->create(name, trust::create_as::fresh);
  if (!made) return refuse(made.error().message);
  const int fd = made->release();
  // Pages that are used are taken before: a full file system is an error here and in reach(), not a
  // SIGBUS later.
  const auto first = ring_offset() + ring_bytes;
  int why = ftruncate(fd, static_cast<off_t>(size)) == 0 ? 0 : errno;
  if (why == 0) why = take_memory(fd, 0, first);
  if (why != 0) {
    close(fd);
    ::unlink(file.c_str());
    return refuse(fmt::format("{}: no room for {} bytes: {}", file, first, std::strerror(why)));
  }
  const auto base = map(fd, size, file);
  if (!base) {
    close(fd);
    ::unlink(file.c_str());
    return fail(base);
  }
  populate(*base, first);
  auto arena = std::shared_ptr<shm_arena>(new shm_arena(file, *base, size, fd));
  if (!arena->reach(1)) return refuse(fmt::format("{}: no room for its first blocks", file));
  auto& h = *new (*base) header{};
  h.magic = magic;
  h.total_bytes = size;
  std::memcpy(h.secret.data(), random.data(), h.secret.size());
  return arena;
}

result<std::shared_ptr<shm_arena>> shm_arena::open(const std::string& folder,
                                                   const std::string& file,
                                                   std::size_t size_bytes) {
  // The peer names a file: nothing but an arena in the folder that we use ourselves.
  const auto name = file.substr(file.rfind('/') + 1);
  if (file != folder + "/" + name || name.rfind(prefix, 0) != 0)
    return refuse(fmt::format("the offered file is no arena in {}", folder));
  const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return refuse(fmt::format("{}: {}", file, std::strerror(errno)));
  struct stat info {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != geteuid() ||
      static_cast<std::size_t>(info.st_size) != size_bytes || size_bytes < least_bytes()) {
    close(fd);
    return refuse(file + ": not of our user, or not of the announced size");
  }
  const auto base = map(fd, size_bytes, file);
  close(fd);
  if (!base) return fail(base);
  populate(*base, ring_offset() + ring_bytes);
  auto arena = std::shared_ptr<shm_arena>(new shm_arena(file, *base, size_bytes, -1));
  if (arena->head().magic != magic || arena->head().total_bytes != size_bytes)
    return refuse(file + ": no arena of this release");
  // The writer's side may still show the same bytes to its own actors.
  if (mprotect(arena->heap(), arena->heap_bytes(), PROT_READ) != 0)
    return refuse(fmt::format("{}: {}", file, std::strerror(errno)));
  return arena;
}

result<shm_arena::files> shm_arena::make_files(std::size_t size_bytes) {
  const auto size = std::max(size_bytes, least_bytes()) / 4096 * 4096;
  const auto first = ring_offset() + ring_bytes;
  files out;
  out.head = ::memfd_create("hocket-head", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  out.heap = ::memfd_create("hocket-heap", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (out.head < 0 || out.heap < 0) return refuse(std::strerror(errno));
  // A reader must not die of a file that its writer made shorter.
  constexpr int fixed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (::ftruncate(out.head, static_cast<off_t>(first)) != 0 ||
      ::ftruncate(out.heap, static_cast<off_t>(size - first)) != 0 ||
      ::fcntl(out.head, F_ADD_SEALS, fixed) != 0 || ::fcntl(out.heap, F_ADD_SEALS, fixed) != 0)
    return refuse(std::strerror(errno));
  out.heap_to_read =
      ::open(fmt::format("/proc/self/fd/{}", out.heap).c_str(), O_RDONLY | O_CLOEXEC);
  if (out.heap_to_read < 0) return refuse(fmt::format("/proc/self/fd: {}", std::strerror(errno)));
  if (const int why = take_memory(out.head, 0, ring_offset()); why != 0)
    return refuse(std::strerror(why));
  return out;
}

result<std::shared_ptr<shm_arena>> shm_arena::map_files(int head, int heap, std::size_t size_bytes,
                                                        bool writes) {
  const auto size = std::max(size_bytes, least_bytes()) / 4096 * 4096;
  const auto first = ring_offset() + ring_bytes;
  struct stat of_head {
  }, of_heap{};
  if (::fstat(head, &of_head) != 0 || ::fstat(heap, &of_heap) != 0 ||
      static_cast<std::size_t>(of_head.st_size) != first ||
      static_cast<std::size_t>(of_heap.st_size) != size - first)
    return refuse("the descriptors are no arena of the announced size");
  void* const base =
      ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return refuse(std::strerror(errno));
  auto* const at = static_cast<std::byte*>(base);
  const int own = writes ? ::fcntl(heap, F_DUPFD_CLOEXEC, 3) : -1;
  auto arena = std::shared_ptr<shm_arena>(new shm_arena("", at, size, own));
  arena->ours_ = false;
  arena->heap_at_ = 0;
  if ((writes && own < 0) ||
      ::mmap(at, first, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, head, 0) == MAP_FAILED ||
      ::mmap(at + first, size - first, writes ? PROT_READ | PROT_WRITE : PROT_READ,
             MAP_SHARED | MAP_FIXED | MAP_NORESERVE, heap, 0) == MAP_FAILED)
    return refuse(std::strerror(errno));
  if (writes && !arena->reach(1)) return refuse("no room for its first blocks");
  return arena;
}

shm_arena::files::~files() {
  for (const int fd : {head, heap, heap_to_read})
    if (fd >= 0) ::close(fd);
}

bool shm_arena::reach(std::size_t heap_end) {
  if (heap_end <= reached_) return true;
  if (fd_ < 0 || heap_end > heap_bytes()) return false;
  const auto up_to = std::min(heap_bytes(), (heap_end + step_bytes - 1) / step_bytes * step_bytes);
  const auto from = heap_at_ + reached_;
  if (take_memory(fd_, from, up_to - reached_) != 0) return false;
  populate(heap() + reached_ / 4096 * 4096, up_to - reached_ / 4096 * 4096);
  reached_ = up_to;
  return true;
}

shm_arena::~shm_arena() {
  unlink();
  if (fd_ >= 0) close(fd_);
  munmap(base_, size_);
}

void shm_arena::unlink() {
  if (ours_) ::unlink(file_.c_str());
  ours_ = false;
}

std::string shm_arena::secret() const {
  return {reinterpret_cast<const char*>(head().secret.data()), head().secret.size()};
}

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t value, std::int64_t limit_ns) {
  const timespec limit{limit_ns / 1'000'000'000, limit_ns % 1'000'000'000};
  syscall(SYS_futex, &word, FUTEX_WAIT, value, &limit, nullptr, 0);
}

void futex_wake(std::atomic<std::uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

}  // namespace hocket::wire
