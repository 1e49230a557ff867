#include "engine/language/files/gguf_writer.hpp"

namespace hocket::language {
namespace {

template <class T>
std::string raw(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(T));
}
std::string sized(std::string_view text) {
  return raw(std::uint64_t{text.size()}) + std::string(text);
}
void align(std::string& bytes) { bytes.append((32 - bytes.size() % 32) % 32, '\0'); }

}  // namespace

void gguf_writer::add_raw(std::string_view key, std::uint32_t type, std::string_view bytes) {
  metadata_ += sized(key) + raw(type) + std::string(bytes);
  ++entries_;
}
void gguf_writer::add(std::string_view key, std::string_view text) { add_raw(key, 8, sized(text)); }
void gguf_writer::add(std::string_view key, std::uint32_t number) { add_raw(key, 4, raw(number)); }
void gguf_writer::add(std::string_view key, float number) { add_raw(key, 6, raw(number)); }
void gguf_writer::add(std::string_view key, bool flag) {
  add_raw(key, 7, raw(static_cast<std::uint8_t>(flag)));
}

void gguf_writer::add_list(std::string_view key, const std::vector<std::string>& texts) {
  auto bytes = raw(std::uint32_t{8}) + raw(std::uint64_t{texts.size()});
  for (const auto& t : texts) bytes += sized(t);
  add_raw(key, 9, bytes);
}
void gguf_writer::add_list(std::string_view key, const std::vector<std::int32_t>& numbers) {
  auto bytes = raw(std::uint32_t{5}) + raw(std::uint64_t{numbers.size()});
  for (const auto n : numbers) bytes += raw(n);
  add_raw(key, 9, bytes);
}
void gguf_writer::add_list(std::string_view key, const std::vector<float>& numbers) {
  auto bytes = raw(std::uint32_t{6}) + raw(std::uint64_t{numbers.size()});
  for (const auto n : numbers) bytes += raw(n);
  add_raw(key, 9, bytes);
}

void gguf_writer::add_tensor(std::string_view name, std::uint32_t type,
                             const std::vector<std::uint64_t>& shape, std::string bytes,
                             std::int64_t offset) {
  align(data_);
  infos_ += sized(name) + raw(static_cast<std::uint32_t>(shape.size()));
  for (const auto extent : shape) infos_ += raw(extent);
  infos_ += raw(type) +
            raw(offset < 0 ? std::uint64_t{data_.size()} : static_cast<std::uint64_t>(offset));
  data_ += bytes;
  ++tensors_;
}

std::string gguf_writer::bytes() const {
  auto all = "GGUF" + raw(std::uint32_t{3}) + raw(tensors_) + raw(entries_) + metadata_ + infos_;
  if (tensors_ > 0) {
    align(all);
    all += data_;
  }
  return all;
}

}  // namespace hocket::language
