#include "engine/language/files/safetensors.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "engine/language/files/byte_reader.hpp"
#include "engine/language/files/strict_json.hpp"
#include "engine/language/files/text_checks.hpp"

namespace hocket::language {
namespace {

using nlohmann::json;
constexpr std::uint64_t header_limit = 100'000'000;  // the format's own bound
constexpr std::size_t index_limit = 64u << 20;
constexpr std::size_t shard_limit = 4096;

struct placed {
  std::uint64_t from, to;
  std::size_t tensor;
};

tl::unexpected<error> bad(const std::string& name, const char* code, const std::string& what) {
  return fail(std::string("model_file.") + code, name + ": " + what);
}

/// One entry of the header: its type and shape, and where it says its bytes are.
result<placed> entry(const std::string& file, const std::string& key, const json& value,
                     stored_weights& out) {
  const auto wrong = [&](const std::string& what) {
    return bad(file, "bad_tensor", key + ": " + what);
  };
  if (!is_plain_text(key) || key.empty() || key.size() > 4096)
    return bad(file, "bad_tensor", "a tensor's name is empty, too long or no text");
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") ||
      !value["dtype"].is_string() || !value.contains("shape") || !value["shape"].is_array() ||
      !value.contains("data_offsets") || !value["data_offsets"].is_array() ||
      value["data_offsets"].size() != 2)
    return wrong("needs dtype, shape and data_offsets, and nothing else");
  const auto dtype = value["dtype"].get<std::string>();
  const auto type = safetensors_type(dtype);
  if (!type)
    return bad(file, "unsupported_type",
               key + " is " + (is_plain_text(dtype) ? dtype : "no text") +
                   ", which is not read; types that are: " + readable_safetensors_types());
  out.name = key;
  out.type = *type;
  if (value["shape"].size() > 8) return wrong("more than 8 dimensions");
  bool empty = false;
  for (const auto& extent : value["shape"]) {
    if (!extent.is_number_unsigned() || extent.get<std::uint64_t>() > INT64_MAX)
      return wrong("its shape is no list of whole numbers");
    out.shape.push_back(extent.get<std::int64_t>());
    empty = empty || out.shape.back() == 0;
  }
  const auto size = empty ? result<std::uint64_t>(0) : bytes_of(*type, out.shape);
  if (!size) return wrong(size.error().message);
  for (const auto& offset : value["data_offsets"])
    if (!offset.is_number_unsigned()) return wrong("its data_offsets are no whole numbers");
  const auto from = value["data_offsets"][0].get<std::uint64_t>();
  const auto to = value["data_offsets"][1].get<std::uint64_t>();
  if (from > to || to - from != *size)
    return wrong("its data_offsets say " + std::to_string(to - from) + " bytes, its shape " +
                 std::to_string(*size));
  return placed{from, to, 0};
}

}  // namespace

result<safetensors_contents> parse_safetensors(std::span<const std::byte> bytes,
                                               const std::string& name) {
  byte_reader in(bytes);
  const auto length = in.read<std::uint64_t>();
  if (in.broken()) return bad(name, "cut_short", "is shorter than 8 bytes");
  if (length > header_limit || length > in.remaining())
    return bad(name, "cut_short",
               "says that its header has " + std::to_string(length) + " bytes; the file has " +
                   std::to_string(bytes.size()));
  const auto head = in.take(length);
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  if (!text.starts_with('{')) return bad(name, "bad_json", "its header does not begin with `{`");
  const auto header = strict_json(text, name);
  if (!header) return fail(header);

  safetensors_contents contents;
  const auto data = bytes.subspan(in.offset());
  std::vector<placed> places;
  for (const auto& [key, value] : header->items()) {
    if (key == "__metadata__") {
      if (!value.is_object()) return bad(name, "bad_json", "__metadata__ is no map");
      for (const auto& [k, v] : value.items()) {
        if (!v.is_string()) return bad(name, "bad_json", "__metadata__ holds more than strings");
        contents.metadata[k] = v.get<std::string>();
      }
      continue;
    }
    stored_weights weights;
    auto place = entry(name, key, value, weights);
    if (!place) return fail(place);
    place->tensor = contents.tensors.size();
    places.push_back(*place);
    contents.tensors.push_back(std::move(weights));
  }
  std::sort(places.begin(), places.end(), [](const placed& a, const placed& b) {
    return std::pair(a.from, a.to) < std::pair(b.from, b.to);
  });
  std::uint64_t end = 0;
  for (const auto& p : places) {
    auto& tensor = contents.tensors[p.tensor];
    if (p.from < end) return bad(name, "bad_tensor", tensor.name + " overlaps another tensor");
    if (p.from > end) return bad(name, "bad_tensor", "there is a hole before " + tensor.name);
    if (p.to > data.size()) return bad(name, "cut_short", "ends inside " + tensor.name);
    tensor.bytes = data.subspan(p.from, p.to - p.from);
    end = p.to;
  }
  if (end != data.size())
    return bad(name, "bad_tensor",
               std::to_string(data.size() - end) + " bytes after the last tensor belong to none");
  return contents;
}

result<void> safetensors_set::add(const std::string& path) {
  auto mapped = mapped_file::open(path);
  if (!mapped) return fail(mapped);
  auto contents = parse_safetensors((*mapped)->bytes(), path);
  if (!contents) return fail(contents);
  files_.push_back(std::move(*mapped));
  for (auto& t : contents->tensors) tensors_.push_back(std::move(t));
  metadata_.merge(contents->metadata);
  return {};
}

result<safetensors_set> safetensors_set::open(const std::string& path) {
  safetensors_set set;
  if (!path.ends_with(".json")) {
    HOCKET_TRY(set.add(path));
    return set;
  }
  const auto index = load_json(path, index_limit);
  if (!index) return fail(index);
  if (!index->is_object() || !index->contains("weight_map") || !(*index)["weight_map"].is_object())
    return bad(path, "bad_json", "has no weight_map");
  const auto& map = (*index)["weight_map"];
  std::set<std::string> shards;
  for (const auto& [name, shard] : map.items()) {
    const auto file = shard.is_string() ? shard.get<std::string>() : std::string();
    if (file.empty() || !is_plain_text(file) || file.find('/') != std::string::npos ||
        file == "." || file == "..")
      return bad(path, "bad_json", "a shard is no plain file name beside the index");
    shards.insert(file);
  }
  if (shards.size() > shard_limit)
    return bad(path, "bad_json", "names over " + std::to_string(shard_limit) + " shards");
  const auto folder = std::filesystem::path(path).parent_path();
  std::unordered_map<std::string, std::string> where;
  for (const auto& shard : shards) {
    const auto before = set.tensors_.size();
    HOCKET_TRY(set.add((folder / shard).string()));
    for (auto i = before; i < set.tensors_.size(); ++i) {
      const auto& name = set.tensors_[i].name;
      if (!where.emplace(name, shard).second)
        return bad(path, "bad_tensor", name + " lies in " + where[name] + " and in " + shard);
    }
  }
  for (const auto& [name, shard] : map.items()) {
    const auto found = where.find(name);
    if (found == where.end() || found->second != shard.get<std::string>())
      return bad(
          path, "bad_tensor",
          (is_plain_text(name) ? name : "a tensor") + " is not in the shard that the index names");
  }
  return set;
}

}  // namespace hocket::language
