// Hidden states of short texts, wherever the language model is; no torch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::policy {

/// Which model, and how it runs.
struct states_settings {
  std::string path;          ///< a GGUF file, a folder, or the name of a fetched package
  std::int64_t threads = 1;  ///< that share large products
  int layers = 0;            ///< so many are passed; 0: all
};

/// What a model knows of a text: its states behind the last token.
/// *Threads*: `of` from one at a time; two objects share the model's weights.
class hidden_states {
 public:
  virtual ~hidden_states() = default;
  /// Of each text the normalised state behind its last token, [width]; the same bits in any batch.
  /// Adds to `tokens` what was read. *Errors*: language.*, tokenizer.too_hard.
  virtual result<std::vector<std::vector<float>>> of(const std::vector<std::string>& texts,
                                                     std::int64_t& tokens) = 0;
  virtual int layers() const = 0;  ///< that are passed
  virtual std::int64_t width() const = 0;
  /// Of the model's files (trainer::model_sha256), and what it is called.
  virtual std::string sha256() const = 0;
  virtual std::string name() const = 0;
};

/// *Errors*: model.*, tokenizer.*, and language.no_engine where this build has none.
/// *Memory*: a model's weights once in a process, while anybody asks them.
result<std::shared_ptr<hidden_states>> open_hidden_states(const states_settings& s);

}  // namespace hocket::policy
