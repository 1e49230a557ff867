#pragma once

#include <string>

#include "engine/lora/peft/peft.hpp"
#include "engine/lora/trainer.hpp"
#include "graph/core/result.hpp"

namespace hocket::trainer {

/// PEFT's two files out of a tar archive, at its root or both in one folder; nothing is written anywhere, and other regular
/// files are passed over. Errors (train.bad_archive): no tar, cut short, an entry with an absolute name or `..`, a link or
/// device, one of the two missing, twice or in another folder than the other.
result<lora::adapter_files> read_archive(const std::string& bytes);

/// What an adapter must be that was asked for.
struct wanted_adapter {
  int rank = 8;
  double alpha = 32;
  lora::lora_parts parts;
};

/// Whether files from a stranger are that adapter: rank and scale as asked for, of every module; each tensor one half of a
/// pair A [rank, in], B [out, rank] in floating point of a module that the configuration and `parts` name; every number finite.
/// Whether the modules are all of a model's, who applies it finds out (`lora::open_adapter`).
/// Errors: train.wrong_adapter, lora.bad_config, lora.unsupported, safetensors.*; each names what.
result<void> check_adapter(const lora::adapter_files& files, const wanted_adapter& wanted);

}  // namespace hocket::trainer
