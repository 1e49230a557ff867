#include <elf.h>

#include <cstring>

#include "graph/contract/plugin_note.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: the bytes of a shared library.
namespace hocket::fuzz {
namespace {

/// The smallest library that says what it is: header, two sections, their names.
std::string smallest() {
  const std::string names("\0.shstrtab\0.hocket.plugin\0", 26);
  const std::string note("hocket-plugin\0hocket-0.1-4-cxx20\0tiny\0", 38);
  Elf64_Ehdr head{};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_ident[EI_DATA] = ELFDATA2LSB;
  head.e_type = ET_DYN;
  head.e_shentsize = sizeof(Elf64_Shdr);
  head.e_shnum = 3;
  head.e_shstrndx = 1;
  head.e_shoff = sizeof head;
  Elf64_Shdr all[3]{};
  const auto begin = sizeof head + sizeof all;
  all[1] = {1, SHT_STRTAB, 0, 0, begin, names.size(), 0, 0, 1, 0};
  all[2] = {11, SHT_PROGBITS, 0, 0, begin + names.size(), note.size(), 0, 0, 1, 0};
  std::string out(reinterpret_cast<const char*>(&head), sizeof head);
  out.append(reinterpret_cast<const char*>(all), sizeof all);
  return out + names + note;
}

void run(std::span<const std::uint8_t> bytes) {
  const std::string text(bytes.begin(), bytes.end());
  if (const auto note = parse_plugin_note(text))
    HOCKET_ASSERT(!note->name.empty() && !note->abi.empty() && text.find(note->name) != text.npos);
}

}  // namespace

extern const target plugin_note;
const target plugin_note{"plugin_note", run, [] { return std::vector<std::string>{smallest()}; }};

}  // namespace hocket::fuzz
