// The engine of engine/interaction behind the actor's interface: sessions, batches, words, sound.
#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "actors/interaction/micro_turn_engine.hpp"
#include "actors/trainer/adapters/adapter_packet.hpp"
#include "engine/audio/learnt_vocoder.hpp"
#include "engine/interaction/session.hpp"
#include "engine/lora/interaction/conversation_trainer.hpp"
#include "engine/transformer/background.hpp"

namespace hocket::interaction {
namespace {

struct torch_adapter final : opened_adapter {
  lora::adapter_handle weights;
};

class torch_engine final : public micro_turn_engine {
 public:
  torch_engine(std::shared_ptr<const engine::interaction_model> model,
               std::shared_ptr<const engine::vocoder_weights> vocoder, const engine_options& o)
      : model_(std::move(model)),
        vocoder_(std::move(vocoder)),
        options_(o),
        pool_(o.threads > 1 ? std::make_unique<engine::work_pool>(o.threads) : nullptr) {}

  std::string describe() const override {
    const auto& d = model_->description();
    return fmt::format("{}: {:.1f} M parameters, {} weights, {} steps, on {}", d.folder,
                       static_cast<double>(d.parameters) / 1e6, d.weights, d.trained_steps,
                       d.device);
  }
  std::size_t text_slots() const override {
    return static_cast<std::size_t>(model_->description().config.layout.text_in);
  }
  std::vector<std::string> tokens_of(const std::string& text) const override {
    std::vector<std::string> tokens;
    for (const auto id : model_->words().encode(text))
      tokens.push_back(model_->words().token_of(id));
    return tokens;
  }
  std::size_t video_bytes() const override {
    return static_cast<std::size_t>(model_->description().config.video_size());
  }

  result<void> open_session(session_id id) override {
    engine::session_options o;
    o.seed = options_.seed + static_cast<std::uint64_t>(id);
    o.flow_steps = static_cast<int>(options_.flow_steps);
    o.flow_noise = static_cast<float>(options_.flow_noise);
    o.gate_threshold = static_cast<float>(options_.gate_threshold);
    o.nothing_bias = static_cast<float>(options_.nothing_bias);
    o.heard_bias = static_cast<float>(options_.heard_bias);
    sessions_.insert_or_assign(id,
                               voice{engine::session(model_, o), engine::voice_sound(vocoder_)});
    return {};
  }
  void close_session(session_id id) override { sessions_.erase(id); }

  result<opened_adapter_handle> open_adapter(const adapter& a) const override {
    auto made = std::make_shared<torch_adapter>();
    const auto bytes = a.weights.as<char>();
    auto opened =
        lora::open_adapter(*model_, {trainer::peft_config_of(a), {bytes.begin(), bytes.end()}});
    if (!opened) return fail(opened.error().code, a.name + ": " + opened.error().message);
    made->weights = std::move(*opened);
    return opened_adapter_handle(std::move(made));
  }
  void adapt(session_id session, const opened_adapter_handle& through) override {
    const auto* own = static_cast<const torch_adapter*>(through.get());
    if (const auto found = sessions_.find(session); found != sessions_.end())
      found->second.talk.adapt(own ? own->weights : nullptr);
  }

  result<std::vector<turn_output>> step(std::span<const turn_input> inputs) override {
    std::vector<engine::session*> sessions;
    std::vector<engine::micro_turn_input> turns;
    for (const auto& in : inputs) {
      const auto found = sessions_.find(in.session);
      if (found == sessions_.end())
        return fail("interaction.no_session", "step of an unknown session");
      sessions.push_back(&found->second.talk);
      engine::micro_turn_input turn;
      turn.audio = in.frames;
      for (const auto& word : in.words) turn.text.push_back(model_->words().id_of(word));
      turn.text.resize(text_slots(), engine::vocabulary::pad);
      turn.video = in.video;
      for (const auto& word : in.script) turn.script.push_back(model_->words().id_of(word));
      turn.script_due = in.script_due;
      turns.push_back(std::move(turn));
    }
    // A language model beside it waits: this is due in milliseconds, that is not.
    const engine::turn_gate::hold first(engine::turn_gate::of_process());
    const engine::work_pool::watch awake(pool_.get());
    const engine::background_work shared(nullptr, pool_.get());
    auto outputs = engine::batch_step(sessions, turns);
    if (!outputs) return fail(outputs);
    std::vector<turn_output> all(inputs.size());
    engine::background_work::divide(
        static_cast<std::int64_t>(all.size()), 1, 1, [&](std::int64_t from, std::int64_t to) {
          for (auto i = static_cast<std::size_t>(from); i < static_cast<std::size_t>(to); ++i)
            all[i] = said(sessions_.at(inputs[i].session).sound, (*outputs)[i]);
        });
    return all;
  }

 private:
  struct voice {
    engine::session talk;
    engine::voice_sound sound;
  };

  turn_output said(engine::voice_sound& sound, const engine::micro_turn_output& out) const {
    turn_output turn;
    const auto& words = model_->words();
    for (const auto id : out.text)
      if (id != engine::vocabulary::pad) turn.text.push_back(words.token_of(id));
    for (std::size_t f = 0; f < out.heard.size(); ++f)
      if (out.heard[f] != engine::vocabulary::pad)
        turn.heard.push_back({words.token_of(out.heard[f]), static_cast<int>(f)});
    for (std::size_t f = 0; f < frames_per_turn && f < out.voice.size(); ++f)
      turn.gates[f] = out.voice[f];
    turn.samples.resize(samples_per_turn);
    sound.push(out.speech, out.voice, turn.samples);
    return turn;
  }

  std::shared_ptr<const engine::interaction_model> model_;
  std::shared_ptr<const engine::vocoder_weights> vocoder_;  ///< null: the one without a learnt part
  engine_options options_;
  std::unique_ptr<engine::work_pool> pool_;  ///< null: the actor's own thread alone
  std::map<session_id, voice> sessions_;
};

}  // namespace

result<std::unique_ptr<micro_turn_engine>> make_engine(const engine_options& options) {
  auto model = engine::interaction_model::load(options.model, options.device);
  if (!model) return fail(model);
  const auto& layout = (*model)->description().config.layout;
  if (layout.audio != static_cast<int>(frames_per_turn) ||
      layout.speech != static_cast<int>(frames_per_turn))
    return fail(
        "interaction.bad_layout",
        fmt::format("{}: hears {} and says {} frames per micro-turn; the clock of this actor "
                    "has 4 of 50 ms",
                    options.model, layout.audio, layout.speech));
  // A model may bring a vocoder that was trained for its voice.
  std::shared_ptr<const engine::vocoder_weights> vocoder;
  const auto file = std::filesystem::path(options.model) / "vocoder.safetensors";
  if (std::error_code ignored; std::filesystem::exists(file, ignored)) {
    auto opened = engine::vocoder_weights::open(file.string());
    if (!opened) return fail(opened);
    vocoder = std::move(*opened);
  }
  return std::make_unique<torch_engine>(std::move(*model), std::move(vocoder), options);
}

}  // namespace hocket::interaction
