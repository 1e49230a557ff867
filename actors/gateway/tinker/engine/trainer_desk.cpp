#include "actors/gateway/tinker/engine/trainer_desk.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include "engine/transformer/background.hpp"

namespace hocket::tinker {
namespace {

constexpr std::chrono::milliseconds pass_window{2};  ///< a pass waits for others that may join it

tl::unexpected<error> not_here() {
  return fail("tinker.model_lost",
              "the trainer does not have this model any more: load a checkpoint of it");
}

bool makes(const work& w) {
  return std::holds_alternative<new_adapter>(w.what) || std::holds_alternative<open_work>(w.what);
}

bool changes(const work& w) {
  return !std::holds_alternative<save_work>(w.what) && !std::holds_alternative<drop_work>(w.what);
}

}  // namespace

trainer_desk::trainer_desk(std::shared_ptr<const served_model> base, worker_identity is,
                           std::function<void(std::string)> send,
                           std::unique_ptr<training_engine> engine)
    : base_(std::move(base)),
      engine_(std::move(engine)),
      desk_(std::move(is), std::move(send),
            {[this](const asked& to, result<work> w) { begin(to, std::move(w)); },
             [](const asked&) {}, [this] { forget(); }}),
      pass_thread_([this] { work_on_passes(); }),
      other_thread_([this] { work_on_others(); }) {
  pthread_setname_np(pass_thread_.native_handle(), "tinker.train");
  pthread_setname_np(other_thread_.native_handle(), "tinker.step");
}

trainer_desk::~trainer_desk() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  pass_thread_.join();
  other_thread_.join();
}

void trainer_desk::forget() {
  const std::lock_guard lock(mutex_);
  trainers_.clear(), passes_.clear(), others_.clear();
  newest_ = 0;
}

std::shared_ptr<trainer_desk::kept> trainer_desk::whose(const asked& to, const work& w) {
  std::optional<result<std::string>> said;
  {
    const std::lock_guard lock(mutex_);
    auto& of = trainers_[w.trainer];
    if (!of && makes(w) && w.trainer > newest_) newest_ = w.trainer, of = std::make_shared<kept>();
    if (!of) {
      trainers_.erase(w.trainer);
      said = not_here();
    } else if (to.number < of->last) {
      said = fail("tinker.bad_work", "a request that was answered long ago");
    } else if (to.number == of->last && of->answer) {
      said = of->answer;
    } else if (of->is_changing && !std::holds_alternative<drop_work>(w.what)) {
      said = fail("tinker.bad_work", "a request before the one before it was answered");
    } else {
      of->last = to.number, of->answer.reset();
      of->is_changing = changes(w);
      return of;
    }
  }
  desk_.answer(to, std::move(*said));
  return nullptr;
}

void trainer_desk::begin(const asked& to, result<work> w) {
  if (!w) return desk_.answer(to, fail(w));
  if (std::holds_alternative<adapter_work>(w->what) || std::holds_alternative<sample_work>(w->what))
    return desk_.answer(to, fail("tinker.bad_work", "a trainer does not sample"));
  job j{to, whose(to, *w), std::make_shared<work>(std::move(*w))};
  if (!j.of) return;
  const std::lock_guard lock(mutex_);
  (std::holds_alternative<pass_data>(j.what->what) ? passes_ : others_).push_back(std::move(j));
  wake_.notify_all();
}

void trainer_desk::end(const job& j, result<std::string> r) {
  {
    const std::lock_guard lock(mutex_);
    // What only reads can be done again.
    if (!std::holds_alternative<save_work>(j.what->what)) j.of->answer = r;
    if (changes(*j.what)) j.of->is_changing = false;
    const auto found = trainers_.find(j.what->trainer);  // it may be another server's by now
    if (std::holds_alternative<drop_work>(j.what->what) && found != trainers_.end() &&
        found->second == j.of)
      trainers_.erase(found);
  }
  desk_.answer(j.to, std::move(r));
}

result<std::string> trainer_desk::run(const job& j) {
  auto& t = j.of->trainer;
  const auto made = [&](result<std::unique_ptr<model_trainer>> m) -> result<std::string> {
    if (!m) return fail(m);
    t = std::move(*m);
    return std::string();
  };
  if (const auto* c = std::get_if<new_adapter>(&j.what->what))
    return made(engine_->create(base_, *c));
  if (const auto* o = std::get_if<open_work>(&j.what->what))
    return made(engine_->open(base_, o->files, o->optimizer ? &*o->optimizer : nullptr));
  if (std::holds_alternative<drop_work>(j.what->what)) return std::string();
  if (!t) return not_here();
  if (const auto* p = std::get_if<lora::adam_params>(&j.what->what)) {
    const auto metrics = t->step(*p);
    return metrics ? result<std::string>(pack(*metrics)) : fail(metrics);
  }
  const auto is = t->save(std::get<save_work>(j.what->what).optimizer);
  if (!is) return fail(is);
  auto packed = pack(*is);
  HOCKET_TRY(can_cross(packed));
  return packed;
}

void trainer_desk::work_on_others() {
  const engine::background_work yields(&engine::turn_gate::of_process());
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !others_.empty(); });
    if (stopping_) return;
    const auto j = std::move(others_.front());
    others_.pop_front();
    lock.unlock();
    result<std::string> r = std::string();
    try {
      r = run(j);
    } catch (const std::exception& e) {
      r = fail("lora.engine", fmt::format("the operation failed: {}", e.what()));
    }
    end(j, std::move(r));
    lock.lock();
  }
}

void trainer_desk::work_on_passes() {
  const auto joint = engine_->passes();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || joint->size() > 0 || !passes_.empty(); });
    if (stopping_) return;
    // Who is in the middle of its work waits for nobody.
    if (joint->size() == 0)
      wake_.wait_for(lock, pass_window,
                     [&] { return stopping_ || passes_.size() >= trainers_.size(); });
    std::deque<job> come;
    come.swap(passes_);
    lock.unlock();
    for (auto& j : come) {
      if (!j.of->trainer) {
        end(j, not_here());
        continue;
      }
      const auto& p = std::get<pass_data>(j.what->what);
      try {
        joint->add(
            *j.of->trainer, p.loss, p.data, p.forward_only,
            [this, j](const result<lora::pass_result>& r) {
              end(j, r ? result<std::string>(pack(*r)) : fail(r));
            },
            p.owner);
      } catch (const std::exception& e) {
        end(j, fail("lora.engine", fmt::format("the pass could not begin: {}", e.what())));
      }
    }
    if (joint->size() > 0) joint->step();
    lock.lock();
  }
}

}  // namespace hocket::tinker
