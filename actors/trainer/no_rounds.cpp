// A build without the engine trains nothing.
#include "actors/trainer/rounds.hpp"

namespace hocket::trainer {

result<std::unique_ptr<lora_rounds>> open_lora_rounds(const round_settings&) {
  return fail("train.no_engine", "this build has no engine, so that it trains nothing");
}

}  // namespace hocket::trainer
