// One request while it is sampled. Internal to this folder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/gateway/tinker/engine/sampling.hpp"
#include "engine/language/sampling/sampler.hpp"

namespace hocket::tinker {

struct sampling_hall::running {
  struct line {
    language::language_sequence sequence;
    language::sampler sampler;
    std::vector<float> scores;  ///< of what follows; empty: its token is being read
    std::string text;           ///< of the sampled tokens, for stop texts
    std::size_t place;          ///< in the answer
    std::int32_t token = 0;     ///< to be read next
  };

  explicit running(sample_job j);

  /// The next tokens of the prompt, at most so many.
  language::reading next_part(std::size_t most);
  /// `scores`: as reading that part gave them. Makes the lines after the last.
  result<void> took(const language::reading& part, const std::vector<float>& scores);
  bool prompt_is_read() const { return read_ == job.ask.prompt.size(); }
  std::size_t unread() const { return job.ask.prompt.size() - read_; }
  /// Draws a token of every line; lines that are at their end go.
  result<void> draw();
  bool is_over() const { return prompt_is_read() && lines.empty(); }
  /// Sequences that it holds or will.
  std::size_t width() const { return static_cast<std::size_t>(job.ask.num_samples); }

  sample_job job;
  sample_answer answer;
  std::vector<line> lines;

 private:
  bool wants_scores_of(std::size_t position) const;
  void note_position(std::size_t position, std::span<const float> scores);
  bool is_at_end(line& l, std::int32_t token) const;

  std::int64_t most_tokens_;
  language::language_sequence prompt_;
  std::size_t read_ = 0;
};

}  // namespace hocket::tinker
