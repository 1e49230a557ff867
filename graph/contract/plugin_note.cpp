#include "graph/contract/plugin_note.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "graph/trust/files.hpp"

namespace hocket {
namespace {

constexpr std::uint64_t max_library_bytes = std::uint64_t{1} << 30;
constexpr std::string_view mark = "hocket-plugin";

tl::unexpected<error> not_elf(std::string_view why) {
  return fail("plugin.cannot_load", fmt::format("no shared library of this machine: {}", why));
}

tl::unexpected<error> no_plugin() {
  return fail("plugin.not_a_plugin",
              "a library, but no plugin of this release: it lacks the section "
              "`.hocket.plugin`; put HOCKET_PLUGIN(name) {…} into its source and build it with "
              "HOCKET_SHARED_PLUGIN");
}

/// A struct at an offset of the file; false where it does not lie in it.
template <class Struct>
bool read_at(std::string_view all, std::uint64_t offset, Struct& into) {
  if (offset > all.size() || sizeof(Struct) > all.size() - offset) return false;
  std::memcpy(&into, all.data() + offset, sizeof(Struct));
  return true;
}

bool lies_in(std::string_view all, std::uint64_t offset, std::uint64_t size) {
  return offset <= all.size() && size <= all.size() - offset;
}

/// Text up to its zero; false where none comes.
bool take_text(std::string_view& from, std::string& into) {
  const auto end = from.find('\0');
  if (end == from.npos) return false;
  into = from.substr(0, end);
  from.remove_prefix(end + 1);
  return true;
}

}  // namespace

result<plugin_note> parse_plugin_note(std::string_view elf) {
  Elf64_Ehdr head;
  if (!read_at(elf, 0, head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
    return not_elf("it is no ELF file");
  if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != ELFDATA2LSB ||
      head.e_type != ET_DYN)
    return not_elf("it is of another kind");
  Elf64_Shdr names;
  const auto section = [&](std::uint64_t i, Elf64_Shdr& into) {
    return head.e_shentsize == sizeof(Elf64_Shdr) && i < head.e_shnum &&
           lies_in(elf, head.e_shoff, head.e_shnum * sizeof(Elf64_Shdr)) &&
           read_at(elf, head.e_shoff + i * sizeof(Elf64_Shdr), into);
  };
  if (!section(head.e_shstrndx, names) || !lies_in(elf, names.sh_offset, names.sh_size))
    return no_plugin();
  const auto all_names = elf.substr(names.sh_offset, names.sh_size);
  for (std::uint64_t i = 0; i < head.e_shnum; ++i) {
    Elf64_Shdr at;
    if (!section(i, at) || at.sh_type != SHT_PROGBITS || at.sh_name >= all_names.size()) continue;
    auto rest = all_names.substr(at.sh_name);
    std::string name;
    if (!take_text(rest, name) || name != plugin_section) continue;
    if (!lies_in(elf, at.sh_offset, at.sh_size)) return no_plugin();
    auto text = elf.substr(at.sh_offset, at.sh_size);
    plugin_note out;
    std::string first;
    if (!take_text(text, first) || first != mark || !take_text(text, out.abi) ||
        !take_text(text, out.name) || out.abi.empty() || out.name.empty())
      return no_plugin();
    return out;
  }
  return no_plugin();
}

result<plugin_note> read_plugin_note(const std::string& path) {
  const auto cannot = [&](std::string_view why) {
    return fail("plugin.cannot_load", fmt::format("cannot load `{}`: {}", path, why));
  };
  const trust::file in(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC), path);
  if (in.fd() < 0) return cannot(std::strerror(errno));
  struct stat info {};
  if (::fstat(in.fd(), &info) != 0) return cannot(std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return cannot("it is no file");
  if (info.st_uid != ::geteuid() && info.st_uid != 0)
    return cannot("it belongs to another user, who could change it at any time; copy it first");
  if ((info.st_mode & S_IWOTH) != 0)
    return cannot("everybody can write to it; chmod o-w it if you trust what it holds");
  if (static_cast<std::uint64_t>(info.st_size) > max_library_bytes)
    return cannot("it is too large");
  std::string all(static_cast<std::size_t>(info.st_size), '\0');
  for (std::size_t have = 0; have < all.size();) {
    const auto n = ::pread(in.fd(), all.data() + have, all.size() - have, static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return cannot(n < 0 ? std::strerror(errno) : "it became shorter");
    have += static_cast<std::size_t>(n);
  }
  const auto note = parse_plugin_note(all);
  if (!note) return fail(note.error().code, fmt::format("`{}`: {}", path, note.error().message));
  return note;
}

}  // namespace hocket
