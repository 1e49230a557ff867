// A language model with the tokenizer and the chat template that its files carry. No torch.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/language/chat/chat_template.hpp"
#include "engine/language/constraint/constraint.hpp"
#include "engine/language/network/model.hpp"
#include "engine/language/tokenizer/tokenizer.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

/// What a chat needs of a model's files beside the weights.
struct chat_words {
  tokenizer tokens;
  std::optional<chat_template> layout;  ///< none: a model that continues texts
  std::string template_source;
  std::string template_file;         ///< where that comes from, for messages
  std::string begin_text, end_text;  ///< `bos_token` and `eos_token` of the template
};

/// Of a GGUF file, or of a folder with tokenizer.json and tokenizer_config.json (or
/// chat_template.jinja). *Errors*: tokenizer.*, template.*, model_file.*; each names the file.
result<chat_words> open_chat_words(const std::string& path);

/// The prompt of an answer, as `chat_model::prompt` gives it, where the network is elsewhere.
result<std::vector<token_id>> prompt_of(const chat_words& words,
                                        const nlohmann::ordered_json& messages,
                                        const nlohmann::ordered_json& tools, std::time_t now);

/// Everything that turns messages into an answer. *Threads*: immutable; any number of generations
/// share one.
class chat_model {
 public:
  /// `path`, `context`: as open_language_model. *Errors*: its own, and those of open_chat_words;
  /// model.vocabulary where the network has fewer scores than the tokenizer has tokens.
  static result<std::shared_ptr<const chat_model>> open(const std::string& path,
                                                        std::int64_t context = 0);

  const std::shared_ptr<const language_model>& network() const { return network_; }
  const tokenizer& tokens() const { return words_.tokens; }
  const chat_words& words() const { return words_; }
  /// For constraints of answers.
  const std::shared_ptr<const vocabulary_tree>& tree() const { return tree_; }

  /// The prompt of an answer: the template filled in. `messages`: objects with `role`, `content` and
  /// what else the template reads (`tool_calls`), `tools`: function definitions, or null. No text in
  /// them becomes a control token.
  /// *Errors*: model.no_template, template.* (with the template's file and line), tokenizer.too_hard.
  result<std::vector<token_id>> prompt(const nlohmann::ordered_json& messages,
                                       const nlohmann::ordered_json& tools, std::time_t now) const;
  /// A text to be continued, with the begin token where the model wants one.
  result<std::vector<token_id>> text_prompt(std::string_view text) const;

 private:
  chat_model(std::shared_ptr<const language_model> network, chat_words words)
      : network_(std::move(network)),
        words_(std::move(words)),
        tree_(std::make_shared<vocabulary_tree>(words_.tokens)) {}
  std::shared_ptr<const language_model> network_;
  chat_words words_;
  std::shared_ptr<const vocabulary_tree> tree_;
};

}  // namespace hocket::language
