#include "actors/interaction/fake_engine.hpp"

#include <cmath>
#include <new>
#include <numbers>
#include <sstream>

namespace hocket::interaction {

std::vector<std::string> fake_engine::tokens_of(const std::string& text) const {
  std::vector<std::string> tokens;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) {
    if (word == "rex")
      for (const char* letter : {"##r", "##e", "##x"}) tokens.emplace_back(letter);
    else
      tokens.push_back(word == "unheardof" ? "<unk>" : word);
  }
  return tokens;
}

namespace {

struct named_adapter final : opened_adapter {
  std::string name;
};

}  // namespace

result<opened_adapter_handle> fake_engine::open_adapter(const adapter& a) const {
  if (a.name == "misfit") return fail("lora.bad_shape", a.name + ": it fits another model");
  if (a.name == "huge") throw std::bad_alloc();
  auto made = std::make_shared<named_adapter>();
  made->name = a.name;
  return opened_adapter_handle(std::move(made));
}

void fake_engine::adapt(session_id session, const opened_adapter_handle& through) {
  const auto* own = static_cast<const named_adapter*>(through.get());
  adapters[session] = own ? own->name : "";
}

result<std::vector<turn_output>> fake_engine::step(std::span<const turn_input> inputs) {
  batches.push_back(inputs.size());
  std::vector<turn_output> all;
  for (const auto& in : inputs) {
    if (!open.contains(in.session)) return fail("fake.no_session", "not open");
    turn_output out;
    out.samples.assign(samples_per_turn, 0.0f);
    for (std::size_t f = 0; f < frames_per_turn; ++f) {
      bool sound = false;
      for (std::size_t c = 0; c < dmel_channels; ++c) sound |= in.frames[f * dmel_channels + c] > 6;
      if (!sound) continue;
      out.heard.push_back({"sound", static_cast<int>(f)});
      out.gates[f] = 1;
      for (std::size_t i = 0; i < 800; ++i)
        out.samples[f * 800 + i] =
            0.25f * static_cast<float>(
                        std::sin(2 * std::numbers::pi * 440 * static_cast<double>(i) / 16000));
    }
    if (!in.video.empty()) out.text = {"picture", std::to_string(in.video.front())};
    for (const auto& word : in.words) {
      if (word == "fail") return fail("fake.failed", "asked to");
      if (word == "delegate") {
        out.text = {"<delegate>", "seven", "times", "eight", "<end>", "wait"};
      } else {
        out.text.push_back(word);
      }
    }
    if (!in.script.empty()) {
      out.text.clear();
      if (in.script_due || batches.size() % 2 == 0) out.text = {in.script.front()};
      for (auto& gate : out.gates) gate = is_mute ? 0.0f : 1.0f;
    }
    all.push_back(std::move(out));
  }
  return all;
}

}  // namespace hocket::interaction
