// Holds an answer to a grammar: which tokens may come next.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/language/constraint/grammar.hpp"
#include "engine/language/sampling/sampler.hpp"
#include "engine/language/tokenizer/tokenizer.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

/// A tokenizer's vocabulary as a tree of bytes, made once a model. *Threads*: immutable.
class vocabulary_tree {
 public:
  explicit vocabulary_tree(const tokenizer& tokens);

  struct node {
    int first_child = -1, next_sibling = -1;
    int tokens_begin = 0, tokens_end = 0;  ///< tokens that end here, in `ends`
    std::uint8_t byte = 0;
  };
  const std::vector<node>& nodes() const { return nodes_; }  ///< the first is the root
  const std::vector<token_id>& ends() const { return ends_; }
  std::size_t size() const { return size_; }
  bool is_control(token_id id) const;
  std::string_view bytes_of(token_id id) const;
  const std::vector<token_id>& turn_ends() const { return turn_ends_; }

 private:
  std::vector<node> nodes_;
  std::vector<token_id> ends_, turn_ends_;
  std::vector<std::string> bytes_;
  std::vector<bool> control_;
  std::size_t size_;
};

/// A walk through a grammar. States are made deterministic as they are reached, and kept; so are the
/// masks of states.
class grammar_walk {
 public:
  explicit grammar_walk(std::shared_ptr<const grammar> g);

  /// States have numbers; `nowhere`: no allowed text begins like this.
  static constexpr int nowhere = -1;
  int start() const { return start_; }
  int step(int state, std::uint8_t byte);
  int step_token(int state, int id);
  bool may_end(int state) const { return states_[static_cast<std::size_t>(state)].may_end; }
  /// Control tokens that may come.
  std::vector<int> tokens(int state) const;
  /// Fewest bytes and control tokens to an end.
  std::int32_t distance(int state) const {
    return states_[static_cast<std::size_t>(state)].distance;
  }
  std::size_t size() const { return states_.size(); }
  /// Forgets all states but this one; gives its new number.
  int forget_but(int state);
  /// True once a state had too many ways at once: nothing more is allowed.
  bool gave_up() const { return gave_up_; }

 private:
  struct place {
    int node, stack;
    bool operator==(const place&) const = default;
    auto operator<=>(const place&) const = default;
  };
  struct state {
    std::vector<place> places;  ///< at bytes and tokens, sorted
    bool may_end = false;
    std::int32_t distance = 0;
    std::unique_ptr<std::array<int, 256>> next;
  };
  struct frame {
    int back, below;  ///< the node to return to; the stack below
    std::int32_t distance;
  };
  int push(int back, int below);
  int intern(std::vector<place> from);

  std::shared_ptr<const grammar> grammar_;
  std::vector<frame> frames_;
  std::unordered_map<std::uint64_t, int> frame_names_;
  std::vector<state> states_;
  std::unordered_multimap<std::size_t, int> state_names_;
  int start_ = nowhere;
  bool gave_up_ = false;
};

/// Holds one answer to a grammar: `allowed` before a token is drawn, `accept` after it. What was
/// said is then a beginning of an allowed text at all times, and whole once it may end.
///
/// *Threads*: one at a time. *Memory*: at most `max_states` states and `max_masks` masks of a bit a
/// token. *Latency*: a walk over the vocabulary's tree where a state is new, else nothing.
class constraint {
 public:
  constraint(std::shared_ptr<const grammar> g, std::shared_ptr<const vocabulary_tree> tree);

  /// Tokens that may come next; the tokens that end a turn where the text may end.
  const token_mask& allowed();
  /// The same with so many tokens left: only tokens after which the rest, a byte a token at worst,
  /// still fits, so that an answer with a limit is whole, too. Ends of turns are not counted.
  const token_mask& allowed(std::int64_t tokens_left);
  /// Fewest bytes (and control tokens) to an end.
  std::int64_t shortest_end() const { return walk_.distance(state_); }
  /// *Errors*: constraint.not_allowed; nothing changed.
  result<void> accept(token_id id);
  bool may_end() const { return walk_.may_end(state_); }
  /// Nothing but the end may come.
  bool must_end();
  /// From the beginning again, keeping what was learnt of the grammar.
  void reset() { state_ = walk_.start(); }

  static constexpr std::size_t max_states = 50'000, max_masks = 512;

 private:
  int after(int state, token_id id);
  void fill(token_mask& mask, int state, std::int64_t budget);

  std::shared_ptr<const vocabulary_tree> tree_;
  grammar_walk walk_;
  int state_;
  std::unordered_map<int, token_mask> masks_;
  token_mask close_;      ///< of `allowed(tokens_left)`
  std::int64_t far_ = 0;  ///< more tokens than this to the shortest end are no bound
};

/// Whether a whole text is allowed.
bool allows(const std::shared_ptr<const grammar>& g, std::string_view text);

}  // namespace hocket::language
