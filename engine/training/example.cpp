#include "engine/training/example.hpp"

#include <algorithm>
#include <span>

namespace hocket::engine {
namespace {

template <class T>
constexpr dtype type_of();
template <>
constexpr dtype type_of<std::uint8_t>() {
  return dtype::u8;
}
template <>
constexpr dtype type_of<std::int32_t>() {
  return dtype::i32;
}
template <>
constexpr dtype type_of<float>() {
  return dtype::f32;
}

/// Reads tensors of an example until one does not fit; then says which.
struct reader {
  const training_example& example;
  std::string problem;

  /// Elements of the tensor `name`: `size` of them, or none where it may be left out.
  template <class T>
  void read(const char* name, std::int64_t size, bool optional, std::vector<T>& out) {
    if (!problem.empty()) return;
    const auto* t = example.find(name);
    if (!t) {
      if (!optional) problem = std::string(name) + ": missing";
      return;
    }
    const auto values = t->data.as<T>();
    if (t->type != type_of<T>())
      problem = std::string(name) + ": has type " + std::string(to_string(t->type)) + ", not " +
                std::string(to_string(type_of<T>()));
    else if (static_cast<std::int64_t>(values.size()) != size ||
             t->data.size_bytes() != values.size_bytes())
      problem = std::string(name) + ": has " + std::to_string(values.size()) +
                " numbers, this model's layout needs " + std::to_string(size);
    else
      out.assign(values.begin(), values.end());
  }
  template <class T>
  void range(const char* name, const std::vector<T>& values, std::int64_t low, std::int64_t high) {
    if (!problem.empty()) return;
    for (const auto v : values)
      if (v < low || v >= high) {
        problem = std::string(name) + ": " + std::to_string(v) + " is outside " +
                  std::to_string(low) + " to " + std::to_string(high - 1);
        return;
      }
  }
};

}  // namespace

result<conversation_arrays> read_example(const training_example& example, const model_config& c) {
  conversation_arrays a;
  reader r{example, {}};
  const auto& layout = c.layout;
  const auto* frames = example.find("audio");
  const std::int64_t turn = std::int64_t{layout.audio} * c.dmel_channels;
  const std::int64_t k = frames ? static_cast<std::int64_t>(frames->data.size_bytes()) / turn : 0;
  a.micro_turns = k;
  r.read("audio", k * turn, false, a.audio);
  r.read("text_in", k * layout.text_in, layout.text_in == 0, a.text_in);
  r.read("text_out", k * layout.text_out, false, a.text_out);
  r.read("slipped", k * layout.text_out, true, a.slipped);
  r.read("spoken", k * layout.speech, true, a.spoken);
  r.read("heard", k * layout.audio, false, a.heard);
  r.read("voice", k * layout.speech, layout.speech == 0, a.voice);
  r.read("speech", k * layout.speech * c.flow.patch, layout.speech == 0, a.speech);
  if (layout.video > 0) {
    r.read("video", k * c.video_size(), true, a.video);
    r.read("pictured", k, a.video.empty(), a.pictured);
  }
  r.range("audio", a.audio, 0, c.dmel_bins);
  r.range("text_in", a.text_in, 0, c.vocabulary);
  r.range("text_out", a.text_out, 0, c.vocabulary);
  r.range("spoken", a.spoken, 0, c.vocabulary);
  r.range("heard", a.heard, -1, c.vocabulary);
  if (r.problem.empty() && k == 0) r.problem = "audio: not one micro-turn";
  if (!r.problem.empty()) return fail("train.bad_example", "training example: " + r.problem);
  return a;
}

}  // namespace hocket::engine
