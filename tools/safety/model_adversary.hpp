// A language model as an adversary: it words requests anew, and learns from what got through.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "tools/safety/cases.hpp"

namespace hocket::background {
class chat_backend;
}

namespace hocket::safety {

/// Who words a request anew. Nothing: it would not, or what it wrote asks for something else.
class rewriter {
 public:
  virtual ~rewriter() = default;
  virtual std::optional<std::string> reworded(const std::string& request, std::uint64_t seed) = 0;
  /// What it wrote was answered.
  virtual void got_through(const std::string& text) = 0;
};

/// Asks a language model for other words, for a worried relative's, for a story's, for indirect ones, in
/// turn; it is shown the newest of what got through. Reproducible where the model is: each request has a
/// seed. What it wrote counts as the same request where all content words but one are still there, or
/// others that `synonyms` has for them: a machine's judgement, so each success is to be read.
class model_adversary final : public rewriter {
 public:
  model_adversary(std::shared_ptr<background::chat_backend> model, const case_set& goals);
  std::optional<std::string> reworded(const std::string& request, std::uint64_t seed) override;
  void got_through(const std::string& text) override;

  /// What it wrote so far; of these what lost what was asked for; and where it failed.
  std::int64_t written() const { return written_; }
  std::int64_t drifted() const { return drifted_; }
  std::int64_t failed() const { return failed_; }
  /// Why it failed last.
  const std::string& problem() const { return problem_; }

  /// Whether `text` still asks for what `request` does, as above.
  static bool asks_the_same(const std::string& request, const std::string& text,
                            const case_set& goals);

 private:
  std::shared_ptr<background::chat_backend> model_;
  const case_set& goals_;
  std::deque<std::string> worked_;
  std::int64_t written_ = 0, drifted_ = 0, failed_ = 0, in_a_row_ = 0;
  std::string problem_;
};

/// As it would be said: the first line that has words, in lower case, without quotes and marks; the first 60 words.
std::string spoken_line(const std::string& written);

}  // namespace hocket::safety
