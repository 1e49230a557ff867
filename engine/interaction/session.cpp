#include "engine/interaction/session.hpp"

#include <cmath>
#include <numbers>
#include <ranges>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "engine/interaction/network.hpp"
#include "engine/interaction/session_state.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine {
namespace {

std::uint64_t mix(std::uint64_t z) {  // splitmix64
  z += 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

/// Largest logit; the first of equals.
std::int32_t best(const float* logits, std::int64_t n, float nothing_bias) {
  std::int32_t index = 0;
  float top = logits[0] + nothing_bias;
  for (std::int64_t i = 1; i < n; ++i)
    if (logits[i] > top) top = logits[i], index = static_cast<std::int32_t>(i);
  return index;
}

}  // namespace

float normal_number(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  const std::uint64_t bits = mix(mix(mix(seed) ^ stream) ^ index);
  const double u = (static_cast<double>(bits >> 32) + 1.0) / 4294967297.0;
  const double v = static_cast<double>(bits & 0xffffffffu) / 4294967296.0;
  return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v));
}

session::state::state(std::shared_ptr<const interaction_model> m, const session_options& o)
    : model(std::move(m)), options(o), memory(model->net().trunk_config()) {
  const auto& c = model->description().config;
  previous_audio.assign(static_cast<std::size_t>(c.audio_context - 1) * c.dmel_channels, 0);
}

session::session(std::shared_ptr<const interaction_model> model, const session_options& options)
    : state_(std::make_unique<state>(std::move(model), options)) {}
session::session(std::unique_ptr<state> state) : state_(std::move(state)) {}
session::~session() = default;
session::session(session&&) noexcept = default;
session& session::operator=(session&&) noexcept = default;

void session::adapt(std::shared_ptr<const adapter> through) {
  state_->through = std::move(through);
}
session session::fork() const { return session(std::make_unique<state>(*state_)); }
std::int64_t session::micro_turns() const { return state_->micro_turns; }
std::size_t session::memory_bytes() const { return state_->memory.bytes(); }
const interaction_model& session::model() const { return *state_->model; }

result<micro_turn_output> session::append(const micro_turn_input& input) {
  session* self = this;
  auto outputs = batch_step({&self, 1}, {&input, 1});
  if (!outputs) return fail(outputs);
  return std::move((*outputs)[0]);
}

namespace {

/// One micro-turn of a batch: the order of rows within each session is that of the layout.
class step {
 public:
  step(std::span<session* const> sessions, std::span<const micro_turn_input> inputs)
      : sessions_(sessions),
        inputs_(inputs),
        model_(sessions[0]->model()),
        net_(model_.net()),
        config_(net_.config()),
        layout_(config_.layout),
        options_(at::TensorOptions().device(at::Device(model_.description().device))),
        outputs_(sessions.size()),
        written_(sessions.size(), 0) {
    for (auto& o : outputs_) {
      o.text.assign(layout_.text_out, 0);
      o.heard.assign(layout_.audio, 0);
      o.voice.assign(layout_.speech, 0);
      o.speech.assign(static_cast<std::size_t>(layout_.speech) * config_.flow.patch, 0.0f);
    }
  }

  std::vector<micro_turn_output> run() {
    at::Tensor states = take_inputs();
    for (int slot = 0; slot < layout_.text_out; ++slot) {
      choose_text(states, slot);
      states = advance(net_.embed_text(text_tensor(slot)), layout_.inputs() + slot);
    }
    for (int frame = 0; frame < layout_.speech; ++frame) {
      choose_speech(states, frame);
      if (frame + 1 < layout_.speech)
        states = advance(net_.embed_speech(patch_tensor(frame)),
                         layout_.inputs() + layout_.text_out + frame);
    }
    for (std::size_t i = 0; i < count(); ++i) finish(i);
    return std::move(outputs_);
  }

 private:
  std::size_t count() const { return sessions_.size(); }
  session::state& state(std::size_t i) { return sessions_[i]->inner(); }
  const micro_turn_output* forced(std::size_t i) const { return inputs_[i].forced; }

  /// The adapters of `each` rows of each of these sessions, one after the other.
  template <class Sessions>
  std::vector<adapter_rows> adapters_of(const Sessions& sessions, std::int64_t each) {
    std::vector<adapter_rows> all;
    std::int64_t row = 0;
    for (const auto i : sessions) {
      if (const auto* a = state(static_cast<std::size_t>(i)).through.get())
        all.push_back({row, row + each, a});
      row += each;
    }
    return all;
  }
  std::vector<adapter_rows> adapters_of_all(std::int64_t each = 1) {
    return adapters_of(std::views::iota(std::size_t{0}, count()), each);
  }

  /// The patch said last and everything the person did: one chunk per session. Reads what was heard;
  /// gives the state of each session's last input row.
  at::Tensor take_inputs() {
    const std::int64_t channels = config_.dmel_channels, patch = config_.flow.patch;
    std::vector<at::Tensor> parts;
    std::vector<std::int64_t> slots, audio_rows, last_rows;
    row_map rows;
    std::int64_t row = 0;
    for (std::size_t i = 0; i < count(); ++i) {
      auto& s = state(i);
      const std::int64_t first = s.position, start = row;
      if (!s.pending.empty()) {
        parts.push_back(net_.embed_speech(floats(s.pending, 1, patch)));
        slots.push_back(layout_.positions() - 1);
        ++row;
      }
      auto index = at::empty({layout_.audio, config_.audio_context * channels}, at::kInt);
      audio_index(config_, inputs_[i].audio.data(), layout_.audio, s.previous_audio.data(),
                  index.data_ptr<std::int32_t>());
      parts.push_back(net_.embed_audio(index.to(options_.device())));
      for (int a = 0; a < layout_.audio; ++a) slots.push_back(a), audio_rows.push_back(row++);
      if (layout_.video > 0) {
        parts.push_back(video_rows(inputs_[i].video));
        for (int v = 0; v < layout_.video; ++v, ++row) slots.push_back(layout_.audio + v);
      }
      auto text = inputs_[i].text;
      text.resize(layout_.text_in, 0);
      parts.push_back(net_.embed_text(longs({text.begin(), text.end()})));
      for (int t = 0; t < layout_.text_in; ++t, ++row)
        slots.push_back(layout_.audio + layout_.video + t);
      last_rows.push_back(row - 1);
      rows.streams.push_back({&s.memory, first, row - start});
      if (s.through) rows.adapters.push_back({start, row, s.through.get()});
      s.position += row - start;
    }
    const auto states = net_.trunk(net_.place(at::cat(parts, 0), longs(slots)), rows);
    const auto heard = on_cpu(net_.heard_logits(states.index_select(0, longs(audio_rows)),
                                                adapters_of_all(layout_.audio)));
    for (std::size_t i = 0; i < count(); ++i)
      for (int a = 0; a < layout_.audio; ++a) {
        const auto at_row = static_cast<std::int64_t>(i) * layout_.audio + a;
        outputs_[i].heard[a] = best(heard.data_ptr<float>() + at_row * config_.vocabulary,
                                    config_.vocabulary, state(i).options.heard_bias);
      }
    return states.index_select(0, longs(last_rows));
  }

  at::Tensor video_rows(const std::vector<std::uint8_t>& pixels) const {
    if (pixels.empty()) return net_.embed_no_video(layout_.video);
    auto values = at::empty(
        {layout_.video, config_.video_frames, config_.video_patch, config_.video_patch, 3},
        at::kFloat);
    std::transform(pixels.begin(), pixels.end(), values.data_ptr<float>(),
                   [](std::uint8_t p) { return static_cast<float>(p) / 255.0f; });
    return net_.embed_video(values.to(options_.device()));
  }

  /// One more row per session, all of the same slot.
  at::Tensor advance(const at::Tensor& x, int slot) {
    row_map rows;
    for (std::size_t i = 0; i < count(); ++i)
      rows.streams.push_back({&state(i).memory, state(i).position++, 1});
    rows.adapters = adapters_of_all();
    const std::vector<std::int64_t> slots(count(), slot);
    return net_.trunk(net_.place(x, longs(slots)), rows);
  }

  void choose_text(const at::Tensor& states, int slot) {
    const auto logits = on_cpu(net_.text_logits(states, adapters_of_all()));
    for (std::size_t i = 0; i < count(); ++i) {
      const float* own =
          logits.data_ptr<float>() + static_cast<std::int64_t>(i) * config_.vocabulary;
      outputs_[i].text[slot] = forced(i) ? forced(i)->text[slot]
                               : written_[i] < inputs_[i].script.size()
                                   ? next_of_script(i, own)
                                   : best(own, config_.vocabulary, state(i).options.nothing_bias);
    }
  }

  std::int32_t next_of_script(std::size_t i, const float* logits) {
    const auto& in = inputs_[i];
    const auto next = in.script[written_[i]];
    const bool due = in.script_due && written_[i] == 0;
    if (!due && logits[next] <= logits[vocabulary::pad] + state(i).options.nothing_bias)
      return vocabulary::pad;
    ++written_[i];
    return next;
  }

  void choose_speech(const at::Tensor& states, int frame) {
    const auto gates = on_cpu(net_.gate_logits(states, adapters_of_all()));
    std::vector<std::int64_t> voiced;
    for (std::size_t i = 0; i < count(); ++i) {
      const float probability = 1.0f / (1.0f + std::exp(-gates.data_ptr<float>()[i]));
      const bool voice =
          forced(i) ? forced(i)->voice[frame] != 0 : probability >= state(i).options.gate_threshold;
      outputs_[i].voice[frame] = voice;
      if (!voice) continue;
      if (forced(i))
        std::copy_n(forced(i)->speech.begin() + frame * config_.flow.patch, config_.flow.patch,
                    outputs_[i].speech.begin() + frame * config_.flow.patch);
      else
        voiced.push_back(static_cast<std::int64_t>(i));
    }
    if (!voiced.empty()) draw(states.index_select(0, longs(voiced)), voiced, frame);
  }

  /// Euler steps of the flow from noise to a mel patch (Lipman et al. 2022). Sessions may ask for
  /// different numbers of steps; each is drawn with its own.
  void draw(const at::Tensor& states, const std::vector<std::int64_t>& voiced, int frame) {
    const std::int64_t patch = config_.flow.patch;
    const auto condition = net_.flow_condition(states, adapters_of(voiced, 1));
    auto x = at::empty({static_cast<std::int64_t>(voiced.size()), patch}, at::kFloat);
    int steps = 1;
    for (std::size_t r = 0; r < voiced.size(); ++r) {
      const auto& s = state(voiced[r]);
      steps = std::max(steps, s.options.flow_steps);
      const std::uint64_t stream =
          static_cast<std::uint64_t>(s.micro_turns) * layout_.speech + frame;
      for (std::int64_t j = 0; j < patch; ++j)
        x.data_ptr<float>()[static_cast<std::int64_t>(r) * patch + j] =
            s.options.flow_noise * normal_number(s.options.seed, stream, j);
    }
    x = x.to(options_.device());
    for (int i = 0; i < steps; ++i) {
      std::vector<float> time, stride;
      for (const auto v : voiced) {
        const int own = std::max(1, state(v).options.flow_steps);
        time.push_back(std::min(i, own - 1) / static_cast<float>(own));
        stride.push_back(i < own ? 1.0f / static_cast<float>(own) : 0.0f);
      }
      const auto n = static_cast<std::int64_t>(voiced.size());
      const auto change = net_.velocity(x, floats(time, n, 1).flatten(), condition);
      x = x + change * floats(stride, n, 1);
    }
    const auto said = on_cpu(x);
    for (std::size_t r = 0; r < voiced.size(); ++r)
      std::copy_n(said.data_ptr<float>() + static_cast<std::int64_t>(r) * patch, patch,
                  outputs_[voiced[r]].speech.begin() + frame * patch);
  }

  void finish(std::size_t i) {
    auto& s = state(i);
    const std::int64_t patch = config_.flow.patch, channels = config_.dmel_channels;
    if (layout_.speech > 0)
      s.pending.assign(outputs_[i].speech.end() - patch, outputs_[i].speech.end());
    auto& before = s.previous_audio;
    before.insert(before.end(), inputs_[i].audio.begin(), inputs_[i].audio.end());
    before.erase(before.begin(), before.end() - (config_.audio_context - 1) * channels);
    ++s.micro_turns;
  }

  at::Tensor text_tensor(int slot) const {
    std::vector<std::int64_t> values;
    for (const auto& o : outputs_) values.push_back(o.text[slot]);
    return longs(values);
  }
  at::Tensor patch_tensor(int frame) const {
    std::vector<float> values;
    for (const auto& o : outputs_)
      values.insert(values.end(), o.speech.begin() + frame * config_.flow.patch,
                    o.speech.begin() + (frame + 1) * config_.flow.patch);
    return floats(values, static_cast<std::int64_t>(count()), config_.flow.patch);
  }
  at::Tensor longs(const std::vector<std::int64_t>& values) const {
    return at::tensor(values, at::kLong).to(options_.device());
  }
  at::Tensor floats(const std::vector<float>& values, std::int64_t rows,
                    std::int64_t columns) const {
    return at::tensor(values, at::kFloat).view({rows, columns}).to(options_.device());
  }
  static at::Tensor on_cpu(const at::Tensor& t) { return t.to(at::kCPU, at::kFloat).contiguous(); }

  std::span<session* const> sessions_;
  std::span<const micro_turn_input> inputs_;
  const interaction_model& model_;
  const network& net_;
  const model_config& config_;
  const layout_config& layout_;
  at::TensorOptions options_;
  std::vector<micro_turn_output> outputs_;
  std::vector<std::size_t> written_;  ///< words of each session's script
};

result<void> check(const micro_turn_input& input, const model_config& c) {
  const auto& layout = c.layout;
  auto bad = [](const std::string& text) { return fail("session.bad_input", text); };
  if (input.audio.size() != static_cast<std::size_t>(layout.audio) * c.dmel_channels)
    return bad("audio: " + std::to_string(input.audio.size()) + " bins, a micro-turn has " +
               std::to_string(layout.audio * c.dmel_channels));
  if (input.text.size() > static_cast<std::size_t>(layout.text_in))
    return bad("text: " + std::to_string(input.text.size()) +
               " tokens, a micro-turn has room for " + std::to_string(layout.text_in));
  auto token_ok = [&](std::int32_t t) { return t >= 0 && t < c.vocabulary; };
  for (const auto t : input.text)
    if (!token_ok(t)) return bad("text: token " + std::to_string(t) + " is not in the vocabulary");
  if (!input.video.empty() && static_cast<std::int64_t>(input.video.size()) != c.video_size())
    return bad("video: " + std::to_string(input.video.size()) + " bytes, a micro-turn has " +
               std::to_string(c.video_size()));
  for (const auto t : input.script)
    if (!token_ok(t) || t == vocabulary::pad)
      return bad("script: token " + std::to_string(t) + " is no word of the vocabulary");
  if (const auto* f = input.forced) {
    if (f->text.size() != static_cast<std::size_t>(layout.text_out) ||
        f->voice.size() != static_cast<std::size_t>(layout.speech) ||
        f->speech.size() != static_cast<std::size_t>(layout.speech) * c.flow.patch)
      return bad("forced output does not fit the layout");
    for (const auto t : f->text)
      if (!token_ok(t)) return bad("forced text: token outside the vocabulary");
  }
  return {};
}

}  // namespace

result<std::vector<micro_turn_output>> batch_step(std::span<session* const> sessions,
                                                  std::span<const micro_turn_input> inputs) {
  HOCKET_ASSERT(sessions.size() == inputs.size());
  if (sessions.empty()) return std::vector<micro_turn_output>{};
  const auto& config = sessions[0]->model().description().config;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    HOCKET_ASSERT(&sessions[i]->model() == &sessions[0]->model());
    HOCKET_TRY(check(inputs[i], config));
  }
  try {
    c10::NoGradGuard no_grad;
    return step(sessions, inputs).run();
  } catch (const c10::Error& e) {
    return fail("session.engine", e.what_without_backtrace());
  }
}

}  // namespace hocket::engine
