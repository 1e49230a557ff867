#include "engine/language/files/gguf.hpp"

#include <algorithm>
#include <cmath>

#include "engine/language/files/byte_reader.hpp"
#include "engine/language/files/text_checks.hpp"

namespace hocket::language {
namespace {

constexpr std::uint32_t magic = 0x46554747;  // "GGUF"
constexpr std::uint32_t type_string = 8, type_array = 9;
constexpr std::size_t key_limit = 65535;  // the format's own bound
constexpr std::size_t name_limit = 4096;

/// Bytes of one value; 0 for strings, arrays and what does not exist.
std::size_t value_bytes(std::uint32_t type) {
  constexpr std::size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return type < std::size(sizes) ? sizes[type] : 0;
}

template <class T>
T value_at(std::span<const std::byte> bytes, std::size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

template <class Out>
Out element_at(const gguf_numbers& a, std::size_t i) {
  switch (a.type) {
    case 0:
    case 7: return static_cast<Out>(value_at<std::uint8_t>(a.bytes, i));
    case 1: return static_cast<Out>(value_at<std::int8_t>(a.bytes, i));
    case 2: return static_cast<Out>(value_at<std::uint16_t>(a.bytes, i));
    case 3: return static_cast<Out>(value_at<std::int16_t>(a.bytes, i));
    case 4: return static_cast<Out>(value_at<std::uint32_t>(a.bytes, i));
    case 5: return static_cast<Out>(value_at<std::int32_t>(a.bytes, i));
    case 10: return static_cast<Out>(value_at<std::uint64_t>(a.bytes, i));
    case 11: return static_cast<Out>(value_at<std::int64_t>(a.bytes, i));
    default: return Out{};
  }
}

}  // namespace

double gguf_numbers::number_at(std::size_t i) const {
  if (i >= count) return 0;
  if (type == 6) return value_at<float>(bytes, i);
  if (type == 12) return value_at<double>(bytes, i);
  return element_at<double>(*this, i);
}

std::int64_t gguf_numbers::integer_at(std::size_t i) const {
  if (i >= count) return 0;
  if (type != 6 && type != 12) return element_at<std::int64_t>(*this, i);
  const auto value = number_at(i);
  return std::abs(value) < 9e18 ? static_cast<std::int64_t>(value) : 0;
}

/// Fills a gguf_file from front to back; the first fault ends it.
class gguf_parser {
 public:
  gguf_parser(std::span<const std::byte> bytes, std::string name)
      : bytes_(bytes), in_(bytes), name_(std::move(name)) {}

  result<gguf_file> parse() {
    HOCKET_TRY(header());
    for (std::uint64_t i = 0; i < entries_; ++i) HOCKET_TRY(entry());
    for (std::uint64_t i = 0; i < tensors_; ++i) HOCKET_TRY(tensor());
    HOCKET_TRY(place_tensors());
    return std::move(file_);
  }

 private:
  tl::unexpected<error> bad(const char* code, const std::string& what) const {
    return fail(std::string("model_file.") + code, name_ + ": " + what);
  }
  tl::unexpected<error> cut_short(const std::string& where) const {
    return bad("cut_short", "the file ends inside " + where + "; it has " +
                                std::to_string(bytes_.size()) + " bytes. Is the download whole?");
  }

  result<void> header() {
    if (in_.read<std::uint32_t>() != magic || in_.broken())
      return bad("not_gguf", "is no GGUF file: it does not begin with `GGUF`");
    file_.version_ = in_.read<std::uint32_t>();
    if (!in_.broken() && (file_.version_ & 0xffff) == 0)
      return bad("not_gguf", "is a big-endian GGUF file; little-endian ones are read");
    if (!in_.broken() && file_.version_ != 2 && file_.version_ != 3)
      return bad("not_gguf", "is GGUF version " + std::to_string(file_.version_) +
                                 "; versions 2 and 3 are read");
    tensors_ = in_.read<std::uint64_t>();
    entries_ = in_.read<std::uint64_t>();
    if (in_.broken()) return cut_short("its header");
    // The least that an entry and a tensor take: lengths, type, one byte of value or offset.
    if (entries_ > in_.remaining() / 13 || tensors_ > in_.remaining() / 24)
      return bad("bad_metadata", "says it has " + std::to_string(entries_) + " entries and " +
                                     std::to_string(tensors_) + " tensors, more than " +
                                     std::to_string(bytes_.size()) + " bytes can hold");
    return {};
  }

  result<void> entry() {
    const auto key = in_.take_string();
    const auto type = in_.read<std::uint32_t>();
    if (in_.broken()) return cut_short("its metadata");
    if (key.empty() || key.size() > key_limit || !is_plain_text(key))
      return bad("bad_metadata", "a metadata key is empty, too long or no text");
    auto value = this->value(type, key);
    if (!value) return fail(value);
    if (in_.broken()) return cut_short("the value of " + std::string(key));
    if (!file_.keys_.emplace(key, file_.metadata_.size()).second)
      return bad("bad_metadata", "the key " + std::string(key) + " is there twice");
    file_.metadata_.push_back({key, std::move(*value)});
    return {};
  }

  result<gguf_value> value(std::uint32_t type, std::string_view key) {
    switch (type) {
      case 0: return std::uint64_t{in_.read<std::uint8_t>()};
      case 1: return std::int64_t{in_.read<std::int8_t>()};
      case 2: return std::uint64_t{in_.read<std::uint16_t>()};
      case 3: return std::int64_t{in_.read<std::int16_t>()};
      case 4: return std::uint64_t{in_.read<std::uint32_t>()};
      case 5: return std::int64_t{in_.read<std::int32_t>()};
      case 6: return double{in_.read<float>()};
      case 7: {
        const auto v = in_.read<std::uint8_t>();
        if (v > 1) return bad("bad_metadata", std::string(key) + " is neither true nor false");
        return v == 1;
      }
      case type_string: return in_.take_string();
      case type_array: return array(key);
      case 10: return in_.read<std::uint64_t>();
      case 11: return in_.read<std::int64_t>();
      case 12: return in_.read<double>();
      default:
        return bad("bad_metadata",
                   std::string(key) + " has the unknown value type " + std::to_string(type));
    }
  }

  result<gguf_value> array(std::string_view key) {
    const auto type = in_.read<std::uint32_t>();
    const auto count = in_.read<std::uint64_t>();
    if (in_.broken()) return cut_short("the array " + std::string(key));
    if (type == type_string) {
      if (count > in_.remaining() / 8) return cut_short("the array " + std::string(key));
      std::vector<std::string_view> all;
      all.reserve(static_cast<std::size_t>(count));
      for (std::uint64_t i = 0; i < count && !in_.broken(); ++i) all.push_back(in_.take_string());
      return all;
    }
    const auto size = value_bytes(type);
    if (size == 0)
      return bad("bad_metadata", std::string(key) + " is an array of value type " +
                                     std::to_string(type) + "; numbers and strings are read");
    if (count > in_.remaining() / size) return cut_short("the array " + std::string(key));
    return gguf_numbers{type, in_.take(count * size), static_cast<std::size_t>(count)};
  }

  result<void> tensor() {
    const auto name = in_.take_string();
    const auto dimensions = in_.read<std::uint32_t>();
    if (in_.broken()) return cut_short("its list of tensors");
    if (name.empty() || name.size() > name_limit || !is_plain_text(name))
      return bad("bad_tensor", "a tensor's name is empty, too long or no text");
    if (dimensions > 4)
      return bad("bad_tensor", std::string(name) + " has " + std::to_string(dimensions) +
                                   " dimensions; at most 4 are possible");
    stored_weights weights{std::string(name), tensor_type::f32, {}, {}};
    for (std::uint32_t d = 0; d < dimensions; ++d) {
      const auto extent = in_.read<std::uint64_t>();
      weights.shape.push_back(extent > INT64_MAX ? -1 : static_cast<std::int64_t>(extent));
    }
    std::reverse(weights.shape.begin(), weights.shape.end());  // GGUF has the innermost first
    const auto id = in_.read<std::uint32_t>();
    const auto offset = in_.read<std::uint64_t>();
    if (in_.broken()) return cut_short("its list of tensors");
    const auto type = ggml_type(id);
    if (!type)
      return bad("unsupported_type",
                 std::string(name) + " is " + ggml_type_name(id) +
                     ", which is not read; types that are: " + readable_ggml_types());
    weights.type = *type;
    const auto size = bytes_of(*type, weights.shape);
    if (!size) return bad("bad_tensor", std::string(name) + ": " + size.error().message);
    if (!file_.names_.emplace(weights.name, file_.tensors_.size()).second)
      return bad("bad_tensor", "two tensors are called " + std::string(name));
    places_.push_back({offset, *size, file_.tensors_.size()});
    file_.tensors_.push_back(std::move(weights));
    return {};
  }

  result<void> place_tensors() {
    const auto alignment = file_.integer("general.alignment").value_or(32);
    if (file_.find("general.alignment") != nullptr && !file_.integer("general.alignment"))
      return bad("bad_metadata", "general.alignment is no number");
    if (alignment < 1 || alignment > (1 << 20) || (alignment & (alignment - 1)) != 0)
      return bad("bad_metadata", "general.alignment is " + std::to_string(alignment) +
                                     ", not a power of two up to 2^20");
    const auto step = static_cast<std::uint64_t>(alignment);
    const auto begin = (in_.offset() + step - 1) / step * step;
    const auto room = begin > bytes_.size() ? 0 : bytes_.size() - begin;
    std::sort(places_.begin(), places_.end(),
              [](const place& a, const place& b) { return a.offset < b.offset; });
    std::uint64_t end = 0;
    for (const auto& p : places_) {
      auto& tensor = file_.tensors_[p.tensor];
      if (p.offset % step != 0)
        return bad("bad_tensor", tensor.name + " lies at " + std::to_string(p.offset) +
                                     ", no multiple of the alignment " + std::to_string(step));
      if (p.offset < end) return bad("bad_tensor", tensor.name + " overlaps another tensor");
      if (p.offset > room || p.size > room - p.offset)
        return cut_short("the tensor " + tensor.name);
      tensor.bytes = bytes_.subspan(begin + p.offset, p.size);
      end = p.offset + p.size;
    }
    return {};
  }

  struct place {
    std::uint64_t offset, size;
    std::size_t tensor;
  };
  std::span<const std::byte> bytes_;
  byte_reader in_;
  std::string name_;
  gguf_file file_;
  std::uint64_t tensors_ = 0, entries_ = 0;
  std::vector<place> places_;
};

result<gguf_file> gguf_file::parse(std::span<const std::byte> bytes, const std::string& name) {
  return gguf_parser(bytes, name).parse();
}

result<gguf_file> gguf_file::open(const std::string& path) {
  auto mapped = mapped_file::open(path);
  if (!mapped) return fail(mapped);
  auto file = parse((*mapped)->bytes(), path);
  if (file) file->file_ = std::move(*mapped);
  return file;
}

const gguf_value* gguf_file::find(std::string_view key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? nullptr : &metadata_[found->second].value;
}

const stored_weights* gguf_file::tensor(std::string_view name) const {
  const auto found = names_.find(std::string(name));
  return found == names_.end() ? nullptr : &tensors_[found->second];
}

namespace {

template <class T>
const T* as(const gguf_value* value) {
  return value == nullptr ? nullptr : std::get_if<T>(value);
}

}  // namespace

std::optional<std::string_view> gguf_file::text(std::string_view key) const {
  const auto* v = as<std::string_view>(find(key));
  return v ? std::optional(*v) : std::nullopt;
}

std::optional<bool> gguf_file::flag(std::string_view key) const {
  const auto* v = as<bool>(find(key));
  return v ? std::optional(*v) : std::nullopt;
}

std::optional<std::int64_t> gguf_file::integer(std::string_view key) const {
  if (const auto* s = as<std::int64_t>(find(key))) return *s;
  const auto* u = as<std::uint64_t>(find(key));
  return u && *u <= INT64_MAX ? std::optional(static_cast<std::int64_t>(*u)) : std::nullopt;
}

std::optional<double> gguf_file::number(std::string_view key) const {
  if (const auto* f = as<double>(find(key))) return *f;
  const auto i = integer(key);
  return i ? std::optional(static_cast<double>(*i)) : std::nullopt;
}

const std::vector<std::string_view>* gguf_file::texts(std::string_view key) const {
  return as<std::vector<std::string_view>>(find(key));
}

const gguf_numbers* gguf_file::numbers(std::string_view key) const {
  return as<gguf_numbers>(find(key));
}

}  // namespace hocket::language
