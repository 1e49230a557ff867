// Training and sampling in this process.
#include <algorithm>
#include <thread>

#include "actors/gateway/tinker/engine/engine.hpp"
#include "engine/transformer/background.hpp"

namespace hocket::tinker {
namespace {

/// More than two wait for memory more than they compute.
const int threads_of_a_pass = std::min(2, static_cast<int>(std::thread::hardware_concurrency()));

class trainer_here final : public model_trainer {
 public:
  explicit trainer_here(std::unique_ptr<lora::trainer> t) : trainer_(std::move(t)) {}
  result<std::map<std::string, double>> step(const lora::adam_params& params) override {
    return trainer_->step(params);
  }
  result<trainer_state> save(bool optimizer) override {
    return trainer_state{trainer_->files(), optimizer ? trainer_->optimizer_state() : "",
                         trainer_->steps()};
  }
  result<adapter_ptr> snapshot() override {
    return std::make_shared<const held_adapter>(held_adapter{trainer_->snapshot(), {}, ""});
  }
  lora::trainer& trainer() { return *trainer_; }

 private:
  std::unique_ptr<lora::trainer> trainer_;
};

class passes_here final : public pass_worker {
 public:
  void add(model_trainer& on, const lora::loss_config& loss,
           std::span<const lora::training_datum> data, bool forward_only, finished then,
           const std::string& owner) override {
    joint_.add(static_cast<trainer_here&>(on).trainer(), loss, data, forward_only, std::move(then),
               owner);
  }
  void step() override {
    const engine::work_pool::watch awake(&helpers_);
    joint_.step();
  }
  std::size_t size() const override { return joint_.size(); }
  std::size_t size(const std::string& owner) const override { return joint_.size(owner); }

 private:
  engine::work_pool helpers_{threads_of_a_pass};
  const engine::background_work yields_{&engine::turn_gate::of_process(), &helpers_};
  lora::joint_passes joint_;
};

class training_here final : public training_engine {
 public:
  result<std::unique_ptr<model_trainer>> create(std::shared_ptr<const served_model> base,
                                                const new_adapter& what) override {
    lora::lora_config config;
    config.rank = static_cast<int>(what.rank), config.alpha = what.alpha;
    config.modules = lora::modules_of(what.parts);
    config.base_model = what.base_name;
    return made(lora::trainer::create(base->model, std::move(config), what.seed));
  }
  result<std::unique_ptr<model_trainer>> open(std::shared_ptr<const served_model> base,
                                              const lora::adapter_files& files,
                                              const std::string* optimizer) override {
    return made(lora::trainer::open(base->model, files, optimizer));
  }
  std::unique_ptr<pass_worker> passes() override { return std::make_unique<passes_here>(); }

 private:
  static result<std::unique_ptr<model_trainer>> made(result<std::unique_ptr<lora::trainer>> t) {
    if (!t) return fail(t);
    return std::make_unique<trainer_here>(std::move(*t));
  }
};

class sampling_here final : public sampling_engine {
 public:
  void submit(sample_job job) override { hall_.submit(std::move(job)); }
  std::size_t queued(const std::string& owner) const override { return hall_.queued(owner); }
  result<adapter_ptr> adapter(const served_model& base, lora::adapter_files files) override {
    auto opened = lora::open_adapter(*base.model, files);
    if (!opened) return fail(opened);
    return std::make_shared<const held_adapter>(held_adapter{std::move(*opened), {}, ""});
  }

 private:
  sampling_hall hall_;
};

}  // namespace

std::unique_ptr<training_engine> train_here() { return std::make_unique<training_here>(); }
std::unique_ptr<sampling_engine> sample_here() { return std::make_unique<sampling_here>(); }

}  // namespace hocket::tinker
