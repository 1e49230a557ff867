// Suspending and resuming a session: a checked, versioned run of bytes.
#include <algorithm>
#include <cstring>

#include <ATen/ATen.h>

#include "engine/interaction/session_state.hpp"

namespace hocket::engine {
namespace {

constexpr char magic[8] = {'h', 'k', 't', 's', 'e', 's', 's', '1'};
constexpr std::uint64_t size_limit = std::uint64_t{1} << 34;

struct writer {
  std::vector<std::byte> bytes;
  void raw(const void* data, std::size_t size) {
    const auto* from = static_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), from, from + size);
  }
  template <class T>
  void value(const T& v) {
    raw(&v, sizeof v);
  }
  template <class T>
  void array(const std::vector<T>& v) {
    value<std::uint64_t>(v.size());
    raw(v.data(), v.size() * sizeof(T));
  }
};

struct reader {
  std::span<const std::byte> bytes;
  bool good = true;
  void raw(void* data, std::size_t size) {
    if (!good || size > bytes.size()) {
      good = false;
      return;
    }
    std::memcpy(data, bytes.data(), size);
    bytes = bytes.subspan(size);
  }
  template <class T>
  T value() {
    T v{};
    raw(&v, sizeof v);
    return v;
  }
  /// Fills an array whose size the model dictates (or gives at most `most` elements).
  template <class T>
  void array(std::vector<T>& v, std::uint64_t least, std::uint64_t most) {
    const auto n = value<std::uint64_t>();
    if (!good || n < least || n > most || n > size_limit / sizeof(T)) {
      good = false;
      return;
    }
    v.resize(n);
    raw(v.data(), n * sizeof(T));
  }
};

/// The inputs that convolutions see of the row at `position`: how many, and numbers in each, by which.
struct convolved_rows {
  std::int64_t first, count, channels[4];
  convolved_rows(const model_config& c, std::int64_t position)
      : first(std::max<std::int64_t>(0, position - (c.backbone.kernel - 1))),
        count(std::max<std::int64_t>(0, position) - first) {
    const std::int64_t side = std::int64_t{c.attention.kv_heads} * c.attention.head_dim;
    channels[0] = channels[1] = side, channels[2] = channels[3] = c.width;
  }
};
constexpr convolved all_convolved[] = {convolved::keys, convolved::values, convolved::attention,
                                       convolved::feed};

void write_convolutions(writer& w, const model_config& config, const kv_cache& memory,
                        std::int64_t position) {
  const convolved_rows rows(config, position);
  for (int layer = 0; layer < memory.layers(); ++layer)
    for (int which = 0; which < 4; ++which) {
      const auto& c = memory.convolution(layer, all_convolved[which]);
      std::vector<float> values;
      if (c.plain.defined()) {
        const auto flat = c.plain.to(at::kCPU, at::kFloat).contiguous();
        values.assign(flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
      } else {
        for (auto at = rows.first; at < rows.first + rows.count; ++at)
          values.insert(values.end(), c.row(at), c.row(at) + rows.channels[which]);
      }
      w.array(values);
    }
}

/// False where they do not fit the model.
bool read_convolutions(reader& r, const model_config& config, const at::Device& device,
                       std::int64_t position, kv_cache& memory) {
  if (position > std::int64_t{1} << 48) return false;
  const convolved_rows rows(config, position);
  const std::int64_t before = config.backbone.kernel - 1;
  for (int layer = 0; layer < memory.layers(); ++layer)
    for (int which = 0; which < 4; ++which) {
      auto& c = memory.convolution(layer, all_convolved[which]);
      const auto channels = rows.channels[which];
      const bool plain = !device.is_cpu() && rows.count > 0;
      const auto needed = static_cast<std::uint64_t>((plain ? before : rows.count) * channels);
      std::vector<float> values;
      r.array(values, needed, needed);
      if (!r.good) return false;
      if (values.empty()) continue;
      if (plain) {
        c.plain = at::tensor(values).view({before, channels}).to(device);
        continue;
      }
      c.inputs.start_at(rows.first);
      c.write(values.data(), rows.first, rows.count);
    }
  return true;
}

}  // namespace

std::vector<std::byte> session::suspend() const {
  const auto& s = *state_;
  const auto& config = s.model->description().config;
  writer w;
  w.raw(magic, sizeof magic);
  const std::string description = to_json(config);
  w.array(std::vector<char>(description.begin(), description.end()));
  w.value(s.options);
  w.value(s.micro_turns);
  w.value(s.position);
  w.array(s.previous_audio);
  w.array(s.pending);
  for (int layer = 0; layer < s.memory.layers(); ++layer) {
    const auto& ring = s.memory.ring(layer);
    w.array(ring.k);
    w.array(ring.v);
    const auto& plain = s.memory.plain(layer);
    const std::int64_t kept = plain.k.defined() ? plain.k.size(1) : 0;
    w.value(plain.start);
    for (const at::Tensor& t : {plain.k, plain.v}) {
      std::vector<float> values;
      if (kept > 0) {
        const auto flat = t.to(at::kCPU, at::kFloat).contiguous();
        values.assign(flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
      }
      w.array(values);
    }
  }
  if (config.backbone.generation > 0) write_convolutions(w, config, s.memory, s.position);
  return std::move(w.bytes);
}

result<session> session::resume(std::shared_ptr<const interaction_model> model,
                                std::span<const std::byte> bytes) {
  auto bad = [](const std::string& text) { return fail("session.bad_state", text); };
  reader r{bytes};
  char found[sizeof magic];
  r.raw(found, sizeof found);
  if (!r.good || std::memcmp(found, magic, sizeof magic) != 0)
    return bad("these bytes are no suspended session");
  const auto config = model->description().config;
  std::vector<char> text;
  r.array(text, 0, 1 << 20);
  if (!r.good || std::string(text.begin(), text.end()) != to_json(config))
    return bad("the session was suspended with a model of another shape");
  auto s = std::make_unique<state>(model, r.value<session_options>());
  s->micro_turns = r.value<std::int64_t>();
  s->position = r.value<std::int64_t>();
  r.array(s->previous_audio, s->previous_audio.size(), s->previous_audio.size());
  r.array(s->pending, 0, config.flow.patch);
  const bool plain_path = model->description().device != "cpu";
  for (int layer = 0; layer < s->memory.layers(); ++layer) {
    auto& ring = s->memory.ring(layer);
    const auto width = static_cast<std::uint64_t>(config.attention.kv_heads) *
                       static_cast<std::uint64_t>(config.attention.head_dim);
    const auto capacity = static_cast<std::uint64_t>(ring.capacity);
    const auto needed =
        plain_path || s->position < 0 ? 0 : std::min<std::uint64_t>(s->position, capacity);
    r.array(ring.k, needed * width, capacity * width);
    r.array(ring.v, ring.k.size(), ring.k.size());
    if (ring.k.size() % width != 0) return bad("keys and values do not fit the model");
    auto& plain = s->memory.plain(layer);
    plain.start = r.value<std::int64_t>();
    const std::int64_t heads = config.attention.kv_heads, d = config.attention.head_dim;
    for (at::Tensor* t : {&plain.k, &plain.v}) {
      std::vector<float> values;
      r.array(values, 0, size_limit / sizeof(float));
      if (!r.good || values.size() % (heads * d) != 0 || (!values.empty() && !plain_path))
        return bad("keys and values do not fit the model");
      if (!values.empty())
        *t = at::tensor(values).view({heads, -1, d}).to(at::Device(model->description().device));
    }
  }
  if (config.backbone.generation > 0 &&
      !read_convolutions(r, config, at::Device(model->description().device), s->position,
                         s->memory))
    return bad("inputs of convolutions do not fit the model");
  const auto positions = config.layout.positions();
  const auto pending = s->pending.empty() ? 0 : 1;
  if (!r.good || !r.bytes.empty() || s->micro_turns < 0 ||
      (!s->pending.empty() && s->pending.size() != static_cast<std::size_t>(config.flow.patch)) ||
      s->position != s->micro_turns * positions - (s->micro_turns > 0 ? pending : 0))
    return bad("the suspended session is damaged");
  return session(std::move(s));
}

}  // namespace hocket::engine
