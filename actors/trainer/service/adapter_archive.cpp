#include "actors/trainer/service/adapter_archive.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "engine/transformer/safetensors.hpp"
#include "graph/text/clean.hpp"

namespace hocket::trainer {
namespace {

constexpr std::size_t block = 512;
constexpr std::size_t most_entries = 1024, longest_name = 200;
constexpr std::size_t most_config_bytes = 64 << 10, longest_expression = 1024, longest_words = 300;

tl::unexpected<error> bad(const std::string& what) { return fail("train.bad_archive", what); }
tl::unexpected<error> wrong(const std::string& what) { return fail("train.wrong_adapter", what); }

std::string shown(std::string_view name) { return cut_text(clean_text(name), longest_name); }

std::string_view text_of(std::string_view field) { return field.substr(0, field.find('\0')); }

/// Octal digits with blanks or NUL around them; empty where it is none.
std::optional<std::size_t> number_of(std::string_view field) {
  std::size_t n = 0;
  bool any = false;
  for (const char c : field) {
    if (c == ' ' && !any) continue;
    if (c == ' ' || c == '\0') break;
    if (c < '0' || c > '7' || n > (std::size_t{1} << 40)) return std::nullopt;
    n = n * 8 + static_cast<std::size_t>(c - '0'), any = true;
  }
  return any ? std::optional(n) : std::nullopt;
}

bool sum_fits(std::string_view head) {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < block; ++i)
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(head[i]);
  return number_of(head.substr(148, 8)) == sum;
}

/// Whether a name stays below the folder that it would be unpacked in.
bool stays_inside(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.find('\\') != name.npos) return false;
  while (!name.empty()) {
    const auto part = name.substr(0, name.find('/'));
    if (part == "..") return false;
    name.remove_prefix(std::min(name.size(), part.size() + 1));
  }
  return true;
}

struct entry {
  std::string name;
  char kind = '0';
  std::size_t size = 0;
};

result<entry> read_head(std::string_view head) {
  if (!sum_fits(head)) return bad("it is no tar archive, or a header of it is damaged");
  entry e;
  e.name = std::string(text_of(head.substr(0, 100)));
  const auto before = text_of(head.substr(345, 155));
  if (head.substr(257, 5) == "ustar" && head[262] == '\0' && !before.empty())
    e.name = std::string(before) + "/" + e.name;
  const auto size = number_of(head.substr(124, 12));
  if (!size) return bad("the size of " + shown(e.name) + " is no number");
  e.size = *size, e.kind = head[156] == '\0' ? '0' : head[156];
  return e;
}

/// Its place in the adapter; empty: another file.
std::string_view file_of(std::string_view name) {
  const auto last = name.substr(name.rfind('/') + 1);
  return last == "adapter_config.json" || last == "adapter_model.safetensors" ? last : "";
}

}  // namespace

result<lora::adapter_files> read_archive(const std::string& bytes) {
  const std::string_view all(bytes);
  std::map<std::string, std::string> found;
  std::set<std::string> folders;  ///< of the two
  std::size_t at = 0, entries = 0;
  for (; at + block <= all.size(); ++entries) {
    const auto head = all.substr(at, block);
    if (head.find_first_not_of('\0') == head.npos) break;
    if (entries == most_entries) return bad("it has too many entries");
    const auto e = read_head(head);
    if (!e) return fail(e);
    at += block;
    if (e->size > all.size() - at) return bad(shown(e->name) + " is cut short");
    // Names and times in other forms (PAX, GNU): of the two files, which have short names, they say nothing needed.
    const bool is_note = e->kind == 'x' || e->kind == 'g';
    if (!is_note && !stays_inside(e->name))
      return bad("an entry leaves its folder: " + shown(e->name));
    if (!is_note && e->kind != '0' && e->kind != '5')
      return bad(shown(e->name) + " is neither a file nor a folder");
    if (const auto file = file_of(e->name); e->kind == '0' && !file.empty()) {
      if (!found.emplace(file, all.substr(at, e->size)).second)
        return bad(std::string(file) + " is there twice");
      folders.insert(e->name.substr(0, e->name.size() - file.size()));
    }
    at += (e->size + block - 1) / block * block;
  }
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors"})
    if (!found.contains(name)) return bad(fmt::format("{} is not in it", name));
  if (folders.size() != 1) return bad("its two files are in different folders");
  return lora::adapter_files{std::move(found["adapter_config.json"]),
                             std::move(found["adapter_model.safetensors"])};
}

namespace {

bool is_finite(const engine::stored_tensor& t) {
  const auto each = [&](auto bits, auto exponent) {
    for (std::size_t i = 0; i + sizeof bits <= t.data.size(); i += sizeof bits) {
      std::memcpy(&bits, t.data.data() + i, sizeof bits);
      if ((bits & exponent) == exponent) return false;
    }
    return true;
  };
  if (t.dtype == "F32") return each(std::uint32_t{}, std::uint32_t{0x7f800000});
  if (t.dtype == "BF16") return each(std::uint16_t{}, std::uint16_t{0x7f80});
  return each(std::uint16_t{}, std::uint16_t{0x7c00});
}

/// `base_model.model.MODULE.lora_A.weight`: its module, and whether it is A. No module: another name.
std::pair<std::string, bool> half_of(std::string_view name) {
  constexpr std::string_view before = "base_model.model.";
  for (const bool a : {true, false}) {
    const std::string_view behind = a ? ".lora_A.weight" : ".lora_B.weight";
    if (name.starts_with(before) && name.ends_with(behind) &&
        name.size() > before.size() + behind.size())
      return {std::string(name.substr(before.size(), name.size() - before.size() - behind.size())),
              a};
  }
  return {};
}

/// What others say of a stranger's file holds names out of it.
tl::unexpected<error> retold(const error& e) {
  return fail(e.code, cut_text(clean_text(e.message), longest_words));
}

/// Rank and scale, of every module.
result<void> check_config(const lora::lora_config& is, const wanted_adapter& wanted) {
  const auto is_wanted = [&](double alpha) {
    return std::abs(alpha - wanted.alpha) <= 1e-9 * wanted.alpha;
  };
  if (is.rank != wanted.rank)
    return wrong(fmt::format("its rank is {}, and {} was asked for", is.rank, wanted.rank));
  if (!is_wanted(is.alpha))
    return wrong(
        fmt::format("its alpha is {}, and {} was asked for: set `alpha` to what the service gives",
                    is.alpha, wanted.alpha));
  if (is.rank_stabilised && wanted.rank != 1)
    return wrong("it is scaled by alpha / sqrt(rank), and alpha / rank was asked for");
  for (const auto& [part, rank] : is.rank_pattern)
    if (rank != wanted.rank)
      return wrong(fmt::format("the rank of {} is {}, and {} was asked for", shown(part), rank,
                               wanted.rank));
  for (const auto& [part, alpha] : is.alpha_pattern)
    if (!is_wanted(alpha))
      return wrong(fmt::format("the alpha of {} is {}, and {} was asked for", shown(part), alpha,
                               wanted.alpha));
  if (is.expression && is.expression->size() > longest_expression)
    return wrong("its target_modules is too long an expression");
  return {};
}

result<void> check_tensor(const engine::stored_tensor& t, std::int64_t rank, bool is_a) {
  if (t.dtype != "F32" && t.dtype != "F16" && t.dtype != "BF16")
    return wrong(fmt::format("{} is {}, not of floating point", shown(t.name), t.dtype));
  if (t.shape.size() != 2 || t.shape[is_a ? 0 : 1] != rank || t.shape[is_a ? 1 : 0] < 1)
    return wrong(fmt::format("{} is [{}], and its rank is {}", shown(t.name),
                             fmt::join(t.shape, ", "), rank));
  if (!is_finite(t)) return wrong(shown(t.name) + " holds what is no number");
  return {};
}

}  // namespace

result<void> check_adapter(const lora::adapter_files& files, const wanted_adapter& wanted) {
  if (files.config.size() > most_config_bytes) return wrong("its configuration is too long");
  const auto config = lora::read_peft_config(files.config);
  if (!config) return retold(config.error());
  HOCKET_TRY(check_config(*config, wanted));
  const auto* from = reinterpret_cast<const std::byte*>(files.weights.data());
  const auto parsed = engine::safetensors_file::parse({from, from + files.weights.size()},
                                                      "adapter_model.safetensors");
  if (!parsed) return retold(parsed.error());
  lora::lora_config asked;
  asked.modules = lora::modules_of(wanted.parts);
  std::map<std::string, int> halves;
  for (const auto& t : parsed->tensors()) {
    if (t.name.ends_with(".base_layer.weight")) continue;  // PEFT's copies beside a head
    const auto [module, is_a] = half_of(t.name);
    if (module.empty()) return wrong(shown(t.name) + " is no part of a low-rank adapter");
    for (const bool is_asked : {false, true}) {
      const auto yes = lora::selects(is_asked ? asked : *config, module);
      if (!yes) return retold(yes.error());
      if (!*yes)
        return wrong(fmt::format("{} is adapted, which {} does not say", shown(module),
                                 is_asked ? "`parts`" : "its configuration"));
    }
    HOCKET_TRY(check_tensor(t, wanted.rank, is_a));
    halves[module] |= is_a ? 1 : 2;
  }
  if (halves.empty()) return wrong("it adapts nothing");
  for (const auto& [module, which] : halves)
    if (which != 3) return wrong(shown(module) + " has one of its two matrices only");
  return {};
}

}  // namespace hocket::trainer
