#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/language/chat/chat_template.hpp"
#include "engine/language/network/model.hpp"
#include "engine/language/tokenizer/tokenizer.hpp"
#include "graph/core/result.hpp"

namespace hocket::tinker {

/// A base model that is served, under each of its names. Immutable.
struct served_model {
  std::vector<std::string> names;  ///< the first is its own, the others are aliases
  language::network_config config;
  std::shared_ptr<const language::language_model> model;  ///< null: its weights are elsewhere
  std::shared_ptr<const language::tokenizer> tokenizer;   ///< null: no text, tokens only
  std::shared_ptr<const language::chat_template> chat;    ///< null: no chat
  std::string begin_text, end_text;                       ///< tokens that a chat template may name
  std::vector<std::int32_t> ends;                         ///< tokens after which it has said all
  std::string folder;                                     ///< of its files; empty: a GGUF file
  /// Files of the hub that were made of a GGUF file, by name: its tokenizer, for clients.
  std::map<std::string, std::string> made_files;
  std::string revision;     ///< 40 hex digits
  std::string path, stamp;  ///< of its files, as they were when it was opened
  /// Where its weights are elsewhere: their sum, from whoever has them.
  std::function<result<std::string>()> sum_elsewhere;

  std::int64_t context() const { return config.trunk.context; }
  bool has_name(const std::string& name) const;
  bool ends_with(std::int32_t token) const;
  /// Of its files, as cards of adapters name it: read at the first call. *Errors*: those of
  /// trainer::model_sha256; tinker.model_changed: they are no longer what is served.
  result<std::string> sha256() const;
};

/// Opens a folder or a GGUF file for training: weights of few bits are widened, or, where `precision` is
/// "bfloat16" and not "fp32", linear layers rounded to it. *Errors*: those of open_language_model and of the
/// tokenizer.
result<std::shared_ptr<const served_model>> open_served_model(const std::string& path,
                                                              std::vector<std::string> names,
                                                              std::int64_t context,
                                                              const std::string& precision);
/// The same without weights: what its files say of it, its tokenizer and template, for a server whose
/// trainer and sampler are elsewhere.
result<std::shared_ptr<served_model>> describe_served_model(const std::string& path,
                                                            std::vector<std::string> names,
                                                            std::int64_t context);

}  // namespace hocket::tinker
