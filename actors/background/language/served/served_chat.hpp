#pragma once

#include "actors/background/language/chat.hpp"
#include "actors/background/language/served/token_session.hpp"

namespace hocket::background {

/// A model at an inference server, spoken to in tokens: the template and the tokenizer are here, in the files
/// `words` (a folder with tokenizer.json and tokenizer_config.json, or a GGUF file), the weights there. What
/// a conversation and its steps have in common is read once: of up to four sessions the one that a prompt
/// goes on from takes it.
/// Errors: tokenizer.*, template.*, model_file.*; language.bad_config where the template knows no tools;
/// language.no_engine where this build has none. Those of `ask`: token_session's.
result<std::shared_ptr<chat_backend>> open_served_chat(served_settings s, const std::string& words);

}  // namespace hocket::background
