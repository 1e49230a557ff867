// What a trainer holds. Internal header of engine/lora: it shows ATen types.
#pragma once

#include <exception>
#include <map>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include "engine/lora/adapter_files.hpp"
#include "engine/lora/trainer.hpp"
#include "engine/transformer/tensor_file.hpp"

namespace hocket::lora {

/// An adapter with its moments and gradients.
struct learning_adapter {
  /// A tensor that learns.
  struct learning {
    std::string name;
    at::Tensor value, first, second;
    at::Tensor pending;  ///< undefined: zero
  };

  explicit learning_adapter(adapter_weights w);

  /// What a checkpoint holds of the optimizer.
  engine::named_tensors moments() const;
  /// Drops the gradients of the passes since the last call of either.
  void clear_gradients();
  /// Adds them to the pending ones. *Errors*: lora.not_finite (they are dropped).
  result<void> take_gradients();
  double gradient_norm() const;
  void adam(learning& t, const adam_params& p, double scale);
  void muon(learning& t, const muon_params& p, double scale);
  /// A step of all tensors with what is pending; metrics by name. *Errors*: lora.bad_params.
  result<std::map<std::string, double>> step(const adam_params& p);
  result<std::map<std::string, double>> step(const muon_params& p);
  /// As a file that `read_optimizer` takes to go on with the same bits.
  std::string optimizer_state() const;
  /// *Errors*: those of `read_tensors`.
  result<void> read_optimizer(const std::string& file);

  adapter_weights weights;
  std::vector<learning> tensors;
  std::int64_t steps = 0;

 private:
  template <class Move>
  std::map<std::string, double> step_all(double rate, double clip, Move move);
};

struct trainer::state : learning_adapter {
  state(std::shared_ptr<const language::language_model> m, adapter_weights w)
      : learning_adapter(std::move(w)), model(std::move(m)) {}

  /// *Errors*: loss.bad_input.
  result<void> check_all(const loss_config& loss, std::span<const training_datum> data) const;

  std::shared_ptr<const language::language_model> model;
};

/// What the engine throws, as errors: lora.engine, lora.out_of_memory.
template <class Work>
auto guarded(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const c10::Error& e) {
    return fail("lora.engine", e.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return fail("lora.out_of_memory", "out of memory: send shorter sequences or fewer at once");
  } catch (const std::exception& e) {
    return fail("lora.engine", e.what());
  }
}

}  // namespace hocket::lora
