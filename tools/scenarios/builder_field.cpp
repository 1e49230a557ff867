// What only conversations in the field have: voices of the bank, channels, masks.
#include <algorithm>

#include "engine/audio/dmel.hpp"
#include "tools/scenarios/builder.hpp"

namespace hocket::scenarios {

void builder::go_into_the_field(std::shared_ptr<const speech_bank> bank) {
  field_parts& f = field_.emplace();
  f.rng = random_stream(seed_of(seed_, 82));
  f.heard_through = draw_channel(f.rng);
  f.bank = std::move(bank);
  if (!f.bank || f.bank->empty()) return;
  const double kind = f.rng.unit();
  if (kind < 0.45 && !f.bank->neural().empty()) {
    f.neural = &f.rng.pick(f.bank->neural());
    if (f.rng.chance(0.6)) f.warp = f.rng.uniform(0.9, 1.12);
  } else if (kind < 0.8) {
    f.people = f.rng.uniform(0.5, 1.0);
  }
}

utterance builder::cast_from_bank(utterance said, const std::string& text, double gain_db) {
  field_parts& f = *field_;
  if (f.neural) {
    auto other = speech_bank::say(*f.neural, text, gain_db, f.rng);
    if (!other) return said;  // a word that this voice never said
    other->rate_hz *= f.warp;
    return std::move(*other);
  }
  return f.people > 0 ? f.bank->with_people(said, f.people, f.rng) : said;
}

std::optional<builder::speech> builder::overhear(double gain_db) {
  if (!field_ || !field_->bank) return std::nullopt;
  auto said = field_->bank->small_talk_of_others(gain_db, field_->rng);
  if (!said) return std::nullopt;
  speech out;
  out.length = static_cast<std::int64_t>(said->samples.size());
  out.sound = std::move(*said);
  return out;
}

// After SpecAugment (Park et al. 2019): bands of the ear's frames that hold nothing.
void builder::mask_bands(std::vector<std::uint8_t>& audio) {
  constexpr std::size_t channels = engine::dmel_format::channels;
  random_stream& rng = field_->rng;
  if (!rng.chance(0.3)) return;
  const int bands = rng.integer(1, 2);
  for (int n = 0; n < bands; ++n) {
    const auto width = static_cast<std::size_t>(rng.integer(1, 10));
    const auto first = static_cast<std::size_t>(rng.integer(0, static_cast<int>(channels - width)));
    for (std::size_t at = 0; at + channels <= audio.size(); at += channels)
      std::fill_n(audio.begin() + static_cast<std::ptrdiff_t>(at + first), width, std::uint8_t{0});
  }
}

}  // namespace hocket::scenarios
