#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/language/files/gguf.hpp"
#include "engine/language/tokenizer/merges.hpp"
#include "engine/language/tokenizer/pre_split.hpp"
#include "engine/language/tokenizer/utf8.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

enum class token_kind : std::uint8_t {
  text,     ///< what text becomes
  byte,     ///< one byte that no other token covers (`<0x0A>`)
  added,    ///< found in text before anything is split: runs of spaces, `<think>`
  control,  ///< steers the model: begin, end, whose turn. Never made from a person's text
  unused,
};

/// How text becomes tokens and back; all that a file says about it.
struct tokenizer_rules {
  struct token {
    std::string bytes;  ///< what it decodes to; of control tokens, their name
    token_kind kind = token_kind::text;
    bool strips_left = false, strips_right = false;  ///< an added one takes the spaces beside it
  };
  std::vector<token> tokens;
  merger merges;
  pre_splitter splitter;
  bool byte_level = false;    ///< pieces are taken apart into bytes, else into characters
  bool whole_words = false;   ///< a piece that is a token is not taken apart
  bool composes = false;      ///< NFC first
  bool marks_spaces = false;  ///< U+2581 stands for a blank
  enum class prefix { none, first, each } space_prefix = prefix::none;
  bool prefix_unless_blank = false;  ///< no prefix before a text that begins with a blank
  bool drops_prefix = false;         ///< decoding drops the blank that a prefix made
  token_id unknown = no_token;
  bool joins_unknown = false;  ///< neighbours that are no tokens give one unknown token
  token_id begin = no_token;
  bool adds_begin = false;
  std::vector<token_id> ends;  ///< each ends a turn
};

/// A model's tokenizer: ids equal those of the family's reference implementation
/// (`compare_tokenizers.py` beside this file asks them).
///
/// *Errors*: `tokenizer.unsupported` (kind, pre-tokenizer, node of tokenizer.json: named, with what
/// is supported), `tokenizer.bad_file`; of encoding only `tokenizer.too_hard`. *Threads*: immutable.
class tokenizer {
 public:
  /// From the metadata of a GGUF file: kinds `gpt2` (byte-level) and `llama` (SentencePiece).
  static result<tokenizer> from_gguf(const gguf_file& file);
  /// From the text of a `tokenizer.json`; `name` begins messages. Ends of turns come from
  /// `end_tokens`, as generation_config.json or tokenizer_config.json name them.
  static result<tokenizer> from_json(std::string_view text, const std::string& name,
                                     const std::vector<std::string>& end_tokens = {});

  explicit tokenizer(tokenizer_rules rules);

  std::size_t size() const { return rules_.tokens.size(); }
  /// A person's or a tool's text: no control token comes out of it, nor one of `guard`'s.
  /// Ill-formed UTF-8 counts as U+FFFD.
  result<std::vector<token_id>> encode(std::string_view text) const;
  /// A filled-in chat template: control tokens are recognised, but where `guard` hid them.
  result<std::vector<token_id>> encode_prompt(std::string_view text) const;
  /// `text` so that no control token in it survives encode_prompt. Texts without any stay as is.
  std::string guard(std::string_view text) const;
  /// Takes the marks of `guard` out again.
  static std::string without_guards(std::string_view text);
  /// Counts added tokens that `template_text` mentions (`<think>`, `<tool_call>`) as control tokens.
  void guard_markup_of(std::string_view template_text);

  /// Whole text; control tokens are left out.
  std::string decode(std::span<const token_id> ids) const;
  /// The bytes that a token adds to the text; may end inside a character (`utf8_stream`).
  std::string_view bytes_of(token_id id) const;
  token_kind kind_of(token_id id) const;
  bool is_control(token_id id) const { return kind_of(id) == token_kind::control; }
  bool ends_turn(token_id id) const;
  std::optional<token_id> find(std::string_view text) const;
  const tokenizer_rules& rules() const { return rules_; }

 private:
  struct fragment {
    std::string_view text;
    token_id id = no_token;  ///< an added or control token, or none: text
  };
  std::vector<fragment> fragments_of(std::string_view text, bool with_control) const;
  result<void> encode_text(std::string_view text, bool first, std::vector<token_id>& out) const;
  void encode_piece(std::string_view piece, std::vector<token_id>& out) const;
  result<std::vector<token_id>> encode_all(std::string_view text, bool with_control) const;
  void index();

  tokenizer_rules rules_;
  std::vector<bool> guarded_;                    ///< control, or markup of the template
  token_map added_;                              ///< texts of added and control tokens
  std::vector<std::size_t> added_lengths_[256];  ///< by first byte, longest first
  std::vector<token_id> byte_tokens_;
};

/// The tokenizer of a GGUF file as a `tokenizer.json`, which gives the same ids: for programs that read
/// nothing else. *Errors*: those of tokenizer::from_gguf; tokenizer.unsupported (kind gemma4).
result<std::string> tokenizer_json(const gguf_file& file);

}  // namespace hocket::language
