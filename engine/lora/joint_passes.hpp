// Passes of many trainers over one model. No torch in this header.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/lora/trainer.hpp"

namespace hocket::lora {

/// Passes of any number of trainers, as many in one as there is room for: products with the weights of
/// the model run once over the rows of all, each adapter over its own. What a trainer gets, log
/// probabilities and gradients, is bit for bit what it gets alone (not Inkling: README.md).
///
/// *Threads*: one at a time. *Memory*: activations of at most `rows_at_once` tokens, or of one sequence that is longer; where they do not
/// fit, each trainer goes on alone. *Errors* reach `then` of whom they concern: loss.bad_input,
/// lora.not_finite, lora.engine, lora.out_of_memory; they leave that trainer as it was.
class joint_passes {
 public:
  using finished = std::function<void(result<pass_result>)>;
  static constexpr std::int64_t rows_at_once = 2 * trainer::rows_at_once;

  joint_passes();
  ~joint_passes();
  joint_passes(const joint_passes&) = delete;
  joint_passes& operator=(const joint_passes&) = delete;

  /// `on` and `data` stay untouched until `then` was called: by `step`, or at once where nothing is to be
  /// computed. `on` has no other work here. `owner`: whose turn it uses.
  void add(trainer& on, const loss_config& loss, std::span<const training_datum> data,
           bool forward_only, finished then, const std::string& owner = "");
  /// One pass: a part of the work of all that fit: of the owner who waits longest first, and a second
  /// trainer of one only behind the first of all.
  void step();
  /// Trainers that have work here; those of one owner.
  std::size_t size() const;
  std::size_t size(const std::string& owner) const;
  /// Trainers of the last pass.
  std::size_t last_width() const { return last_width_; }

  /// The same for one trainer, to its end.
  static result<pass_result> alone(trainer::state& on, const loss_config& loss,
                                   std::span<const training_datum> data, bool forward_only);

 private:
  struct job;
  void add(trainer::state& on, const loss_config& loss, std::span<const training_datum> data,
           bool forward_only, finished then, const std::string& owner);
  std::vector<job*> in_turn() const;
  std::vector<job*> next_pass() const;
  void advance();
  static result<void> pass(std::span<job* const> chosen);
  void end(job* j, result<pass_result> r);

  std::vector<std::unique_ptr<job>> jobs_;  ///< in the order of their turns
  std::size_t last_width_ = 0;
  /// When an owner that has work here had its last turn, or came. In passes.
  std::map<std::string, std::uint64_t> turns_;
  std::uint64_t passes_ = 0;
};

}  // namespace hocket::lora
