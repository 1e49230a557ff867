#include "engine/training/loss.hpp"

#include <cmath>
#include <cstring>
#include <random>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "graph/core/assert.hpp"

namespace hocket::engine {
namespace {

using std::int64_t;

at::Tensor tokens(const std::vector<std::int32_t>& values) {
  auto t = at::empty({static_cast<int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), t.data_ptr<int64_t>());
  return t;
}

/// Stretches the frequency axis: channel c of the result is channel c * factor of the source.
std::vector<std::uint8_t> warp(const std::vector<std::uint8_t>& frames, int channels,
                               double factor) {
  std::vector<std::uint8_t> out(frames.size());
  for (std::size_t t = 0; t < frames.size(); t += channels)
    for (int c = 0; c < channels; ++c) {
      const int from = std::min(channels - 1, static_cast<int>(std::lround(c * factor)));
      out[t + c] = frames[t + from];
    }
  return out;
}

/// [K, video, width]: the patches where there is a picture, the learnt "no picture" elsewhere.
at::Tensor embed_video(const network& net, const conversation_arrays& e) {
  const auto& c = net.config();
  const int64_t k = e.micro_turns, rows = c.layout.video, d = c.width, size = c.video_size();
  const auto nothing = net.embed_no_video(k * rows).view({k, rows, d});
  if (e.video.empty()) return nothing;
  HOCKET_ASSERT(static_cast<int64_t>(e.video.size()) == k * size);
  HOCKET_ASSERT(static_cast<int64_t>(e.pictured.size()) == k);
  std::vector<int64_t> seen;
  for (int64_t i = 0; i < k; ++i)
    if (e.pictured[i]) seen.push_back(i);
  if (seen.empty()) return nothing;
  const auto n = static_cast<int64_t>(seen.size());
  auto pixels = at::empty({n * rows, c.video_frames, c.video_patch, c.video_patch, 3}, at::kFloat);
  for (int64_t i = 0; i < n; ++i)
    std::transform(e.video.begin() + seen[i] * size, e.video.begin() + (seen[i] + 1) * size,
                   pixels.data_ptr<float>() + i * size,
                   [](std::uint8_t p) { return static_cast<float>(p) / 255.0f; });
  const auto shown = net.embed_video(pixels).view({n, rows, d});
  return nothing.index_put({at::tensor(seen)}, shown.to(nothing.scalar_type()));
}

at::Tensor embed(const network& net, const conversation_arrays& e, const loss_config& config,
                 std::mt19937_64& random, at::Generator& generator) {
  const auto& c = net.config();
  const auto& layout = c.layout;
  const int64_t k = e.micro_turns, d = c.width, frames = k * layout.audio;
  std::uniform_real_distribution<double> uniform(-1, 1), chance(0, 1);

  auto index = at::empty({frames, int64_t{c.audio_context} * c.dmel_channels}, at::kInt);
  const auto audio = config.frequency_warp > 0 ? warp(e.audio, c.dmel_channels,
                                                      1 + config.frequency_warp * uniform(random))
                                               : e.audio;
  audio_index(c, audio.data(), frames, nullptr, index.data_ptr<std::int32_t>());

  auto text_out = e.text_out;
  if (config.token_dropout > 0)
    for (auto& token : text_out)
      if (token != 0 && chance(random) < config.token_dropout) token = 0;

  auto speech = at::empty({k * layout.speech, c.flow.patch}, at::kFloat);
  std::memcpy(speech.data_ptr<float>(), e.speech.data(), e.speech.size() * sizeof(float));
  if (config.speech_noise > 0) {
    auto voiced = at::empty({k * layout.speech, 1}, at::kFloat);
    std::copy(e.voice.begin(), e.voice.end(), voiced.data_ptr<float>());
    speech +=
        at::randn(speech.sizes(), generator) * voiced * (config.speech_noise * chance(random));
  }
  std::vector<at::Tensor> parts{net.embed_audio(index).view({k, layout.audio, d})};
  if (layout.video > 0) parts.push_back(embed_video(net, e));
  parts.push_back(net.embed_text(tokens(e.text_in)).view({k, layout.text_in, d}));
  parts.push_back(net.embed_text(tokens(text_out)).view({k, layout.text_out, d}));
  parts.push_back(net.embed_speech(speech).view({k, layout.speech, d}));
  const auto x = at::cat(parts, 1);
  const auto slots = at::arange(layout.positions(), at::kLong).repeat({k});
  return net.place(x.view({k * layout.positions(), d}), slots);
}

/// All rows through one adapter, or none.
struct all_rows {
  all_rows(const at::Tensor& x, const adapter* through) : rows{{0, x.size(0), through}} {
    if (!through) rows.clear();
  }
  std::vector<adapter_rows> rows;
};

/// Mean squared error of the velocity at random flow times, for up to `flow_frames` voiced frames.
at::Tensor flow_loss(const network& net, const at::Tensor& states, const conversation_arrays& e,
                     const loss_config& config, std::mt19937_64& random, at::Generator& generator,
                     loss_sums& sums, const adapter* through) {
  std::vector<int64_t> voiced;
  for (std::size_t i = 0; i < e.voice.size(); ++i)
    if (e.voice[i]) voiced.push_back(static_cast<int64_t>(i));
  if (voiced.empty()) return {};
  std::shuffle(voiced.begin(), voiced.end(), random);
  // The first 100 ms of a word decide which word it is and are few: they come first, for half of the
  // frames at most.
  const auto begins_word = [&](int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    return !e.spoken.empty() && (at < 2 || e.spoken[at] != e.spoken[at - 2]);
  };
  const auto others = std::stable_partition(voiced.begin(), voiced.end(), begins_word);
  const auto kept = std::min<std::ptrdiff_t>(others - voiced.begin(), config.flow_frames / 2);
  std::shuffle(voiced.begin() + kept, voiced.end(), random);
  if (voiced.size() > static_cast<std::size_t>(config.flow_frames))
    voiced.resize(config.flow_frames);
  const auto once = voiced;
  voiced.insert(voiced.end(), once.begin(), once.end());
  const int64_t n = static_cast<int64_t>(voiced.size()), patch = net.config().flow.patch;
  auto index = at::empty({n}, at::kLong);
  auto target = at::empty({n, patch}, at::kFloat);
  for (int64_t i = 0; i < n; ++i) {
    index.data_ptr<int64_t>()[i] = voiced[i];
    std::memcpy(target.data_ptr<float>() + i * patch, e.speech.data() + voiced[i] * patch,
                patch * sizeof(float));
  }
  const auto noise = at::randn({n, patch}, generator);
  const auto t = at::sigmoid(at::randn({n}, generator));
  const auto mixed = noise + (target - noise) * t.unsqueeze(1);
  const auto chosen = states.index_select(0, index);
  const auto condition = net.flow_condition(chosen, all_rows(chosen, through).rows);
  const auto v = net.velocity(mixed, t, condition);
  const auto loss = at::mse_loss(v.to(at::kFloat), target - noise);
  const double weight = static_cast<double>(n) / (2.0 * config.flow_frames);
  sums["flow"] += loss.item<double>() * weight;
  sums["flow_weight"] += weight;
  return loss * weight;
}

/// The states that draw the voice must know which word they are saying. Without this the sound leaves
/// its text: only the first 50 ms of a word depend on it, the rest goes on from the sound before, so
/// the flow's own loss hardly teaches it.
at::Tensor spoken_loss(const network& net, const at::Tensor& states, const conversation_arrays& e,
                       loss_sums& sums, const adapter* through) {
  std::vector<int64_t> frames, words;
  for (std::size_t i = 0; i < e.spoken.size(); ++i)
    if (e.spoken[i] > 0 && e.voice[i])
      frames.push_back(static_cast<int64_t>(i)), words.push_back(e.spoken[i]);
  if (frames.empty()) return {};
  const auto target = at::tensor(words, at::kLong);
  const auto chosen = states.index_select(0, at::tensor(frames, at::kLong));
  const auto logits = net.text_logits(chosen, all_rows(chosen, through).rows).to(at::kFloat);
  sums["spoken_frames"] += static_cast<double>(frames.size());
  sums["spoken_right"] += logits.detach().argmax(1).eq(target).sum().item<double>();
  return at::cross_entropy_loss(logits, target);
}

void count_words(const at::Tensor& logits, const at::Tensor& target, double& words, double& right,
                 double& false_words) {
  const auto best = logits.detach().argmax(1);
  const auto* b = best.data_ptr<int64_t>();
  const auto* t = target.data_ptr<int64_t>();
  for (int64_t i = 0; i < target.size(0); ++i) {
    if (t[i] > 0) words += 1, right += b[i] == t[i];
    if (b[i] > 0 && t[i] >= 0 && b[i] != t[i]) false_words += 1;
  }
}

}  // namespace

at::Tensor conversation_loss(const network& net, const conversation_arrays& e,
                             const loss_config& config, std::uint64_t seed, loss_sums& sums,
                             const adapter* through) {
  const auto& c = net.config();
  const auto& layout = c.layout;
  const int64_t k = e.micro_turns, d = c.width;
  HOCKET_ASSERT(static_cast<int64_t>(e.audio.size()) == k * layout.audio * c.dmel_channels);
  HOCKET_ASSERT(static_cast<int64_t>(e.text_in.size()) == k * layout.text_in);
  HOCKET_ASSERT(static_cast<int64_t>(e.text_out.size()) == k * layout.text_out);
  HOCKET_ASSERT(e.slipped.empty() || e.slipped.size() == e.text_out.size());
  HOCKET_ASSERT(e.spoken.empty() || e.spoken.size() == e.voice.size());
  HOCKET_ASSERT(static_cast<int64_t>(e.heard.size()) == k * layout.audio);
  HOCKET_ASSERT(static_cast<int64_t>(e.voice.size()) == k * layout.speech);
  HOCKET_ASSERT(static_cast<int64_t>(e.speech.size()) == k * layout.speech * c.flow.patch);

  std::mt19937_64 random(seed);
  auto generator = at::detail::createCPUGenerator(random());
  const auto x = embed(net, e, config, random, generator);
  const auto states = net.trunk(x, {.sequences = 1,
                                    .length = x.size(0),
                                    .streams = {},
                                    .adapters = all_rows(x, through).rows})
                          .view({k, layout.positions(), d});
  // The state of a position predicts what comes next: text 1 is predicted at the last input.
  auto at_slots = [&](int from, int count) {
    return states.slice(1, from, from + count).reshape({k * count, d});
  };
  const auto writing = at_slots(layout.inputs() - 1, layout.text_out);
  const auto text = net.text_logits(writing, all_rows(writing, through).rows).to(at::kFloat);
  auto wanted = e.text_out;
  for (std::size_t i = 0; i < e.slipped.size(); ++i)
    if (e.slipped[i]) wanted[i] = -1;
  const auto text_target = tokens(wanted);
  const auto text_loss = at::cross_entropy_loss(text, text_target, {}, at::Reduction::Mean, -1);
  const auto hearing = at_slots(0, layout.audio);
  const auto heard = net.heard_logits(hearing, all_rows(hearing, through).rows).to(at::kFloat);
  const auto heard_target = tokens(e.heard);
  const auto heard_loss = at::cross_entropy_loss(heard, heard_target, {}, at::Reduction::Mean, -1);
  const auto speech_states = at_slots(layout.inputs() + layout.text_out - 1, layout.speech);
  auto voice = at::empty({k * layout.speech}, at::kFloat);
  std::copy(e.voice.begin(), e.voice.end(), voice.data_ptr<float>());
  const auto gate_loss = at::binary_cross_entropy_with_logits(
      net.gate_logits(speech_states, all_rows(speech_states, through).rows)
          .to(at::kFloat)
          .squeeze(1),
      voice);
  const auto flow = flow_loss(net, speech_states, e, config, random, generator, sums, through);

  auto total = config.text_weight * text_loss + config.heard_weight * heard_loss +
               config.gate_weight * gate_loss;
  if (flow.defined()) total = total + config.flow_weight * flow;
  if (config.spoken_weight > 0) {
    const auto spoken = spoken_loss(net, speech_states, e, sums, through);
    if (spoken.defined()) total = total + config.spoken_weight * spoken;
  }
  sums["conversations"] += 1;
  sums["text"] += text_loss.item<double>();
  sums["heard"] += heard_loss.item<double>();
  sums["gate"] += gate_loss.item<double>();
  double ignored = 0;
  count_words(text, text_target, sums["words"], sums["words_right"], sums["words_false"]);
  count_words(heard, heard_target, sums["heard_words"], sums["heard_right"], ignored);
  return total;
}

}  // namespace hocket::engine
