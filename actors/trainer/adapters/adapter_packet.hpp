#pragma once

#include <string>

#include "graph/contract/payload.hpp"
#include "graph/core/result.hpp"

namespace hocket::trainer {

/// An adapter in a folder, as `hocket train lora`, `trainer.lora` and PEFT leave one
/// (`adapter_config.json`, `adapter_model.safetensors`); the card is the folder's `card.json`, or one that
/// says no more than its configuration and the folder's name. *Errors*: model_file.*, adapter.bad_card.
result<adapter> read_adapter_folder(const std::string& folder);

/// Its adapter_config.json, from the card; empty where that has none.
std::string peft_config_of(const adapter& a);

/// By name and card, as they come again for conversations that begin later.
bool is_same(const adapter& a, const adapter& b);
/// What is told and remembered of one.
adapter without_weights(const adapter& a);

/// It takes the place of one that an incident froze: conversations that are pinned take it, too.
bool is_frozen(const adapter& a);

}  // namespace hocket::trainer
