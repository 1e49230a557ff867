#include "engine/transformer/safetensors.hpp"
#include "graph/trust/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

namespace hocket::engine {
namespace {
constexpr std::uint64_t header_limit = 16u << 20;
using nlohmann::json;
}  // namespace

std::size_t element_size(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64") return 8;
  if (dtype == "F32" || dtype == "I32") return 4;
  if (dtype == "BF16" || dtype == "F16") return 2;
  if (dtype == "U8" || dtype == "I8" || dtype == "BOOL") return 1;
  return 0;
}

const stored_tensor* safetensors_file::find(std::string_view name) const {
  for (const auto& t : tensors_)
    if (t.name == name) return &t;
  return nullptr;
}

result<safetensors_file> safetensors_file::open(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return fail("safetensors.io", path + ": cannot open: " + std::strerror(errno));
  std::vector<std::byte> bytes(static_cast<std::size_t>(in.tellg()));
  in.seekg(0);
  if (!in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size())))
    return fail("safetensors.io", path + ": cannot read");
  return parse(std::move(bytes), path);
}

result<safetensors_file> safetensors_file::parse(std::vector<std::byte> bytes,
                                                 const std::string& name) {
  auto bad = [&](const char* code, const std::string& text) {
    return fail(std::string("safetensors.") + code, name + ": " + text);
  };
  if (bytes.size() < 8) return bad("bad_header", "shorter than 8 bytes");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  if (length > header_limit || length > bytes.size() - 8)
    return bad("header_too_long", "header of " + std::to_string(length) + " bytes");
  const auto* text = reinterpret_cast<const char*>(bytes.data()) + 8;
  const json header = json::parse(text, text + length, nullptr, false);
  if (!header.is_object()) return bad("bad_header", "header is not a JSON object");

  safetensors_file file;
  file.bytes_ = std::move(bytes);
  const auto body = std::span<const std::byte>(file.bytes_).subspan(8 + length);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const auto& [key, value] : header.items()) {
    if (key == "__metadata__") {
      if (!value.is_object()) return bad("bad_header", "__metadata__ is not an object");
      for (const auto& [k, v] : value.items())
        if (v.is_string()) file.metadata_[k] = v.get<std::string>();
      continue;
    }
    if (!value.is_object() || !value.contains("dtype") || !value["dtype"].is_string() ||
        !value.contains("shape") || !value["shape"].is_array() || !value.contains("data_offsets") ||
        !value["data_offsets"].is_array() || value["data_offsets"].size() != 2)
      return bad("bad_tensor", key + ": needs dtype, shape and data_offsets");
    stored_tensor t{key, value["dtype"].get<std::string>(), {}, {}};
    std::uint64_t size = element_size(t.dtype);
    if (size == 0) return bad("bad_tensor", key + ": unknown dtype " + t.dtype);
    for (const auto& n : value["shape"]) {
      if (!n.is_number_unsigned()) return bad("bad_tensor", key + ": bad shape");
      const auto extent = n.get<std::uint64_t>();
      if (extent != 0 && size > (std::uint64_t{1} << 48) / extent)
        return bad("bad_tensor", key + ": shape is too large");
      size *= extent;
      t.shape.push_back(static_cast<std::int64_t>(extent));
    }
    for (const auto& offset : value["data_offsets"])
      if (!offset.is_number_unsigned()) return bad("bad_tensor", key + ": bad data_offsets");
    const auto from = value["data_offsets"][0].get<std::uint64_t>();
    const auto to = value["data_offsets"][1].get<std::uint64_t>();
    if (from > to || to > body.size() || to - from != size)
      return bad("bad_tensor", key + ": data_offsets do not fit the shape or the file");
    t.data = body.subspan(from, to - from);
    ranges.emplace_back(from, to);
    file.tensors_.push_back(std::move(t));
  }
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i].first < ranges[i - 1].second) return bad("bad_tensor", "tensors overlap");
  return file;
}

namespace {

/// What stands before the data: the header's length and the header.
std::string head_of(std::span<const stored_tensor> tensors,
                    const std::map<std::string, std::string>& metadata) {
  json header = json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const auto& t : tensors) {
    header[t.name] = {
        {"dtype", t.dtype}, {"shape", t.shape}, {"data_offsets", {offset, offset + t.data.size()}}};
    offset += t.data.size();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + text;
}

std::string_view chars_of(const stored_tensor& t) {
  return {reinterpret_cast<const char*>(t.data.data()), t.data.size()};
}

}  // namespace

std::string safetensors_bytes(std::span<const stored_tensor> tensors,
                              const std::map<std::string, std::string>& metadata) {
  auto bytes = head_of(tensors, metadata);
  for (const auto& t : tensors) bytes += chars_of(t);
  return bytes;
}

result<void> write_safetensors(const std::string& path, std::span<const stored_tensor> tensors,
                               const std::map<std::string, std::string>& metadata) {
  const std::string partial = path + ".tmp";
  const auto io = [](const error& e) { return fail("safetensors.io", e.message); };
  {
    const auto out = trust::create_file(partial);
    if (!out) return io(out.error());
    if (auto done = out->write(head_of(tensors, metadata)); !done) return io(done.error());
    for (const auto& t : tensors)
      if (auto done = out->write(chars_of(t)); !done) return io(done.error());
  }
  if (auto done = trust::rename_file(partial, path); !done) return io(done.error());
  return {};
}

}  // namespace hocket::engine
